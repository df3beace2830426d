// my-component: a validator. It keeps the operator's rules; add rules of your own in `judge`.

const SIGNATURES = [
    ['%PDF-', 'application/pdf', ['pdf']],
    ['\x89PNG\r\n\x1a\n', 'image/png', ['png']],
    ['\xff\xd8\xff', 'image/jpeg', ['jpg', 'jpeg']],
    ['GIF8', 'image/gif', ['gif']],
    ['\x7fELF', 'application/x-executable', ['', 'bin', 'so', 'o', 'elf']],
    ['MZ', 'application/x-msdownload', ['exe', 'dll', 'sys']],
    ['#!', 'text/x-script', ['', 'sh', 'py', 'pl', 'rb', 'js']],
];
const PROGRAMS = ['application/x-executable', 'application/x-msdownload', 'text/x-script'];
const SECRETS = ['id_*', '.env', '.env.*', '*.pem', '*.key', '*.p12', '*.kdbx', '.npmrc', '.netrc', 'credentials*'];
const NOT_PLAIN = /[\x00-\x1f\x7f-\x9f/\\\u200e-\u202e\u2066-\u2069]/;

/** `*` and `?`, whatever the case. Linear in pattern times text, whatever the pattern. */
function glob(pattern, text) {
    const wanted = [...pattern.toLowerCase()];
    const given = [...text.toLowerCase()];
    let [p, t, retry] = [0, 0, null];
    while (t < given.length) {
        if (wanted[p] === '*') retry = [++p, t];
        else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === given[t])) [p, t] = [p + 1, t + 1];
        else if (retry) [p, t] = [retry[0], ++retry[1]];
        else return false;
    }
    return wanted.slice(p).every((one) => one === '*');
}

function utf8(bytes) {
    try {
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
        return undefined;
    }
}

function cleanName(bytes) {
    const name = utf8(bytes);
    const plain = name !== undefined && !NOT_PLAIN.test(name) && name !== '.' && name !== '..';
    return plain && bytes.length >= 1 && bytes.length <= 255 ? name : undefined;
}

/** Media type by the first bytes, else by whether it is text; and whether the name says otherwise. */
function looksLike(extension, head) {
    const first = String.fromCharCode(...head.slice(0, 16));
    for (const [signature, mediaType, extensions] of SIGNATURES) {
        if (!first.startsWith(signature)) continue;
        return [mediaType, PROGRAMS.includes(mediaType) && !extensions.includes(extension)];
    }
    // A character that is cut off at the end is none that is wrong.
    const text = !head.includes(0) && [0, 1, 2, 3].some((cut) => utf8(head.slice(0, Math.max(0, head.length - cut))) !== undefined);
    return [text ? 'text/plain' : 'application/octet-stream', false];
}

function looksSecret(name, head) {
    const text = new TextDecoder().decode(head);
    const key = text.includes('-----BEGIN ') && text.includes('PRIVATE KEY-----');
    return key || SECRETS.some((pattern) => glob(pattern, name));
}

function judge(candidate, rules) {
    const refused = (code, reason, hint) => ({ tag: 'refused', val: { code, reason, hint } });
    const name = cleanName(candidate.name);
    if (name === undefined) return refused('name_unusable', 'the name is not one plain segment', 'rename the file');
    const folder = new TextDecoder().decode(candidate.folder);
    const path = folder ? `${folder}/${name}` : name;
    const dot = name.lastIndexOf('.');
    const extension = dot > 0 ? name.slice(dot + 1).toLowerCase() : '';
    const [mediaType, contradicts] = looksLike(extension, candidate.head);
    const matches = (patterns) => patterns.some((pattern) => glob(pattern, pattern.includes('/') ? path : name));
    if (candidate.size === 0n && !rules.allowEmpty) return refused('empty_file', 'the file is empty', 'upload a file with content');
    if (rules.maxBytes !== undefined && candidate.size > rules.maxBytes) {
        const reason = `the file has ${candidate.size} bytes; at most ${rules.maxBytes} are allowed`;
        return refused('too_large', reason, 'split the file, or have the limit raised');
    }
    if (matches(rules.deny) || (rules.allow.length > 0 && !matches(rules.allow))) {
        return refused('name_denied', `files such as \`${name}\` are not taken here`, 'choose another file');
    }
    if (rules.denyTypes.some((pattern) => glob(pattern, mediaType))) {
        return refused('type_denied', `files of the type ${mediaType} are not taken here`, 'choose another file');
    }
    if (rules.denySecrets && looksSecret(name, candidate.head)) {
        return refused('secret', 'the file looks like a credential', 'keep it where it is');
    }
    if (rules.denyMismatch && contradicts) {
        return refused('type_mismatch', 'the content is a program and the name says otherwise', 'rename the file');
    }
    return { tag: 'accepted', val: { name, mediaType, extension } };
}

export const validator = {
    inspect(candidate, rules) {
        try {
            return judge(candidate, rules);
        } catch (error) {
            // Whatever goes wrong here lets nothing in, and says so.
            const reason = `the validator failed: ${error}`;
            return { tag: 'refused', val: { code: 'validator_failed', reason, hint: 'tell whoever runs it' } };
        }
    },
};
