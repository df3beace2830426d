"""The vendors' SDKs against the fakes: what works with the real service must work here."""

import hashlib
import io

import openai
import zai

from fake import Fake, check, raises, run

CONTENT = b"hello\r\nworld\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GLM_KEY = "id." + "secret" * 8


def client(fake, retries=0, key=None):
    return openai.OpenAI(base_url=fake.base_url, api_key=key or fake.key, max_retries=retries)


def glm(fake, key=None):
    return zai.ZaiClient(base_url=fake.base_url, api_key=key or fake.key, max_retries=0)


@check
def openai_creates_retrieves_and_deletes():
    with Fake("openai") as fake:
        files = client(fake).files
        made = files.create(file=("a.txt", CONTENT), purpose="user_data")
        assert (made.bytes, made.filename, made.status) == (len(CONTENT), "a.txt", "processed")
        assert fake.files()[0]["sha256"] == SHA256
        assert files.retrieve(made.id) == made
        assert files.content(made.id).read() == CONTENT
        assert files.delete(made.id).deleted
        error = raises(openai.NotFoundError, lambda: files.retrieve(made.id))
        assert error.param == "id" and error.type == "invalid_request_error"


@check
def openai_sends_the_purpose_first():
    with Fake("openai") as fake:
        after = {"anchor": "created_at", "seconds": 3600}
        made = client(fake).files.create(file=io.BytesIO(CONTENT), purpose="evals", expires_after=after)
        assert made.expires_at == made.created_at + 3600
        seen = fake.requests()[0]
        names = [field["name"] for field in seen["fields"]]
        assert names == ["purpose", "expires_after[anchor]", "expires_after[seconds]", "file"], names
        assert ["content-length", str(seen["body_bytes"])] in seen["headers"]


@check
def openai_pages_by_itself_and_ends():
    with Fake("openai") as fake:
        files = client(fake).files
        made = [files.create(file=(f"{at}.txt", b"x"), purpose="batch").id for at in range(7)]
        assert [file.id for file in files.list(limit=3)] == made[::-1]
        assert [file.id for file in files.list(limit=3, order="asc")] == made
        lists = [seen for seen in fake.requests() if seen["operation"] == "list"]
        assert len(lists) == 6, len(lists)


@check
def openai_uploads_in_chunks():
    with Fake("openai") as fake:
        uploads = client(fake).uploads
        # Two parts of the SDK's own size and a rest.
        data = bytes(range(256)) * (4096 * 129)
        done = uploads.upload_file_chunked(
            file=data, filename="big.bin", bytes=len(data), mime_type="application/octet-stream",
            purpose="user_data", md5=hashlib.md5(data).hexdigest(),
        )
        assert done.status == "completed" and done.file.bytes == len(data)
        assert fake.files()[0]["sha256"] == hashlib.sha256(data).hexdigest()
        parts = [seen for seen in fake.requests() if seen["operation"] == "add_part"]
        assert len(parts) == 3, len(parts)


@check
def openai_cancels_an_upload():
    with Fake("openai") as fake:
        uploads = client(fake).uploads
        upload = uploads.create(bytes=3, filename="a.bin", mime_type="text/plain", purpose="user_data")
        part = uploads.parts.create(upload.id, data=b"abc")
        assert uploads.cancel(upload.id).status == "cancelled"
        raises(openai.BadRequestError, lambda: uploads.complete(upload.id, part_ids=[part.id]))


@check
def openai_maps_errors_to_its_exceptions():
    with Fake("openai") as fake:
        files = client(fake).files
        create = lambda: files.create(file=("a.txt", b"x"), purpose="user_data")
        for status, kind in [
            (400, openai.BadRequestError), (401, openai.AuthenticationError), (403, openai.PermissionDeniedError),
            (404, openai.NotFoundError), (409, openai.ConflictError), (422, openai.UnprocessableEntityError),
            (429, openai.RateLimitError), (503, openai.InternalServerError),
        ]:
            fake.fault("create", {"answer": {"status": status, "code": "some_code"}})
            error = raises(kind, create)
            assert error.status_code == status and error.code == "some_code"
        assert fake.files() == []
        wrong = client(fake, key="sk-wrong").files
        error = raises(openai.AuthenticationError, lambda: wrong.list())
        assert error.code == "invalid_api_key"
        raises(openai.BadRequestError, lambda: files.create(file=("a.txt", b"x"), purpose="nothing"))
        raises(openai.BadRequestError, lambda: files.create(file=("a.txt", b""), purpose="user_data"))


