// Uploads: their road, and that they go on whatever happens.

import { strict as assert } from "node:assert";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { network } from "../place.mjs";
import { ALL, card, file, gateway, includes, person, road, says, signIn } from "../person.mjs";

/** Of the file that a bad network carries. */
const LARGE = 96 << 20;

export const tests = {
    async "under a file stands its road, with the reason of every turn"() {
        const { place, url, kimi } = await gateway();
        const { page, wrong } = await person(url, await place.token("acme", ALL));
        await page.setInputFiles("#files", [file("report.txt", "a report"), file("notes.txt", "some notes")]);
        await says(page, "report.txt", "Stored");
        await says(page, "notes.txt", "Stored");
        const stored = await road(page, "report.txt");
        assert.deepEqual(stored.map((step) => step.split(" (")[0]), ["Received", "Admitted", "Routed", "Attempt 1", "Stored"]);
        includes(stored.join(), "kimi, then local");

        await page.setInputFiles("#files", file("again.txt", "a report"));
        await says(page, "again.txt", "Already stored");
        includes((await road(page, "again.txt")).join(), "Duplicate");

        kimi.down = true;
        await page.setInputFiles("#files", file("elsewhere.txt", "while it is down"));
        await says(page, "elsewhere.txt", "Stored");
        const turns = (await road(page, "elsewhere.txt")).join(" | ");
        includes(turns, "down for <b>maintenance</b>");
        includes(turns, "Attempt 2");
        includes(turns, "local takes it");
        assert.deepEqual(wrong, []);
    },

    async "names that carry markup and turn around are shown as text"() {
        const { place, url } = await gateway();
        const { page, wrong } = await person(url, await place.token("acme", ALL));
        const name = '<img src=x onerror="document.title=1">.txt';
        await page.setInputFiles("#files", [file(name, "markup"), file("invoice\u202etxt.exe.txt", "turned")]);
        await page.getByRole("heading", { name, exact: true }).waitFor();
        await page.getByRole("heading", { name: "invoice⟨202E⟩txt.exe.txt" }).waitFor();
        assert.equal(await page.locator("main img").count(), 0);
        includes(await page.title(), "Upload");
        assert.deepEqual(wrong, []);
    },

    async "a folder is taken whole, and a preview sends nothing"() {
        const { place, url } = await gateway();
        const { page } = await person(url, await place.token("acme", ALL));
        await page.getByLabel("Show the route before sending").check();
        const folder = join(place.dir, "folder");
        await mkdir(join(folder, "deep"), { recursive: true });
        await writeFile(join(folder, "one.txt"), "one");
        await writeFile(join(folder, "deep", "two.txt"), "two");
        await page.setInputFiles("#folder", folder);
        await says(page, "one.txt", "Not sent");
        await card(page, "two.txt").getByText("It is text/plain, and would go to:").waitFor();
        includes((await road(page, "two.txt")).join(), "kimi");
        const files = await page.evaluate(async () => (await (await fetch("/v1/files")).json()).data.length);
        assert.equal(files, 0);
        await card(page, "one.txt").getByRole("button", { name: "Send" }).press("Enter");
        await says(page, "one.txt", "Stored");
        await card(page, "two.txt").getByRole("button", { name: "Cancel" }).click();
        await card(page, "two.txt").waitFor({ state: "detached" });
    },

    async "dropped files are taken, and a refused one says what to do"() {
        const { place, url } = await gateway();
        const { page } = await person(url, await place.token("acme", ALL));
        await page.evaluate(() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
            transfer.items.add(new File(["secret"], ".env"));
            for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        });
        await says(page, "dropped.txt", "Stored");
        await says(page, ".env", "Failed");
        await card(page, ".env").getByRole("alert").waitFor();
        await card(page, ".env").getByRole("button", { name: "Try again" }).waitFor();
    },

    async "a large file goes on through cut connections, a pause and a closed tab"() {
        const { place, port } = await gateway();
        const net = await network(port);
        const url = `http://127.0.0.1:${net.port}`;
        const token = await place.token("acme", ALL);
        const content = randomBytes(LARGE);
        await writeFile(join(place.dir, "large.bin"), content);
        const { page, context } = await person(url, token);
        await page.locator("#provider").selectOption("local");
        net.cutAfter(8 << 20, 20 << 20, 34 << 20);
        await page.setInputFiles("#files", join(place.dir, "large.bin"));
        await page.waitForFunction(() => Number(document.querySelector(".item .bar")?.getAttribute("aria-valuenow")) >= 40);
        assert.ok(net.cut >= 1, "the connection was cut");
        await card(page, "large.bin").getByRole("button", { name: "Pause" }).click();
        await says(page, "large.bin", "Paused");
        await page.close();
        const again = await context.newPage();
        await again.goto(url);
        await says(again, "large.bin", "Stored");
        const listed = await again.evaluate(async () => (await (await fetch("/v1/files")).json()).data);
        assert.equal(listed.length, 1);
        assert.equal(listed[0].loadlock.sha256, createHash("sha256").update(content).digest("hex"));
        await again.reload();
        await again.getByText("No uploads yet").waitFor();
    },

    async "a tenant sees nothing of another"() {
        const { place, url } = await gateway();
        const umbrella = await person(url, await place.token("umbrella", ["read", "write"]));
        const acme = await person(url, await place.token("acme", ["read", "write"]));
        await acme.page.setInputFiles("#files", file("acme.txt", "of acme"));
        await says(acme.page, "acme.txt", "Stored");
        await umbrella.page.setInputFiles("#files", file("umbrella.txt", "of umbrella"));
        await says(umbrella.page, "umbrella.txt", "Stored");
        await umbrella.page.getByRole("link", { name: "Files" }).click();
        await umbrella.page.getByRole("button", { name: "umbrella.txt" }).waitFor();
        assert.equal(await umbrella.page.getByText("acme.txt").count(), 0);
        // The same browser, another tenant: what the first one was at stays its own.
        await acme.page.getByRole("button", { name: "Sign out" }).click();
        await signIn(acme.page, await place.token("umbrella", ["read", "write"]));
        await acme.page.getByText("No uploads yet").waitFor();
    },
};
