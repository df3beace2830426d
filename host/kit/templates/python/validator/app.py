"""my-component: a validator. It keeps the operator's rules; add rules of your own in `inspect`."""

import re

from wit_world import exports
from wit_world.exports.validator import Acceptance, Refusal, Verdict_Accepted, Verdict_Refused

SIGNATURES = [
    (b"%PDF-", "application/pdf", ["pdf"]),
    (b"\x89PNG\r\n\x1a\n", "image/png", ["png"]),
    (b"\xff\xd8\xff", "image/jpeg", ["jpg", "jpeg"]),
    (b"GIF8", "image/gif", ["gif"]),
    (b"\x7fELF", "application/x-executable", ["", "bin", "so", "o", "elf"]),
    (b"MZ", "application/x-msdownload", ["exe", "dll", "sys"]),
    (b"#!", "text/x-script", ["", "sh", "py", "pl", "rb", "js"]),
]
PROGRAMS = {"application/x-executable", "application/x-msdownload", "text/x-script"}
SECRETS = ["id_*", ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.kdbx", ".npmrc", ".netrc", "credentials*"]
NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u200e-\u202e\u2066-\u2069]")


def glob(pattern, text):
    """`*` and `?`, whatever the case. Runs of `*` are one, so that no pattern takes long."""
    pieces = [".*" if piece.startswith("*") else "." if piece == "?" else re.escape(piece)
              for piece in re.findall(r"\*+|\?|[^*?]+", pattern.lower())]
    return re.fullmatch("".join(pieces), text.lower(), re.DOTALL) is not None


def clean_name(name):
    try:
        name = name.decode()
    except UnicodeDecodeError:
        return None
    plain = NOT_PLAIN.search(name) is None and name not in (".", "..")
    return name if plain and 1 <= len(name.encode()) <= 255 else None


def looks_like(extension, head):
    """Media type by the first bytes, else by whether it is text; and whether the name says otherwise."""
    for signature, media_type, extensions in SIGNATURES:
        if head.startswith(signature):
            return media_type, media_type in PROGRAMS and extension not in extensions
    try:
        head[:4000].decode()
    except UnicodeDecodeError as error:
        if error.start < len(head[:4000]) - 3:
            return "application/octet-stream", False
    return "application/octet-stream" if b"\0" in head else "text/plain", False


def looks_secret(name, head):
    return any(glob(pattern, name) for pattern in SECRETS) or (b"-----BEGIN " in head and b"PRIVATE KEY-----" in head)


def judge(candidate, rules):
    name = clean_name(candidate.name)
    if name is None:
        return Refusal("name_unusable", "the name is not one plain segment", "rename the file")
    folder = candidate.folder.decode("utf-8", "replace")
    path = f"{folder}/{name}" if folder else name
    stem, dot, extension = name.rpartition(".")
    extension = extension.lower() if stem and dot else ""
    media_type, contradicts = looks_like(extension, candidate.head)

    def matches(patterns):
        return any(glob(pattern, path if "/" in pattern else name) for pattern in patterns)

    if candidate.size == 0 and not rules.allow_empty:
        return Refusal("empty_file", "the file is empty", "upload a file with content")
    if rules.max_bytes is not None and candidate.size > rules.max_bytes:
        reason = f"the file has {candidate.size} bytes; at most {rules.max_bytes} are allowed"
        return Refusal("too_large", reason, "split the file, or have the limit raised")
    if matches(rules.deny) or (rules.allow and not matches(rules.allow)):
        return Refusal("name_denied", f"files such as `{name}` are not taken here", "choose another file")
    if any(glob(pattern, media_type) for pattern in rules.deny_types):
        return Refusal("type_denied", f"files of the type {media_type} are not taken here", "choose another file")
    if rules.deny_secrets and looks_secret(name, candidate.head):
        return Refusal("secret", "the file looks like a credential", "keep it where it is")
    if rules.deny_mismatch and contradicts:
        return Refusal("type_mismatch", "the content is a program and the name says otherwise", "rename the file")
    return Acceptance(name, media_type, extension)


class Validator(exports.Validator):
    def inspect(self, candidate, rules):
        try:
            verdict = judge(candidate, rules)
        except Exception as error:  # whatever goes wrong here lets nothing in, and says so
            verdict = Refusal("validator_failed", f"the validator failed: {error!r}", "tell whoever runs it")
        return Verdict_Accepted(verdict) if isinstance(verdict, Acceptance) else Verdict_Refused(verdict)
