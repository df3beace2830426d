// Where a file is stored, and its way to further providers.

import { ask, json, may } from "./api.js";
import { failed, fill, h, quoted, say, visible } from "./dom.js";
import { when } from "./format.js";

/** @typedef {import("./api.js").FileCopy} FileCopy */
/** @typedef {import("./api.js").StoredFile} StoredFile */
/** @typedef {import("./api.js").Who} Who */

/**
 * @param {StoredFile} file
 * @param {Who} who
 * @param {(file: StoredFile) => void} changed
 */
export function copies(file, who, changed) {
  const path = `/v1/files/${encodeURIComponent(file.id)}`;
  const mine = `/v1/loadlock/files/${encodeURIComponent(file.id)}/copies`;
  const list = h("ul", { class: "copies" });
  const trouble = h("div", {});
  const more = h("div", { class: "options" });
  const section = h("section", { "aria-labelledby": "copies-title" }, h("h3", { id: "copies-title" }, "Copies"), list, trouble, more);

  /** @param {Promise<unknown>} work @param {string} done */
  async function carryOut(work, done) {
    for (const button of section.querySelectorAll("button")) button.disabled = true;
    try {
      await work;
      file = await json("GET", path);
      fill(trouble);
      changed(file);
      say(done);
    } catch (error) {
      fill(trouble, failed(error));
    }
    draw();
  }

  /** @param {FileCopy} copy @param {number} index */
  function row(copy, index) {
    const until = copy.status === "ready" && copy.expires_at ? ` until ${when(Date.parse(copy.expires_at))}` : "";
    const remove = () => carryOut(ask("DELETE", `${mine}/${encodeURIComponent(copy.provider)}`), `The copy at ${visible(copy.provider)} was deleted`);
    return h(
      "li",
      {},
      h("span", { class: "strong" }, copy.provider),
      " ",
      h("span", { class: "code" }, quoted(copy.uri ?? copy.remote_id)),
      ` ${copy.status}${until} `,
      index > 0 && may(who, "delete") && h("button", { type: "button", class: "button small", "aria-label": `Delete the copy at ${copy.provider}`, onclick: remove }, "Delete"),
    );
  }

  function draw() {
    const there = file.loadlock.copies ?? [];
    fill(list, ...there.map(row));
    list.hidden = !there.length;
    const usable = new Set(there.filter((copy) => copy.status !== "expired").map((copy) => copy.provider));
    usable.add(file.loadlock.provider);
    const others = who.providers.filter((name) => !usable.has(name));
    const to = h("select", { id: "copy-to" }, ...others.map((name) => h("option", { value: name }, name)));
    const make = () => carryOut(ask("POST", mine, { json: { provider: to.value } }), `Copied to ${visible(to.value)}`);
    const possible = others.length > 0 && may(who, "read") && may(who, "write");
    fill(more, possible && h("div", { class: "field" }, h("label", { for: "copy-to" }, "Copy to another provider"), to), possible && h("button", { type: "button", class: "button", onclick: make }, "Copy to it"));
    section.hidden = !there.length && !possible;
  }

  draw();
  return section;
}
