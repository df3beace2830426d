// A person at a browser, and the places that the tests have them at.

import { strict as assert } from "node:assert";
import { Place, profile, vendor } from "./place.mjs";

export const ALL = ["read", "write", "delete", "admin"];

/** A gateway with a vendor in front of its own disk. */
export async function gateway(more = "") {
    const kimi = await vendor();
    const url = `http://127.0.0.1:${kimi.port}/v1`;
    const place = await Place.make(`
order = ["kimi", "local"]
[providers.kimi]
settings = { base_url = "${url}" }
egress = [{ url = "${url}/files", methods = ["GET", "POST", "DELETE"], private = true }]
credential = { header = "Authorization", value = "Bearer \${env:KIMI_API_KEY}" }
retry = { base = "10ms", attempts = 2 }
breaker = { failures = 5, open = "1s" }
[providers.local]
${more}`);
    const port = await place.serve();
    return { place, port, kimi, url: `http://127.0.0.1:${port}` };
}

/** A person with a browser of their own. */
export async function person(url, token, options = {}) {
    const context = await profile({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => message.type() === "error" && /Content Security|TrustedHTML|Refused/.test(message.text()) && wrong.push(message.text()));
    await page.goto(url);
    if (token) await signIn(page, token);
    return { context, page, wrong };
}

export async function signIn(page, token) {
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
}

export const file = (name, content, mimeType = "text/plain") => ({ name, mimeType, buffer: Buffer.from(content) });

/** The card of an upload. */
export const card = (page, name) => page.locator("li.item").filter({ has: page.getByRole("heading", { name }) });

/** Waits until a card says so. */
export async function says(page, name, word) {
    await card(page, name).locator(".pill").getByText(word, { exact: true }).waitFor();
}

/** The road below a card, as it reads. */
export async function road(page, name) {
    return (await card(page, name).locator(".road .step").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
}

export function includes(text, part) {
    assert.ok(text.includes(part), `${JSON.stringify(part)} is not in ${JSON.stringify(text)}`);
}
