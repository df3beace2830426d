// What the tests of the page need around them: a gateway, a vendor that can go down, a network that can be cut, and a
// browser.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(process.env.MODULES, "x.js"));
export const { chromium } = require("playwright-core");
export const axeSource = require("axe-core").source;
export const esbuild = require("esbuild");

/** Ends everything that was started, last first. */
const ends = [];
export const atEnd = (end) => ends.push(end);
export async function finish() {
    while (ends.length) await ends.pop()();
}

export async function listen(server) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => {
        server.closeAllConnections?.();
        server.close();
    });
    return server.address().port;
}

/** A vendor that speaks as much of Kimi's API as a gateway asks for, and answers 503 while it is down. */
export async function vendor() {
    const [files, bytes] = [new Map(), new Map()];
    const state = { down: false, files };
    const server = http.createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const answer = (status, value) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
        if (state.down) return answer(503, { error: { message: "down for <b>maintenance</b>", type: "engine_overloaded_error" } });
        const id = request.url.split("/")[3];
        if (request.method === "GET" && !id) return answer(200, { object: "list", data: [...files.values()] });
        if (request.url.endsWith("/content")) return response.end(bytes.get(id));
        if (request.method === "GET") return files.has(id) ? answer(200, files.get(id)) : answer(404, { error: { message: "no such file", type: "resource_not_found_error" } });
        if (request.method === "DELETE") return answer(200, { id, deleted: files.delete(id) });
        const form = await new Response(Buffer.concat(chunks), { headers: { "content-type": request.headers["content-type"] } }).formData();
        const file = form.get("file");
        const made = { id: `file-${files.size}-${Date.now()}`, object: "file", bytes: file.size, created_at: Math.floor(Date.now() / 1000), filename: file.name, purpose: form.get("purpose"), status: "ok", status_details: "" };
        files.set(made.id, made);
        bytes.set(made.id, Buffer.from(await file.arrayBuffer()));
        answer(200, made);
    });
    state.port = await listen(server);
    return state;
}

/** A home, and the binary with it. */
export class Place {
    static async make(toml) {
        const place = new Place();
        place.dir = await mkdtemp(join(tmpdir(), "loadlock-page-"));
        atEnd(() => rm(place.dir, { recursive: true, force: true }));
        await mkdir(join(place.dir, "home"));
        // Components are compiled once for all tests.
        const compiled = join(process.env.CACHE, "compiled");
        await mkdir(compiled, { recursive: true });
        await symlink(compiled, join(place.dir, "home", "cache"));
        await writeFile(join(place.dir, "loadlock.toml"), toml);
        place.env = { PATH: process.env.PATH, LOADLOCK_HOME: join(place.dir, "home"), LOADLOCK_CONFIG: join(place.dir, "loadlock.toml"), KIMI_API_KEY: "sk-test-of-the-page" };
        return place;
    }

    start(command, args) {
        const child = spawn(command, args, { env: this.env, cwd: this.dir, stdio: ["ignore", "pipe", "pipe"] });
        this.log = "";
        child.stderr.on("data", (data) => (this.log += data));
        atEnd(async () => {
            if (child.exitCode === null) {
                child.kill("SIGKILL");
                await once(child, "exit");
            }
        });
        return child;
    }

    async serve(...more) {
        this.child = this.start(process.env.LOADLOCK, ["serve", "--json", "--listen", "127.0.0.1:0", ...more]);
        for await (const line of createInterface({ input: this.child.stdout })) {
            const event = JSON.parse(line);
            if (event.event === "listening") return Number(event.address.split(":").pop());
        }
        throw new Error(`the gateway did not start: ${this.log}`);
    }

    async token(tenant, scopes, ttl = "1h") {
        const child = this.start(process.env.LOADLOCK, ["token", "issue", "--json", "--subject", "ann", "--tenant", tenant, "--scope", scopes.join(","), "--ttl", ttl]);
        let text = "";
        for await (const chunk of child.stdout) text += chunk;
        return JSON.parse(text).token;
    }
}

/** A network in front of a port: it can be cut once so many more bytes have come through, and again. */
export async function network(port) {
    const cuts = [];
    let seen = 0;
    const pairs = new Set();
    const server = net.createServer((near) => {
        const far = net.connect(port, "127.0.0.1");
        const pair = [near, far];
        pairs.add(pair);
        const end = () => (pairs.delete(pair), near.destroy(), far.destroy());
        near.on("data", (data) => {
            seen += data.length;
            if (cuts.length && seen >= cuts[0]) {
                cuts.shift();
                state.cut += 1;
                for (const one of pairs) one.forEach((socket) => socket.destroy());
            } else if (!far.write(data)) {
                near.pause();
                far.once("drain", () => near.resume());
            }
        });
        far.pipe(near);
        for (const socket of pair) socket.on("error", end).on("close", end);
    });
    const state = { cut: 0, cutAfter: (...bytes) => cuts.push(...bytes.map((more) => seen + more)) };
    state.port = await listen(server);
    return state;
}

let started;

/** One for all tests; what each opens in it is closed with the test. */
export async function browser() {
    started ??= await chromium.launch({
        executablePath: process.env.CHROMIUM,
        args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"],
    });
    return started;
}

/** A browser's profile, empty, until the end of the test. */
export async function profile(options) {
    const context = await (await browser()).newContext(options);
    atEnd(() => context.close());
    return context;
}
