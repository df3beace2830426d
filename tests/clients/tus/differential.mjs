// The same requests to the reference server and to the gateway: statuses and tus headers must be equal, but for the differences that are listed with their reason.
import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const HEADERS = ['tus-resumable', 'upload-offset', 'upload-length', 'upload-defer-length', 'upload-metadata', 'cache-control']
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

// Each case is a list of requests; `@` is the upload that the first one made. `ours` says where the gateway differs on purpose: the status, or `null` for a header that is not compared.
const CREATE = { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Length': '10' } }
const HEAD = { method: 'HEAD', path: '@', headers: V }
const patch = (offset, body, more = {}) => ({ method: 'PATCH', path: '@', headers: { ...V, ...OCTETS, 'Upload-Offset': String(offset), ...more }, body })
const made = { 'upload-offset': null }
const CASES = {
  'create, look, append, look, finish': [{ ...CREATE, ours: made }, HEAD, patch(0, '0123'), HEAD, patch(4, '456789'), HEAD],
  'wrong offset': [{ ...CREATE, ours: { 'upload-offset': null } }, { ...patch(5, 'x'), ours: { 'upload-offset': null } }, HEAD],
  'creation with upload': [{ ...CREATE, headers: { ...CREATE.headers, ...OCTETS }, body: '01234' }, HEAD, patch(5, '56789')],
  'deferred length': [
    { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Defer-Length': '1' }, ours: made },
    HEAD, patch(0, '0123'), HEAD, patch(4, '456', { 'Upload-Length': '7' }), HEAD,
  ],
  'deferred length less than what is here': [
    { method: 'POST', path: '', headers: { ...V, ...TEXT, 'Upload-Defer-Length': '1' }, ours: made },
    patch(0, '0123'), patch(4, '', { 'Upload-Length': '3' }), HEAD,
  ],
  'termination': [{ ...CREATE, ours: made }, { method: 'DELETE', path: '@', headers: V }, HEAD, patch(0, 'x')],
  // The reference does not know it in this version; the protocol demands it.
  'method override': [{ ...CREATE, ours: made }, { ...patch(0, '012', { 'X-HTTP-Method-Override': 'PATCH' }), method: 'POST', ours: { status: [400, 204], 'upload-offset': null } }, { ...HEAD, ours: { 'upload-offset': null } }],
  'no such upload': [{ method: 'HEAD', path: 'ffffffffffffffffffffffffffffffff', headers: V }],
  'neither length nor deferred': [{ method: 'POST', path: '', headers: V }],
  'both lengths': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Defer-Length': '1' } }],
  'deferred is not 1': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Defer-Length': '2' } }],
  'length is no number': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': 'ten' } }],
  'negative length': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '-1' } }],
  'metadata with a key twice': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Metadata': 'a YQ==,a YQ==' } }],
  'metadata that is not Base64': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '1', 'Upload-Metadata': 'a !' } }],
  'too large': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '99999999999999' } }],
  'more than announced': [{ ...CREATE, ours: made }, patch(0, '0123456789x')],
  'no version': [{ ...CREATE, ours: made }, { method: 'HEAD', path: '@' }],
  // The protocol says 412; the reference answers 400.
  'another version': [{ ...CREATE, ours: made }, { method: 'HEAD', path: '@', headers: { 'Tus-Resumable': '0.2.2' }, ours: { status: [400, 412] } }],
  // The protocol says 415; the reference answers 400, and 403 if there is none.
  'another content type': [{ ...CREATE, ours: made }, { ...patch(0, 'x', { 'Content-Type': 'text/plain' }), ours: { status: [400, 415] } }],
  'no content type': [{ ...CREATE, ours: made }, { method: 'PATCH', path: '@', headers: { ...V, 'Upload-Offset': '0' }, ours: { status: [403, 415] } }],
  'no offset': [{ ...CREATE, ours: made }, { method: 'PATCH', path: '@', headers: { ...V, ...OCTETS }, body: 'x', ours: { status: [403, 400] } }],
  // Files are read at `/v1/files`.
  'get': [{ ...CREATE, ours: made }, { method: 'GET', path: '@', headers: V, ours: { status: [404, 405], 'tus-resumable': null } }],
  // The validator refuses empty files.
  'empty file': [{ method: 'POST', path: '', headers: { ...V, 'Upload-Length': '0' }, ours: { status: [201, 422] } }],
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
  reference.close()
  reference.closeAllConnections()
}

function compare(name, [reference, ours], step) {
  const expected = step.ours ?? {}
  const statuses = [reference.status, ours.status]
  assert.deepEqual(statuses, expected.status ?? [reference.status, reference.status], name)
  // `no-store` on everything does no harm; the reference sets it for HEAD alone.
  const compared = HEADERS.filter((header) => !(header in expected) && (header !== 'cache-control' || step.method === 'HEAD'))
  if (ours.status >= 400) return
  for (const header of compared) assert.equal(ours.headers[header], reference.headers[header], `${name}: ${header}`)
}
