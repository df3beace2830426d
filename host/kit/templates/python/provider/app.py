"""my-component: a provider for the vendor in vendor.py. Change it to speak your vendor's API."""

from urllib.parse import quote, urlsplit

from componentize_py_types import Err
from loadlock import failure, guarded, send, setting
from wit_world import exports
from wit_world.exports.provider import (
    ContentInfo, ContentKind, DeleteSemantics, Deletion, EgressNeed, Operation, ProviderProfile, PurposeProfile,
    RemoteFile, RemotePage, RemoteStatus, Retention_UntilDeleted, Treatment, VerifyMethod,
)
from wit_world.imports.loadlock_upload_types import FailureKind


def whole(number):
    if type(number) is not int or number < 0 or number >= 1 << 64:
        raise ValueError(f"{number!r} is not a size")
    return number


def text(value):
    if type(value) is not str:
        raise ValueError(f"{value!r} is not a text")
    value.encode()  # half of a surrogate pair is in JSON, but in no text
    return value


def remote_file(one):
    """What the vendor says of a file. The id must be as it was in the answer: the host looks for it there."""
    id, size, name = text(one["id"]), whole(one["bytes"]), text(one["name"])
    return RemoteFile(id, size, name, "store", None, None, None, RemoteStatus.READY, None, None, None)


@guarded
class Provider(exports.Provider):
    def profile(self):
        base = urlsplit(setting("base_url", "https://files.example.com/v1"))
        reads = [Operation.STAT, Operation.LISTING, Operation.CONTENT, Operation.PROBE]
        calls = [("POST", [Operation.UPLOAD]), ("GET", reads), ("DELETE", [Operation.DELETE])]
        origin = f"{base.scheme}://{base.netloc}"
        return ProviderProfile(
            title=f"my-component ({base.hostname})",
            purposes=[PurposeProfile("store", None, None, [], [], None, None, Retention_UntilDeleted(), ContentKind.RAW)],
            # The mark is in the remote name, and `list` shows the name: a lost upload can be found.
            verify=VerifyMethod.MARK,
            delete=DeleteSemantics.HARD,
            treatment=Treatment.CONTENT,
            can_stat=True,
            can_list=True,
            takes_empty=True,
            max_concurrency=None,
            wants_digest=False,
            poll_interval_ms=None,
            egress=[EgressNeed(origin, f"{base.path}/files", [method], operations) for method, operations in calls],
        )

    def upload(self, file, options):
        return send("POST", f"/files?name={quote(options.remote_name, safe='')}", file).json(remote_file)

    def locate(self, upload):
        raise failure(FailureKind.UNSUPPORTED, "a lost upload is found by the mark in its name")

    def stat(self, remote):
        return send("GET", f"/files/{quote(remote.id, safe='')}").json(remote_file)

    def list(self, query):
        path = f"/files?limit={query.limit}&after={quote(query.cursor or '', safe='')}"

        def page(read):
            following = read["next"]
            return RemotePage([remote_file(one) for one in read["files"]], None if following is None else text(following))

        return send("GET", path).json(page)

    def delete(self, remote):
        try:
            send("DELETE", f"/files/{quote(remote.id, safe='')}")
            return Deletion.DELETED
        except Err as error:
            if error.value.kind != FailureKind.NOT_FOUND:
                raise
            return Deletion.ALREADY_GONE

    def content(self, remote):
        answer = send("GET", f"/files/{quote(remote.id, safe='')}/content")
        return ContentInfo("application/octet-stream", answer.pipe(), ContentKind.RAW)

    def probe(self):
        send("GET", "/files?limit=1")
        return "answers"
