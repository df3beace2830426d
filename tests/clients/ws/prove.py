"""What a WebSocket client of others sees of /v1/ws: who gets in, what is told of an upload, and with which code a socket ends."""

import asyncio
import contextlib
import itertools
import json
import sys

import websockets
from place import Place, prove

MIB = 1 << 20


class Socket:
    """One connection, and JSON-RPC over it."""

    def __init__(self, connection: websockets.ClientConnection):
        self.connection = connection
        self.ids = itertools.count(1)
        self.events: list[dict] = []

    async def message(self) -> dict:
        return json.loads(await self.connection.recv())

    async def answer(self, method: str, **params) -> dict:
        number = next(self.ids)
        await self.connection.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        while "method" in (message := await self.message()):
            self.events.append(message["params"])
        assert message["id"] == number, message
        return message

    async def call(self, method: str, **params) -> dict:
        answer = await self.answer(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    async def refused(self, method: str, **params) -> str:
        answer = await self.answer(method, **params)
        assert answer["error"]["data"]["hint"], answer
        return answer["error"]["data"]["code"]

    async def until(self, *names: str) -> list[dict]:
        """Events up to the first of one of these names."""
        seen = []
        while not seen or seen[-1]["event"] not in names:
            seen.append(self.events.pop(0) if self.events else (await self.message())["params"])
        return seen

    async def closed(self) -> int:
        """Waits for the end; its code."""
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.connection.recv()
        return self.connection.close_code


def url(address: str) -> str:
    return f"ws://{address}/v1/ws"


@contextlib.asynccontextmanager
async def socket(address: str, token: str):
    async with websockets.connect(url(address), additional_headers={"Authorization": f"Bearer {token}"}) as connection:
        yield Socket(connection)


async def refusal(there: str, **options) -> int:
    try:
        await websockets.connect(there, **options)
    except websockets.InvalidStatus as refused:
        return refused.response.status_code
    raise AssertionError("a stranger got in")


async def by_header_and_by_subprotocol_and_never_by_query(place: Place, address: str) -> None:
    token = place.token("acme")
    header = {"Authorization": f"Bearer {token}"}
    offered = ["loadlock.v1", f"loadlock.bearer.{token}"]
    async with websockets.connect(url(address), additional_headers=header) as connection:
        await Socket(connection).call("uploads.list")
    async with websockets.connect(url(address), subprotocols=offered) as connection:
        assert connection.subprotocol == "loadlock.v1"
        assert token not in str(connection.response.headers)
        await Socket(connection).call("uploads.list")
    assert await refusal(url(address)) == 401
    assert await refusal(url(address), additional_headers={"Authorization": "Bearer nonsense"}) == 401
    assert await refusal(url(address), subprotocols=["loadlock.v1"]) == 401
    assert await refusal(url(address), subprotocols=offered, additional_headers=header) == 401
    for name in ("token", "access_token", "authorization"):
        assert await refusal(f"{url(address)}?{name}={token}") == 401


async def an_upload_is_told_while_it_happens(place: Place, address: str) -> None:
    size = 64 * MIB
    path = place.file("large.bin", size)
    async with socket(address, place.token("acme")) as owner, socket(address, place.token("acme")) as watcher, \
            socket(address, place.token("umbrella")) as foreign:
        for other in (watcher, foreign):
            assert await other.call("uploads.subscribe") == {"uploads": []}
        upload = (await owner.call("uploads.start", path=path, name="renamed.bin"))["upload"]
        for one in (owner, watcher):
            events = await one.until("done", "failed")
            assert all(event["upload"] == upload for event in events), events
            names = [event["event"] for event in events]
            assert names[:4] == ["queued", "admitted", "routed", "attempt"] and names[-1] == "done", names
            sent = [event["sent"] for event in events if event["event"] == "bytes"]
            assert sent and sent == sorted(sent) and sent[-1] <= size, sent
            file = events[-1]["file"]
            assert (file["filename"], file["bytes"]) == ("renamed.bin", size), file
        assert await owner.call("files.get", id=file["id"]) == file
        assert (await owner.call("files.list"))["files"] == [file]
        # Another tenant heard nothing and finds nothing.
        assert (await foreign.call("files.list"))["files"] == [] and foreign.events == []
        for method, params in [("files.get", {"id": file["id"]}), ("uploads.cancel", {"upload": upload}), ("uploads.subscribe", {"upload": upload})]:
            assert await foreign.refused(method, **params) == "file_not_found", method


async def a_cancelled_upload_leaves_nothing(place: Place, address: str) -> None:
    path = place.file("huge.bin", 2048 * MIB)
    async with socket(address, place.token("acme")) as owner:
        upload = (await owner.call("uploads.start", path=path))["upload"]
        await owner.until("bytes")
        assert [one["upload"] for one in (await owner.call("uploads.list"))["uploads"]] == [upload]
        await owner.call("uploads.cancel", upload=upload)
        end = (await owner.until("done", "failed"))[-1]
        assert end["event"] == "failed" and end["error"]["code"] == "cancelled", end
        assert (await owner.call("files.list"))["files"] == []
        assert await owner.refused("uploads.cancel", upload=upload) == "file_not_found"


async def refusals_are_answers(place: Place, address: str) -> None:
    async with socket(address, place.token("acme", "read")) as reader:
        assert await reader.refused("uploads.start", path=place.file("a.txt", "a")) == "forbidden"
    async with socket(address, place.token("acme")) as one:
        await one.call("uploads.start", path="/etc/passwd")
        assert (await one.until("failed"))[-1]["error"]["code"] == "path_not_allowed"
        for text, code in [("nonsense", -32700), ("[]", -32600), ('{"jsonrpc":"2.0","id":1,"method":"files.eat"}', -32601),
                           ('{"jsonrpc":"2.0","id":1,"method":"files.get","params":{"file":"x"}}', -32602)]:
            await one.connection.send(text)
            assert (await one.message())["error"]["code"] == code, text
        # A notification is carried out and not answered.
        await one.connection.send('{"jsonrpc":"2.0","method":"uploads.subscribe"}')
        await one.call("uploads.list")


async def sockets_end_with_the_documented_codes(place: Place, address: str) -> None:
    token = place.token("acme")
    async with socket(address, token) as one:
        await one.connection.send(b"\0")
        assert await one.closed() == 1003
    async with socket(address, token) as one:
        await one.connection.send("x" * 65_537)
        assert await one.closed() == 1009
    async with socket(address, token) as one:
        for _ in range(16):
            await one.connection.send("{}")
        assert await one.closed() == 1008
    async with socket(address, token) as one:
        await one.connection.send(b"\xff\xfe", text=True)
        assert await one.closed() in (1002, 1007)
    async with socket(address, token) as one:
        await asyncio.wait_for(await one.connection.ping(), 10)
        await one.connection.close()
        assert one.connection.close_code == 1000
    async with socket(address, place.token("acme", ttl="3s")) as one:
        assert await one.closed() == 4001
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(256):
            await stack.enter_async_context(socket(address, token))
        one = await stack.enter_async_context(socket(address, token))
        assert await one.closed() == 4003
        other = await stack.enter_async_context(socket(address, place.token("umbrella")))
        await other.call("uploads.list")
    async with socket(address, token) as one:
        await one.call("uploads.list")
        place.server.terminate()
        assert await one.closed() == 1001


if __name__ == "__main__":
    sys.exit(asyncio.run(prove([
        by_header_and_by_subprotocol_and_never_by_query,
        an_upload_is_told_while_it_happens,
        a_cancelled_upload_leaves_nothing,
        refusals_are_answers,
        sockets_end_with_the_documented_codes,
    ])))
