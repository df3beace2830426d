import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Gateway } from './gateway.mjs'
import { differential } from './differential.mjs'

const require = createRequire(process.env.NODE_PACKAGES)
const tus = require('tus-js-client')
const run = promisify(execFile)

// 12 MiB that no other upload has.
let made = 0
function fresh() {
  const content = Buffer.alloc(12 << 20, `Quick brown fox ${made++} jumps over the lazy dog.\n`)
  for (let at = 0; at < content.length; at += 4096) content.write(String(at), at)
  return content
}

const gateway = new Gateway()
await gateway.start()

let passed = 0
let failed = 0
async function check(name, work) {
  try {
    await work()
    passed += 1
    console.log(`ok      ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${name}: ${error.stack ?? error}`)
  }
}

// The file that the upload became, by the headers of the client's last answer.
function upload(content, options, during = () => {}) {
  return new Promise((resolve, reject) => {
    let last
    const one = new tus.Upload(content, {
      endpoint: gateway.url,
      headers: gateway.headers,
      metadata: { filename: 'fox.txt', filetype: 'text/plain' },
      onAfterResponse: (_request, response) => { last = response },
      onError: reject,
      onSuccess: () => resolve(last),
      onProgress: (sent) => during(one, sent),
      ...options,
    })
    one.start()
  })
}

async function stored(url) {
  const answer = await fetch(url, { method: 'HEAD', headers: { ...gateway.headers, 'Tus-Resumable': '1.0.0' } })
  assert.equal(answer.headers.get('loadlock-status'), 'stored')
  return answer.headers.get('loadlock-file-id')
}

function same(id, content) {
  assert.ok(id)
  assert.ok(gateway.holds(content), 'the provider has other bytes')
}

async function one(options, during) {
  const content = fresh()
  same((await upload(content, options, during)).getHeader('loadlock-file-id'), content)
}

await check('tus-js-client: one request', () => one({}))
await check('tus-js-client: chunks, data with creation', () => one({ chunkSize: 1 << 20, uploadDataDuringCreation: true }))
await check('tus-js-client: PATCH by POST', () => one({ chunkSize: 5 << 20, overridePatchMethod: true }))
await check('tus-js-client: four parts in parallel, concatenated', () => one({ parallelUploads: 4 }))
await check('tus-js-client: aborted and resumed', async () => {
  const content = fresh()
  const url = await new Promise((resolve, reject) => {
    let stopping = false
    upload(content, { chunkSize: 1 << 20 }, (one, sent) => {
      if (sent < 5 << 20 || stopping) return
      stopping = true
      one.abort().then(() => resolve(one.url), reject)
    }).catch(reject)
  })
  same((await upload(content, { uploadUrl: url })).getHeader('loadlock-file-id'), content)
})
await check('tus-js-client: the server is killed in the middle and comes back', async () => {
  let killed
  await one({ chunkSize: 1 << 20, retryDelays: [200, 500, 1000, 2000, 4000] }, (_one, sent) => {
    if (sent > 4 << 20) killed ??= gateway.kill().then(() => gateway.start())
  })
  assert.ok(killed)
  await killed
})
await check('tus-js-client: many at once', async () => {
  await Promise.all(Array.from({ length: 6 }, () => one({ chunkSize: 3 << 20 })))
})

const path = join(gateway.dir, 'fox.txt')
for (const how of ['whole', 'checksum', 'resume', 'parallel']) {
  await check(`tuspy: ${how}`, async () => {
    const content = fresh()
    writeFileSync(path, content)
    const script = new URL('tuspy_client.py', import.meta.url).pathname
    const { stdout } = await run(process.env.PYTHON, [script, how, gateway.url, gateway.token, path])
    for (const url of stdout.trim().split('\n')) same(await stored(url), content)
  })
}

await differential(require, gateway, check)
await gateway.remove()
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
