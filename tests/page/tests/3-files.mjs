// Files: finding, looking at, fetching and deleting them.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { ALL, file, gateway, includes, person, says } from "../person.mjs";

/** So many rows as a browser has to stay quick with. */
const MANY = 10_000;

export const tests = {
    async "a file is found, looked at, downloaded and deleted"() {
        const { place, url } = await gateway();
        const { page, context, wrong } = await person(url, await place.token("acme", ALL));
        await context.grantPermissions(["clipboard-read", "clipboard-write"]);
        await page.setInputFiles("#files", [file("alpha.txt", "alpha"), file("beta.txt", "beta")]);
        await says(page, "alpha.txt", "Stored");
        await says(page, "beta.txt", "Stored");
        await page.getByRole("link", { name: "Files" }).click();
        await page.getByRole("button", { name: "beta.txt" }).waitFor();
        await page.getByLabel("Search").fill("ALPH");
        await page.getByText("1 file of 2").waitFor();
        await page.getByLabel("Size").selectOption("more than 100 MB");
        await page.getByText("No file fits").waitFor();
        await page.getByRole("button", { name: "Clear the filters" }).click();
        await page.getByRole("button", { name: "alpha.txt" }).press("Enter");
        const dialog = page.getByRole("dialog", { name: "alpha.txt" });
        includes(await dialog.innerText(), "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8");
        await dialog.getByRole("button", { name: "Copy Id", exact: true }).click();
        await page.getByText("Id copied").waitFor();
        const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: "Download" }).click()]);
        assert.equal(download.suggestedFilename(), "alpha.txt");
        assert.equal(await download.failure(), null);
        assert.equal(await readFile(await download.path(), "utf8"), "alpha");
        await dialog.getByRole("button", { name: "Delete…" }).click();
        await dialog.getByText("cannot be undone").waitFor();
        await dialog.getByRole("button", { name: "Delete it" }).click();
        await dialog.waitFor({ state: "detached" });
        await page.getByText("1 file", { exact: true }).waitFor();
        await page.reload();
        await page.getByRole("button", { name: "beta.txt" }).waitFor();
        assert.equal(await page.getByRole("button", { name: "alpha.txt" }).count(), 0);
        assert.deepEqual(wrong, []);
    },

    async "a file is copied to another provider and away from it again"() {
        const { place, url, kimi } = await gateway();
        const { page, wrong } = await person(url, await place.token("acme", ALL));
        await page.getByLabel("Provider").selectOption("local");
        await page.setInputFiles("#files", [file("alpha.txt", "alpha")]);
        await says(page, "alpha.txt", "Stored");
        await page.getByRole("link", { name: "Files" }).click();
        await page.getByRole("button", { name: "alpha.txt" }).click();
        const dialog = page.getByRole("dialog", { name: "alpha.txt" });
        await dialog.getByLabel("Copy to another provider").selectOption("kimi");
        await dialog.getByRole("button", { name: "Copy to it" }).click();
        await page.getByText("Copied to kimi").waitFor();
        const [remote] = kimi.files.keys();
        includes(await dialog.innerText(), remote);
        assert.equal(await dialog.getByLabel("Copy to another provider").count(), 0);
        await dialog.getByRole("button", { name: "Delete the copy at kimi" }).click();
        await page.getByText("The copy at kimi was deleted").waitFor();
        assert.equal(kimi.files.size, 0);
        await dialog.getByLabel("Copy to another provider").waitFor();
        assert.deepEqual(wrong, []);
    },

    async "ten thousand files are scrolled and searched with as many rows as can be seen"() {
        const { place, url } = await gateway();
        const { page, context } = await person(url, await place.token("acme", ALL));
        const made = (index) => ({ id: `file-${index}`, bytes: index, created_at: 1_700_000_000 - index, filename: `document ${index}.pdf`, purpose: "file-extract", status: "processed", status_details: null, loadlock: { provider: "kimi", purpose: "file-extract", remote_id: "r", sha256: "00", media_type: "application/pdf", deduplicated: false, attempts: 1, created_at: "" } });
        await context.route(/\/v1\/files\?/, (route) => {
            const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
            const data = Array.from({ length: 1000 }, (_, index) => made(from + index));
            route.fulfill({ json: { object: "list", data, has_more: from + 1000 < MANY, loadlock: { next: from + 1000 < MANY ? String(from + 1000) : null } } });
        });
        await page.evaluate(() => {
            window.longest = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration)))).observe({ type: "longtask" });
        });
        await page.getByRole("link", { name: "Files" }).click();
        await page.getByRole("button", { name: "document 0.pdf" }).waitFor();
        await page.getByLabel("Search").fill("document 9999");
        await page.getByRole("button", { name: "document 9999.pdf" }).waitFor();
        await page.getByLabel("Search").fill("");
        await page.getByText("10,000 files", { exact: true }).waitFor();
        for (let step = 1; step <= 20; step += 1) {
            await page.locator(".scroller").evaluate((scroller, part) => (scroller.scrollTop = scroller.scrollHeight * part), step / 20);
            assert.ok((await page.locator("tbody tr").count()) < 80);
        }
        await page.getByRole("button", { name: "document 9999.pdf" }).waitFor();
        console.log(`        longest task: ${Math.round(await page.evaluate(() => window.longest))} ms`);
    },
};
