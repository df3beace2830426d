// Every files and uploads call of OpenAI's SDK for Node. OPENAI_BASE_URL and OPENAI_API_KEY say where; BIG is the size of the large file.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 2 });
const big = Number(process.env.BIG);

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
  const others = [];
  for (let n = 0; n < 5; n++)
    others.unshift((await client.files.create({ file: await toFile(Buffer.from(`n${n}`), `${n}.txt`), purpose: "batch" })).id);
  const listed = [];
  for await (const file of client.files.list({ limit: 2 })) listed.push(file.id);
  assert.deepEqual(listed, [...others, made.id]);
  for (const id of listed) assert.equal((await client.files.delete(id)).deleted, true);
  await assert.rejects(client.files.retrieve(made.id), (error) => error instanceof OpenAI.NotFoundError && error.code === "file_not_found");
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
  } finally {
    await rm(dir, { recursive: true });
  }
}

for (const check of [files, uploads, large]) {
  await check();
  console.log(`node: ${check.name} ok`);
}
