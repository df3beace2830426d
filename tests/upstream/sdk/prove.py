"""The vendors' SDKs against the fakes: what works with the real service must work here."""

import base64
import hashlib
import io

import anthropic
import boto3
import openai
import zai
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

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


def claude(fake, key=None, **options):
    return anthropic.Anthropic(base_url=fake.base_url, api_key=key or fake.key, max_retries=0, **options)


@check
def anthropic_creates_retrieves_lists_and_deletes():
    with Fake("anthropic") as fake:
        files = claude(fake).files
        made = files.upload(file=("a.txt", CONTENT, "text/plain"), expires_in_seconds=3600)
        assert (made.size_bytes, made.filename, made.mime_type) == (len(CONTENT), "a.txt", "text/plain")
        assert made.expires_at is not None and fake.files()[0]["sha256"] == SHA256
        names = [field["name"] for field in fake.requests()[0]["fields"]]
        assert names == ["expires_in_seconds", "file"], names
        assert files.retrieve_metadata(made.id) == made
        more = [files.upload(file=(f"{at}.txt", b"x", "text/plain")).id for at in range(4)]
        assert [file.id for file in files.list(limit=2)] == more[::-1] + [made.id]
        raises(anthropic.BadRequestError, lambda: files.download(made.id))
        assert files.delete(made.id).type == "file_deleted"
        raises(anthropic.NotFoundError, lambda: files.retrieve_metadata(made.id))


@check
def anthropic_maps_errors_to_its_exceptions():
    with Fake("anthropic") as fake:
        files = claude(fake).files
        upload = lambda: files.upload(file=("a.txt", b"x", "text/plain"))
        for status, kind in [
            (400, anthropic.BadRequestError), (401, anthropic.AuthenticationError), (403, anthropic.PermissionDeniedError),
            (413, anthropic.APIStatusError), (429, anthropic.RateLimitError), (529, anthropic.APIStatusError),
        ]:
            fake.fault("create", {"answer": {"status": status, "code": "some_code"}})
            error = raises(kind, upload)
            assert error.status_code == status and error.body["error"]["details"]["error_code"] == "some_code"
        raises(anthropic.AuthenticationError, lambda: claude(fake, key="sk-wrong").files.list())
        assert fake.files() == []


def gemini(fake, version, key=None):
    options = genai_types.HttpOptions(base_url=fake.base_url, api_version=version)
    return genai.Client(api_key=key or fake.key, http_options=options)


@check
def gemini_uploads_gets_lists_and_deletes():
    for version in ["v1", "v1beta"]:
        with Fake("gemini") as fake:
            # Kept: a client that nobody holds closes itself.
            google = gemini(fake, version)
            files = google.files
            # More than one of the SDK's requests.
            data = bytes(range(256)) * (4096 * 10)
            config = genai_types.UploadFileConfig(name="a-chosen-name", display_name="ä.bin", mime_type="application/octet-stream")
            made = files.upload(file=io.BytesIO(data), config=config)
            assert (made.name, made.size_bytes, made.display_name) == ("files/a-chosen-name", len(data), "ä.bin")
            assert made.state.name == "ACTIVE" and made.uri.endswith("/files/a-chosen-name")
            assert fake.files()[0]["sha256"] == hashlib.sha256(data).hexdigest()
            parts = [seen["operation"] for seen in fake.requests()]
            assert parts == ["create_upload", "add_part", "create"], parts
            assert files.get(name=made.name) == made
            more = [files.upload(file=io.BytesIO(b"x"), config={"mime_type": "text/plain"}).name for _ in range(4)]
            listed = [file.name for file in files.list(config={"page_size": 2})]
            assert listed == more[::-1] + [made.name], listed
            files.delete(name=made.name)
            error = raises(genai_errors.ClientError, lambda: files.get(name=made.name))
            assert error.code == 403 and "may not exist" in error.message


@check
def gemini_says_when_a_name_is_taken_and_when_a_video_is_processed():
    with Fake("gemini", processing=2) as fake:
        google = gemini(fake, "v1beta")
        files = google.files
        config = genai_types.UploadFileConfig(name="film", mime_type="video/mp4")
        made = files.upload(file=io.BytesIO(CONTENT), config=config)
        assert made.state.name == "PROCESSING"
        assert [files.get(name=made.name).state.name for _ in range(2)] == ["PROCESSING", "ACTIVE"]
        error = raises(genai_errors.ClientError, lambda: files.upload(file=io.BytesIO(CONTENT), config=config))
        assert error.code == 409, error
        wrong = gemini(fake, "v1", key="wrong")
        error = raises(genai_errors.ClientError, lambda: wrong.files.get(name="film"))
        assert error.code == 400 and "API key" in error.message


