// The view of operations: what is under way, what failed, whether the books agree, and who did what.

import { json } from "./api.js";
import { empty, failed, fill, framed, h, quoted } from "./dom.js";
import { count, size, span, when } from "./format.js";
import { live } from "./live.js";
import { metrics } from "./metrics.js";
import { gauge } from "./plot.js";
import { table } from "./table.js";
import { webhooks } from "./webhooks.js";

const LINES = 50;
/** Uploads that are listed; the rest is counted. */
const LISTED = 100;

/** @param {string} title @param {...(Node | string | false | null)} children */
function section(title, ...children) {
  return h("section", { class: "card section", "aria-label": title }, h("h2", {}, title), ...children);
}

/** @param {HTMLElement} place */
export function show(place) {
  const leaving = new AbortController();
  const flight = h("div", {});
  const failures = h("div", {});
  const saved = h("div", { class: "figures" });
  const tenants = h("div", { class: "gauges" });

  const drawFlight = framed(() => {
    const under = [...live.roads.values()].filter((road) => road.end === "under way").sort((a, b) => a.began - b.began);
    const rows = under.slice(0, LISTED).map((road) => {
      const step = road.steps.at(-1);
      const sent = step?.key === "attempt" && road.bytes ? ` · ${Math.floor((road.sent * 100) / road.bytes)} %` : "";
      return [quoted(road.tenant), quoted(road.name || road.upload), road.bytes ? size(road.bytes) : "", quoted(`${step ? `${step.label} ${step.detail}` : "under way"}${sent}`), span((Date.now() - road.began) / 1000)];
    });
    const listed = rows.length ? [table("Uploads under way", ["Tenant", "File", "Size", "Where it is", "For"], rows), under.length > LISTED && h("p", { class: "help" }, `and ${under.length - LISTED} more`)] : [empty("Nothing is under way")];
    const recent = [...live.roads.values()].filter((road) => road.end === "failed").sort((a, b) => b.at - a.at).slice(0, 10);
    fill(flight, ...listed);
    fill(
      failures,
      recent.length ? table("The last failures", ["When", "Tenant", "File", "Code", "Reason"], recent.map((road) => [when(road.at), quoted(road.tenant), quoted(road.name || road.upload), h("code", {}, road.code), quoted(road.steps.at(-1)?.detail ?? "")])) : null,
    );
  });

  const codes = h("div", { class: "gauges" });
  const drawMetrics = () => {
    if (metrics.error) return fill(codes, failed(metrics.error));
    /** @type {Map<string, number>} */
    const outcomes = new Map();
    for (const { labels, value } of metrics.now("loadlock_uploads_total")) outcomes.set(labels.outcome ?? "", (outcomes.get(labels.outcome ?? "") ?? 0) + value);
    const good = (outcomes.get("stored") ?? 0) + (outcomes.get("deduplicated") ?? 0);
    const bad = [...outcomes].filter(([name]) => name !== "stored" && name !== "deduplicated").sort((a, b) => b[1] - a[1]);
    const most = bad[0]?.[1] ?? 1;
    fill(codes, ...(bad.length ? bad.map(([name, number]) => bar(name, number, most)) : [h("p", { class: "help" }, "No upload has failed since the gateway was started.")]));
    const total = (/** @type {string} */ name) => metrics.now(name).reduce((sum, { value }) => sum + value, 0);
    fill(
      saved,
      figure(good.toLocaleString(), "uploads stored since the start"),
      figure(size(total("loadlock_uploaded_bytes_total")), "sent to providers"),
      figure(size(total("loadlock_dedup_bytes_total")), `not sent again: ${count(total("loadlock_dedup_hits_total"), "duplicate")}`),
      figure(size(total("loadlock_spool_bytes")), "of bodies kept"),
      figure(total("loadlock_tracker_backlog_files").toLocaleString(), "accepted, not in the ledger yet"),
    );
    const limits = new Map(metrics.now("loadlock_tenant_limit_bytes").map(({ labels, value }) => [labels.tenant, value]));
    const most_ = new Map(metrics.now("loadlock_tenant_limit_files").map(({ labels, value }) => [labels.tenant, value]));
    const files = new Map(metrics.now("loadlock_tenant_used_files").map(({ labels, value }) => [labels.tenant, value]));
    const gauges = metrics.now("loadlock_tenant_used_bytes").flatMap(({ labels, value }) => [
      gauge(`${labels.tenant}: bytes`, value, limits.get(labels.tenant), size),
      gauge(`${labels.tenant}: files`, files.get(labels.tenant) ?? 0, most_.get(labels.tenant), (number) => number.toLocaleString()),
    ]);
    fill(tenants, ...(gauges.length ? gauges : [h("p", { class: "help" }, "No tenant has limits. Add [[tenants]] to the configuration to set some.")]));
  };

  const told = h("div", { role: "status" });
  const tail = h("div", {});
  const chain = h("div", { role: "status" });
  /** @param {boolean} walk */
  async function audit(walk) {
    try {
      const found = await json("GET", `/v1/loadlock/audit?lines=${LINES}${walk ? "&chain=true" : ""}`, { signal: leaving.signal });
      const rows = found.records.toReversed().map((/** @type {any} */ record) => {
        if (typeof record === "string") return ["", "damaged", "", "", quoted(record)];
        const { what = {}, who = {} } = record;
        const about = [what.name ?? what.path ?? what.file_id, what.provider, what.detail].filter(Boolean).join(" · ");
        return [when(Date.parse(record.time)), record.event, h("span", { class: `outcome ${record.outcome}` }, record.code ?? record.outcome), quoted([who.tenant, who.subject].filter(Boolean).join(" · ") || who.door || ""), quoted(about)];
      });
      fill(tail, found.failing && h("p", { class: "notice bad", role: "alert" }, "The log cannot be written: whatever has to be recorded is refused. Free space on the gateway's disk."), table("The newest records", ["When", "Event", "End", "Who", "What"], rows));
      if (found.chain) fill(chain, h("p", { class: `notice ${found.chain.whole ? "good" : "bad"}` }, found.chain.whole ? `The chain is whole: ${count(found.chain.records, "record")}.` : `The chain breaks after ${count(found.chain.records, "record")}: ${found.chain.reason}`));
    } catch (error) {
      if (!leaving.signal.aborted) fill(tail, failed(error, () => audit(walk)));
    }
  }

  const books = h("div", { role: "status" });
  const compared = h("div", { role: "status" });
  /** @param {HTMLButtonElement} button @param {HTMLElement} told @param {() => Promise<Node[]>} act */
  async function ask(button, told, act) {
    button.disabled = true;
    fill(told, h("p", { class: "help" }, "Asking…"));
    try {
      fill(told, ...(await act()));
    } catch (error) {
      if (!leaving.signal.aborted) fill(told, failed(error));
    }
    button.disabled = false;
  }
  const check = h("button", { type: "button", class: "button", onclick: () => ask(check, books, fsck) }, "Check the books");
  async function fsck() {
    const sheet = await json("GET", "/v1/loadlock/fsck", { signal: leaving.signal });
    const facts = Object.entries(sheet).filter(([, value]) => typeof value !== "object");
    return [h("p", { class: `notice ${sheet.balanced ? "good" : "bad"}` }, sheet.balanced ? "The books agree." : "The books do not agree. Look at the numbers, then reconcile."), h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof value === "number" ? value.toLocaleString() : String(value))]))];
  }
  const dry = h("button", { type: "button", class: "button", onclick: () => ask(dry, compared, () => reconcile(true)) }, "Compare with the providers");
  /** @param {boolean} only */
  async function reconcile(only) {
    const { providers } = await json("POST", "/v1/loadlock/reconcile", { json: { dry_run: only }, signal: leaving.signal });
    const steps = providers.flatMap((/** @type {any} */ one) => one.steps.map((/** @type {any} */ step) => [one.provider, String(step.action ?? "").replaceAll("_", " "), quoted(step.remote_id ?? ""), quoted(typeof step.end === "string" ? step.end : JSON.stringify(step.end ?? ""))]));
    if (!steps.length) return [h("p", { class: "notice good" }, `Nothing to put right at ${count(providers.length, "provider")}.`)];
    const go = h("button", { type: "button", class: "button danger", onclick: () => ask(go, compared, () => reconcile(false)) }, `Carry out ${count(steps.length, "step")}`);
    return [table(only ? "What would be done" : "What was done", ["Provider", "Step", "Id at the provider", "End"], steps), ...(only ? [h("p", { class: "notice warn" }, "Nothing was changed yet."), go] : [])];
  }

  fill(
    place,
    h("h1", {}, "Operations"),
    saved,
    section("Under way", flight),
    section("Failures by code", codes, failures),
    section("Tenants", tenants),
    section("Webhooks", told),
    section("Books", h("p", { class: "help" }, "Compares the journal, the ledger and what the providers have. Neither button changes anything."), h("div", { class: "buttons" }, check, dry), books, compared),
    section("Audit log", h("div", { class: "buttons" }, h("button", { type: "button", class: "button small", onclick: () => audit(false) }, "Refresh"), h("button", { type: "button", class: "button small", onclick: () => audit(true) }, "Walk the chain")), chain, tail),
  );
  const clock = setInterval(drawFlight, 1000);
  live.addEventListener("road", drawFlight);
  live.addEventListener("connection", drawFlight);
  metrics.addEventListener("look", drawMetrics);
  const unwatch = metrics.watch();
  drawFlight();
  drawMetrics();
  audit(false);
  webhooks(told, leaving.signal);
  return () => {
    leaving.abort();
    clearInterval(clock);
    unwatch();
    live.removeEventListener("road", drawFlight);
    live.removeEventListener("connection", drawFlight);
    metrics.removeEventListener("look", drawMetrics);
  };
}

/** @param {string} value @param {string} label */
function figure(value, label) {
  return h("p", { class: "figure card" }, h("span", { class: "figure-value" }, value), h("span", { class: "help" }, label));
}

/** @param {string} name @param {number} number @param {number} most */
function bar(name, number, most) {
  const level = h("div", { class: "bar", "data-level": "full", "aria-hidden": "true" }, h("i", {}));
  /** @type {HTMLElement} */ (level.firstElementChild).style.transform = `scaleX(${number / most})`;
  return h("div", { class: "gauge" }, h("p", {}, h("code", {}, name), h("span", { class: "numbers" }, number.toLocaleString())), level);
}
