// Every files and uploads call of OpenAI's SDK for Node. OPENAI_BASE_URL and OPENAI_API_KEY say where; BIG is the size of the large file. The arguments name the checks.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 2 });
const big = Number(process.env.BIG);

// Methods that were called, by resource: a later SDK with more of them fails here.
const resources = { files: client.files, uploads: client.uploads, "uploads.parts": client.uploads.parts };
const calls = (resource) => Object.getOwnPropertyNames(Object.getPrototypeOf(resource)).filter((name) => name !== "constructor");
const called = new Set();
for (const [name, resource] of Object.entries(resources))
  for (const method of calls(resource)) {
    const original = resource[method].bind(resource);
    resource[method] = (...given) => {
      called.add(`${name}.${method}`);
      return original(...given);
    };
  }

async function digest(chunks) {
  const sha256 = createHash("sha256");
  for await (const chunk of chunks) sha256.update(chunk);
  return sha256.digest("hex");
}

async function files() {
  const made = await client.files.create({
    file: await toFile(Buffer.from("from node"), "ünï.txt"),
    purpose: "user_data",
    expires_after: { anchor: "created_at", seconds: 3600 },
  });
  assert.equal(made.bytes, 9);
  assert.equal(made.filename, "ünï.txt");
  assert.deepEqual(await client.files.retrieve(made.id), made);
  assert.equal(await (await client.files.content(made.id)).text(), "from node");
  assert.equal((await client.files.waitForProcessing(made.id)).id, made.id);
  const others = [];
  for (let n = 0; n < 5; n++)
    others.unshift((await client.files.create({ file: await toFile(Buffer.from(`n${n}`), `${n}.txt`), purpose: "batch" })).id);
  const listed = [];
  for await (const file of client.files.list({ limit: 2 })) listed.push(file.id);
  assert.deepEqual(listed, [...others, made.id]);
  for (const id of listed) assert.equal((await client.files.delete(id)).deleted, true);
  await assert.rejects(client.files.retrieve(made.id), (error) => error instanceof OpenAI.NotFoundError && error.code === "file_not_found");
}

async function refusals() {
  const file = await toFile(Buffer.from("x"), "x.txt");
  const unknown = { filename: "x", purpose: "batch", bytes: 1, mime_type: "text/plain", provider: "nobody" };
  for (const [wanted, call] of [
    [OpenAI.BadRequestError, () => client.files.create({ file, purpose: "nonsense" })],
    [OpenAI.BadRequestError, () => client.uploads.create(unknown)],
    [OpenAI.AuthenticationError, () => client.withOptions({ apiKey: "wrong" }).files.list()],
    [OpenAI.NotFoundError, () => client.uploads.cancel("upload_none")],
  ])
    await assert.rejects(call, (error) => error instanceof wanted && Boolean(error.code && error.type && error.requestID));
}

async function uploads() {
  const wish = { filename: "n.txt", purpose: "user_data", bytes: 6, mime_type: "text/plain" };
  const upload = await client.uploads.create(wish);
  const parts = await Promise.all(
    ["abc", "def"].map(async (data) => client.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(data), "data") })),
  );
  const md5 = createHash("md5").update("abcdef").digest("hex");
  const done = await client.uploads.complete(upload.id, { part_ids: parts.map((part) => part.id), md5 });
  assert.equal(await (await client.files.content(done.file.id)).text(), "abcdef");
  await client.files.delete(done.file.id);
  const other = await client.uploads.create(wish);
  assert.equal((await client.uploads.cancel(other.id)).status, "cancelled");
}

// The most that a part may have.
const PART = 64 << 20;

async function part(upload, path, start) {
  const chunks = [];
  for await (const chunk of createReadStream(path, { start, end: start + PART - 1 })) chunks.push(chunk);
  return (await client.uploads.parts.create(upload, { data: await toFile(Buffer.concat(chunks), "part") })).id;
}

async function large() {
  const dir = await mkdtemp(join(tmpdir(), "loadlock-"));
  try {
    const path = join(dir, "big.bin");
    const handle = await open(path, "w");
    await handle.truncate(big);
    await handle.write(randomBytes(8), 0, 8, big - 8);
    await handle.close();
    const wanted = await digest(createReadStream(path));
    const made = await client.files.create({ file: createReadStream(path), purpose: "user_data" });
    assert.equal(made.bytes, big);
    assert.equal(made.loadlock.sha256, wanted);
    assert.equal(await digest((await client.files.content(made.id)).body), wanted);
    await client.files.delete(made.id);
    const wish = { filename: "big.bin", purpose: "user_data", bytes: big, mime_type: "application/octet-stream" };
    const upload = await client.uploads.create(wish);
    const ids = [];
    for (let start = 0; start < big; start += 2 * PART) {
      const pair = [start, start + PART].filter((at) => at < big);
      ids.push(...(await Promise.all(pair.map((at) => part(upload.id, path, at)))));
    }
    const done = await client.uploads.complete(upload.id, { part_ids: ids });
    assert.equal(done.file.loadlock.sha256, wanted);
    await client.files.delete(done.file.id);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const checks = { files, refusals, uploads, large };
const names = process.argv.slice(2);
for (const name of names) {
  await checks[name]();
  console.log(`node: ${name} ok`);
}
if (names.includes("files") && names.includes("uploads")) {
  const all = Object.entries(resources).flatMap(([name, resource]) => calls(resource).map((method) => `${name}.${method}`));
  assert.deepEqual(all.filter((one) => !called.has(one)), [], "calls that nobody made");
}
