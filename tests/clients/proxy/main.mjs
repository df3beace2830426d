// Two clients behind nginx, told apart by the address that nginx sees.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const dir = mkdtempSync(join(tmpdir(), 'loadlock-proxy-'))
const env = { PATH: process.env.PATH, LOADLOCK_HOME: join(dir, 'home'), LOADLOCK_CONFIG: join(dir, 'loadlock.toml') }
writeFileSync(env.LOADLOCK_CONFIG, 'server.trusted_proxies = ["127.0.0.1"]\n')
const issued = execFileSync(process.env.LOADLOCK, ['token', 'issue', '--subject', 'x', '--tenant', 'acme', '--scope', 'read,write', '--json'], { env, cwd: dir })
const token = JSON.parse(issued).token
const server = spawn(process.env.LOADLOCK, ['serve', '--json', '--listen', '127.0.0.1:0'], { env, cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] })
const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
const { address } = JSON.parse(line)

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})
const location = readFileSync(process.env.SERVING, 'utf8').match(/```nginx\n([^`]*)```/)[1].replace('127.0.0.1:8420', address)
writeFileSync(
  join(dir, 'nginx.conf'),
  `daemon off; pid ${dir}/pid; error_log ${dir}/error.log; events {}
   http { access_log off; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
   server { listen 127.0.0.1:${port}; ${location} } }`,
)
const nginx = spawn('nginx', ['-p', dir, '-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')], { stdio: 'inherit' })

function ask(from, credential, { method = 'GET', path = '/v1/files', body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, localAddress: from, method, path, headers: { Authorization: `Bearer ${credential}`, ...headers }, agent: false },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

// The proxy is up when it answers.
for (let attempt = 0; ; attempt++) {
  const up = await ask('127.0.0.9', token, { path: '/healthz' }).catch(() => 0)
  if (up === 200) break
  assert.ok(attempt < 100, 'nginx does not start')
  await new Promise((resolve) => setTimeout(resolve, 100))
}

let [passed, failed] = [0, 0]
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

await check('eleven wrong tokens of one client lock out that client alone', async () => {
  for (let number = 0; number < 11; number++) assert.equal(await ask('127.0.0.2', `wrong${number}`), 401)
  assert.equal(await ask('127.0.0.2', 'wrong'), 429)
  const spoofed = { headers: { 'X-Forwarded-For': '198.51.100.4', Forwarded: 'for=198.51.100.4' } }
  assert.equal(await ask('127.0.0.2', 'wrong', spoofed), 429)
  assert.equal(await ask('127.0.0.3', 'wrong'), 401)
  assert.equal(await ask('127.0.0.3', token), 200)
})

await check('a refusal is read through it', async () => {
  for (const size of [10_000, 10_000_000])
    for (let attempt = 0; attempt < 20; attempt++) {
      const upload = { method: 'POST', path: '/v1/nothing', body: Buffer.alloc(size, 'x') }
      assert.equal(await ask('127.0.0.3', token, upload), 404)
    }
})

nginx.kill()
server.kill()
rmSync(dir, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
