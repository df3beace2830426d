// What happens to uploads, live: one stream of events for the whole page, and the road of each upload made of it.

import { ask } from "./api.js";

/** @typedef {"now" | "done" | "bad"} StepState */
/** @typedef {{ key: string, label: string, detail: string, state: StepState }} Step */
/**
 * @typedef {object} Road
 * @property {string} upload
 * @property {string} tenant
 * @property {string} session of tus, if its bytes came that way
 * @property {string} name
 * @property {number} bytes
 * @property {number} sent of the attempt under way
 * @property {Step[]} steps
 * @property {"under way" | "stored" | "duplicate" | "failed"} end
 * @property {string} code
 * @property {string} hint
 * @property {any} file
 * @property {number} began
 * @property {number} at
 */

/** Roads that are remembered. */
const MOST = 2000;

class Live extends EventTarget {
  /** @type {EventSource | null} */
  #source = null;
  /** @type {Map<string, Road>} */
  roads = new Map();
  /** @type {Map<string, Road>} by tus upload */
  bySession = new Map();
  connected = false;

  /** @param {import("./api.js").Who} who */
  start(who) {
    this.stop();
    const all = who.scopes.includes("admin") ? "&all=true" : "";
    if (!who.scopes.includes("read") && !all) return;
    const source = new EventSource(`/v1/loadlock/events?replay=true${all}`);
    this.#source = source;
    for (const name of ["begin", "missed", "queued", "admitted", "routed", "attempt", "bytes", "retry", "fallback", "circuit", "done", "failed"]) {
      source.addEventListener(name, (event) => this.#heard(name, JSON.parse(/** @type {MessageEvent} */ (event).data)));
    }
    source.addEventListener("error", () => {
      this.#connection(false);
      // Refused for good: a request says why, and ends the session if that is the reason.
      if (source.readyState === EventSource.CLOSED) {
        ask("GET", "/v1/loadlock/session").then(() => setTimeout(() => this.#source === source && this.start(who), 2000), () => {});
      }
    });
  }

  stop() {
    this.#source?.close();
    this.#source = null;
    this.#connection(false);
    this.roads.clear();
    this.bySession.clear();
  }

  /** @param {boolean} on */
  #connection(on) {
    if (this.connected === on) return;
    this.connected = on;
    this.dispatchEvent(new Event("connection"));
  }

  /**
   * @param {string} name
   * @param {any} data
   */
  #heard(name, data) {
    if (name === "begin") {
      this.#connection(true);
      const under = new Set(data.uploads.map((/** @type {any} */ one) => one.upload));
      // Those whose end was missed are under way no more.
      for (const road of this.roads.values()) if (road.end === "under way" && !under.has(road.upload)) this.#lost(road);
      for (const one of data.uploads) this.#road(one);
    } else if (name === "missed") {
      this.dispatchEvent(new Event("missed"));
    } else {
      const road = this.#road(data);
      step(road, name, data);
      if (name === "queued" && road.session) this.bySession.set(road.session, road);
      if (name === "circuit") this.dispatchEvent(new Event("circuit"));
      this.dispatchEvent(new CustomEvent("road", { detail: road }));
    }
  }

  /** @param {Road} road */
  #lost(road) {
    this.roads.delete(road.upload);
    this.dispatchEvent(new CustomEvent("road", { detail: road }));
  }

  /**
   * @param {any} data
   * @returns {Road}
   */
  #road(data) {
    let road = this.roads.get(data.upload);
    if (!road) {
      const at = data.at_ms ?? Date.now();
      road = { upload: data.upload, tenant: data.tenant, session: "", name: "", bytes: 0, sent: 0, steps: [], end: "under way", code: "", hint: "", file: null, began: at, at };
      this.roads.set(data.upload, road);
      if (this.roads.size > MOST) {
        const oldest = this.roads.values().next().value;
        if (oldest) {
          this.roads.delete(oldest.upload);
          this.bySession.delete(oldest.session);
        }
      }
    }
    road.at = data.at_ms ?? road.at;
    return road;
  }
}

/**
 * @param {Road} road
 * @param {StepState} state of what was under way
 * @param {string} [detail]
 */
function settle(road, state, detail) {
  const last = road.steps.at(-1);
  if (last?.state === "now") {
    last.state = state;
    if (detail !== undefined) last.detail = detail;
  }
}

/**
 * @param {Road} road
 * @param {string} name
 * @param {any} data
 */
function step(road, name, data) {
  const add = (/** @type {string} */ key, /** @type {string} */ label, /** @type {string} */ detail, /** @type {StepState} */ state) => {
    settle(road, "done");
    road.steps.push({ key, label, detail, state });
  };
  switch (name) {
    case "queued":
      road.steps.length = 0;
      road.end = "under way";
      road.session = data.session ?? "";
      add("received", "Received", "", "now");
      break;
    case "admitted":
      road.name = data.filename;
      road.bytes = data.bytes;
      add("admitted", "Admitted", "", "now");
      break;
    case "routed":
      add("routed", "Routed", data.providers.join(", then "), "now");
      break;
    case "attempt":
      road.sent = 0;
      add("attempt", `Attempt ${data.attempt}`, data.provider, "now");
      break;
    case "bytes":
      road.sent = data.sent;
      break;
    case "retry":
      settle(road, "bad", `${data.provider}: ${data.reason}`);
      break;
    case "fallback":
      settle(road, "bad");
      add("fallback", "Fallback", `${data.provider}: ${data.reason}; ${data.next} takes it`, "bad");
      break;
    case "done":
      road.file = data.file;
      road.end = data.file.deduplicated ? "duplicate" : "stored";
      if (data.file.deduplicated) add("duplicate", "Duplicate", "its content is stored already; nothing was sent", "done");
      add("stored", "Stored", data.file.provider, "done");
      break;
    case "failed":
      settle(road, "bad");
      road.end = "failed";
      road.code = data.error.code;
      road.hint = data.error.hint ?? "";
      road.steps.push({ key: "failed", label: data.error.code === "cancelled" ? "Cancelled" : "Failed", detail: data.error.message, state: "bad" });
      break;
    default:
  }
}

export const live = new Live();
