// Twenty of twenty tries read the status, with a body that fits the kernel's buffers and with one that does not.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const OpenAI = createRequire(process.env.OPENAI_PACKAGES)('openai')
const tus = createRequire(process.env.TUS_PACKAGES)('tus-js-client')

const TRIES = 20
const dir = mkdtempSync(join(tmpdir(), 'loadlock-refusals-'))
const env = { PATH: process.env.PATH, LOADLOCK_HOME: join(dir, 'home'), LOADLOCK_CONFIG: join(dir, 'loadlock.toml') }
// Each try is a client of its own: wrong tokens of one would soon be too many.
writeFileSync(env.LOADLOCK_CONFIG, 'server.trusted_proxies = ["127.0.0.1"]\nlimits.max_upload_size = "1 MB"\n')
const issue = (scope) =>
  JSON.parse(execFileSync(process.env.LOADLOCK, ['token', 'issue', '--subject', 'node', '--tenant', 'acme', '--scope', scope, '--json'], { env, cwd: dir })).token
const [reader, writer] = [issue('read'), issue('read,write')]
const server = spawn(process.env.LOADLOCK, ['serve', '--json', '--listen', '127.0.0.1:0'], { env, cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] })
const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
const base = `http://${JSON.parse(line).address}`

let client = 0
const someone = () => ({ 'X-Forwarded-For': `198.18.${++client >> 8}.${client & 255}` })

async function fetched(method, path, token, make, type) {
  const headers = { ...someone(), Authorization: `Bearer ${token}` }
  if (type) headers['Content-Type'] = type
  const answer = await fetch(base + path, { method, headers, body: make(), duplex: 'half' })
  assert.ok((await answer.json()).error.code)
  return answer.status
}

async function created(token, bytes) {
  const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0, defaultHeaders: someone() })
  try {
    await openai.files.create({ file: new File([bytes], 'x.txt'), purpose: 'user_data' })
  } catch (error) {
    return error.status
  }
}

function resumed(token, bytes) {
  return new Promise((resolve) => {
    new tus.Upload(bytes, {
      endpoint: `${base}/v1/tus`,
      headers: { ...someone(), Authorization: `Bearer ${token}` },
      metadata: { filename: 'x.txt' },
      uploadDataDuringCreation: true,
      retryDelays: null,
      onError: (error) => resolve(error.originalResponse?.getStatus() ?? error.message),
      onSuccess: () => resolve('stored'),
    }).start()
  })
}

let passed = 0
let failed = 0
async function check(name, expected, ask) {
  const heard = {}
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const status = await ask().catch((error) => `${error.message}: ${error.cause?.code ?? error.cause?.message}`)
    heard[status] = (heard[status] ?? 0) + 1
  }
  const good = heard[expected] === TRIES
  if (good) passed += 1
  else failed += 1
  console.log(`${good ? 'ok     ' : 'FAILED '} ${name}: ${JSON.stringify(heard)}`)
}

for (const size of [10_000, 10_000_000]) {
  const bytes = Buffer.alloc(size, 'x')
  const plain = () => bytes
  const stream = () => new Blob([bytes]).stream()
  const form = () => {
    const form = new FormData()
    form.append('purpose', 'user_data')
    form.append('file', new File([bytes], 'x.txt'))
    return form
  }
  const on = (what) => `${what}, ${size} bytes`
  await check(on('fetch, wrong token'), 401, () => fetched('POST', '/v1/files', 'wrong', form))
  await check(on('fetch, wrong token, a stream'), 401, () => fetched('POST', '/v1/files', 'wrong', stream, 'text/plain'))
  await check(on('fetch, wrong scope'), 403, () => fetched('POST', '/v1/files', reader, form))
  await check(on('fetch, wrong path'), 404, () => fetched('POST', '/v1/nothing', writer, plain))
  await check(on('fetch, wrong method'), 405, () => fetched('PUT', '/v1/files', writer, form))
  await check(on('fetch, part of no upload'), 404, () => fetched('POST', '/v1/uploads/upload_x/parts', writer, form))
  await check(on('fetch, tus of no upload'), 412, () => fetched('PATCH', '/v1/tus/x', writer, plain))
  await check(on('fetch, mcp'), 401, () => fetched('POST', '/mcp', 'wrong', plain, 'application/json'))
  await check(on('openai, wrong token'), 401, () => created('wrong', bytes))
  await check(on('openai, wrong scope'), 403, () => created(reader, bytes))
  await check(on('tus-js-client, wrong token'), 401, () => resumed('wrong', bytes))
  await check(on('tus-js-client, wrong scope'), 403, () => resumed(reader, bytes))
  if (size > 1_000_000) {
    await check(on('fetch, too large'), 413, () => fetched('POST', '/v1/files', writer, form))
    await check(on('openai, too large'), 413, () => created(writer, bytes))
    await check(on('tus-js-client, too large'), 413, () => resumed(writer, bytes))
  }
}
server.kill()
rmSync(dir, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
