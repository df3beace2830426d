// The gateway's own metrics, looked at every few seconds while somebody watches, and remembered for an hour.

import { ask } from "./api.js";

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */
/** @typedef {{ at: number, samples: Map<string, Sample> }} Look */

/** Between two looks, milliseconds. */
const PAUSE = 10_000;
const HOUR = 3_600_000;

/** @param {string} text */
export function parse(text) {
  /** @type {Map<string, Sample>} */
  const samples = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (!match?.[1]) continue;
    /** @type {Record<string, string>} */
    const labels = {};
    for (const [, key, value] of (match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) labels[key ?? ""] = (value ?? "").replace(/\\(.)/g, "$1");
    samples.set(line.slice(0, line.lastIndexOf(" ")), { name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

class Metrics extends EventTarget {
  /** @type {Look[]} */
  looks = [];
  /** @type {unknown} */
  error = null;
  #watchers = 0;
  /** @type {number} */
  #timer = 0;

  /** @returns {() => void} ends it */
  watch() {
    this.#watchers += 1;
    if (this.#watchers === 1) this.#look();
    return () => {
      this.#watchers -= 1;
      if (!this.#watchers) clearTimeout(this.#timer);
    };
  }

  async #look() {
    if (!document.hidden) {
      try {
        const samples = parse(await (await ask("GET", "/metrics")).text());
        const at = Date.now();
        this.looks = this.looks.filter((look) => look.at > at - HOUR);
        this.looks.push({ at, samples });
        this.error = null;
      } catch (error) {
        this.error = error;
      }
      this.dispatchEvent(new Event("look"));
    }
    if (this.#watchers) this.#timer = setTimeout(() => this.#look(), PAUSE);
  }

  /** @param {string} name */
  now(name) {
    const last = this.looks.at(-1);
    return [...(last?.samples.values() ?? [])].filter((sample) => sample.name === name);
  }

  /**
   * What a counter grew by between two looks; one that began anew counts from nothing.
   * @param {string} key
   * @param {Look} before
   * @param {Look} after
   */
  static grown(key, before, after) {
    const [was, is] = [before.samples.get(key)?.value ?? 0, after.samples.get(key)?.value ?? 0];
    return is >= was ? is - was : is;
  }

  /**
   * For each pair of looks: uploads by outcome at a provider, and the mean time of those that were stored.
   * @param {string} provider
   */
  uploads(provider) {
    return this.looks.slice(1).map((look, index) => {
      const before = /** @type {Look} */ (this.looks[index]);
      /** @type {Map<string, number>} */
      const outcomes = new Map();
      let [seconds, number] = [0, 0];
      for (const [key, { name, labels }] of look.samples) {
        if (labels.provider !== provider) continue;
        const grown = Metrics.grown(key, before, look);
        const outcome = labels.outcome ?? "";
        if (name === "loadlock_uploads_total" && grown) outcomes.set(outcome, grown);
        if (name === "loadlock_upload_duration_seconds_sum" && outcome === "stored") seconds += grown;
        if (name === "loadlock_upload_duration_seconds_count" && outcome === "stored") number += grown;
      }
      return { at: look.at, outcomes, seconds: number ? seconds / number : null };
    });
  }
}

export const metrics = new Metrics();
