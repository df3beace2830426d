"""What MCP clients of others see of Loadlock: every tool, progress, errors, cancelling and tenants."""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys

import httpx2
from mcp import Client, ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from place import Place, prove

INSPECTOR = os.environ["INSPECTOR"]
TOOLS = {
    "upload_path", "upload_bytes", "upload_many", "list_files",
    "get_file", "copy_file", "read_text", "delete_file", "provider_health",
}


@contextlib.asynccontextmanager
async def over_stdio(place: Place, home: str = "local"):
    command = place.command(home, "mcp")
    server = StdioServerParameters(command=command["args"][0], args=["mcp"], env=command["env"], cwd=command["cwd"])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        opened = await session.initialize()
        assert opened.server_info.name == "loadlock" and opened.instructions, opened
        yield session


@contextlib.asynccontextmanager
async def over_http(address: str, token: str):
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        streamable_http_client(f"http://{address}/mcp", http_client=http) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        yield session


class Tools:
    """Calls of tools; the SDK holds every structured result against the tool's output schema."""

    def __init__(self, session: ClientSession):
        self.session = session

    async def done(self, tool: str, **arguments) -> dict:
        result = await self.session.call_tool(tool, arguments)
        assert not result.is_error, result
        return result.structured_content

    async def failed(self, tool: str, **arguments) -> str:
        result = await self.session.call_tool(tool, arguments)
        assert result.is_error, result
        # Structured content would have to be what the schema says of a success.
        assert result.structured_content is None, result
        error = json.loads(result.content[0].text)["error"]
        assert error["message"] and error["hint"], error
        return error["code"]

    async def told(self, tool: str, **arguments) -> tuple[dict, list[str]]:
        """The result, and what was said on the way."""
        seen: list[tuple[float, str | None]] = []

        async def progress(value: float, total: float | None, message: str | None) -> None:
            seen.append((value, message))

        result = await self.session.call_tool(tool, arguments, progress_callback=progress)
        assert not result.is_error, result
        # The protocol: it increases with each notification.
        values = [value for value, _ in seen]
        assert values and values == sorted(set(values)), seen
        return result.structured_content, [message or "" for _, message in seen]


async def every_tool(session: ClientSession, place: Place) -> None:
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == TOOLS, tools
    assert all(tool.output_schema and tool.annotations for tool in tools.values())
    call = Tools(session)
    text = "hello from a client of somebody else\n"
    path, other = place.file("report.txt", text), place.file("other.txt", "another")

    file, said = await call.told("upload_path", path=path)
    assert any("stored" in message for message in said), said
    inline, said = await call.told("upload_bytes", name="b.txt", content_base64=base64.b64encode(b"inline").decode())
    assert any("stored" in message for message in said), said
    many, said = await call.told("upload_many", paths=[path, other])
    assert many["stored"] == 2 and many["failed"] == 0, many
    assert many["results"][0]["file"]["deduplicated"], many
    part = await session.call_tool("upload_many", {"paths": [path, "/etc/passwd"]})
    assert part.is_error and part.structured_content["stored"] == 1, part
    assert part.structured_content["results"][1]["error"]["code"] == "path_not_allowed", part

    page = await call.done("list_files", limit=3)
    rest = await call.done("list_files", cursor=page["next"])
    listed = [one["id"] for one in page["files"] + rest["files"]]
    assert len(set(listed)) == 5 and {file["id"], inline["id"]} <= set(listed), listed
    assert (await call.done("get_file", id=file["id"]))["sha256"] == file["sha256"]
    whole = await call.done("read_text", id=file["id"])
    assert whole["text"] == text and not whole["truncated"], whole
    begin = await call.done("read_text", id=file["id"], max_bytes=16)
    end = await call.done("read_text", id=file["id"], offset=begin["next_offset"])
    assert begin["truncated"] and begin["text"] + end["text"] == text, (begin, end)
    assert (await call.done("provider_health"))["providers"][0]["healthy"]
    assert (await call.done("delete_file", id=inline["id"]))["deleted"]
    assert await call.failed("get_file", id=inline["id"]) == "file_not_found"


async def every_error(session: ClientSession, place: Place) -> None:
    """A call that cannot be carried out is a result that tells the agent what to do; a call of nothing is the protocol's error."""
    call = Tools(session)
    path = place.file("a.txt", "a")
    empty = await call.done("upload_bytes", name="blank.txt", content_base64=base64.b64encode(b" \n").decode())
    for code, tool, arguments in [
        ("path_not_allowed", "upload_path", {"path": "/etc/passwd"}),
        ("provider_unknown", "upload_path", {"path": path, "to": "nobody"}),
        ("request_invalid", "upload_path", {"path": path, "purpose": 7}),
        ("request_invalid", "upload_bytes", {"name": "a.txt", "content_base64": "no base64"}),
        ("request_invalid", "upload_many", {"paths": []}),
        ("request_invalid", "list_files", {"limit": 0}),
        ("request_invalid", "list_files", {"cursor": "nonsense"}),
        ("file_not_found", "get_file", {"id": "file-none"}),
        ("file_not_found", "read_text", {"id": "file-none"}),
        ("file_not_found", "delete_file", {"id": "file-none"}),
        ("content_unavailable", "read_text", {"id": empty["id"]}),
        ("provider_unknown", "provider_health", {"provider": "nobody"}),
    ]:
        found = await call.failed(tool, **arguments)
        assert found == code, (tool, arguments, found)
    for code, nothing in [
        (-32602, lambda: session.call_tool("eat_file", {})),
        (-32601, lambda: session.list_prompts()),
        (-32601, lambda: session.read_resource("file:///etc/passwd")),
    ]:
        try:
            answer = await nothing()
            raise AssertionError(f"it was answered: {answer}")
        except MCPError as error:
            assert error.error.code == code, error.error
    await session.send_ping()