@check
def openai_retries_after_an_error_and_a_reset():
    with Fake("openai") as fake:
        files = client(fake, retries=2).files
        fake.fault("create", {"answer": {"status": 503, "headers": [["retry-after-ms", "1"]]}})
        fake.fault("create", "reset_after")
        made = files.create(file=("a.txt", CONTENT), purpose="user_data")
        # The lost answer left a second file: what a gateway must not do.
        assert len(fake.files()) == 2
        assert fake.files()[1]["id"] == made.id
        counts = [dict(seen["headers"])["x-stainless-retry-count"] for seen in fake.requests()]
        assert counts == ["0", "1", "2"], counts


@check
def openai_refuses_a_file_over_the_limit():
    with Fake("openai", max_bytes=1000) as fake:
        files = client(fake).files
        files.create(file=("a.txt", b"x" * 1000), purpose="user_data")
        error = raises(openai.APIStatusError, lambda: files.create(file=("a.txt", b"x" * 1001), purpose="user_data"))
        assert error.status_code == 413


@check
def kimi_extracts_text():
    with Fake("kimi") as fake:
        files = client(fake).files
        made = files.create(file=("a.txt", CONTENT), purpose="file-extract")
        assert made.status == "ok" and len(made.id) == 20
        assert files.content(made.id).text == CONTENT.decode()
        assert files.retrieve(made.id).bytes == len(CONTENT)
        # One page only: Kimi documents no `has_more`, and the SDK's own paging would ask for ever.
        assert [file.id for file in files.list().data] == [made.id]
        assert files.delete(made.id).deleted
        assert fake.files() == []
        error = raises(openai.BadRequestError, lambda: files.create(file=("a.txt", b"x"), purpose="assistants"))
        assert "purpose" in str(error)
        error = raises(openai.AuthenticationError, lambda: client(fake, key="sk-other").files.list())
        assert error.body["type"] == "incorrect_api_key_error"


@check
def glm_creates_lists_reads_and_deletes():
    with Fake("glm", key=GLM_KEY) as fake:
        files = glm(fake).files
        made = files.create(file=("a.csv", CONTENT), purpose="file-extract")
        assert made.bytes == len(CONTENT) and fake.files()[0]["sha256"] == SHA256
        listed = files.list(purpose="file-extract")
        assert [file.id for file in listed.data] == [made.id] and listed.has_more is False
        assert b"hello" in files.content(made.id).content
        assert files.delete(made.id).deleted
        raises(zai.core.APIRequestFailedError, lambda: files.list())


@check
def glm_takes_a_signed_token_too():
    with Fake("glm", key=GLM_KEY) as fake:
        signed = zai.ZaiClient(base_url=fake.base_url, api_key=GLM_KEY, disable_token_cache=False, max_retries=0)
        signed.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        credential = dict(fake.requests()[0]["headers"])["authorization"]
        assert credential.count(".") == 2, "the SDK sent the key as it is"
        forged = zai.ZaiClient(base_url=fake.base_url, api_key="id." + "guess" * 8, disable_token_cache=False, max_retries=0)
        raises(zai.core.APIAuthenticationError, lambda: forged.files.list(purpose="batch"))


@check
def glm_maps_errors_to_its_exceptions():
    with Fake("glm", key=GLM_KEY) as fake:
        files = glm(fake).files
        create = lambda: files.create(file=("a.jsonl", b"{}"), purpose="batch")
        for status, code, kind in [
            (429, "1302", zai.core.APIReachLimitError), (429, "1113", zai.core.APIReachLimitError),
            (500, "1234", zai.core.APIInternalError), (503, "1305", zai.core.APIServerFlowExceedError),
            (401, "1000", zai.core.APIAuthenticationError), (400, "1214", zai.core.APIRequestFailedError),
        ]:
            fake.fault("create", {"answer": {"status": status, "code": code}})
            error = raises(kind, create)
            assert code in str(error), str(error)
        raises(zai.core.APIRequestFailedError, lambda: files.create(file=("a.txt", b"x"), purpose="batch"))
        assert fake.files() == []


@check
def zai_takes_agent_files_alone():
    with Fake("glm", key=GLM_KEY, site="zai") as fake:
        files = glm(fake).files
        assert files.create(file=("a.pdf", b"%PDF-"), purpose="agent").purpose == "agent"
        raises(zai.core.APIRequestFailedError, lambda: files.create(file=("a.pdf", b"x"), purpose="file"))
        raises(zai.core.APIStatusError, lambda: files.list(purpose="agent"))


if __name__ == "__main__":
    run()
