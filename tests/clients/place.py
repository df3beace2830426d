"""A home, a folder of files, and the binary LOADLOCK to run with them, for the suites in Python."""

import asyncio
import json
import os
import subprocess
import tempfile
import traceback
from pathlib import Path

LOADLOCK = os.environ["LOADLOCK"]
# Compiled components, shared by all homes.
COMPILED = Path(os.environ["CACHE"]) / "compiled"


class Place:
    def __init__(self, folder: str):
        self.folder = Path(folder)
        self.files = self.folder / "files"
        self.files.mkdir()
        self.config = self.folder / "loadlock.toml"
        # No leeway: a test waits for the end of a token.
        self.config.write_text(f'[auth]\nleeway = "0s"\n[[grants]]\nroot = "{self.files}"\ntenants = ["acme", "umbrella"]\n')
        self.env = {"PATH": os.environ["PATH"], "LOADLOCK_CONFIG": str(self.config), "LOADLOCK_LOG": "warn"}

    def command(self, home: str, *arguments: str) -> dict:
        """A home of its own for each use."""
        compiled = self.folder / home / "cache"
        if not compiled.is_symlink():
            COMPILED.mkdir(parents=True, exist_ok=True)
            compiled.parent.mkdir(mode=0o700)
            compiled.symlink_to(COMPILED)
        return {
            "args": [LOADLOCK, *arguments],
            "env": {**self.env, "LOADLOCK_HOME": str(self.folder / home)},
            "cwd": self.files,
        }

    def serve(self) -> tuple[subprocess.Popen, str]:
        """The server, and its address."""
        command = self.command("served", "serve", "--json", "--listen", "127.0.0.1:0")
        process = subprocess.Popen(**command, stdout=subprocess.PIPE, text=True)
        return process, json.loads(process.stdout.readline())["address"]

    def token(self, tenant: str, *scopes: str, ttl: str = "1h") -> str:
        issue = self.command("served", "token", "issue", "--subject", "client", "--tenant", tenant, "--json",
                             "--ttl", ttl, "--scope", ",".join(scopes or ("read", "write", "delete")))
        return json.loads(subprocess.run(**issue, check=True, capture_output=True, text=True).stdout)["token"]

    def file(self, name: str, content: str | int) -> str:
        """The path of a file with this text, or of so many zeros that take no room on the disk."""
        path = self.files / name
        if isinstance(content, str):
            path.write_text(content)
        else:
            with path.open("wb") as file:
                file.truncate(content)
        return str(path)


async def prove(checks: list) -> int:
    """Each check gets a place with a server, which it may end. The last line says how many passed; answers the exit status."""
    passed = 0
    for check in checks:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(folder)
            process, address = place.serve()
            place.server = process
            try:
                await asyncio.wait_for(check(place, address), 120)
                passed += 1
                print(f"ok      {check.__name__}")
            except Exception:
                traceback.print_exc()
                print(f"FAILED  {check.__name__}")
            finally:
                process.terminate()
                process.wait(60)
    print(f"{passed} passed, {len(checks) - passed} failed")
    return 0 if passed == len(checks) else 1
