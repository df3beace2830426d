// my-component: a provider for the vendor in vendor.mjs. Change it to speak your vendor's API.
import { Failure, base, guard, send } from './loadlock.js';

function text(value) {
    if (typeof value !== 'string') throw new TypeError(`${value} is not a text`);
    return value;
}

function whole(value) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${value} is not a size`);
    return BigInt(value);
}

// What the vendor says of a file. The id must be as it was in the answer: the host looks for it there.
const remoteFile = (one) => ({
    id: text(one.id), bytes: whole(one.bytes), name: text(one.name), purpose: 'store', status: 'ready',
});
const segment = (id) => encodeURIComponent(id);

export const provider = guard({
    profile() {
        const { scheme, authority, path } = base();
        const calls = { POST: ['upload'], GET: ['stat', 'listing', 'content', 'probe'], DELETE: ['delete'] };
        return {
            title: `my-component (${authority})`,
            purposes: [{
                purpose: 'store', extensions: [], mediaTypes: [], retention: { tag: 'until-deleted' }, content: 'raw',
            }],
            // The mark is in the remote name, and `list` shows the name: a lost upload can be found.
            verify: 'mark',
            delete: 'hard',
            treatment: 'content',
            canStat: true,
            canList: true,
            takesEmpty: true,
            wantsDigest: false,
            egress: Object.entries(calls).map(([method, operations]) => ({
                origin: `${scheme}://${authority}`, pathPrefix: `${path}/files`, methods: [method], operations,
            })),
        };
    },

    upload: (file, options) => send('post', `/files?name=${segment(options.remoteName)}`, file).json(remoteFile),

    locate() {
        throw new Failure('unsupported', 'a lost upload is found by the mark in its name');
    },

    stat: (remote) => send('get', `/files/${segment(remote.id)}`).json(remoteFile),

    list: (query) =>
        send('get', `/files?limit=${query.limit}&after=${segment(query.cursor ?? '')}`).json((page) => ({
            files: page.files.map(remoteFile),
            next: page.next === null ? undefined : text(page.next),
        })),

    delete(remote) {
        try {
            send('delete', `/files/${segment(remote.id)}`);
            return 'deleted';
        } catch (error) {
            if (error instanceof Failure && error.kind === 'not-found') return 'already-gone';
            throw error;
        }
    },

    content(remote) {
        const bytes = send('get', `/files/${segment(remote.id)}/content`).pipe();
        return { mediaType: 'application/octet-stream', bytes, kind: 'raw' };
    },

    probe() {
        send('get', '/files?limit=1');
        return 'answers';
    },
});
