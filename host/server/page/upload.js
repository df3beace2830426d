// The view of uploads: dropping, choosing, asking first; and under each file the road that it takes.

import { json, may } from "./api.js";
import { empty, failed, fill, framed, h, quoted, say, svg, visible } from "./dom.js";
import { count, size, span } from "./format.js";
import * as kept from "./kept.js";
import { live } from "./live.js";
import { TusUpload } from "./tus.js";

/** @typedef {import("./api.js").Who} Who */
/** @typedef {import("./live.js").Step} Step */
/** @typedef {{ key: string, upload: TusUpload, modified: number, card: Card, planned: boolean }} Item */

/** Sent at once; a browser has six connections to a gateway, of which the events have one. */
const AT_ONCE = 3;
/** First bytes that a preview sends. */
const HEAD = 8 << 10;

/** Uploads of this page; they go on while other views are shown. */
/** @type {Map<string, Item>} */
const items = new Map();
/** @type {Who | null} */
let who = null;
let made = 0;
/** @type {HTMLElement | null} */
let list = null;
const wish = { purpose: "", provider: "", first: false };

const owner = () => (who ? `${who.tenant}\n${who.subject}` : "");

/** @param {Who} someone */
export async function start(someone) {
  who = someone;
  for (const one of await kept.all(owner())) {
    if ([...items.values()].some((item) => item.upload.url === one.url)) continue;
    const upload = new TusUpload(one, one, one.file);
    upload.url = one.url;
    const item = add(upload, one.modified, false, one.key);
    if (!one.file) upload.stage = "paused";
    item.card.draw();
  }
  next();
}

/** The session ended: nothing is sent, and everything is there when somebody comes back. */
export function stop() {
  for (const item of items.values()) item.upload.pause();
  for (const item of items.values()) item.card.element.remove();
  items.clear();
  who = null;
}

/**
 * @param {TusUpload} upload
 * @param {number} modified
 * @param {boolean} planned
 * @param {string} [key]
 */
function add(upload, modified, planned, key) {
  const item = /** @type {Item} */ ({ key: key ?? `${Date.now()}-${made++}`, upload, modified, planned });
  item.card = new Card(item);
  items.set(item.key, item);
  upload.addEventListener("created", () => {
    const { name, type, size: bytes } = upload.about;
    kept.keep({ key: item.key, owner: owner(), url: upload.url, name, type, size: bytes, modified, ...upload.wish, file: upload.file });
  });
  upload.addEventListener("change", () => {
    item.card.draw();
    if (upload.stage === "stored" || upload.stage === "cancelled") kept.forget(item.key);
    if (upload.stage !== "sending") next();
  });
  list?.prepend(item.card.element);
  summarize();
  return item;
}

function next() {
  if (!who) return;
  const all = [...items.values()];
  let room = AT_ONCE - all.filter((item) => item.upload.stage === "sending").length;
  for (const item of all) {
    if (room <= 0) return;
    if (item.upload.stage !== "waiting" || item.planned || !item.upload.file) continue;
    room -= 1;
    item.upload.run();
  }
}

/** @param {{ file: File, path: string }[]} files */
function take(files) {
  let again = 0;
  for (const { file, path } of files) {
    const same = [...items.values()].find(
      ({ upload, modified }) => !upload.file && upload.about.name === path && upload.about.size === file.size && modified === file.lastModified,
    );
    if (same) {
      again += 1;
      same.upload.file = file;
      same.upload.run();
      continue;
    }
    const about = { name: path.split("/").pop() ?? path, type: file.type, size: file.size };
    add(new TusUpload(about, { purpose: wish.purpose, provider: wish.provider }, file), file.lastModified, wish.first);
  }
  say(again ? `${count(again, "upload")} goes on where it was` : `${count(files.length, "file")} taken`);
  next();
}

/**
 * Every file below what was dropped.
 * @param {DataTransfer} transfer
 */
