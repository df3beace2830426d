"""Every files and uploads call of OpenAI's SDK for Python. OPENAI_BASE_URL and OPENAI_API_KEY say where; BIG is the size of the large file.
The arguments name the checks."""

import asyncio
import hashlib
import io
import os
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import openai

client = openai.OpenAI(max_retries=2)
BIG = int(os.environ["BIG"])


def calls(resource):
    """The methods of one of the SDK's resources."""
    return {name for name, value in vars(type(resource)).items() if callable(value) and not name.startswith("_")}


# Methods that were called, by resource: a later SDK with more of them fails here.
RESOURCES = {"files": client.files, "uploads": client.uploads, "uploads.parts": client.uploads.parts}
called = {name: set() for name in RESOURCES}


def watch(resource, seen, method):
    original = getattr(resource, method)

    def watched(*arguments, **options):
        seen.add(method)
        return original(*arguments, **options)

    setattr(resource, method, watched)


for name, resource in RESOURCES.items():
    for method in calls(resource):
        watch(resource, called[name], method)


def sparse(size):
    """A file of zeros with a mark at its end, which takes no room on the disk."""
    file = tempfile.NamedTemporaryFile()
    file.truncate(size)
    file.seek(-8, os.SEEK_END)
    file.write(os.urandom(8))
    file.flush()
    file.seek(0)
    return file


def digest(file):
    file.seek(0)
    sha256 = hashlib.sha256()
    while block := file.read(1 << 20):
        sha256.update(block)
    file.seek(0)
    return sha256.hexdigest()


def files():
    made = client.files.create(
        file=("ünï \"q\".txt", b"from python"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
        extra_body={"provider": "local"},
        extra_headers={"idempotency-key": "python-1"},
    )
    assert made.object == "file" and made.bytes == 11 and made.purpose == "user_data", made
    assert made.status == "processed" and made.expires_at - made.created_at in range(3599, 3602), made
    assert made.loadlock["sha256"] == hashlib.sha256(b"from python").hexdigest()
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == b"from python"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert client.files.retrieve_content(made.id) == "from python"
    assert client.files.wait_for_processing(made.id).id == made.id
    others = [client.files.create(file=io.BytesIO(b"%d" % n), purpose="batch").id for n in range(5)]
    listed = [file.id for file in client.files.list(limit=2)]
    assert listed == [*reversed(others), made.id], listed
    batch = [file.id for file in client.files.list(limit=3, order="asc", purpose="batch")]
    assert batch == others, batch
    for id in [made.id, *others]:
        assert client.files.delete(id).deleted
    for call in (client.files.retrieve, client.files.delete, client.files.content):
        try:
            call(made.id)
            raise AssertionError("a deleted file is there")
        except openai.NotFoundError as error:
            assert error.code == "file_not_found" and error.request_id.startswith("req_"), error


def refusals():
    for wanted, call in [
        (openai.BadRequestError, lambda: client.files.create(file=b"x", purpose="nonsense")),
        (openai.BadRequestError, lambda: client.files.create(file=b"x", purpose="batch", extra_body={"provider": "nobody"})),
        (openai.AuthenticationError, lambda: client.with_options(api_key="wrong").files.list()),
        (openai.NotFoundError, lambda: client.uploads.cancel("upload_none")),
        (openai.BadRequestError, lambda: client.uploads.create(
            filename="x", purpose="batch", bytes=1, mime_type="text/plain", extra_body={"provider": "nobody"})),
    ]:
        try:
            call()
            raise AssertionError("it was not refused")
        except wanted as error:
            assert error.code and error.type, error


def uploads():
    upload = client.uploads.create(filename="p.txt", purpose="user_data", bytes=9, mime_type="text/plain")
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda data: client.uploads.parts.create(upload.id, data=data), [b"abc", b"def", b"ghi"]))
    ids = [part.id for part in parts]
    done = client.uploads.complete(upload.id, part_ids=ids, md5=hashlib.md5(b"abcdefghi").hexdigest())
    assert done.status == "completed" and client.files.content(done.file.id).read() == b"abcdefghi"
    assert client.uploads.complete(upload.id, part_ids=ids).file.id == done.file.id
    client.files.delete(done.file.id)
    given_up = client.uploads.create(filename="p.txt", purpose="user_data", bytes=9, mime_type="text/plain")
    client.uploads.parts.create(given_up.id, data=b"abc")
    assert client.uploads.cancel(given_up.id).status == "cancelled"
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(b"three parts of eight bytes")
        file.flush()
        done = client.uploads.upload_file_chunked(
            file=file.name, mime_type="text/plain", purpose="user_data", part_size=9
        )
    assert client.files.content(done.file.id).read() == b"three parts of eight bytes"
    client.files.delete(done.file.id)


def large():
    with sparse(BIG) as file:
        wanted = digest(file)
        made = client.files.create(file=("big.bin", file), purpose="user_data")
        assert made.bytes == BIG and made.loadlock["sha256"] == wanted, made
        found = hashlib.sha256()
        with client.files.with_streaming_response.content(made.id) as response:
            for block in response.iter_bytes(1 << 20):
                found.update(block)
        assert found.hexdigest() == wanted
        client.files.delete(made.id)
        done = client.uploads.upload_file_chunked(
            file=file.name, mime_type="application/octet-stream", purpose="user_data"
        )
        assert done.file.loadlock["sha256"] == wanted, done
        client.files.delete(done.file.id)


async def many():
    async with openai.AsyncOpenAI(max_retries=0) as one:
        async def round_trip(number):
            content = b"%d of many at once" % number
            made = await one.files.create(file=("many.txt", content), purpose="user_data")
            read = await one.files.content(made.id)
            assert read.content == content
            assert (await one.files.delete(made.id)).deleted

        await asyncio.gather(*(round_trip(number) for number in range(50)))


def at_once():
    asyncio.run(many())


for check in sys.argv[1:]:
    globals()[check]()
    print(f"python {openai.__version__}: {check} ok")
if {"files", "uploads"} <= set(sys.argv):
    for name, resource in RESOURCES.items():
        missing = calls(resource) - called[name] - {"with_raw_response", "with_streaming_response"}
        assert not missing, f"client.{name} has calls that nobody made: {missing}"
