// The view of providers, for whoever keeps the gateway.

import { json } from "./api.js";
import { empty, failed, fill, framed, h, quoted, say } from "./dom.js";
import { brief, size, span } from "./format.js";
import { live } from "./live.js";
import { metrics } from "./metrics.js";
import { bars, gauge, line } from "./plot.js";

/** Between two looks while all is well, and while something is not, milliseconds. */
const CALM = 10_000;
const ALERT = 1500;

const BREAKERS = {
  closed: ["good", "in service"],
  halfopen: ["warn", "trying again, one upload at a time"],
  half_open: ["warn", "trying again, one upload at a time"],
  open: ["bad", "left alone after failures"],
  out_of_service: ["bad", "out of service"],
};

/** @param {any} provider */
function state(provider) {
  const [kind = "warn", words = provider.breaker] = BREAKERS[/** @type {keyof typeof BREAKERS} */ (provider.breaker)] ?? [];
  if (kind === "good" && provider.health && !provider.health.healthy) return ["warn", "in service, but its last probe failed"];
  return [kind, words];
}

/** @param {HTMLElement} place */
export function show(place) {
  const leaving = new AbortController();
  const told = h("div", {});
  const list = h("ul", { class: "providers" });
  /** @type {Map<string, { element: HTMLElement, draw: (provider: any) => void, plots: () => void }>} */
  const cards = new Map();
  /** @type {number} */
  let timer = 0;

  async function look() {
    clearTimeout(timer);
    let calm = CALM;
    try {
      const { data } = await json("GET", "/v1/loadlock/providers", { signal: leaving.signal });
      fill(told, data.length ? null : empty("No provider is configured", h("p", {}, "Add a section [providers.NAME] to the configuration.")));
      for (const provider of data) {
        let card = cards.get(provider.name);
        if (!card) {
          card = made(provider.name);
          cards.set(provider.name, card);
          list.append(card.element);
        }
        card.draw(provider);
        if (state(provider)[0] !== "good") calm = ALERT;
      }
    } catch (error) {
      if (leaving.signal.aborted) return;
      fill(told, failed(error, look));
    }
    if (!leaving.signal.aborted) timer = setTimeout(() => (document.hidden ? (timer = setTimeout(look, CALM)) : look()), calm);
  }

  /** @param {string} name */
  function made(name) {
    const pill = h("span", { class: "pill" });
    const words = h("p", { class: "help" });
    const health = h("p", {});
    const use = h("div", { class: "gauges" });
    const facts = h("dl", { class: "facts" });
    const plots = h("div", { class: "plots" });
    const told = h("div", { role: "status" });
    const button = h("button", { type: "button", class: "button small", "aria-label": `Probe ${name}`, onclick: probe }, "Probe");
    async function probe() {
      button.disabled = true;
      try {
        const found = await json("POST", `/v1/loadlock/providers/${encodeURIComponent(name)}/probe`);
        fill(told, h("p", { class: `notice ${found.healthy ? "good" : "bad"}` }, `Probed: ${found.healthy ? "healthy" : "not healthy"} after ${brief(found.elapsed_ms / 1000)}. `, quoted(found.detail)));
        look();
      } catch (error) {
        fill(told, failed(error));
      }
      button.disabled = false;
    }
    const element = h(
      "li",
      { class: "card provider" },
      h("div", { class: "item-head" }, h("h2", {}, name), pill, h("div", { class: "buttons" }, button)),
      words,
      health,
      told,
      use,
      plots,
      h("details", {}, h("summary", {}, "Component and what it may reach"), facts),
    );
    /** @param {any} provider */
    const draw = (provider) => {
      const [kind = "", text = ""] = state(provider);
      element.dataset.kind = kind;
      pill.textContent = provider.out_of_service ? "out of service" : `breaker ${provider.breaker.replace("halfopen", "half open")}`;
      pill.dataset.kind = kind;
      words.textContent = `${text[0]?.toUpperCase()}${text.slice(1)}`;
      const probed = provider.health;
      const used = (/** @type {any} */ one) => one.files > 0;
      const unused = provider.quota.filter((/** @type {any} */ one) => !used(one));
      fill(health, provider.out_of_service && quoted(provider.out_of_service), probed && h("span", {}, probed.healthy ? "Healthy" : "Not healthy", `, ${span(probed.age_ms / 1000)} ago: `, quoted(probed.detail)), !probed && !provider.out_of_service && "Not probed yet");
      fill(
        use,
        h("p", { class: "numbers" }, `${provider.in_flight} in flight`, provider.order ? ` · number ${provider.order} in the order` : " · only for uploads that name it"),
        ...provider.quota.filter(used).flatMap((/** @type {any} */ one) => [
          gauge(`${one.purpose}: files`, one.files, one.max_files, (value) => value.toLocaleString()),
          gauge(`${one.purpose}: bytes`, one.bytes, one.max_bytes, size),
        ]),
        unused.length > 0 && h("p", { class: "help" }, `Nothing stored for ${unused.map((/** @type {any} */ one) => one.purpose).join(", ")}`),
      );
      /** @type {[string, string][]} */
      const known = [["Component", provider.component]];
      if (provider.account) known.push(["Account", provider.account]);
      if (provider.inspection.sha256) known.push(["SHA-256", provider.inspection.sha256], ["Contract", provider.inspection.version ?? "none"], ["Binary", size(provider.inspection.size)]);
      for (const rule of provider.egress.rules) known.push([provider.egress.by_default ? "May reach, by default" : "May reach", rule]);
      if (!provider.egress.rules.length) known.push(["May reach", "nothing"]);
      fill(facts, ...known.flatMap(([term, value]) => [h("dt", {}, term), h("dd", { class: "code" }, quoted(value))]));
    };
    const drawPlots = () => {
      const points = metrics.uploads(name);
      fill(
        plots,
        line("Time of an upload", points.map(({ at, seconds }) => ({ at, value: seconds })), brief),
        bars("Failures", points.map(({ at, outcomes }) => ({ at, counts: new Map([...outcomes].filter(([outcome]) => outcome !== "stored" && outcome !== "deduplicated")) }))),
      );
    };
    drawPlots();
    return { element, draw, plots: drawPlots };
  }

  fill(place, h("h1", {}, "Providers"), told, list);
  const soon = framed(() => look());
  const plots = () => {
    for (const card of cards.values()) card.plots();
    if (metrics.error) say("The metrics cannot be read; the plots stand still.");
  };
  live.addEventListener("circuit", soon);
  metrics.addEventListener("look", plots);
  const unwatch = metrics.watch();
  look();
  return () => {
    leaving.abort();
    clearTimeout(timer);
    unwatch();
    live.removeEventListener("circuit", soon);
    metrics.removeEventListener("look", plots);
  };
}
