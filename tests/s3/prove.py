"""`builtin:s3` against real servers: what is stored, what is left behind, and what is said when it fails."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from servers import BUCKET, KEY_ID, SECRET, Rclone, SeaweedFS, eventually

LOADLOCK = os.environ["LOADLOCK"]
COMPILED = Path(os.environ["CACHE"]) / "compiled"
MIB = 1 << 20
GIB = 1 << 30
# An upload may hold this much, whatever it stores: the sandbox's slots, buffers and the program itself.
MOST_MEMORY = 400 * MIB


class Place:
    """A home and a folder of files, with one provider that stores at `server`."""

    def __init__(self, folder: Path, server, secret: str = SECRET, settings: str = "", region: str = "us-east-1"):
        self.server, self.folder = server, folder
        self.files = folder / "files"
        self.files.mkdir()
        (folder / "home").mkdir(mode=0o700)
        COMPILED.mkdir(parents=True, exist_ok=True)
        (folder / "home" / "cache").symlink_to(COMPILED)
        (folder / "secret").write_text(secret + "\n")
        self.config = folder / "loadlock.toml"
        self.config.write_text(f"""
[limits]
max_upload_size = "10 GB"
[validator]
skip = ["empty"]
[[grants]]
root = "{self.files}"
[providers.s3]
component = "builtin:s3"
credential = {{ kind = "aws-sigv4", region = "{region}", key_id = "${{env:S3_KEY_ID}}", value = "${{file:secret}}" }}
[providers.s3.settings]
base_url = "{server.url}"
bucket = "{BUCKET}"
single_max_bytes = "{5 * MIB}"
part_bytes = "{5 * MIB}"
{settings}
""")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "S3_KEY_ID": KEY_ID,
            "LOADLOCK_CONFIG": str(self.config),
            "LOADLOCK_HOME": str(folder / "home"),
            "LOADLOCK_LOG": "debug",
        }

    def start(self, *arguments: str, env: dict | None = None, **more) -> subprocess.Popen:
        environment = {**self.env, **(env or {})}
        log = (self.folder / "stderr").open("ab")
        return subprocess.Popen([LOADLOCK, *arguments], env=environment, cwd=self.files, stdout=subprocess.PIPE,
                                stderr=log, text=True, **more)

    def run(self, *arguments: str, env: dict | None = None) -> list[dict]:
        """The lines that the command writes."""
        with self.start(*arguments, "--json", env=env) as process:
            out, _ = process.communicate(timeout=1200)
        self.said(out)
        return [json.loads(line) for line in out.splitlines()]

    def said(self, out: str):
        with (self.folder / "stdout").open("a") as log:
            log.write(out)

    def upload(self, path: Path, **more) -> dict:
        return self.run("upload", str(path), **more)[0]

    def file(self, name: str, size: int, sparse: bool = False) -> Path:
        path = self.files / name
        with path.open("wb") as file:
            if sparse:
                file.truncate(size)
            else:
                # Differs from one file to the next, and from one part to the next.
                seed = hashlib.sha256(f"{name} {size}".encode()).digest()
                for start in range(0, size, MIB):
                    block = hashlib.sha256(seed + start.to_bytes(8)).digest() * (MIB // 32)
                    file.write(block[: min(MIB, size - start)])
        return path

    def hunt(self):
        """The secret is in nothing that was written or said."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != "secret" and "cache" not in path.parts and path.parent != self.files:
                assert SECRET.encode() not in path.read_bytes(), f"the secret is in {path}"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_back(server, stored: dict) -> tuple[str, dict]:
    """The digest of what Amazon's SDK reads, and its answer."""
    found = server.s3.get_object(Bucket=BUCKET, Key=f"loadlock/{stored['remote_id']}")
    hash = hashlib.sha256()
    for chunk in found["Body"].iter_chunks(MIB):
        hash.update(chunk)
    return hash.hexdigest(), found


def every_size_is_stored_as_it_is(folder, server):
    place = Place(folder, server)
    sizes = [0, 1, *(at + step for at in (5 * MIB, 10 * MIB, 15 * MIB) for step in (-1, 0, 1)), 64 * MIB]
    for size in sizes:
        path = place.file(f"größe {size}.txt", size)
        stored = place.upload(path)
        assert stored.get("bytes") == size and stored["sha256"] == digest(path), stored
        sha256, found = read_back(server, stored)
        assert sha256 == stored["sha256"] and found["ContentLength"] == size, (size, found)
        if server.is_strict:
            assert found["Metadata"]["name"].startswith("gr%C3%B6%C3%9Fe%20"), found
        assert stored["remote_id"].endswith(".txt"), stored
        content = folder / f"content of {size}"
        assert place.start("files", "content", stored["id"], "-o", str(content)).wait(120) == 0
        assert digest(content) == sha256
        content.unlink()
    assert server.sessions() == []
    listed = place.run("reconcile")
    assert listed and "error" not in listed[0], listed
    place.hunt()


def a_file_is_deleted_at_the_store(folder, server):
    place = Place(folder, server)
    stored = place.upload(place.file("a.bin", 6 * MIB))
    assert "remote_id" in stored, stored
    key = f"loadlock/{stored['remote_id']}"
    assert key in server.keys()
    removed = place.run("files", "rm", stored["id"])
    assert "error" not in removed[0], removed
    eventually("the object goes", lambda: key not in server.keys())


