// OpenAI's SDK for Node asks models about files that were uploaded to the gateway; see models.py for the environment.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 0 });
const other = new OpenAI({ maxRetries: 0, apiKey: process.env.OTHER_TENANT });
const base = process.env.OPENAI_BASE_URL.replace(/\/v1$/, "");
const named = new OpenAI({ maxRetries: 0, baseURL: `${base}/v1/providers/openai` });
const key = process.env.VENDOR_KEY;

const uploaded = async (text) =>
  (await client.files.create({ file: await toFile(Buffer.from(text), "a.txt"), purpose: "user_data" })).id;
const asking = (file) => ({ model: "m", input: [{ role: "user", content: [{ type: "input_file", file_id: file }] }] });
const chatting = (file) => ({ model: "m", messages: [{ role: "user", content: [{ type: "file", file: { file_id: file } }] }] });

const checks = {
  async responses() {
    const file = await uploaded("one two");
    assert.equal((await client.responses.create(asking(file))).output_text, "one two");
    const deltas = [];
    for await (const event of await client.responses.create({ ...asking(file), stream: true }))
      if (event.type === "response.output_text.delta") deltas.push(event.delta);
    assert.deepEqual(deltas, ["one ", "two"]);
  },
  async chat() {
    const file = await uploaded("three four");
    const answer = await named.chat.completions.create(chatting(file));
    assert.equal(answer.choices[0].message.content, "three four");
    let text = "";
    for await (const chunk of await named.chat.completions.create({ ...chatting(file), stream: true }))
      text += chunk.choices[0].delta.content ?? "";
    assert.equal(text, "three four");
  },
  async batches() {
    const file = await uploaded("{}\n");
    const batch = await client.batches.create({ input_file_id: file, endpoint: "/v1/responses", completion_window: "24h" });
    assert.notEqual(batch.input_file_id, file);
    assert.equal((await client.batches.retrieve(batch.id)).id, batch.id);
  },
  async ids() {
    const file = await uploaded("mine");
    const foreign = (error) => error.status === 404 && error.code === "file_not_found";
    await assert.rejects(other.responses.create(asking(file)), foreign);
    await assert.rejects(client.responses.create(asking(`file-${"0".repeat(26)}`)), foreign);
  },
  async secrets() {
    for (let cut = 1; cut <= key.length + 1; cut++) {
      const metadata = { repeat: "1", cut: String(cut) };
      let text = "";
      for await (const event of await client.responses.create({ model: "m", input: [], stream: true, metadata }))
        text += JSON.stringify(event);
      assert.ok(text.includes("the key is") && !text.includes(key), text);
    }
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok      node ${name}`);
}
