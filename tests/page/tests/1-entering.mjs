// Getting in and out.

import { strict as assert } from "node:assert";
import { createInterface } from "node:readline";
import http from "node:http";
import { Place, listen } from "../place.mjs";
import { ALL, gateway, includes, person, signIn } from "../person.mjs";

export const tests = {
    async "the link of a terminal lets one person in, once"() {
        const place = await Place.make("");
        const serve = `${process.env.LOADLOCK} serve --listen 127.0.0.1:0`;
        const child = place.start("script", ["--quiet", "--return", "--command", serve, "/dev/null"]);
        let link = "";
        for await (const line of createInterface({ input: child.stdout })) {
            link = /http:\S+#code=[0-9a-f]+/.exec(line)?.[0] ?? "";
            if (link) break;
        }
        const first = await person(link);
        await first.page.getByRole("button", { name: "Sign out" }).waitFor();
        assert.ok(!first.page.url().includes("code"));
        await first.page.getByRole("link", { name: "Operations" }).click();
        await first.page.getByRole("heading", { name: "Audit log" }).waitFor();
        const second = await person(link);
        await second.page.getByText("That link was used already").waitFor();
    },

    async "a token is pasted, kept nowhere, and the session ends with it"() {
        const { place, url } = await gateway();
        const token = await place.token("acme", ["read", "write"]);
        const { page, context, wrong } = await person(url);
        await page.getByLabel("Token", { exact: true }).fill("nonsense-of-some-length");
        await page.keyboard.press("Enter");
        await page.getByRole("alert").getByText("not accepted").waitFor();
        await signIn(page, token);
        const [cookie] = await context.cookies();
        assert.equal(cookie.httpOnly && cookie.sameSite, "Strict");
        const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, document.documentElement.outerHTML]));
        assert.ok(!kept.includes(token) && !cookie.value.includes(token));
        // A token without admin is shown what it may do.
        assert.deepEqual(await page.getByRole("navigation").getByRole("link").allInnerTexts(), ["Upload", "Files"]);
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("heading", { name: "Sign in to Loadlock" }).waitFor();
        await page.reload();
        await page.getByRole("heading", { name: "Sign in to Loadlock" }).waitFor();
        await signIn(page, await place.token("acme", ["read"], "4s"));
        // The leeway of clocks is a minute: the credential is forgotten meanwhile.
        await context.clearCookies();
        await page.getByRole("button", { name: "Refresh" }).click();
        await page.getByText("The session has ended").first().waitFor();
        assert.deepEqual(wrong, []);
        assert.ok(!place.log.includes(token));
    },

    async "a cookie of the page does nothing for another origin"() {
        const { place, port, url } = await gateway();
        const { page, context } = await person(url, await place.token("acme", ALL));
        const other = await listen(http.createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>another page of this machine</p>")));
        const evil = await context.newPage();
        await evil.goto(`http://127.0.0.1:${other}/`);
        const tried = await evil.evaluate(async (gateway) => {
            const ask = async (method, path, body) => {
                try {
                    return (await fetch(gateway + path, { method, body, credentials: "include", mode: "no-cors" })).type;
                } catch (error) {
                    return error.name;
                }
            };
            return [await ask("POST", "/v1/files", "x"), await ask("GET", "/v1/files")];
        }, url);
        // Sent, but nobody's, and what is answered cannot be read.
        assert.deepEqual(tried, ["opaque", "opaque"]);
        const [cookie] = await context.cookies(url);
        const stolen = await fetch(`http://127.0.0.1:${port}/v1/files`, { headers: { cookie: `${cookie.name}=${cookie.value}`, origin: "http://127.0.0.1:1" } });
        assert.equal(stolen.status, 401);
        await page.getByRole("link", { name: "Files" }).click();
        await page.getByText("No files yet").waitFor();
        const session = await page.evaluate(async () => (await fetch("/v1/loadlock/session")).status);
        assert.equal(session, 200);
        includes(await page.content(), "Sign out");
    },
};
