// Elements without markup: every text is text, whatever it holds.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {{ [name: string]: string | number | boolean | null | undefined | EventListener }} Props */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {Element} element
 * @param {Props} props `on…` are listeners, everything else is an attribute; `true` is an empty one
 */
function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  set(element, props);
  fill(element, ...children);
  return element;
}

/**
 * @param {string} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  set(element, props);
  fill(element, ...children);
  return element;
}

/**
 * Replaces what an element holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const kept = /** @type {(Node | string | number)[]} */ (
    children.filter((child) => child !== null && child !== undefined && child !== false)
  );
  element.replaceChildren(...kept.map((child) => (typeof child === "number" ? String(child) : child)));
}

/**
 * Text of somebody else: in its own direction, and with what cannot be seen made visible.
 * @param {string} text
 */
export function quoted(text) {
  return h("bdi", {}, visible(text));
}

/** @param {string} text */
export function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`#${id} is missing`);
  return element;
}

let saying = 0;

/**
 * Says something at the edge of the page, and to a screen reader.
 * @param {string} text
 */
export function say(text) {
  const place = byId("said");
  fill(place, h("p", {}, text));
  clearTimeout(saying);
  saying = setTimeout(() => fill(place), 4000);
}

/**
 * Calls once in a frame, however often it is asked to.
 * @param {() => void} draw
 * @returns {() => void}
 */
export function framed(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/**
 * A state that says what to do.
 * @param {string} title
 * @param {...Child} children
 */
export function empty(title, ...children) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), ...children);
}

/**
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function failed(error, again) {
  const { message, hint } = /** @type {{ message?: string, hint?: string }} */ (error ?? {});
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", { class: "strong" }, visible(message ?? String(error))),
    hint && h("p", {}, visible(hint)),
    again && h("button", { class: "button small", type: "button", onclick: again }, "Try again"),
  );
}
