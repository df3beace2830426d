"""What clients of others see of Loadlock's MCP and WebSocket doors. The last line is `N passed, N failed`."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import httpx2
import websockets
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

LOADLOCK, INSPECTOR = os.environ["LOADLOCK"], os.environ["INSPECTOR"]
COMPILED = Path(os.environ["COMPILED"])
TOOLS = {
    "upload_path", "upload_bytes", "upload_many", "list_files",
    "get_file", "read_text", "delete_file", "provider_health",
}


class Place:
    """A home, a folder of files, and a server."""

    def __init__(self, folder: str):
        self.folder = Path(folder)
        self.files = self.folder / "files"
        self.files.mkdir()
        config = self.folder / "loadlock.toml"
        config.write_text(f'[[grants]]\nroot = "{self.files}"\ntenants = ["acme"]\n')
        self.env = {"PATH": os.environ["PATH"], "LOADLOCK_CONFIG": str(config)}

    def command(self, home: str, *arguments: str) -> dict:
        """A home of its own for each use; compiled components are shared."""
        cache = self.folder / home / "cache"
        if not cache.is_symlink():
            COMPILED.mkdir(parents=True, exist_ok=True)
            cache.parent.mkdir(mode=0o700)
            cache.symlink_to(COMPILED)
        return {
            "args": [LOADLOCK, *arguments],
            "env": {**self.env, "LOADLOCK_HOME": str(self.folder / home)},
            "cwd": self.files,
        }

    def serve(self) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            **self.command("served", "serve", "--json", "--listen", "127.0.0.1:0"), stdout=subprocess.PIPE, text=True
        )
        return process, json.loads(process.stdout.readline())["address"]

    def token(self, tenant: str, *scopes: str) -> str:
        issue = self.command("served", "token", "issue", "--subject", "client", "--tenant", tenant, "--json",
                             "--scope", ",".join(scopes or ("read", "write", "delete")))
        return json.loads(subprocess.run(**issue, check=True, capture_output=True, text=True).stdout)["token"]

    def stdio(self) -> StdioServerParameters:
        command = self.command("local", "mcp")
        return StdioServerParameters(command=command["args"][0], args=["mcp"], env=command["env"], cwd=command["cwd"])


async def every_tool(session: ClientSession, place: Place) -> None:
    """The SDK validates every structured result against the tool's output schema."""
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == TOOLS, tools
    assert all(tool.output_schema and tool.annotations for tool in tools.values())

    path = place.files / "report.txt"
    path.write_text("hello from a client of somebody else\n")
    seen: list[tuple[float, str | None]] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        seen.append((value, message))

    async def done(tool: str, arguments: dict) -> dict:
        result = await session.call_tool(tool, arguments)
        assert not result.is_error, result
        return result.structured_content

    stored = await session.call_tool("upload_path", {"path": str(path)}, progress_callback=progress)
    assert not stored.is_error, stored
    file = stored.structured_content
    assert seen and seen == sorted(seen, key=lambda one: one[0]), seen
    assert any("stored" in (message or "") for _, message in seen), seen
    inline = await done("upload_bytes", {"name": "b.txt", "content_base64": base64.b64encode(b"inline").decode()})
    many = await session.call_tool("upload_many", {"paths": [str(path), "/etc/passwd"]})
    assert many.is_error and many.structured_content["stored"] == 1, many
    assert len((await done("list_files", {}))["files"]) == 3
    assert (await done("get_file", {"id": file["id"]}))["sha256"] == file["sha256"]
    text = await done("read_text", {"id": file["id"]})
    assert text["text"] == path.read_text() and not text["truncated"], text
    assert (await done("provider_health", {}))["providers"][0]["healthy"]
    await done("delete_file", {"id": inline["id"]})
    gone = await session.call_tool("get_file", {"id": inline["id"]})
    assert gone.is_error and gone.structured_content["error"]["code"] == "file_not_found", gone


