// Who is told of uploads, and what was given up.

import { json } from "./api.js";
import { empty, failed, fill, h, quoted } from "./dom.js";
import { count, when } from "./format.js";
import { table } from "./table.js";

/**
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
export async function webhooks(place, signal) {
  try {
    const [{ data: receivers }, { data: letters }] = await Promise.all([json("GET", "/v1/loadlock/webhooks", { signal }), json("GET", "/v1/loadlock/webhooks/dead-letters", { signal })]);
    if (!receivers.length) return fill(place, empty("Nobody is told of uploads. Add [[webhooks]] to the configuration."));
    const rows = receivers.map((/** @type {any} */ one) => [quoted(one.url), one.breaker.replaceAll("_", " "), one.waiting.toLocaleString(), one.dead_letters.toLocaleString(), quoted(one.last_error ?? "")]);
    /** @param {HTMLButtonElement} button @param {string} path */
    async function resend(button, path) {
      button.disabled = true;
      try {
        await json("POST", `/v1/loadlock/webhooks/dead-letters${path}/resend`, { signal });
        await webhooks(place, signal);
      } catch (error) {
        if (!signal.aborted) fill(place, failed(error, () => webhooks(place, signal)));
      }
    }
    /** @param {string} text @param {string} path */
    function again(text, path) {
      const button = h("button", { type: "button", class: "button small", onclick: () => resend(button, path) }, text);
      return button;
    }
    const dead = letters.map((/** @type {any} */ letter) => [when(letter.dead_at_ms), letter.type, quoted(letter.tenant), quoted(letter.file), quoted(letter.last_error ?? ""), again("Send again", `/${encodeURIComponent(letter.id)}`)]);
    fill(
      place,
      table("Receivers", ["URL", "State", "Waiting", "Given up", "Last error"], rows),
      ...(dead.length ? [table("Events that were given up", ["When", "Event", "Tenant", "File", "Reason", ""], dead), again(`Send ${count(dead.length, "event")} again`, "")] : []),
    );
  } catch (error) {
    if (!signal.aborted) fill(place, failed(error, () => webhooks(place, signal)));
  }
}
