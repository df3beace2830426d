// Two kinds of plots, as pictures that say in words what they show.

import { h, svg } from "./dom.js";
import { ago } from "./format.js";

const WIDTH = 320;
const HEIGHT = 64;

/** @param {number} at @param {number} from @param {number} to */
function across(at, from, to) {
  return to > from ? ((at - from) / (to - from)) * WIDTH : WIDTH;
}

/**
 * @param {string} title
 * @param {string} now
 * @param {string} words
 * @param {number | undefined} from
 * @param {SVGElement[]} marks
 */
function frame(title, now, words, from, marks) {
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${words}`, preserveAspectRatio: "none" }, svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: "axis" }), ...marks);
  const begun = from === undefined ? "from now on" : `since ${ago(from)}`;
  return h("figure", { class: "plot" }, h("figcaption", {}, h("span", {}, title), h("span", { class: "strong" }, now)), picture, h("p", { class: "help" }, begun));
}

/**
 * A line; `null` is a gap.
 * @param {string} title
 * @param {{ at: number, value: number | null }[]} points
 * @param {(value: number) => string} unit
 */
export function line(title, points, unit) {
  const known = points.filter((point) => point.value !== null);
  const last = known.at(-1)?.value;
  const [from, to] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
  const most = Math.max(...known.map((point) => point.value ?? 0), 1e-9);
  const spots = known.map(({ at, value }) => `${across(at, from, to).toFixed(1)},${(HEIGHT - 4 - ((value ?? 0) / most) * (HEIGHT - 10)).toFixed(1)}`);
  const marks = spots.length > 1 ? [svg("polyline", { points: spots.join(" "), class: "curve" })] : spots.map((spot) => svg("circle", { cx: spot.split(",")[0], cy: spot.split(",")[1], r: 2.5, class: "dot" }));
  const words = known.length ? `${unit(last ?? 0)} at last, ${unit(most)} at the most` : "nothing stored yet";
  return frame(title, known.length ? unit(last ?? 0) : "–", words, points[0]?.at, marks);
}

/**
 * Bars of counts, with the names behind them in words.
 * @param {string} title
 * @param {{ at: number, counts: Map<string, number> }[]} points
 */
export function bars(title, points) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const { counts } of points) for (const [name, number] of counts) totals.set(name, (totals.get(name) ?? 0) + number);
  const sums = points.map(({ counts }) => [...counts.values()].reduce((sum, one) => sum + one, 0));
  const most = Math.max(...sums, 1);
  const wide = Math.max(1.5, Math.min(8, WIDTH / Math.max(points.length, 1) - 1));
  const [from, to] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
  const marks = points.flatMap(({ at }, index) => {
    const tall = ((sums[index] ?? 0) / most) * (HEIGHT - 6);
    return tall ? [svg("rect", { x: Math.max(0, across(at, from, to) - wide), y: HEIGHT - 1 - tall, width: wide, height: tall, class: "column" })] : [];
  });
  const words = [...totals].sort((a, b) => b[1] - a[1]).map(([name, number]) => `${number} ${name.replaceAll("_", " ")}`).join(", ");
  const figure = frame(title, String([...totals.values()].reduce((sum, one) => sum + one, 0)), words || "none", points[0]?.at, marks);
  if (words) figure.append(h("p", { class: "help codes" }, words));
  return figure;
}

/**
 * What is used of a limit.
 * @param {string} label
 * @param {number} used
 * @param {number | undefined} most
 * @param {(value: number) => string} unit
 */
export function gauge(label, used, most, unit) {
  const share = most ? Math.min(1, used / most) : 0;
  const text = most === undefined ? unit(used) : `${unit(used)} of ${unit(most)}`;
  const bar = h("div", { class: "bar", "data-level": share >= 0.95 ? "full" : share >= 0.8 ? "high" : "fine" }, h("i", {}));
  /** @type {HTMLElement} */ (bar.firstElementChild).style.transform = `scaleX(${share})`;
  if (most !== undefined) for (const [name, value] of Object.entries({ role: "meter", "aria-label": label, "aria-valuenow": used, "aria-valuemin": 0, "aria-valuemax": most, "aria-valuetext": text })) bar.setAttribute(name, String(value));
  return h("div", { class: "gauge" }, h("p", {}, h("span", {}, label), h("span", { class: "numbers" }, text)), most !== undefined && bar);
}