async def python_stdio(place: Place, _: str) -> None:
    async with stdio_client(place.stdio()) as (read, write), ClientSession(read, write) as session:
        opened = await session.initialize()
        assert opened.server_info.name == "loadlock", opened
        await every_tool(session, place)


async def python_http(place: Place, address: str) -> None:
    headers = {"Authorization": f"Bearer {place.token('acme')}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(f"http://{address}/mcp", http_client=http) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        await every_tool(session, place)


async def python_http_of_today(place: Place, address: str) -> None:
    """The SDK's own choice of protocol revision: without sessions where both sides know how."""
    headers = {"Authorization": f"Bearer {place.token('acme')}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http_client(f"http://{address}/mcp", http_client=http)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            result = await client.call_tool("list_files", {})
            assert not result.is_error, result


async def python_http_without_a_token(_: Place, address: str) -> None:
    async with httpx2.AsyncClient() as http:
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
        accept = {"Accept": "application/json, text/event-stream"}
        answer = await http.post(f"http://{address}/mcp", json=message, headers=accept)
        assert answer.status_code == 401, answer


def inspect(*arguments: str, **options) -> dict:
    run = subprocess.run([INSPECTOR, "--cli", *arguments], capture_output=True, text=True, timeout=60, **options)
    assert run.returncode == 0, (run.stdout, run.stderr)
    return json.loads(run.stdout)


async def inspector_stdio(place: Place, _: str) -> None:
    command = place.command("inspected", "mcp")
    options = {"env": {**os.environ, **command["env"]}, "cwd": command["cwd"]}
    environment = [part for name, value in command["env"].items() for part in ("-e", f"{name}={value}")]
    found = await asyncio.to_thread(inspect, *command["args"], *environment, "--method", "tools/list", "--strict", **options)
    assert {tool["name"] for tool in found["tools"]} == TOOLS, found


async def inspector_http(place: Place, address: str) -> None:
    there = [f"http://{address}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {place.token('acme')}"]
    found = await asyncio.to_thread(inspect, *there, "--method", "tools/list")
    assert {tool["name"] for tool in found["tools"]} == TOOLS, found
    called = await asyncio.to_thread(inspect, *there, "--method", "tools/call", "--tool-name", "provider_health")
    assert called["structuredContent"]["providers"][0]["healthy"], called


async def python_websockets(place: Place, address: str) -> None:
    path = place.files / "socket.txt"
    path.write_text("over a socket")
    offered = ["loadlock.v1", f"loadlock.bearer.{place.token('acme')}"]
    async with websockets.connect(f"ws://{address}/v1/ws", subprotocols=offered) as socket:
        assert socket.subprotocol == "loadlock.v1"
        start = {"jsonrpc": "2.0", "id": 1, "method": "uploads.start", "params": {"path": str(path)}}
        await socket.send(json.dumps(start))
        upload = json.loads(await socket.recv())["result"]["upload"]
        events = []
        while not events or events[-1]["event"] not in ("done", "failed"):
            events.append(json.loads(await socket.recv())["params"])
        assert events[0]["event"] == "queued" and events[-1]["event"] == "done", events
        assert all(event["upload"] == upload for event in events)
    try:
        await websockets.connect(f"ws://{address}/v1/ws")
        raise AssertionError("a stranger got in")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 401


async def main() -> int:
    checks = [
        python_stdio, python_http, python_http_of_today, python_http_without_a_token,
        inspector_stdio, inspector_http, python_websockets,
    ]
    passed = 0
    for check in checks:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(folder)
            process, address = place.serve()
            try:
                await asyncio.wait_for(check(place, address), 120)
                passed += 1
                print(f"ok      {check.__name__}")
            except Exception:
                traceback.print_exc()
                print(f"FAILED  {check.__name__}")
            finally:
                process.terminate()
                process.wait(30)
    print(f"{passed} passed, {len(checks) - passed} failed")
    return 0 if passed == len(checks) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
