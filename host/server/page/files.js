// The view of files: pages that load as one scrolls or searches, and rows that exist while they can be seen.

import { ask, json, may } from "./api.js";
import { copies } from "./copies.js";
import { empty, failed, fill, framed, h, quoted, say, visible } from "./dom.js";
import { ago, count, size, when } from "./format.js";

/** @typedef {import("./api.js").StoredFile} StoredFile */
/** @typedef {import("./api.js").Who} Who */

const PAGE = 1000;
/** Pixels of a row; the style sheet has the same in `--row`. */
const ROW = 52;
/** Rows above and below what can be seen. */
const MARGIN = 12;
/** Files that a search looks at before it asks whether to go on. */
const SEARCHED = 50_000;

const AGES = { "": 0, "the last hour": 3600, "the last day": 86400, "the last week": 604800, "the last month": 2592000 };
const SIZES = { "": [0, Infinity], "up to 1 MB": [0, 1e6], "1 to 100 MB": [1e6, 1e8], "more than 100 MB": [1e8, Infinity] };

/**
 * @param {HTMLElement} place
 * @param {Who} who
 */
export function show(place, who) {
  const leaving = new AbortController();
  /** @type {StoredFile[]} */
  let all = [];
  /** @type {StoredFile[]} */
  let found = [];
  let after = "";
  let more = true;
  let loading = false;
  let bound = SEARCHED;
  /** @type {unknown} */
  let error = null;
  const filter = { text: "", provider: "", purpose: "", age: "", size: "" };

  const told = h("div", {});
  const summary = h("p", { class: "summary", role: "status" });
  const body = h("tbody", {});
  const none = h("div", {});
  const table = h(
    "table",
    { class: "files" },
    h("caption", { class: "hidden" }, "Stored files, newest first"),
    h("thead", {}, h("tr", {}, ...["Name", "Size", "Provider", "Purpose", "Stored"].map((name, index) => h("th", { scope: "col", class: `c${index}` }, name)))),
    body,
  );
  const scroller = h("div", { class: "scroller card", tabindex: 0, role: "region", "aria-label": "Stored files" }, table);

  const filtered = () => filter.text || filter.provider || filter.purpose || filter.age || filter.size;

  /** @param {StoredFile} file */
  function fits(file) {
    const [least, most] = SIZES[/** @type {keyof typeof SIZES} */ (filter.size)] ?? [0, Infinity];
    const age = AGES[/** @type {keyof typeof AGES} */ (filter.age)];
    return (
      (!filter.text || file.filename.toLowerCase().includes(filter.text) || file.id === filter.text) &&
      (!filter.provider || file.loadlock.provider === filter.provider) &&
      (!filter.purpose || file.purpose === filter.purpose) &&
      (!age || file.created_at > Date.now() / 1000 - age) &&
      file.bytes >= (least ?? 0) &&
      file.bytes <= (most ?? Infinity)
    );
  }

  async function load() {
    if (loading || !more || leaving.signal.aborted) return;
    loading = true;
    draw();
    try {
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (after) query.set("cursor", after);
      const page = await json("GET", `/v1/files?${query}`, { signal: leaving.signal });
      all = all.concat(page.data);
      found = found.concat(page.data.filter(fits));
      after = page.loadlock.next ?? "";
      more = page.has_more && after !== "";
      error = null;
      purposes();
    } catch (one) {
      error = leaving.signal.aborted ? null : one;
    }
    loading = false;
    draw();
    if (!error) wanted();
  }

  /** Loads on while what is loaded does not fill what is seen. */
  function wanted() {
    const last = (scroller.scrollTop + scroller.clientHeight) / ROW + PAGE / 4;
    if (more && found.length < last && all.length < bound) load();
  }

  const draw = framed(() => {
    const top = Math.max(0, Math.floor(scroller.scrollTop / ROW) - MARGIN);
    const end = Math.min(found.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + MARGIN);
    const focused = document.activeElement?.closest("tr")?.getAttribute("data-id");
    const rows = found.slice(top, end).map((file, index) => row(file, top + index));
    fill(body, spacer(top), ...rows, spacer(found.length - end));
    table.setAttribute("aria-rowcount", String(more ? -1 : found.length + 1));
    if (focused) /** @type {HTMLElement | null} */ (body.querySelector(`tr[data-id="${focused}"] button`))?.focus({ preventScroll: true });
    const of = filtered() ? `${count(found.length, "file")} of ${all.length.toLocaleString()}` : count(found.length, "file");
    summary.textContent = `${of}${more ? " so far" : ""}${loading ? " · loading" : ""}`;
    fill(told, error ? failed(error, load) : null);
    scroller.hidden = !found.length;
    fill(none, !found.length && !loading && !error && nothing());
  });

  function nothing() {
    if (more) return empty(`None of the newest ${all.length.toLocaleString()} files fits`, h("button", { type: "button", class: "button", onclick: () => ((bound += SEARCHED), load()) }, "Search older ones"));
    if (filtered()) return empty("No file fits", h("button", { type: "button", class: "button", onclick: clear }, "Clear the filters"));
    return empty("No files yet", h("p", {}, "What is uploaded through any door of this gateway appears here."), may(who, "write") && h("a", { class: "button primary", href: "#/upload" }, "Upload a file"));
  }

  /** @param {number} rows */
  function spacer(rows) {
    const cell = h("td", { colspan: 5 });
    cell.style.height = `${rows * ROW}px`;
    return h("tr", { class: "spacer", "aria-hidden": "true", hidden: rows <= 0 }, cell);
  }

  /** @param {StoredFile} file @param {number} index */
  function row(file, index) {
    const name = h("button", { type: "button", class: "name", onclick: () => details(file) }, quoted(file.filename));
    const at = file.created_at * 1000;
    return h(
      "tr",
      { "data-id": file.id, "aria-rowindex": index + 2 },
      h("th", { scope: "row", class: "c0" }, name),
      h("td", { class: "c1" }, size(file.bytes)),
      h("td", { class: "c2" }, file.loadlock.provider),
      h("td", { class: "c3" }, file.purpose),
      h("td", { class: "c4", title: when(at) }, ago(at)),
    );
  }

  function refilter() {
    found = all.filter(fits);
    bound = SEARCHED;
    scroller.scrollTop = 0;
    draw();
    wanted();
  }

  const text = h("input", { type: "search", id: "search", placeholder: "Name or id", autocomplete: "off", spellcheck: "false", oninput: () => ((filter.text = text.value.trim().toLowerCase()), refilter()) });
  /**
   * @param {"provider" | "purpose" | "age" | "size"} key
   * @param {string} label
   * @param {string[]} values
   */
  function choice(key, label, values) {
    const select = h("select", { id: `by-${key}`, onchange: () => ((filter[key] = select.value), refilter()) }, h("option", { value: "" }, `any ${label.toLowerCase()}`), ...values.map((value) => h("option", { value }, value)));
    return h("div", { class: "field" }, h("label", { for: `by-${key}` }, label), select);
  }
  const byPurpose = choice("purpose", "Purpose", []);
  function purposes() {
    const select = byPurpose.querySelector("select");
    const known = new Set([...(select?.options ?? [])].map((option) => option.value));
    for (const purpose of new Set(all.map((file) => file.purpose))) if (!known.has(purpose)) select?.append(h("option", { value: purpose }, visible(purpose)));
  }
  function clear() {
    for (const key of /** @type {const} */ (["provider", "purpose", "age", "size", "text"])) filter[key] = "";
    for (const select of place.querySelectorAll("select")) select.value = "";
    text.value = "";
    refilter();
  }

  function afresh() {
    [all, found, after, more, error] = [[], [], "", true, null];
    scroller.scrollTop = 0;
    load();
  }

  /** @param {StoredFile} file */
  function gone(file) {
    all = all.filter((one) => one.id !== file.id);
    found = found.filter((one) => one.id !== file.id);
    draw();
  }

  /** @param {StoredFile} file */
  function changed(file) {
    all = all.map((one) => (one.id === file.id ? file : one));
    found = found.map((one) => (one.id === file.id ? file : one));
    draw();
  }

  /** @param {StoredFile} file */
  function details(file) {
    const ours = file.loadlock;
    /** @type {[string, string, boolean][]} */
    const facts = [
      ["Id", file.id, true],
      ["SHA-256", ours.sha256, true],
      ["Size", `${size(file.bytes)} (${file.bytes.toLocaleString()} bytes)`, false],
      ["Media type", ours.media_type, false],
      ["Provider", ours.provider, false],
      ["Id at the provider", ours.remote_id, true],
      ["Purpose", ours.purpose === file.purpose ? file.purpose : `${file.purpose} (${ours.purpose} at the provider)`, false],
      ["Status", file.status_details ?? file.status, false],
      ["Sent", ours.deduplicated ? "not at all: its content was stored already" : count(ours.attempts, "attempt"), false],
      ["Stored", when(file.created_at * 1000), false],
    ];
    if (ours.expires_at) facts.push(["Expires", when(Date.parse(ours.expires_at)), false]);
    const list = facts.flatMap(([name, value, copied]) => [
      h("dt", {}, name),
      h("dd", { class: copied ? "code" : null }, quoted(value), copied && h("button", { type: "button", class: "button small", "aria-label": `Copy ${name}`, onclick: () => copy(name, value) }, "Copy")),
    ]);
    const trouble = h("div", {});
    const dialog = h("dialog", { "aria-labelledby": "details-title", class: "card" });
    const close = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close");
    const remove = h("button", { type: "button", class: "button danger", onclick: confirm }, "Delete…");
    const actions = h("div", { class: "buttons" });
    function confirm() {
      const yes = h("button", { type: "button", class: "button danger", onclick: carryOut }, "Delete it");
      fill(trouble, h("p", { class: "notice warn" }, `The file goes from the list with its copies, and from where it is stored unless another file shares its content there. That cannot be undone.`));
      fill(actions, yes, h("button", { type: "button", class: "button", onclick: usual }, "Keep it"));
      /** @type {HTMLElement} */ (actions.lastElementChild)?.focus();
    }
    async function carryOut() {
      try {
        await ask("DELETE", `/v1/files/${encodeURIComponent(file.id)}`);
        gone(file);
        dialog.close();
        say(`${visible(file.filename)} was deleted`);
      } catch (one) {
        fill(trouble, failed(one));
        usual();
      }
    }
    function usual() {
      fill(trouble, ...trouble.querySelectorAll(".bad"));
      fill(actions, h("a", { class: "button primary", href: `/v1/files/${encodeURIComponent(file.id)}/content`, download: "" }, "Download"), may(who, "delete") && remove, close);
    }
    usual();
    fill(dialog, h("h2", { id: "details-title" }, quoted(file.filename)), h("dl", { class: "facts" }, ...list), copies(file, who, changed), trouble, actions);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    place.append(dialog);
    dialog.showModal();
  }

  scroller.addEventListener("scroll", () => (draw(), wanted()), { passive: true });
  const resized = new ResizeObserver(() => (draw(), wanted()));
  resized.observe(scroller);
  fill(
    place,
    h("div", { class: "list-head" }, h("h1", {}, "Files"), summary, h("button", { type: "button", class: "button small", onclick: afresh }, "Refresh")),
    h("div", { class: "options", role: "search" }, h("div", { class: "field wide" }, h("label", { for: "search" }, "Search"), text), choice("provider", "Provider", who.providers), byPurpose, choice("age", "Time", Object.keys(AGES).slice(1)), choice("size", "Size", Object.keys(SIZES).slice(1))),
    told,
    none,
    scroller,
  );
  load();
  return () => {
    leaving.abort();
    resized.disconnect();
  };
}

/** @param {string} name @param {string} value */
async function copy(name, value) {
  try {
    await navigator.clipboard.writeText(value);
    say(`${name} copied`);
  } catch {
    say(`This browser does not let the page copy. Select the ${name} and copy it.`);
  }
}
