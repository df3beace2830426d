"""OpenAI's SDK for Python asks models about files that were uploaded to the gateway. OPENAI_BASE_URL and OPENAI_API_KEY
say where, OTHER_TENANT is another tenant's token, VENDOR_KEY what no answer may hold."""

import io
import os

import openai

KEY = os.environ["VENDOR_KEY"]
client = openai.OpenAI(max_retries=0)
base = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
named = client.with_options(base_url=f"{base}/v1/providers/openai")
other = client.with_options(api_key=os.environ["OTHER_TENANT"])


def uploaded(text, provider="openai", purpose="user_data"):
    """The id of a file with this text."""
    body = {"provider": provider}
    return client.files.create(file=("a.txt", io.BytesIO(text.encode())), purpose=purpose, extra_body=body).id


def asking(file):
    return [{"role": "user", "content": [{"type": "input_file", "file_id": file}]}]


def chatting(file):
    return [{"role": "user", "content": [{"type": "file", "file": {"file_id": file}}]}]


def refused(kind, code, ask):
    try:
        ask()
    except kind as error:
        assert error.code == code, error
    else:
        raise AssertionError(f"it is not refused as {code}")


def responses():
    file = uploaded("one two three")
    answer = client.responses.create(model="m", input=asking(file))
    assert answer.output_text == "one two three", answer
    events = client.responses.create(model="m", input=asking(file), stream=True)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["one ", "two ", "three"], deltas


def chat():
    file = uploaded("four five")
    answer = named.chat.completions.create(model="m", messages=chatting(file))
    assert answer.choices[0].message.content == "four five", answer
    chunks = named.chat.completions.create(model="m", messages=chatting(file), stream=True)
    words = [chunk.choices[0].delta.content for chunk in chunks]
    assert [word for word in words if word] == ["four ", "five"], words
    # Several forward it, and none is named.
    refused(openai.BadRequestError, "request_invalid", lambda: client.chat.completions.create(model="m", messages=chatting(file)))


def batches():
    file = uploaded('{"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": {}}\n')
    batch = client.batches.create(input_file_id=file, endpoint="/v1/responses", completion_window="24h")
    assert batch.input_file_id != file and client.batches.retrieve(batch.id).id == batch.id, batch


def ids():
    file = uploaded("mine")
    refused(openai.NotFoundError, "file_not_found", lambda: other.responses.create(model="m", input=asking(file)))
    remote = client.files.retrieve(file).loadlock["remote_id"]
    for unknown in [f"file-{'0' * 26}", remote]:
        refused(openai.NotFoundError, "file_not_found", lambda: client.responses.create(model="m", input=asking(unknown)))
    kept = uploaded("copied there", "local")
    assert client.responses.create(model="m", input=asking(kept)).output_text == "copied there"
    elsewhere = uploaded("at Kimi alone", "kimi", "file-extract")
    refused(openai.ConflictError, "not_available_there", lambda: client.responses.create(model="m", input=asking(elsewhere)))
    refused(openai.NotFoundError, "no_such_endpoint", lambda: client.embeddings.create(model="m", input="x"))


def secrets():
    for cut in range(1, len(KEY) + 2):
        metadata = {"repeat": "1", "cut": str(cut)}
        stream = client.responses.create(model="m", input=[], stream=True, metadata=metadata)
        text = "".join(event.model_dump_json() for event in stream)
        assert "the key is" in text and "*" * len(KEY) in text and KEY not in text, text


for check in [responses, chat, batches, ids, secrets]:
    check()
    print(f"ok      python {check.__name__}")