async function dropped(transfer) {
  /** @type {{ file: File, path: string }[]} */
  const found = [];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  /** @param {FileSystemEntry} entry @param {string} above */
  const walk = async (entry, above) => {
    const path = above + entry.name;
    if (entry.isFile) {
      /** @type {File} */
      const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
      found.push({ file, path });
      return;
    }
    const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
    for (;;) {
      /** @type {FileSystemEntry[]} */
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const one of some) await walk(one, `${path}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

const TITLES = { waiting: "Waiting", sending: "Sending", paused: "Paused", stored: "Stored", failed: "Failed", cancelled: "Cancelled" };

/** One upload on the page. */
class Card {
  /** @param {Item} item */
  constructor(item) {
    this.item = item;
    const { about } = item.upload;
    this.pill = h("span", { class: "pill" });
    this.bar = h("div", { class: "bar", role: "progressbar", "aria-label": `Progress of ${visible(about.name)}`, "aria-valuemin": 0, "aria-valuemax": 100 }, h("i", {}));
    this.numbers = h("p", { class: "numbers" });
    this.buttons = h("div", { class: "buttons" });
    this.road = h("ol", { class: "road", "aria-label": `Road of ${visible(about.name)}` });
    this.more = h("div", {});
    this.element = h(
      "li",
      { class: "card item" },
      h("div", { class: "item-head" }, h("h3", { title: visible(about.name) }, quoted(about.name)), this.pill, this.buttons),
      this.bar,
      this.numbers,
      this.more,
      this.road,
    );
    this.drawn = { buttons: "", road: "" };
    this.draw = framed(() => this.#draw());
    this.draw();
    if (item.planned) this.#plan();
  }

  async #plan() {
    fill(this.more, h("p", { class: "help" }, "Asking where it would go…"));
    const { about, wish: wished, file } = this.item.upload;
    try {
      fill(this.more, preview(await route(about, wished, file)));
    } catch (error) {
      fill(this.more, failed(error, () => this.#plan()));
    }
  }

  get watched() {
    const { upload } = this.item;
    return upload.url ? live.bySession.get(upload.id) : undefined;
  }

  #draw() {
    const { upload } = this.item;
    const road = this.watched;
    const all = upload.about.size;
    const part = all ? Math.floor((upload.sent * 100) / all) : upload.stage === "stored" ? 100 : 0;
    const duplicate = road?.end === "duplicate";
    const storing = upload.stage === "sending" && upload.sent >= all;
    let title = storing ? "Storing" : TITLES[upload.stage];
    if (this.item.planned) title = "Not sent";
    else if (upload.stage === "stored" && duplicate) title = "Already stored";
    else if (upload.away) title = "Reconnecting";
    else if (upload.stage === "paused" && !upload.file) title = "Needs its file";
    this.pill.textContent = title;
    this.element.dataset.stage = upload.away ? "away" : upload.stage;
    this.bar.setAttribute("aria-valuenow", String(part));
    const fillOf = /** @type {HTMLElement} */ (this.bar.firstElementChild);
    fillOf.style.transform = `scaleX(${all ? upload.sent / all : part / 100})`;
    fill(this.numbers, this.#numbers(part, storing));
    this.#buttons(storing);
    this.#road(road?.steps ?? [], part);
    if (!this.item.planned) fill(this.more, upload.stage === "failed" && upload.error && failed(upload.error));
    summarize();
  }

  /** @param {number} part @param {boolean} storing */
  #numbers(part, storing) {
    const { upload } = this.item;
    const { size: all } = upload.about;
    if (upload.stage === "stored") return size(all);
    if (this.item.planned || upload.stage === "cancelled") return size(all);
    if (upload.stage === "paused" && !upload.file) return `${part} % of ${size(all)} arrived. Drop or choose the same file again: it goes on from there.`;
    const texts = [`${part} %`, `${size(upload.sent)} of ${size(all)}`];
    if (storing) texts.push("received; on its way to a provider");
    else if (upload.away) texts.push("the gateway does not answer; it goes on by itself");
    else if (upload.rate > 0) texts.push(`${size(upload.rate)}/s`, `${span((all - upload.sent) / upload.rate)} left`);
    return texts.join(" · ");
  }

  /** @param {boolean} storing */
  #buttons(storing) {
    const { item } = this;
    const { upload } = item;
    const name = visible(upload.about.name);
    /** @type {[string, () => void][]} */
    const wanted = [];
    if (item.planned) {
      wanted.push(["Send", () => ((item.planned = false), fill(this.more), this.draw(), next())]);
    } else if (upload.stage === "sending" || upload.stage === "waiting") {
      if (!storing) wanted.push(["Pause", () => upload.pause()]);
    } else if (upload.stage === "paused" && upload.file) {
      wanted.push(["Resume", () => upload.run()]);
    } else if (upload.stage === "failed") {
      wanted.push(["Try again", () => upload.run()]);
    }
    const over = upload.stage === "stored" || upload.stage === "cancelled";
    wanted.push(over ? ["Dismiss", () => remove(item)] : ["Cancel", () => (upload.cancel(), remove(item), say(`${name} was cancelled`))]);
    const key = wanted.map(([label]) => label).join();
    if (key === this.drawn.buttons) return;
    this.drawn.buttons = key;
    const focused = this.buttons.contains(document.activeElement);
    const buttons = wanted.map(([label, act]) => h("button", { type: "button", class: "button small", onclick: act, "aria-label": `${label} ${name}` }, label));
    fill(this.buttons, ...buttons);
    if (focused) buttons[0]?.focus();
  }

  /** @param {Step[]} steps @param {number} part */
  #road(steps, part) {
    const { upload } = this.item;
    /** @type {Step[]} */
    let shown = steps;
    if (!steps.length) {
      if (upload.stage !== "sending" && upload.stage !== "paused") shown = [];
      else shown = [{ key: "receiving", label: "Receiving", detail: `${part} %`, state: "now" }];
    }
    const road = this.watched;
    const sent = road && road.end === "under way" && road.bytes ? Math.floor((road.sent * 100) / road.bytes) : -1;
    const text = JSON.stringify([shown, sent]);
    if (text === this.drawn.road) return;
    this.drawn.road = text;
    fill(this.road, ...shown.map((one) => step(one, one.key === "attempt" && one.state === "now" ? sent : -1)));
  }
}

const WORDS = { now: "under way", done: "done", bad: "failed" };

/** @param {Step} one @param {number} sent */
export function step(one, sent) {
  const detail = sent >= 0 ? `${one.detail} · ${sent} %` : one.detail;
  return h(
    "li",
    { class: `step ${one.state}` },
    h("span", { class: "step-label" }, one.label, h("span", { class: "hidden" }, ` (${WORDS[one.state]})`)),
    detail && h("span", { class: "step-detail" }, quoted(detail)),
  );
}

/** @param {Item} item */
function remove(item) {
  items.delete(item.key);
  kept.forget(item.key);
  const after = item.card.element.nextElementSibling ?? item.card.element.previousElementSibling;
  const had = item.card.element.contains(document.activeElement);
  item.card.element.remove();
  if (had) (after?.querySelector("button") ?? document.getElementById("choose"))?.focus();
  summarize();
}

/**
 * @param {{ name: string, type: string, size: number }} about
 * @param {{ purpose: string, provider: string }} wished
 * @param {Blob | null} file
 */
async function route(about, wished, file) {
  const head = file ? new Uint8Array(await file.slice(0, HEAD).arrayBuffer()) : new Uint8Array();
  let text = "";
  for (const byte of head) text += String.fromCharCode(byte);
  /** @type {Record<string, unknown>} */
  const asked = { filename: about.name, bytes: about.size, head: btoa(text) };
  if (about.type) asked.media_type = about.type;
  if (wished.purpose) asked.purpose = wished.purpose;
  if (wished.provider) asked.provider = wished.provider;
  return json("POST", "/v1/loadlock/route", { json: asked });
}

/** @param {any} view */
function preview(view) {
  const takes = view.eligible.map((/** @type {any} */ one, /** @type {number} */ index) =>
    h("li", { class: "step done" }, h("span", { class: "step-label" }, index ? `then ${one.provider}` : one.provider), h("span", { class: "step-detail" }, one.purpose)),
  );
  const refused = view.refused.map((/** @type {any} */ one) =>
    h("li", { class: "step bad" }, h("span", { class: "step-label" }, one.provider), h("span", { class: "step-detail" }, quoted(one.detail || one.reason.replaceAll("_", " ")))),
  );
  return h(
    "div",
    { class: "preview" },
    h("p", { class: "help" }, view.eligible.length ? `It is ${view.media_type}, and would go to:` : `It is ${view.media_type}. No provider takes it:`),
    h("ol", { class: "road" }, ...takes, ...refused),
  );
}

const summary = h("p", { class: "summary" });
const summarize = framed(() => {
  const stages = [...items.values()].map((item) => item.upload.stage);
  const of = (/** @type {string} */ stage) => stages.filter((one) => one === stage).length;
  const texts = [
    [of("sending") + of("waiting"), "under way"],
    [of("paused"), "paused"],
    [of("stored"), "stored"],
    [of("failed"), "failed"],
  ].filter(([number]) => number);
  summary.textContent = texts.map(([number, word]) => `${number} ${word}`).join(" · ");
  nothing.hidden = items.size > 0;
  zone.classList.toggle("small", items.size > 0);
});
const nothing = empty("No uploads yet", h("p", {}, "Drop files above. Each shows the road that it takes: received, admitted, routed, sent, stored."));

const zone = h("div", { class: "zone" });

/**
 * @param {HTMLElement} place
 * @param {Who} someone
 */
export function show(place, someone) {
  const choose = h("input", { type: "file", multiple: true, class: "hidden", id: "files", tabindex: -1, "aria-hidden": "true" });
  const folder = h("input", { type: "file", multiple: true, webkitdirectory: true, class: "hidden", id: "folder", tabindex: -1, "aria-hidden": "true" });
  for (const input of [choose, folder]) {
    input.addEventListener("change", () => {
      take([...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  }
  fill(
    zone,
    svg("svg", { viewBox: "0 0 48 48", "aria-hidden": "true" }, svg("path", { d: "M24 34V10m0 0-9 9m9-9 9 9M8 34v4a2 2 0 0 0 2 2h28a2 2 0 0 0 2-2v-4" })),
    h("p", { class: "zone-title" }, "Drop files or folders here"),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "button primary", id: "choose", onclick: () => choose.click() }, "Choose files"),
      h("button", { type: "button", class: "button", onclick: () => folder.click() }, "Choose a folder")),
    h("p", { class: "help" }, `Up to ${size(someone.largest_upload)} each. A cut connection or a closed laptop costs nothing: it goes on where it was.`),
    choose,
    folder,
  );
  const provider = h("select", { id: "provider", onchange: () => (wish.provider = provider.value) },
    h("option", { value: "" }, "the gateway chooses"),
    ...someone.providers.map((name) => h("option", { value: name, selected: wish.provider === name }, name)));
  const purpose = h("input", { id: "purpose", type: "text", value: wish.purpose, maxlength: 64, placeholder: "the provider's own", autocomplete: "off", spellcheck: "false", oninput: () => (wish.purpose = purpose.value.trim()) });
  const first = h("input", { id: "first", type: "checkbox", checked: wish.first, onchange: () => (wish.first = first.checked) });
  list = h("ul", { class: "items", "aria-label": "Uploads" }, ...[...items.values()].reverse().map((item) => item.card.element));
  fill(
    place,
    h("h1", {}, "Upload"),
    zone,
    h(
      "div",
      { class: "options" },
      h("div", { class: "field" }, h("label", { for: "provider" }, "Provider"), provider),
      h("div", { class: "field" }, h("label", { for: "purpose" }, "Purpose"), purpose),
      h("label", { class: "check" }, first, h("span", {}, "Show the route before sending")),
    ),
    h("div", { class: "list-head" }, h("h2", {}, "Uploads"), summary),
    nothing,
    list,
  );
  summarize();
  let over = 0;
  const drag = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "dragenter") over += 1;
    if (event.type === "dragleave") over -= 1;
    if (event.type === "drop") {
      over = 0;
      dropped(event.dataTransfer).then(take, (error) => say(String(error)));
    }
    zone.classList.toggle("over", over > 0);
  };
  const names = /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"]);
  for (const name of names) document.addEventListener(name, drag);
  const heard = (/** @type {Event} */ event) => {
    const road = /** @type {CustomEvent<import("./live.js").Road>} */ (event).detail;
    for (const item of items.values()) if (road.session && item.upload.url.endsWith(road.session)) item.card.draw();
  };
  live.addEventListener("road", heard);
  for (const item of items.values()) item.card.draw();
  if (!may(someone, "read")) say("This token may not read: roads are not shown.");
  return () => {
    for (const name of names) document.removeEventListener(name, drag);
    live.removeEventListener("road", heard);
    list = null;
  };
}
