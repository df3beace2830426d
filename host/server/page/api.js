// The gateway's own API. The session's cookie goes along by itself; a token is never seen here.

/** @typedef {{ subject: string, tenant: string, scopes: string[], expires_at: number | null, providers: string[], largest_upload: number, version: string }} Who */
/** @typedef {{ provider: string, purpose: string, remote_id: string, sha256: string, media_type: string, deduplicated: boolean, attempts: number, created_at: string, expires_at?: string, copies?: FileCopy[] }} Ours */
/** @typedef {{ provider: string, remote_id: string, uri?: string, purpose: string, status: "ready" | "processing" | "failed" | "expired", created_at: string, expires_at?: string }} FileCopy */
/** @typedef {{ id: string, bytes: number, created_at: number, filename: string, purpose: string, status: string, status_details: string | null, loadlock: Ours }} StoredFile */

/** Told when the session has ended. */
export const session = new EventTarget();

export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {string} hint
   * @param {number} wait milliseconds
   */
  constructor(status, code, message, hint, wait) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.wait = wait;
  }
}

/**
 * @param {number} status
 * @param {string} text
 * @returns {ApiError}
 */
export function refusal(status, text) {
  try {
    const { error } = JSON.parse(text);
    const ours = error.loadlock ?? {};
    return new ApiError(status, error.code, ours.message ?? error.message, ours.hint ?? "", ours.retry_after_ms ?? 0);
  } catch {
    return new ApiError(status, "", `the gateway answered ${status}`, "", 0);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, signal?: AbortSignal, quiet?: boolean }} [options]
 * @returns {Promise<Response>}
 */
export async function ask(method, path, options = {}) {
  const headers = new Headers();
  if (options.json !== undefined) headers.set("content-type", "application/json");
  const body = options.json === undefined ? undefined : JSON.stringify(options.json);
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal: options.signal, credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the gateway does not answer", "Look whether `loadlock serve` still runs.", 1000);
  }
  if (response.ok) return response;
  const error = refusal(response.status, await response.text());
  if (error.status === 401 && !options.quiet) session.dispatchEvent(new Event("ended"));
  throw error;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, signal?: AbortSignal, quiet?: boolean }} [options]
 * @returns {Promise<any>}
 */
export async function json(method, path, options) {
  return (await ask(method, path, options)).json();
}

/**
 * @param {Who} who
 * @param {string} scope
 */
export function may(who, scope) {
  return who.scopes.includes(scope) || who.scopes.includes("admin");
}