@check
def azures_own_client_works_and_the_plain_one_on_its_v1():
    with Fake("azure") as fake:
        endpoint = fake.base_url.removesuffix("/openai/v1")
        classic = openai.AzureOpenAI(azure_endpoint=endpoint, api_key=fake.key, api_version="2025-04-01-preview", max_retries=0)
        plain = openai.OpenAI(base_url=fake.base_url, api_key=fake.key, max_retries=0)
        for client_of_azure in [classic, plain]:
            files = client_of_azure.files
            made = files.create(file=("a.jsonl", CONTENT), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600})
            assert (files.retrieve(made.id), made.bytes) == (made, len(CONTENT))
            assert files.content(made.id).read() == CONTENT
            assert files.delete(made.id).deleted
        wrong = openai.AzureOpenAI(azure_endpoint=endpoint, api_key="wrong", api_version="2025-04-01-preview", max_retries=0)
        raises(openai.AuthenticationError, lambda: wrong.files.list())


@check
def xai_takes_the_expiry_before_the_file():
    with Fake("xai") as fake:
        files = client(fake).files
        after = {"anchor": "created_at", "seconds": 3600}
        made = files.create(file=("a.txt", CONTENT), purpose="user_data", expires_after=after)
        assert made.expires_at == made.created_at + 3600
        late = [("file", ("a.txt", b"x")), ("purpose", (None, "user_data")), ("expires_after[anchor]", (None, "created_at")),
                ("expires_after[seconds]", (None, "3600"))]
        import httpx
        answer = httpx.post(f"{fake.base_url}/files", files=late, headers={"authorization": f"Bearer {fake.key}"})
        assert answer.status_code == 400 and "before file" in answer.text, answer.text


def s3(fake, secret=None, region="us-east-1"):
    plain = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **plain)
    return boto3.client("s3", endpoint_url=fake.base_url, region_name=region, aws_access_key_id="AKIALOADLOCKFAKE",
                        aws_secret_access_key=secret or fake.key, config=config)


def checksum(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@check
def s3_puts_once_describes_lists_and_deletes():
    with Fake("s3") as fake:
        store, at = s3(fake), {"Bucket": "files", "Key": "loadlock/a b.txt"}
        content = {"Body": CONTENT, "ContentType": "text/plain", "Metadata": {"name": "a"}}
        content |= {"IfNoneMatch": "*", "ChecksumSHA256": checksum(CONTENT)}
        store.put_object(**at, **content)
        taken = raises(ClientError, lambda: store.put_object(**at, **content))
        assert taken.response["Error"]["Code"] == "PreconditionFailed", taken.response
        found = store.head_object(**at, ChecksumMode="ENABLED")
        assert (found["ContentLength"], found["Metadata"]) == (len(CONTENT), {"name": "a"}), found
        assert (found["ContentType"], found["ChecksumSHA256"]) == ("text/plain", checksum(CONTENT)), found
        assert store.get_object(**at)["Body"].read() == CONTENT
        listed = store.list_objects_v2(Bucket="files", Prefix="loadlock/")["Contents"]
        assert [(one["Key"], one["Size"]) for one in listed] == [(at["Key"], len(CONTENT))], listed
        assert fake.files()[0]["sha256"] == SHA256
        store.delete_object(**at)
        gone = raises(ClientError, lambda: store.head_object(**at))
        assert gone.response["ResponseMetadata"]["HTTPStatusCode"] == 404, gone.response
        wrong = raises(ClientError, lambda: store.put_object(**at, Body=b"x", ChecksumSHA256=checksum(b"y")))
        assert wrong.response["Error"]["Code"] == "BadDigest" and fake.files() == [], wrong.response


@check
def s3_uploads_in_parts_and_ends_what_is_not_done():
    with Fake("s3") as fake:
        store, at = s3(fake), {"Bucket": "files", "Key": "loadlock/large"}
        begin = lambda: store.create_multipart_upload(**at, ChecksumAlgorithm="SHA256")["UploadId"]
        session, bodies, parts = begin(), [b"x" * (5 << 20), CONTENT], []
        assert fake.command("unfinished") == ["loadlock/large"]
        for number, body in enumerate(bodies, 1):
            digest = {"ChecksumSHA256": checksum(body)}
            sent = store.upload_part(**at, UploadId=session, PartNumber=number, Body=body, **digest)
            parts.append({"PartNumber": number, "ETag": sent["ETag"], **digest})
        store.complete_multipart_upload(**at, UploadId=session, MultipartUpload={"Parts": parts})
        assert fake.files()[0]["sha256"] == hashlib.sha256(b"".join(bodies)).hexdigest()
        session = begin()
        listed = store.list_multipart_uploads(Bucket="files")["Uploads"]
        assert [one["UploadId"] for one in listed] == [session], listed
        store.abort_multipart_upload(**at, UploadId=session)
        assert fake.command("unfinished") == []


@check
def s3_refuses_a_wrong_secret_and_names_its_region():
    with Fake("s3") as fake:
        refused = raises(ClientError, lambda: s3(fake, secret="wrong").list_objects_v2(Bucket="files"))
        assert refused.response["Error"]["Code"] == "SignatureDoesNotMatch", refused.response
        # The SDK asks again in the region that it was told.
        assert s3(fake, region="eu-west-1").list_objects_v2(Bucket="files").get("Contents", []) == []


if __name__ == "__main__":
    run()
