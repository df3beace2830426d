// The same requests to the reference server and to the gateway: statuses and headers must be equal, but for the differences that are listed here with their reason, and in docs/tus.md.
import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

// What describes the connection or the body, and not the upload. Bodies differ: the gateway's errors are JSON, as at its other doors.
const NOT_COMPARED = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'content-type']

// Headers that differ on purpose: which, when, and why. One that no request shows is out of date, and fails.
const DIFFERENCES = [
  { header: /^access-control-/, when: (theirs, ours) => theirs && !ours, why: 'no page of another origin is let in: the gateway stands behind a proxy of the same origin, or is called by programs' },
  { header: /^location$/, when: (_, ours) => /^\/v1\/tus\/[0-9a-z]{26}$/.test(ours ?? ''), why: 'relative to the host: behind a proxy the server does not know its own name' },
  { header: /^upload-expires$/, when: (theirs, ours) => !theirs && Date.parse(ours) > Date.now(), why: 'the file store of the reference has no expiry here' },
  { header: /^upload-offset$/, when: (theirs, ours, { method, status }) => !theirs && method === 'POST' && status === 201 && ours === '0', why: 'a creation without bytes says where to begin' },
  { header: /^upload-offset$/, when: (theirs, ours, { status }) => !theirs && status === 409 && /^\d+$/.test(ours), why: 'a conflict says where the upload really is' },
  { header: /^loadlock-(status|file-id|provider|error)$/, when: (theirs, ours) => !theirs && ours, why: 'what became of the upload behind the gateway' },
  { header: /^x-(request-id|should-retry)$/, when: (theirs, ours) => !theirs && ours, why: 'as at every other door' },
  { header: /^cache-control$/, when: (theirs, ours, { method, status }) => !theirs && ours === 'no-store' && (method !== 'HEAD' || status >= 400), why: 'no answer may be cached, not only that of a HEAD that found something' },
  { header: /^tus-extension$/, when: (theirs, ours) => theirs.split(',').every((one) => ours.split(',').includes(one)), why: 'the gateway has more of them' },
  { header: /^tus-checksum-algorithm$/, when: (theirs, ours) => !theirs && ours.includes('sha256'), why: 'the file store of the reference has no checksums' },
  { header: /^tus-version$/, when: (theirs, ours, { status }) => !theirs && status === 412, why: 'a 412 names the versions, says the protocol' },
]
const shown = new Set()
const OCTETS = { 'Content-Type': 'application/offset+octet-stream' }
const V = { 'Tus-Resumable': '1.0.0' }
const TEXT = { 'Upload-Metadata': 'filename YS50eHQ=,filetype dGV4dC9wbGFpbg==' }

function send(base, auth, { method, path, headers = {}, body = '' }) {
  return new Promise((resolve, reject) => {
    const url = new URL(path, base)
    const out = request(url, { method, headers: { ...auth, ...headers, 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers }))
    })
    out.on('error', reject)
    out.end(body)
  })
}

