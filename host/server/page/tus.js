// A small client of tus 1.0 (https://tus.io): one upload, which goes on where it was after anything.

import { ApiError, refusal, session } from "./api.js";

/** @typedef {"waiting" | "sending" | "paused" | "stored" | "failed" | "cancelled"} Stage */

const VERSION = "1.0.0";
/** Waits between attempts to reach a gateway that does not answer, milliseconds. */
const WAITS = [500, 1000, 2000, 4000, 8000];
/** Of the time over which the rate is measured, milliseconds. */
const WINDOW = 4000;

/**
 * @param {Record<string, string>} pairs
 */
function metadata(pairs) {
  const encoded = Object.entries(pairs)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`);
  return encoded.join(",");
}

/**
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {Blob | null} body
 * @param {(request: XMLHttpRequest) => void} begun
 * @param {(sent: number) => void} [sent]
 * @returns {Promise<XMLHttpRequest>}
 */
function send(method, url, headers, body, begun, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader("Tus-Resumable", VERSION);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (sent) request.upload.addEventListener("progress", (event) => sent(event.loaded));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) return resolve(request);
      const error = refusal(request.status, request.responseText);
      const after = Number(request.getResponseHeader("Retry-After"));
      if (after > 0) error.wait = after * 1000;
      reject(error);
    });
    request.addEventListener("error", () => reject(new ApiError(0, "unreachable", "the connection was cut", "", 0)));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    begun(request);
    request.send(body);
  });
}

/** Emits `change` whenever something about it changes. */
export class TusUpload extends EventTarget {
  /** @type {Stage} */
  stage = "waiting";
  /** Where it is, once it was created. */
  url = "";
  /** Bytes that have left this browser. */
  sent = 0;
  /** @type {ApiError | null} */
  error = null;
  /** Whether the gateway does not answer at present. */
  away = false;
  fileId = "";
  provider = "";
  /** @type {[number, number][]} times and bytes */
  #speed = [];
  /** @type {XMLHttpRequest | null} */
  #request = null;
  #turn = 0;

  /**
   * @param {{ name: string, type: string, size: number }} about
   * @param {{ purpose: string, provider: string }} wish
   * @param {Blob | null} file
   */
  constructor(about, wish, file) {
    super();
    this.about = about;
    this.wish = wish;
    this.file = file;
  }

  get id() {
    return this.url.split("/").pop() ?? "";
  }

  /** Bytes in a second; 0 if that is not known. */
  get rate() {
    const [first, last] = [this.#speed[0], this.#speed.at(-1)];
    if (this.stage !== "sending" || !first || !last || last[0] - first[0] < 300) return 0;
    return Math.max(0, ((last[1] - first[1]) * 1000) / (last[0] - first[0]));
  }

  /** @param {Stage} stage */
  #be(stage) {
    this.stage = stage;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {number} sent */
  #progress(sent) {
    this.sent = Math.min(sent, this.about.size);
    const now = performance.now();
    this.#speed.push([now, this.sent]);
    while (this.#speed.length > 2 && now - (this.#speed[0]?.[0] ?? now) > WINDOW) this.#speed.shift();
    this.dispatchEvent(new Event("change"));
  }

  /** Begins, or goes on where it was. */
  async run() {
    if (!this.file || this.stage === "stored" || this.stage === "sending") return;
    const turn = ++this.#turn;
    this.error = null;
    this.#be("sending");
    let failures = 0;
    while (turn === this.#turn) {
      try {
        if (await this.#once(() => (failures = 0))) return this.#be("stored");
      } catch (error) {
        if (turn !== this.#turn || (error instanceof DOMException && error.name === "AbortError")) return;
        const refused = error instanceof ApiError ? error : new ApiError(0, "", String(error), "", 0);
        if (!this.#passes(refused)) {
          this.error = refused;
          return this.#be("failed");
        }
        this.away = refused.status === 0;
        this.dispatchEvent(new Event("change"));
        await this.#pause(Math.max(refused.wait, WAITS[Math.min(failures, WAITS.length - 1)] ?? 0));
        failures += 1;
      }
    }
  }

  /**
   * Whether an error is one that waiting, or asking for the offset, cures.
   * @param {ApiError} error
   */
  #passes(error) {
    if (error.status === 401) {
      session.dispatchEvent(new Event("ended"));
      return false;
    }
    if (error.status === 404 || error.status === 410) {
      // It expired, or another person's session had it: all of it once more.
      const had = this.url !== "";
      this.url = "";
      return had;
    }
    return error.status === 0 || error.status === 409 || error.status === 423 || error.status === 408 || (error.status === 429 && error.wait > 0) || (error.status === 503 && error.wait > 0);
  }

  /** @param {number} milliseconds */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        resolve(undefined);
      };
      const timer = setTimeout(done, milliseconds);
      window.addEventListener("online", done);
    });
  }

  /**
   * @param {() => void} heard something arrived
   * @returns {Promise<boolean>} whether it is stored
   */
  async #once(heard) {
    const file = this.file;
    if (!file) return false;
    const begun = (/** @type {XMLHttpRequest} */ request) => (this.#request = request);
    let offset = 0;
    if (this.url) {
      const head = await send("HEAD", this.url, {}, null, begun);
      offset = Number(head.getResponseHeader("Upload-Offset"));
      if (this.#noted(head)) return true;
    } else {
      const pairs = { filename: this.about.name, filetype: this.about.type, purpose: this.wish.purpose, provider: this.wish.provider };
      const headers = { "Upload-Length": String(file.size), "Upload-Metadata": metadata(pairs) };
      const created = await send("POST", "/v1/tus", headers, null, begun);
      this.url = new URL(created.getResponseHeader("Location") ?? "", location.href).pathname;
      this.dispatchEvent(new Event("created"));
      if (this.#noted(created)) return true;
    }
    this.away = false;
    heard();
    this.#speed.length = 0;
    this.#progress(offset);
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    const answer = await send("PATCH", this.url, headers, file.slice(offset), begun, (sent) => this.#progress(offset + sent));
    this.#progress(Number(answer.getResponseHeader("Upload-Offset")));
    return this.#noted(answer);
  }

  /** @param {XMLHttpRequest} answer */
  #noted(answer) {
    this.fileId = answer.getResponseHeader("Loadlock-File-Id") ?? "";
    this.provider = answer.getResponseHeader("Loadlock-Provider") ?? "";
    if (this.fileId) this.sent = this.about.size;
    return this.fileId !== "";
  }

  /** Stops sending; what arrived stays. */
  pause() {
    this.#turn += 1;
    this.#request?.abort();
    if (this.stage === "sending" || this.stage === "waiting") this.#be("paused");
  }

  /** Ends it: what arrived is removed. */
  async cancel() {
    this.#turn += 1;
    this.#request?.abort();
    const url = this.url;
    this.#be("cancelled");
    if (url) await send("DELETE", url, {}, null, () => {}).catch(() => {});
  }
}
