// Getting in, getting around, getting out.

import { ask, json, may, session } from "./api.js";
import { byId, failed, fill, h, say, visible } from "./dom.js";
import * as files from "./files.js";
import { live } from "./live.js";
import * as operations from "./operations.js";
import * as providers from "./providers.js";
import * as upload from "./upload.js";

/** @typedef {import("./api.js").Who} Who */
/** @typedef {{ title: string, scope: string, show: (place: HTMLElement, who: Who) => (() => void) }} View */

/** @type {Record<string, View>} */
const VIEWS = {
  upload: { title: "Upload", scope: "write", show: upload.show },
  files: { title: "Files", scope: "read", show: files.show },
  providers: { title: "Providers", scope: "admin", show: providers.show },
  operations: { title: "Operations", scope: "admin", show: operations.show },
};

/** @type {Who | null} */
let who = null;
/** @type {() => void} */
let leaveView = () => {};

const main = byId("main");
const top = byId("top");

/** @param {Who} someone */
function allowed(someone) {
  return Object.entries(VIEWS).filter(([, view]) => may(someone, view.scope));
}

function route() {
  if (!who) return;
  leaveView();
  leaveView = () => {};
  const views = allowed(who);
  const name = location.hash.replace(/^#\/?/, "");
  const found = views.find(([key]) => key === name) ?? views[0];
  if (!found) {
    document.title = "Loadlock";
    fill(main, h("h1", {}, "Nothing to do here"), h("p", {}, "This token may do none of what the page offers. Ask the operator for one with the scope read or write."));
    return;
  }
  const [key, view] = found;
  document.title = `${view.title} · Loadlock`;
  for (const link of top.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === `#/${key}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(main);
  leaveView = view.show(main, who);
}

function header() {
  if (!who) return;
  const links = allowed(who).map(([key, view]) => h("li", {}, h("a", { href: `#/${key}` }, view.title)));
  const state = h("span", { class: "live", id: "live" });
  const draw = () => {
    state.dataset.on = String(live.connected);
    state.textContent = live.connected ? "live" : "reconnecting";
    state.title = live.connected ? "Events arrive as they happen" : "The stream of events is interrupted; it comes back by itself";
  };
  live.addEventListener("connection", draw);
  draw();
  fill(
    top,
    h("a", { class: "brand", href: "#/" }, h("img", { src: "/page/mark.svg", alt: "", width: 28, height: 28 }), h("span", {}, "Loadlock")),
    h("nav", { "aria-label": "Views" }, h("ul", {}, ...links)),
    h(
      "div",
      { class: "me" },
      state,
      h("span", { class: "who", title: "Tenant and subject of the token" }, h("bdi", {}, visible(who.tenant)), " · ", h("bdi", {}, visible(who.subject))),
      h("button", { type: "button", class: "button quiet", onclick: out }, "Sign out"),
    ),
  );
  top.hidden = false;
}

async function out() {
  await ask("DELETE", "/v1/loadlock/session").catch(() => {});
  signIn();
}

/** @param {string} [why] */
function signIn(why) {
  leaveView();
  leaveView = () => {};
  live.stop();
  upload.stop();
  who = null;
  top.hidden = true;
  document.title = "Sign in · Loadlock";
  const field = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-help" });
  const told = h("div", {});
  const button = h("button", { class: "button primary", type: "submit" }, "Sign in");
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    const token = field.value.trim();
    field.value = "";
    try {
      enter(await json("POST", "/v1/loadlock/session", { json: { token }, quiet: true }));
    } catch (error) {
      fill(told, failed(error));
      field.focus();
    }
    button.disabled = false;
  };
  fill(
    main,
    h(
      "form",
      { class: "sign-in card", onsubmit: /** @type {EventListener} */ (submit) },
      h("img", { src: "/page/mark.svg", alt: "", width: 48, height: 48 }),
      h("h1", {}, "Sign in to Loadlock"),
      why && h("p", { class: "notice", role: "status" }, why),
      told,
      h("label", { for: "token" }, "Token"),
      field,
      h("p", { class: "help", id: "token-help" }, "It stays with the gateway: the browser keeps a cookie that ends when the token does."),
      button,
      h("details", {}, h("summary", {}, "I have no token"), h("p", {}, "On the gateway's machine, issue one:"), h("pre", { tabindex: 0 }, "loadlock token issue --subject me --tenant acme \\\n  --scope read --scope write --scope delete"), h("p", {}, "Or open the link that ", h("code", {}, "loadlock serve"), " prints on its terminal.")),
    ),
  );
  field.focus();
}

/** @param {Who} someone */
function enter(someone) {
  who = someone;
  live.start(someone);
  upload.start(someone);
  header();
  route();
}

async function begin() {
  const code = /^#code=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (code) {
    history.replaceState(null, "", "/");
    try {
      return enter(await json("POST", "/v1/loadlock/session", { json: { code }, quiet: true }));
    } catch {
      return signIn("That link was used already, or it is too old. Paste a token, or start the gateway again for another link.");
    }
  }
  try {
    enter(await json("GET", "/v1/loadlock/session", { quiet: true }));
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 401) return signIn();
    fill(main, failed(error, begin));
  }
}

window.addEventListener("hashchange", () => {
  route();
  main.focus({ preventScroll: true });
});
session.addEventListener("ended", () => {
  if (who) {
    say("The session has ended.");
    signIn("The session has ended with its token. Sign in again: uploads go on where they were.");
  }
});
begin();