async def python_stdio(place: Place, _: str) -> None:
    async with over_stdio(place) as session:
        await every_tool(session, place)
        await every_error(session, place)


async def python_http(place: Place, address: str) -> None:
    async with over_http(address, place.token("acme")) as session:
        await every_tool(session, place)
        await every_error(session, place)


async def python_http_of_today(place: Place, address: str) -> None:
    """The SDK's own choice of protocol revision: without sessions where both sides know how."""
    headers = {"Authorization": f"Bearer {place.token('acme')}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http_client(f"http://{address}/mcp", http_client=http)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            stored = await client.call_tool("upload_path", {"path": place.file("a.txt", "a")})
            assert not stored.is_error, stored
            listed = await client.call_tool("list_files", {})
            assert [one["id"] for one in listed.structured_content["files"]] == [stored.structured_content["id"]]


async def python_cancels(place: Place, address: str) -> None:
    """A call that is given up ends its upload."""
    path = place.file("huge.bin", 2 << 30)
    async with over_http(address, place.token("acme")) as session:
        begun = asyncio.Event()

        async def progress(value: float, total: float | None, message: str | None) -> None:
            begun.set()

        calling = asyncio.create_task(session.call_tool("upload_path", {"path": path}, progress_callback=progress))
        await begun.wait()
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        assert (await Tools(session).done("list_files"))["files"] == []


async def python_two_tenants(place: Place, address: str) -> None:
    path = place.file("a.txt", "acme's own")
    async with over_http(address, place.token("acme")) as acme, over_http(address, place.token("umbrella")) as umbrella:
        owner, stranger = Tools(acme), Tools(umbrella)
        file = await owner.done("upload_path", path=path)
        for tool in ("get_file", "read_text", "delete_file"):
            assert await stranger.failed(tool, id=file["id"]) == "file_not_found", tool
        assert (await stranger.done("list_files"))["files"] == []
        own = await stranger.done("upload_path", path=path)
        assert own["id"] != file["id"] and not own["deduplicated"], own
        await owner.done("get_file", id=file["id"])


async def python_http_without_a_token(_: Place, address: str) -> None:
    async with httpx2.AsyncClient() as http:
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
        accept = {"Accept": "application/json, text/event-stream"}
        for headers in (accept, {**accept, "Authorization": "Bearer nonsense"}):
            answer = await http.post(f"http://{address}/mcp", json=message, headers=headers)
            assert answer.status_code == 401, answer


async def inspector(there: list[str], place: Place, **options) -> None:
    """Lists the tools and calls each once, every time as a client of its own."""

    async def ask(method: str, *arguments: str) -> dict:
        command = [INSPECTOR, "--cli", *there, "--method", method, *arguments]
        run = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, **options)
        try:
            return json.loads(run.stdout)
        except json.JSONDecodeError:
            raise AssertionError((command, run.returncode, run.stdout, run.stderr)) from None

    async def call(tool: str, **arguments: str) -> dict:
        given = [part for name, value in arguments.items() for part in ("--tool-arg", f"{name}={value}")]
        return await ask("tools/call", "--tool-name", tool, *given)

    assert {tool["name"] for tool in (await ask("tools/list"))["tools"]} == TOOLS
    path = place.file("inspected.txt", "looked at closely")
    file = (await call("upload_path", path=path))["structuredContent"]
    inline = (await call("upload_bytes", name="i.txt", content_base64="aW5saW5l"))["structuredContent"]
    many = (await call("upload_many", paths=json.dumps([path])))["structuredContent"]
    assert many["stored"] == 1, many
    assert len((await call("list_files"))["structuredContent"]["files"]) == 3
    assert (await call("get_file", id=file["id"]))["structuredContent"]["sha256"] == file["sha256"]
    assert (await call("read_text", id=file["id"]))["structuredContent"]["text"] == "looked at closely"
    assert (await call("provider_health"))["structuredContent"]["providers"][0]["healthy"]
    assert (await call("delete_file", id=inline["id"]))["structuredContent"]["deleted"]
    gone = await call("get_file", id=inline["id"])
    assert gone["isError"] and json.loads(gone["content"][0]["text"])["error"]["code"] == "file_not_found", gone


async def inspector_stdio(place: Place, _: str) -> None:
    command = place.command("inspected", "mcp")
    environment = [part for name, value in command["env"].items() for part in ("-e", f"{name}={value}")]
    await inspector([*command["args"], *environment], place, env={**os.environ, **command["env"]}, cwd=command["cwd"])


async def inspector_http(place: Place, address: str) -> None:
    token = place.token("acme")
    await inspector([f"http://{address}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {token}"], place)


if __name__ == "__main__":
    sys.exit(asyncio.run(prove([
        python_stdio, python_http, python_http_of_today, python_cancels, python_two_tenants, python_http_without_a_token,
        inspector_stdio, inspector_http,
    ])))
