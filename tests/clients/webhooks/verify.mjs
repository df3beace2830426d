// Reads `{ secret, messages: [{ headers, body }] }` from standard input; fails unless each message is genuine, and each
// altered one is not.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, messages } = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(secret);
for (const { headers, body } of messages) {
  webhook.verify(body, headers);
  let refused = false;
  try {
    webhook.verify(body.replace("file.", "fi1e."), headers);
  } catch {
    refused = true;
  }
  if (!refused) throw new Error("an altered message is genuine");
}