// Each case is a list of requests; `@` is the upload that the first one made. `status` is the reference's and ours where they differ on purpose; then headers are not compared, as they belong to another outcome, nor those in `other`.
const CREATE = { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Length': '10' } }
const HEAD = { method: 'HEAD', path: '@', headers: V }
const patch = (offset, body, more = {}) => ({ method: 'PATCH', path: '@', headers: { ...V, ...OCTETS, 'Upload-Offset': String(offset), ...more }, body })
const CASES = {
  'create, look, append, look, finish': [CREATE, HEAD, patch(0, '0123'), HEAD, patch(4, '456789'), HEAD],
  'wrong offset': [CREATE, patch(5, 'x'), HEAD],
  'creation with upload': [{ ...CREATE, headers: { ...CREATE.headers, ...OCTETS }, body: '01234' }, HEAD, patch(5, '56789')],
  'deferred length': [
    { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Defer-Length': '1' } },
    HEAD, patch(0, '0123'), HEAD, patch(4, '456', { 'Upload-Length': '7' }), HEAD,
  ],
  'deferred length less than what is here': [
    { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Defer-Length': '1' } },
    patch(0, '0123'), patch(4, '', { 'Upload-Length': '3' }), HEAD,
  ],
  'termination': [CREATE, { method: 'DELETE', path: '@', headers: V }, HEAD, patch(0, 'x')],
  // The reference does not know it in this version; the protocol demands it.
  'method override': [CREATE, { ...patch(0, '012', { 'X-HTTP-Method-Override': 'PATCH' }), method: 'POST', status: [400, 204] }, { ...HEAD, other: ['upload-offset'] }],
  'what is offered': [{ method: 'OPTIONS', path: '', headers: V }],
  'ended twice': [CREATE, { method: 'DELETE', path: '@', headers: V }, { method: 'DELETE', path: '@', headers: V }],
  'finished, and more': [CREATE, patch(0, '0123456789'), patch(10, ''), patch(10, 'x'), HEAD],
  'length changed later': [CREATE, patch(0, '01', { 'Upload-Length': '12' }), HEAD],
  'offset is no number': [CREATE, patch('one', 'x'), patch('-1', 'x'), HEAD],
  'no such upload': [{ method: 'HEAD', path: 'ffffffffffffffffffffffffffffffff', headers: V }],
  'neither length nor deferred': [{ method: 'POST', path: '', headers: V }],
  'both lengths': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Defer-Length': '1' } }],
  'deferred is not 1': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Defer-Length': '2' } }],
  'length is no number': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': 'ten' } }],
  'negative length': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '-1' } }],
  'metadata with a key twice': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Metadata': 'a YQ==,a YQ==' } }],
  'metadata that is not Base64': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Metadata': 'a !' } }],
  'too large': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '99999999999999' } }],
  'more than announced': [CREATE, patch(0, '0123456789x')],
  'no version': [CREATE, { method: 'HEAD', path: '@' }],
  // The protocol says 412; the reference answers 400.
  'another version': [CREATE, { method: 'HEAD', path: '@', headers: { 'Tus-Resumable': '0.2.2' }, status: [400, 412] }],
  // The protocol says 415; the reference answers 400, and 403 if there is none.
  'another content type': [CREATE, { ...patch(0, 'x', { 'Content-Type': 'text/plain' }), status: [400, 415] }],
  'no content type': [CREATE, { method: 'PATCH', path: '@', headers: { ...V, 'Upload-Offset': '0' }, status: [403, 415] }],
  'no offset': [CREATE, { method: 'PATCH', path: '@', headers: { ...V, ...OCTETS }, body: 'x', status: [403, 400] }],
  // Files are read at `/v1/files`; and an upload that is there is not what a method lacks.
  'get': [CREATE, { method: 'GET', path: '@', headers: V, status: [404, 405] }],
  'another method': [CREATE, { method: 'PUT', path: '@', headers: V, status: [404, 405] }],
  // The validator refuses empty files.
  'empty file': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '0' }, status: [201, 422] }],
}

export async function differential(require, gateway, check) {
  const { Server } = require('@tus/server')
  const { FileStore } = require('@tus/file-store')
  const directory = join(gateway.dir, 'reference')
  mkdirSync(directory)
  const tus = new Server({ path: '/files', datastore: new FileStore({ directory }), maxSize: 16 * 2 ** 30 })
  const reference = createServer(tus.handle.bind(tus))
  await new Promise((ready) => reference.listen(0, '127.0.0.1', ready))
  const theirs = `http://127.0.0.1:${reference.address().port}/files`
  for (const [name, steps] of Object.entries(CASES)) {
    await check(`as @tus/server: ${name}`, async () => {
      const urls = [theirs, gateway.url]
      const uploads = [null, null]
      for (const [index, step] of steps.entries()) {
        const answers = []
        for (const side of [0, 1]) {
          const base = urls[side]
          const path = step.path === '@' ? uploads[side] : step.path ? `${base}/${step.path}` : base
          const answer = await send(base, side === 1 ? gateway.headers : {}, { ...step, path })
          if (index === 0 && answer.headers.location) uploads[side] = new URL(answer.headers.location, base).href
          answers.push(answer)
        }
        compare(`${name}, request ${index + 1} (${step.method})`, answers, step)
      }
    })
  }
  await check('as @tus/server: every difference is still one', () => {
    const stale = DIFFERENCES.filter((one) => !shown.has(one)).map((one) => `${one.header}: ${one.why}`)
    assert.deepEqual(stale, [])
  })
  reference.close()
  reference.closeAllConnections()
}

function compare(name, [reference, ours], { method, status, other = [] }) {
  const statuses = [reference.status, ours.status]
  assert.deepEqual(statuses, status ?? [reference.status, reference.status], name)
  if (status) return
  const headers = new Set([...Object.keys(reference.headers), ...Object.keys(ours.headers)])
  for (const header of [...NOT_COMPARED, ...other]) headers.delete(header)
  for (const header of headers) {
    const [theirs, own] = [reference.headers[header], ours.headers[header]]
    if (theirs === own) continue
    const known = DIFFERENCES.find((one) => one.header.test(header) && one.when(theirs, own, { method, status: ours.status }))
    assert.ok(known, `${name}: ${header} is ${own}, and ${theirs} of the reference`)
    shown.add(known)
  }
}
