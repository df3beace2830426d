// Runs the tests of the page one after the other, or those whose names hold a word that is given.

import { readdir } from "node:fs/promises";
import { finish } from "./place.mjs";

const words = process.argv.slice(2);
const folder = new URL("./tests/", import.meta.url);
let [ran, failures] = [0, 0];
for (const file of (await readdir(folder)).sort()) {
    const { tests } = await import(new URL(file, folder));
    for (const [name, test] of Object.entries(tests)) {
        if (words.length && !words.some((word) => name.includes(word))) continue;
        ran += 1;
        const began = Date.now();
        try {
            // Whatever hangs is a failure.
            let timer;
            const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("it took more than two minutes")), 120_000)));
            await Promise.race([test(), late]).finally(() => clearTimeout(timer));
            console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
        } catch (error) {
            failures += 1;
            console.log(`FAILED  ${name}\n${error.stack}`);
        }
        await finish();
    }
}
console.log(`${ran} tests of the page, ${failures} failed`);
process.exit(failures || !ran ? 1 : 0);
