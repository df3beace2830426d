// Every view, for everybody: no violation that axe finds, in light and dark, at the width of a phone and of a desk; by
// keys alone; and the pictures of the documentation.

import { strict as assert } from "node:assert";
import { mkdir } from "node:fs/promises";
import { axeSource } from "../place.mjs";
import { ALL, file, gateway, person, says } from "../person.mjs";

const PICTURES = process.env.PICTURES;
/** Those that docs/how-to/page.md shows. */
const SHOWN = ["sign-in-light", "upload-light", "files-light", "details-light", "providers-dark", "operations-light"];

async function axe(page, what) {
    await page.evaluate(axeSource);
    // What fades in is judged when it is there.
    await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity).map((one) => one.finished)));
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" ; ")}`), []);
}

async function fits(page, what) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${what} is ${over} px too wide`);
}

async function picture(page, name) {
    if (!PICTURES || !SHOWN.includes(name)) return;
    // A word that comes and goes is no part of a picture.
    await page.locator("#said p").waitFor({ state: "detached" });
    await mkdir(PICTURES, { recursive: true });
    await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

/** Uploads of each kind, and what follows in the other views. */
async function filled(colorScheme) {
    const { place, url, kimi } = await gateway('[[tenants]]\nname = "acme"\nmax_bytes = "1 MB"\n');
    const { page } = await person(url, undefined, { colorScheme });
    await page.getByLabel("Token", { exact: true }).waitFor();
    await axe(page, "signing in");
    await picture(page, `sign-in-${colorScheme}`);
    await page.getByLabel("Token", { exact: true }).fill(await place.token("acme", ALL));
    await page.keyboard.press("Enter");
    await page.getByText("No uploads yet").waitFor();
    await axe(page, "no uploads");
    await page.setInputFiles("#files", [file("quarterly report.pdf", "%PDF-1.4 a report", "application/pdf"), file("notes from the meeting.txt", "notes".repeat(5000)), file(".env", "secret")]);
    await says(page, "notes from the meeting.txt", "Stored");
    await says(page, ".env", "Failed");
    await says(page, "quarterly report.pdf", "Stored");
    await page.setInputFiles("#files", file("the same notes.txt", "notes".repeat(5000)));
    await says(page, "the same notes.txt", "Already stored");
    kimi.down = true;
    await page.setInputFiles("#files", file("figures.csv", "a,b\n1,2\n", "text/csv"));
    await says(page, "figures.csv", "Stored");
    kimi.down = false;
    return page;
}

async function everyView(colorScheme) {
    const page = await filled(colorScheme);
    const views = [
        ["Upload", () => page.getByText("Drop files or folders here").waitFor()],
        ["Files", () => page.getByRole("button", { name: "figures.csv" }).waitFor()],
        ["Providers", () => page.getByText("closed").first().waitFor()],
        ["Operations", () => page.getByText("authentication").first().waitFor()],
    ];
    for (const [name, ready] of views) {
        await page.setViewportSize({ width: 1280, height: 860 });
        await page.getByRole("link", { name, exact: true }).click();
        await ready();
        for (const width of [1280, 360, 3840]) {
            await page.setViewportSize({ width, height: width === 3840 ? 2160 : 860 });
            await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
            await fits(page, `${name} at ${width}`);
            if (width !== 3840) await axe(page, `${name} at ${width}, ${colorScheme}`);
            if (width === 1280) await picture(page, `${name.toLowerCase()}-${colorScheme}`);
        }
    }
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.getByRole("link", { name: "Files", exact: true }).click();
    await page.getByRole("button", { name: "figures.csv" }).click();
    await axe(page, "details");
    await picture(page, `details-${colorScheme}`);
}

export const tests = {
    async "every view is for everybody, in light"() {
        await everyView("light");
    },
    async "every view is for everybody, in dark"() {
        await everyView("dark");
    },
    async "keys alone are enough"() {
        const { place, url } = await gateway();
        const { page } = await person(url);
        await page.keyboard.type(await place.token("acme", ALL));
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: "Sign out" }).waitFor();
        await page.keyboard.press("Tab");
        const seen = [];
        for (let step = 0; step < 14; step += 1) {
            seen.push(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""));
            await page.keyboard.press("Tab");
        }
        for (const name of ["Upload", "Files", "Providers", "Operations", "Sign out", "Choose files", "Choose a folder"]) assert.ok(seen.includes(name), `${name} is not among ${seen}`);
        await page.getByRole("link", { name: "Files" }).focus();
        await page.keyboard.press("Enter");
        await page.getByText("No files yet").waitFor();
    },
};
