"""A provider in Python, made from `wit/` alone: it keeps files in its own directory, named by digest."""

import hashlib
import os
import sys

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.provider import (
    ContentInfo,
    ContentKind,
    DeleteSemantics,
    Deletion,
    ProviderProfile,
    PurposeProfile,
    RemoteFile,
    RemotePage,
    RemoteStatus,
    Retention_UntilDeleted,
    Treatment,
    VerifyMethod,
)
from wit_world.imports.types import Failure, FailureKind

STATE = "/state"
CHUNK = 64 * 1024


def failure(kind, message):
    return Err(Failure(kind, None, None, message, None, False))


def path_of(remote_id):
    if len(remote_id) != 64 or not set(remote_id) <= set("0123456789abcdef"):
        raise failure(FailureKind.NOT_FOUND, "no such file")
    return os.path.join(STATE, remote_id)


def describe(remote_id, purpose):
    try:
        size = os.stat(path_of(remote_id)).st_size
    except FileNotFoundError:
        raise failure(FailureKind.NOT_FOUND, "no such file")
    return RemoteFile(remote_id, size, None, purpose, remote_id, None, None, RemoteStatus.READY)


class Provider(exports.Provider):
    def profile(self):
        purpose = PurposeProfile("store", None, None, [], [], None, None, Retention_UntilDeleted(), ContentKind.RAW)
        return ProviderProfile(
            "A shelf in Python", [purpose], VerifyMethod.DIGEST, DeleteSemantics.SHARED, Treatment.CONTENT, True, True, True, None, []
        )

    def upload(self, file, options):
        digest = hashlib.sha256()
        part = os.path.join(STATE, options.mark + ".part")
        with open(file.path, "rb") as source, open(part, "wb") as copy:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        remote_id = digest.hexdigest()
        os.rename(part, path_of(remote_id))
        print(f"shelved {file.name}", file=sys.stderr)
        return describe(remote_id, options.purpose)

    def stat(self, remote):
        return describe(remote.id, remote.purpose)

    def list(self, query):
        names = sorted(name for name in os.listdir(STATE) if len(name) == 64 and name > (query.cursor or ""))
        page = names[: query.limit]
        following = page[-1] if len(names) > len(page) else None
        return RemotePage([describe(name, query.purpose or "store") for name in page], following)

    def delete(self, remote):
        try:
            os.unlink(path_of(remote.id))
            return Deletion.DELETED
        except FileNotFoundError:
            return Deletion.ALREADY_GONE

    def content(self, remote):
        written = 0
        try:
            with open(path_of(remote.id), "rb") as source:
                while chunk := source.read(CHUNK):
                    sys.stdout.buffer.write(chunk)
                    written += len(chunk)
        except FileNotFoundError:
            raise failure(FailureKind.NOT_FOUND, "no such file")
        sys.stdout.buffer.flush()
        return ContentInfo("application/octet-stream", written, ContentKind.RAW)

    def probe(self):
        return f"{len(os.listdir(STATE))} files on the shelf"
