// A table that scrolls sideways by itself where the window is narrow.

import { h } from "./dom.js";

/** @param {string[]} names @param {(Node | string)[][]} rows @param {string} caption */
export function table(caption, names, rows) {
  return h(
    "div",
    { class: "wide-table", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell)))))),
  );
}
