// What every provider needs: each exception becomes a failure, files are sent with a length, answers are read with a cap.
import { getEnvironment } from 'wasi:cli/environment@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';
import { handle } from 'wasi:http/outgoing-handler@0.2.12';
import { Fields, OutgoingBody, OutgoingRequest } from 'wasi:http/types@0.2.12';

const CAP = 1 << 20; // bytes of a JSON answer
const CHUNK = 1n << 20n;
const drop = (resource) => resource[Symbol.dispose ?? Symbol.for('dispose')]?.();
const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);
const isClosed = (error) => error?.payload?.tag === 'closed';

export class Failure {
    constructor(kind, message, more = {}) {
        Object.assign(this, { kind, message: message.slice(0, 300), outcomeUnknown: false }, more);
    }
}

/** Every exception of a provider's calls becomes a failure with its message; the stack goes to the log. */
export function guard(calls) {
    const guarded = (call) => (...given) => {
        try {
            return call(...given);
        } catch (error) {
            if (error instanceof Failure) throw error;
            const said = error?.payload === undefined ? String(error) : `the host refused: ${show(error.payload)}`;
            console.error(said, error?.stack ?? '');
            throw new Failure('internal', said);
        }
    };
    return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guarded(call)]));
}

const show = (payload) => (typeof payload === 'object' ? payload?.tag ?? 'an error' : String(payload));

export function setting(name, otherwise) {
    const found = getEnvironment().find(([key]) => key === `LOADLOCK_SETTING_${name.toUpperCase()}`);
    return found?.[1] ?? otherwise;
}

export function base() {
    const found = /^(https?):\/\/([^/?#]+)([^?#]*)$/.exec(setting('base_url', 'https://files.example.com/v1'));
    if (!found) throw new Failure('internal', 'the setting `base_url` is not an http or https address');
    const [, scheme, authority, path] = found;
    return { scheme, authority, path: path.replace(/\/$/, '') };
}

function kindOf(status) {
    const known = {
        401: 'unauthorized', 403: 'unauthorized', 402: 'quota-exhausted', 507: 'quota-exhausted', 404: 'not-found',
        410: 'not-found', 408: 'timeout', 425: 'rate-limited', 429: 'rate-limited', 501: 'unsupported',
    };
    const otherwise = status >= 400 && status < 500 ? 'rejected' : status < 300 || status === 303 ? 'protocol' : 'unavailable';
    return known[status] ?? otherwise;
}

/** A vendor's answer. `sentWhole`: the request was taken whole, and stores something. */
class Answer {
    constructor(response, sentWhole) {
        this.status = response.status();
        this.sentWhole = sentWhole;
        const fields = response.headers();
        this.headers = Object.fromEntries(fields.entries().map(([name, value]) => [name.toLowerCase(), decode(value)]));
        drop(fields);
        this.response = response;
        this.incoming = response.consume();
        this.stream = this.incoming.stream();
    }

    failure(kind, message) {
        // An unreadable success, or one that a gateway in between lost: the vendor may have stored the file.
        const maybe = (this.status >= 200 && this.status < 300) || [303, 502, 504, 520, 524].includes(this.status);
        const after = /^\d{1,9}$/.exec(this.headers['retry-after'] ?? '');
        return new Failure(kind, message, {
            status: this.status,
            retryAfterMs: after ? BigInt(after[0]) * 1000n : undefined,
            outcomeUnknown: this.sentWhole && maybe,
        });
    }

    body() {
        const read = [];
        for (let size = 0; size <= CAP; size += read.at(-1).length) {
            try {
                read.push(this.stream.blockingRead(CHUNK));
            } catch (error) {
                if (!isClosed(error)) throw this.failure('transport', 'the answer broke off');
                const whole = new Uint8Array(size);
                read.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
                return decode(whole);
            }
        }
        throw this.failure('protocol', `the answer is longer than ${CAP} bytes`);
    }

    /** What `read` makes of the answer; whatever goes wrong with it is the vendor's fault, not ours. */
    json(read) {
        const body = this.body();
        try {
            return read(JSON.parse(body));
        } catch (error) {
            throw this.failure('protocol', `the answer is not what was expected: ${error}`);
        }
    }

    /** Moves the body to standard output, host to host; answers how many bytes. */
    pipe() {
        const output = getStdout();
        let moved = 0n;
        try {
            for (;;) moved += output.blockingSplice(this.stream, CHUNK);
        } catch (error) {
            if (!isClosed(error)) throw this.failure('transport', 'the content broke off');
        }
        output.blockingFlush();
        const declared = this.headers['content-length'] ?? String(moved);
        if (declared !== String(moved)) throw this.failure('transport', `the content ended after ${moved} of ${declared} bytes`);
        return moved;
    }
}

/** Sends one request, once; any status but 2xx is a failure. */
export function send(method, path, file) {
    const { scheme, authority, path: root } = base();
    const fields = Fields.fromList([['content-length', encode(String(file?.size ?? 0n))]]);
    const request = new OutgoingRequest(fields);
    request.setMethod({ tag: method });
    request.setScheme({ tag: scheme.toUpperCase() });
    request.setAuthority(authority);
    request.setPathWithQuery(root + path);
    const body = request.body();
    // Handed over before its body is written, which would wait for ever otherwise.
    const pending = handle(request, undefined);
    const whole = file ? write(body, file) : true;
    const sentWhole = whole && ['post', 'put'].includes(method);
    const lost = (why) => new Failure('transport', `no answer: ${show(why)}`, { outcomeUnknown: sentWhole });
    if (whole) {
        try {
            OutgoingBody.finish(body, undefined);
        } catch (error) {
            throw lost(error?.payload);
        }
    }
    const ready = pending.subscribe();
    ready.block();
    drop(ready);
    const { val: answered } = pending.get();
    if (answered.tag === 'err') throw lost(answered.val);
    const answer = new Answer(answered.val, sentWhole);
    if (answer.status < 200 || answer.status >= 300) {
        throw answer.failure(kindOf(answer.status), `HTTP ${answer.status}: ${answer.body().slice(0, 200)}`);
    }
    return answer;
}

/** The admitted file into a request's body, from host to host; false if the vendor answered before its end. */
function write(body, file) {
    const [root, name] = getDirectories().find(([, name]) => file.path.startsWith(`${name}/`));
    const handle = root.openAt({}, file.path.slice(name.length + 1), {}, { read: true });
    const source = handle.readViaStream(0n);
    const output = body.write();
    try {
        for (let left = file.size; left > 0n; ) left -= output.blockingSplice(source, left < CHUNK ? left : CHUNK);
        return true;
    } catch {
        return false;
    } finally {
        for (const resource of [output, source, handle]) drop(resource);
    }
}
