// A vendor of files on loopback, to test against: keeps them in memory. Prints its base URL, then serves until it is ended.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const files = new Map();
let number = 0;
const shown = (id) => ({ id, name: files.get(id).name, bytes: files.get(id).body.length });

async function handle(request) {
    const url = new URL(request.url, 'http://vendor');
    const [, , , id, rest] = url.pathname.split('/').map(decodeURIComponent);
    if (request.method === 'POST') {
        const parts = [];
        for await (const part of request) parts.push(part);
        const stored = `file-${String(++number).padStart(6, '0')}-${randomBytes(4).toString('hex')}`;
        files.set(stored, { name: url.searchParams.get('name'), body: Buffer.concat(parts) });
        return [201, shown(stored)];
    }
    if (id === undefined) {
        const after = url.searchParams.get('after') ?? '';
        const ids = [...files.keys()].sort().filter((one) => one > after);
        const page = ids.slice(0, Number(url.searchParams.get('limit') ?? 100));
        return [200, { files: page.map(shown), next: page.length < ids.length ? page.at(-1) : null }];
    }
    if (!files.has(id)) return [404, { error: 'no such file' }];
    if (request.method === 'DELETE') return [200, { deleted: files.delete(id) }];
    return [200, rest === 'content' ? files.get(id).body : shown(id)];
}

const server = createServer(async (request, response) => {
    try {
        const [status, body] = await handle(request);
        response.writeHead(status);
        response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    } catch {
        response.destroy();
    }
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