def other_peoples_objects_stay(folder, server):
    server.s3.put_object(Bucket=BUCKET, Key="of-somebody-else", Body=b"x")
    server.s3.put_object(Bucket=BUCKET, Key="loadlocked/by-another", Body=b"x")
    place = Place(folder, server)
    stored = place.upload(place.file("a.txt", 1))
    assert "remote_id" in stored, stored
    found = place.run("reconcile")
    assert "error" not in found[0], found
    assert "somebody" not in json.dumps(found) and "another" not in json.dumps(found), found
    assert {"of-somebody-else", "loadlocked/by-another"} <= set(server.keys())


def eight_gigabytes_take_no_memory(folder, server):
    free = shutil.disk_usage(folder).free
    size = 8 * GIB if free > 20 * GIB else 2 * GIB
    if size != 8 * GIB:
        print(f"        only {size // GIB} GiB: {free // GIB} GiB of disk are free")
    place = Place(folder, server, settings='purposes = "object"')
    path = place.file("large.bin", size, sparse=True)
    process = place.start("upload", str(path), "--json")
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    stored = json.loads(out.splitlines()[0])
    assert stored.get("bytes") == size, stored
    memory = usage.ru_maxrss * 1024
    assert memory < MOST_MEMORY, f"{memory // MIB} MiB"
    found = server.s3.head_object(Bucket=BUCKET, Key=f"loadlock/{stored['remote_id']}")
    assert found["ContentLength"] == size and server.sessions() == [], found
    server.s3.delete_object(Bucket=BUCKET, Key=f"loadlock/{stored['remote_id']}")


def a_kill_leaves_nothing_behind(folder, server):
    place = Place(folder, server)
    path = place.file("killed.bin", 400 * MIB, sparse=True)
    process = place.start("upload", str(path))

    def begun():
        open = server.sessions()
        return open and server.s3.list_parts(Bucket=BUCKET, Key=open[0]["Key"], UploadId=open[0]["UploadId"]).get("Parts")

    eventually("parts arrive", begun)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert server.sessions(), "it was killed too late to prove anything"
    before = set(server.keys())
    served = place.start("serve", "--json", "--listen", "127.0.0.1:0")
    try:
        eventually("recovery ends the upload", lambda: not server.sessions(), 120)
    finally:
        served.terminate()
        served.wait(60)
    assert set(server.keys()) == before
    stored = place.upload(path)
    assert stored.get("bytes") == 400 * MIB, stored
    assert server.sessions() == []


def a_wrong_secret_is_refused(folder, server):
    wrong = "not-the-secret-of-the-store-but-as-long!"
    place = Place(folder, server, secret=wrong)
    before = set(server.keys())
    refused = place.upload(place.file("a.txt", 9))
    assert refused["error"]["code"] == "provider_unauthorized", refused
    assert set(server.keys()) == before
    said = (folder / "stderr").read_text() + json.dumps(refused)
    assert wrong not in said


def a_wrong_region_is_served_or_named(folder, server):
    """Neither of these servers looks at the region of a signature. AWS does, and its answers are those of the fake in
    tests/vendors/s3.rs."""
    place = Place(folder, server, region="eu-nowhere-1")
    stored = place.upload(place.file("a.txt", 9))
    if "error" in stored:
        assert "region" in stored["error"]["message"], stored
    else:
        assert read_back(server, stored)[0] == stored["sha256"]


def a_clock_that_is_wrong_is_corrected_by_the_stores(folder, server):
    library = os.environ.get("FAKETIME_LIBRARY")
    assert library, "libfaketime is missing (Debian: apt-get install libfaketime)"
    place = Place(folder, server)
    turned = {"LD_PRELOAD": library, "FAKETIME": "+2h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    stored = place.upload(place.file("a.txt", 9), env=turned)
    assert stored.get("bytes") == 9, stored
    if server.is_strict:
        assert "ahead of this machine's" in (folder / "stderr").read_text()


def a_missing_bucket_is_said_to_be(folder, server):
    place = Place(folder, server)
    place.config.write_text(place.config.read_text().replace(f'bucket = "{BUCKET}"', 'bucket = "nobodys"'))
    refused = place.upload(place.file("a.txt", 9))
    # SeaweedFS makes what is missing.
    if "error" in refused:
        assert "nobodys" in refused["error"]["message"], refused


STRICT = [eight_gigabytes_take_no_memory]
BOTH = [
    every_size_is_stored_as_it_is,
    a_file_is_deleted_at_the_store,
    other_peoples_objects_stay,
    a_kill_leaves_nothing_behind,
    a_wrong_secret_is_refused,
    a_wrong_region_is_served_or_named,
    a_clock_that_is_wrong_is_corrected_by_the_stores,
    a_missing_bucket_is_said_to_be,
]


def main() -> int:
    wanted = sys.argv[1:]
    passed = failed = 0
    for kind in (SeaweedFS, Rclone):
        with tempfile.TemporaryDirectory() as folder:
            server = kind(Path(folder) / "server")
            try:
                for check in [*BOTH, *(STRICT if kind.is_strict else [])]:
                    if wanted and check.__name__ not in wanted and kind.name not in wanted:
                        continue
                    place = Path(folder) / check.__name__
                    place.mkdir()
                    try:
                        check(place, server)
                        passed += 1
                        print(f"ok      {kind.name}: {check.__name__}", flush=True)
                    except Exception:
                        failed += 1
                        traceback.print_exc()
                        for name in ("stderr", "stdout"):
                            log = place / name
                            print((log.read_text()[-3000:] if log.exists() else ""), flush=True)
                        print(f"FAILED  {kind.name}: {check.__name__}", flush=True)
                    shutil.rmtree(place, ignore_errors=True)
            finally:
                server.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
