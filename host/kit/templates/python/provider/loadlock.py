"""What every provider needs: each exception becomes a failure, files are sent with a length, answers are read with a cap."""

import functools
import json
import os
import re
import sys
import traceback
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, preopens, stdout
from wit_world.imports.loadlock_upload_types import Failure, FailureKind
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.wasi_filesystem_types import DescriptorFlags, OpenFlags, PathFlags
from wit_world.imports.wasi_http_types import (
    Fields, IncomingBody, Method_Delete, Method_Get, Method_Post, Method_Put,
    OutgoingBody, OutgoingRequest, Scheme_Http, Scheme_Https,
)

CAP = 1 << 20  # bytes of a JSON answer
CHUNK = 1 << 20
METHODS = {"GET": Method_Get(), "POST": Method_Post(), "PUT": Method_Put(), "DELETE": Method_Delete()}


def failure(kind, message, status=None, retry_after_ms=None, outcome_unknown=False):
    message = message[:300].encode("utf-8", "replace").decode()
    return Err(Failure(kind, status, None, message, retry_after_ms, outcome_unknown))


def guarded(provider):
    """Every exception of a provider's calls becomes a failure with its message; the traceback goes to the log."""

    def guard(call):
        @functools.wraps(call)
        def guarded_call(*arguments):
            try:
                return call(*arguments)
            except Err as error:
                if isinstance(error.value, Failure):
                    raise
                raise failure(FailureKind.INTERNAL, f"the host refused: {error.value}") from error
            except BaseException as error:  # noqa: B036 - what leaves this function would end the call without a word
                traceback.print_exc(file=sys.stderr)
                raise failure(FailureKind.INTERNAL, f"{type(error).__name__}: {error}") from error

        return guarded_call

    for name in ("profile", "upload", "locate", "stat", "list", "delete", "content", "probe"):
        setattr(provider, name, guard(getattr(provider, name)))
    return provider


def setting(name, otherwise):
    return os.environ.get(f"LOADLOCK_SETTING_{name.upper()}", otherwise)


def kind_of(status):
    known = {401: "UNAUTHORIZED", 403: "UNAUTHORIZED", 402: "QUOTA_EXHAUSTED", 507: "QUOTA_EXHAUSTED", 404: "NOT_FOUND",
             410: "NOT_FOUND", 408: "TIMEOUT", 425: "RATE_LIMITED", 429: "RATE_LIMITED", 501: "UNSUPPORTED"}
    otherwise = "REJECTED" if 400 <= status < 500 else "PROTOCOL" if status < 300 or status == 303 else "UNAVAILABLE"
    return FailureKind[known.get(status, otherwise)]


def is_deep(text):
    """Whether JSON is nested so deeply that reading it would use up the stack, which ends the call."""
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > 100:
            return True
    return False


class Answer:
    """A vendor's answer. `sent_whole`: the request was taken whole, and stores something."""

    def __init__(self, response, sent_whole):
        self.status, self.sent_whole = response.status(), sent_whole
        with response.headers() as headers:
            self.headers = {name.lower(): value.decode("latin-1") for name, value in headers.entries()}
        self.incoming = response.consume()
        self.stream = self.incoming.stream()

    def __del__(self):
        # A stream has to go before its body: otherwise the call ends with `resource has children`.
        for resource in (self.stream, self.incoming):
            resource.__exit__(None, None, None)

    def failure(self, kind, message):
        # An unreadable success, or one that a gateway in between lost: the vendor may have stored the file.
        unknown = self.sent_whole and (200 <= self.status < 300 or self.status in (303, 502, 504, 520, 524))
        after = self.headers.get("retry-after", "")
        return failure(kind, message, self.status, int(after) * 1000 if after.isdecimal() else None, unknown)

    def body(self):
        read = bytearray()
        while len(read) <= CAP:
            try:
                read += self.stream.blocking_read(CHUNK)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return bytes(read)
                raise self.failure(FailureKind.TRANSPORT, "the answer broke off") from error
        raise self.failure(FailureKind.PROTOCOL, f"the answer is longer than {CAP} bytes")

    def json(self, read):
        """What `read` makes of the answer; whatever goes wrong with it is the vendor's fault, not ours."""
        body = self.body()
        if is_deep(body):
            raise self.failure(FailureKind.PROTOCOL, "the answer is nested too deeply")
        try:
            return read(json.loads(body))
        except Exception as error:
            raise self.failure(FailureKind.PROTOCOL, f"the answer is not what was expected: {error!r}") from error

    def pipe(self):
        """Moves the body to standard output, host to host; answers how many bytes."""
        moved = 0
        with stdout.get_stdout() as output:
            try:
                while True:
                    moved += output.blocking_splice(self.stream, CHUNK)
            except Err as error:
                if not isinstance(error.value, StreamError_Closed):
                    raise self.failure(FailureKind.TRANSPORT, "the content broke off") from error
            output.blocking_flush()
        declared = self.headers.get("content-length", str(moved))
        if declared != str(moved):
            raise self.failure(FailureKind.TRANSPORT, f"the content ended after {moved} of {declared} bytes")
        return moved


def send(method, path, file=None):
    """Sends one request, once; any status but 2xx is a failure."""
    base = urlsplit(setting("base_url", "https://files.example.com/v1"))
    fields = Fields.from_list([("content-length", str(file.size if file else 0).encode())])
    request = OutgoingRequest(fields)
    request.set_method(METHODS[method])
    request.set_scheme(Scheme_Https() if base.scheme == "https" else Scheme_Http())
    request.set_authority(base.netloc)
    request.set_path_with_query(base.path + path)
    body = request.body()
    # Handed over before its body is written, which would wait for ever otherwise.
    pending = outgoing_handler.handle(request, None)
    whole = write(body, file) if file else True
    sent_whole = whole and method in ("POST", "PUT")
    try:
        if whole:
            OutgoingBody.finish(body, None)
        with pending.subscribe() as ready:
            ready.block()
        answered = pending.get().value
        if isinstance(answered, Err):
            raise answered
    except Err as error:
        raise failure(FailureKind.TRANSPORT, f"no answer: {error.value}", outcome_unknown=sent_whole) from error
    answer = Answer(answered.value, sent_whole)
    if not 200 <= answer.status < 300:
        raise answer.failure(kind_of(answer.status), f"HTTP {answer.status}: {answer.body()[:200].decode('utf-8', 'replace')}")
    return answer


def write(body, file):
    """The admitted file into a request's body, from host to host; False if the vendor answered before its end."""
    root, name = next((root, path) for root, path in preopens.get_directories() if file.path.startswith(path + "/"))
    handle = root.open_at(PathFlags(0), file.path[len(name) + 1:], OpenFlags(0), DescriptorFlags.READ)
    left = file.size
    with handle, handle.read_via_stream(0) as source, body.write() as output:
        while left > 0:
            try:
                left -= output.blocking_splice(source, min(left, CHUNK))
            except Err:
                return False
    return True
