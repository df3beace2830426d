// What whoever keeps the gateway sees.

import { strict as assert } from "node:assert";
import { ALL, file, gateway, includes, person, says } from "../person.mjs";

export const tests = {
    async "a vendor that goes down and comes back is seen"() {
        const { place, url, kimi } = await gateway();
        const { page, wrong } = await person(url, await place.token("acme", ALL));
        await page.getByRole("link", { name: "Providers" }).click();
        const provider = page.locator("li.provider").filter({ has: page.getByRole("heading", { name: "kimi" }) });
        await provider.locator(".pill").getByText("closed").waitFor();
        await provider.getByRole("button", { name: "Probe kimi" }).click();
        await provider.getByText("Probed: healthy").waitFor();
        kimi.down = true;
        await provider.getByRole("button", { name: "Probe kimi" }).click();
        await provider.getByText("Probed: not healthy").waitFor();
        await provider.getByText("its last probe failed").waitFor();
        // Enough failures open the breaker, which the page hears of by itself.
        await page.evaluate(async () => {
            for (let index = 0; index < 8; index += 1) {
                const form = new FormData();
                form.set("provider", "kimi");
                form.set("file", new File([`content ${index}`], `${index}.txt`));
                await fetch("/v1/files", { method: "POST", body: form });
            }
        });
        await provider.locator(".pill").getByText(/open/).waitFor();
        kimi.down = false;
        await provider.locator(".pill").getByText("closed").waitFor();
        await provider.getByText("Component and what it may reach").click();
        includes(await provider.innerText(), "SHA-256");
        includes(await provider.innerText(), "/v1/files");
        assert.deepEqual(wrong, []);
    },

    async "operations show failures, duplicates, the books and the audit log"() {
        const { place, url } = await gateway('[[tenants]]\nname = "acme"\nmax_bytes = "1 MB"\nmax_files = 100\n');
        const { page, wrong } = await person(url, await place.token("acme", ALL));
        await page.setInputFiles("#files", file("twice.txt", "the same"));
        await says(page, "twice.txt", "Stored");
        await page.setInputFiles("#files", [file("thrice.txt", "the same"), file("credentials.env", "x")]);
        await says(page, "thrice.txt", "Already stored");
        const failed = await page.evaluate(async () => {
            const form = new FormData();
            form.set("file", new File(["x"], ".env"));
            return (await fetch("/v1/files", { method: "POST", body: form })).status;
        });
        assert.equal(failed, 422);
        await page.getByRole("link", { name: "Operations" }).click();
        const failures = page.getByRole("region", { name: "Failures by code" });
        await failures.getByText("file_rejected").first().waitFor();
        await page.getByText("not sent again: 1 duplicate").waitFor();
        await page.getByRole("meter", { name: "acme: bytes" }).waitFor();
        await page.getByRole("button", { name: "Check the books" }).click();
        await page.getByText("The books agree.").waitFor();
        await page.getByRole("button", { name: "Compare with the providers" }).click();
        await page.getByText("Nothing to put right at").waitFor();
        await page.getByRole("button", { name: "Walk the chain" }).click();
        await page.getByText("The chain is whole").waitFor();
        includes(await page.getByRole("region", { name: "The newest records" }).innerText(), "authentication");
        assert.deepEqual(wrong, []);
    },

    async "two hundred uploads under way are followed"() {
        const { place, url } = await gateway();
        const { page, context } = await person(url, await place.token("acme", ALL));
        const uploads = Array.from({ length: 200 }, (_, index) => ({ upload: `upl_${index}`, tenant: "acme", at_ms: Date.now() }));
        const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify({ event: name, ...data })}\n\n`;
        let told = 0;
        await context.route(/\/v1\/loadlock\/events/, (route) => {
            told += 1;
            const road = uploads.flatMap((one, index) => [
                event("queued", one),
                event("admitted", { ...one, filename: `film ${index}.mp4`, bytes: 1000 }),
                event("routed", { ...one, providers: ["kimi"] }),
                event("attempt", { ...one, provider: "kimi", attempt: 1 }),
                event("bytes", { ...one, sent: Math.min(1000, told * 100) }),
            ]);
            route.fulfill({ contentType: "text/event-stream", body: `retry: 100\n${event("begin", { uploads, newest: "x" })}${road.join("")}` });
        });
        await page.reload();
        await page.getByRole("link", { name: "Operations" }).click();
        await page.evaluate(() => {
            window.longest = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration)))).observe({ type: "longtask", buffered: true });
        });
        const table = page.getByRole("region", { name: "Uploads under way" });
        await table.getByText("film 0.mp4").waitFor();
        await page.getByText("and 100 more").waitFor();
        await table.getByText("Attempt 1 kimi · 100 %").first().waitFor();
        console.log(`        longest task: ${Math.round(await page.evaluate(() => window.longest))} ms`);
    },
};
