// Verifies a bundle of ours with the libraries of the Sigstore project: node verify.mjs BUNDLE KEY.pub DIGEST
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PACKAGES);
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const [bundlePath, keyPath, digest] = process.argv.slice(2);
const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, "utf8")));
const key = { publicKey: createPublicKey(readFileSync(keyPath)), validFor: () => true };
// A key needs no transparency log and no timestamp.
const nothing = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const trust = { ...nothing, publicKey: () => key };
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
verifier.verify(toSignedEntity(bundle));
if (typeof toTrustMaterial !== "function") throw new Error("this is another library");

const statement = JSON.parse(bundle.content.dsseEnvelope.payload.toString("utf8"));
const signed = `sha256:${statement.subject[0].digest.sha256}`;
if (signed !== digest) throw new Error(`it is of ${signed}`);
console.log(`verified: ${statement.subject[0].name} ${signed}`);
