// Web apps of others, from other origins: with a grant for one upload, and no token.

import { strict as assert } from "node:assert";
import http from "node:http";
import { join } from "node:path";
import { Place, atEnd, esbuild, listen, profile } from "../place.mjs";
import { file } from "../person.mjs";

const example = new URL("../../../examples/web/", import.meta.url).pathname;

/** A free port for a page, and a gateway that lets it ask. */
async function apart() {
    const taken = http.createServer();
    const port = await listen(taken);
    await new Promise((resolve) => taken.close(resolve));
    const origin = `http://localhost:${port}`;
    const place = await Place.make(`[server]\norigins = ["${origin}"]\n[providers.local]\n`);
    const gateway = `http://127.0.0.1:${await place.serve()}`;
    const token = await place.token("acme", ["read", "write"]);
    const ask = (path, method = "GET", json) => fetch(gateway + path, { method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: json && JSON.stringify(json) });
    return { place, gateway, token, origin, port, ask };
}

export const tests = {
    async "Uppy sends a file from another origin under a grant"() {
        const { place, gateway, token, origin, port, ask } = await apart();
        const built = join(place.dir, "built");
        await esbuild.build({ entryPoints: [join(example, "app.js")], bundle: true, format: "esm", outdir: built, nodePaths: [process.env.MODULES], logLevel: "error" });
        place.env = { ...place.env, GATEWAY: gateway, LOADLOCK_TOKEN: token, BUILT: built, PORT: String(port) };
        const server = place.start("node", [join(example, "server.mjs")]);
        await new Promise((resolve) => server.stdout.once("data", resolve));
        const page = await (await profile()).newPage();
        await page.goto(origin);
        await page.locator("input.uppy-Dashboard-input").first().setInputFiles(file("visitor.txt", "from a visitor"));
        await page.locator(".uppy-StatusBar-actionBtn--upload").click();
        await page.locator(".uppy-StatusBar.is-complete").waitFor();
        const { data } = await (await ask("/v1/files")).json();
        assert.deepEqual(data.map((one) => one.filename), ["visitor.txt"]);
        const grants = (await (await ask("/v1/loadlock/upload-grants")).json()).data;
        assert.ok(grants[0].used.upload);
    },

    async "a plain fetch puts one file under a grant, once, and no more than it allows"() {
        const { origin, port, gateway, ask } = await apart();
        const app = http.createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>an app</p>"));
        app.listen(port);
        atEnd(() => (app.closeAllConnections(), app.close()));
        const page = await (await profile()).newPage();
        await page.goto(origin);
        const grant = async (terms) => (await (await ask("/v1/loadlock/upload-grants", "POST", terms)).json()).put_url;
        const put = (url, name, body, type = "text/plain") =>
            page.evaluate(async ([url, body, type]) => {
                const answer = await fetch(url, { method: "PUT", body, headers: { "content-type": type } });
                return [answer.status, await answer.json()];
            }, [gateway + url.replace("{filename}", encodeURIComponent(name)), body, type]);
        const one = await grant({ max_bytes: 20, media_types: ["text/plain"] });
        assert.equal((await put(one, "a.txt", "x".repeat(21)))[0], 413);
        assert.equal((await put(one, "a.html", "<!doctype html><html><body>no</body></html>".slice(0, 20), "text/html"))[0], 422);
        const [status, stored] = await put(one, "naïve name.txt", "one file");
        assert.deepEqual([status, stored.filename], [200, "naïve name.txt"]);
        assert.equal((await put(one, "b.txt", "another"))[0], 403);
        const revoked = await grant({});
        const { data } = await (await ask("/v1/loadlock/upload-grants")).json();
        const open = data.find((grant) => !grant.used);
        assert.equal((await ask(`/v1/loadlock/upload-grants/${open.id}`, "DELETE")).status, 200);
        assert.equal((await put(revoked, "c.txt", "revoked"))[0], 401);
    },
};
