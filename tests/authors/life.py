"""The life of components after they are built: signed, pushed, added in another home, used, replaced while a crowd
uploads, back by themselves after a bad version, rolled back, and replaced by whoever writes them.

life.py LOADLOCK WORK REGISTRY LANGUAGE=PROJECT…  WORK/bad.wasm lies about sizes; PROJECT/second.wasm is a second version.
"""

import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path

from vendor import HoldingVendor

LOADLOCK, WORK, REGISTRY = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
PROJECTS = {name: Path(folder) for name, folder in (pair.split("=", 1) for pair in sys.argv[4:])}
# Uploads of the crowd at each provider, and how many of them its vendor has at a time.
CROWD, PLACES = -(-240 // len(PROJECTS)), 4
MAKER, OTHER = WORK / "maker", WORK / "other"


def loadlock(*arguments, at=OTHER, status=0):
    """The objects that a command prints. In the other home, unless said otherwise."""
    command = [LOADLOCK, "--json"]
    if at is OTHER:
        command += ["--config", OTHER / "loadlock.toml", "--home", OTHER / "home"]
    ran = subprocess.run([*command, *arguments], cwd=at, capture_output=True, text=True, timeout=600)
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == status, (arguments, ran.returncode, said, ran.stderr[-4000:])
    return said


def ok(what):
    print(f"ok      {what}", flush=True)


def digest(file):
    return sha256(Path(file).read_bytes()).hexdigest()


def reference(language, version):
    return f"{REGISTRY}/acme/{language}:{version}"


def component(project):
    return project / f"{project.name}.wasm"


def publish():
    """Signed and pushed with its report, by its maker."""
    MAKER.mkdir()
    loadlock("component", "keygen", "acme", at=MAKER)
    for language, project in PROJECTS.items():
        file = component(project)
        loadlock("component", "sign", file, "--key", "acme.key", at=MAKER)
        loadlock("component", "verify", file, "--key", "acme.pub", at=MAKER)
        pushed = loadlock("component", "push", file, reference(language, "1.0.0"), "--plain-http", "--key", "acme.key",
                          "--report", project / "report.json", at=MAKER)
        assert pushed[0]["report"] and pushed[0]["signer"], pushed
        ok(f"{language}: signed, and pushed with the report of its test")


def configure(vendor):
    """Another machine, which trusts the maker. What was compiled is shared, as that is the dear part."""
    (OTHER / "files").mkdir(parents=True)
    (OTHER / "home").mkdir(mode=0o700)
    (OTHER / "home/cache").symlink_to(WORK / "home/cache")
    shutil.copy(MAKER / "acme.pub", OTHER)
    text = f"""[[components.trust]]
match = "{REGISTRY}/acme/*"
keys = ["acme.pub"]
[[grants]]
root = "files"
[limits]
concurrency = 1000
"""
    for language in PROJECTS:
        url = f"{vendor.url}/{language}"
        text += f"""[providers.{language}]
component = "locked:{language}"
settings = {{ base_url = "{url}" }}
egress = [{{ url = "{url}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
limits = {{ concurrency = {PLACES} }}
"""
    (OTHER / "loadlock.toml").write_text(text)


def add():
    for language, project in PROJECTS.items():
        added = loadlock("component", "add", reference(language, "1.0.0").rsplit(":", 1)[0], "--plain-http")[0]
        assert added["sha256"] == digest(component(project)), added
        report = added["reports"][0]
        assert report["passed"] and report["signer"] == added["signers"][0], report
        ok(f"{language}: added in another home, with the report that its maker signed")


def upload(language, name, status=0):
    """A file of its own through a provider; what the command says of it."""
    file = OTHER / "files" / name
    file.write_bytes(os.urandom(20_000))
    return file, loadlock("upload", file, "--to", language, status=status)[0]


def through(language, name):
    file, stored = upload(language, name)
    content = subprocess.run(
        [LOADLOCK, "--config", OTHER / "loadlock.toml", "--home", OTHER / "home", "files", "content", stored["id"]],
        capture_output=True, check=True,
    )
    assert content.stdout == file.read_bytes()


def runs(language):
    provider = next(one for one in loadlock("providers", "ls") if one["name"] == language)
    return provider["inspection"]["sha256"]


def update():
    for language, project in PROJECTS.items():
        second = project / "second.wasm"
        key = ("--plain-http", "--key", "acme.key")
        loadlock("component", "push", second, reference(language, "1.1.0"), *key, at=MAKER)
    taken = loadlock("component", "update", "--plain-http")
    assert [(one["to"], one["taken"]) for one in taken] == [("1.1.0", True)] * len(PROJECTS), taken
    ok("a second version of each is pushed, and locked by an update")


class Crowd:
    """Uploads over HTTP at the same time, each with a connection of its own."""

    def __init__(self, address, token):
        self.address, self.token = address, token
        self.lock, self.sent, self.answers = threading.Condition(), 0, []
        self.files = {(language, number): os.urandom(20_000) for language in PROJECTS for number in range(CROWD)}
        files = self.files.items()
        self.threads = [threading.Thread(target=self.upload, args=(*key, content)) for key, content in files]

    def upload(self, language, number, content):
        boundary = "----crowd-5f2c"
        name = f"{language}-{number}.bin"
        body = (
            f'--{boundary}\r\ncontent-disposition: form-data; name="provider"\r\n\r\n{language}\r\n'
            f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
            "content-type: application/octet-stream\r\n\r\n"
        ).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        connection = HTTPConnection(self.address, timeout=300)
        headers = {"authorization": f"Bearer {self.token}", "content-type": f"multipart/form-data; boundary={boundary}"}
        connection.request("POST", "/v1/files", body, headers)
        with self.lock:
            self.sent += 1
            self.lock.notify_all()
        answer = connection.getresponse()
        said = answer.read()
        with self.lock:
            self.answers.append((answer.status, said))

    def under_way(self):
        """Waits until every upload was sent."""
        for thread in self.threads:
            thread.start()
        with self.lock:
            assert self.lock.wait_for(lambda: self.sent == len(self.threads), 300), self.sent

    def join(self):
        for thread in self.threads:
            thread.join()
        return self.answers


def swap_under_load(vendor, address, token):
    """None is lost, none is stored twice, and each was made by one generation or the other."""
    crowd = Crowd(address, token)
    vendor.hold()
    crowd.under_way()
    vendor.wait_for_held(PLACES * len(PROJECTS))
    for language, project in PROJECTS.items():
        swapped = loadlock("component", "swap", language, f"locked:{language}")[0]
        assert swapped["changed"] and swapped["on_trial"], swapped
        assert swapped["after"]["sha256"] == digest(project / "second.wasm") == runs(language)
    assert not crowd.answers, "every upload is under way while the components are replaced"
    vendor.release()
    answers = crowd.join()
    assert [status for status, _ in answers] == [200] * len(crowd.files), [one for one in answers if one[0] != 200][:3]
    wanted = {sha256(content).hexdigest(): language for (language, _), content in crowd.files.items()}
    stored = [one for one in vendor.stored() if one in wanted]
    assert sorted(stored) == sorted(wanted), "each is at its vendor once"
    made = collections.Counter()
    for file in (OTHER / "home/audit").glob("*.jsonl"):
        for record in map(json.loads, file.read_text().splitlines()):
            what = record.get("what", {})
            if record["event"] == "upload" and what.get("sha256") in wanted:
                made[what["provider"], what["component"]] += 1
    expected = {}
    for language, project in PROJECTS.items():
        expected[language, digest(component(project))] = PLACES
        expected[language, digest(project / "second.wasm")] = CROWD - PLACES
    assert made == expected, (made, expected)
    ok(f"{len(answers)} uploads under way while each is swapped: none lost, none twice, each by one generation")


def give_way(language, project):
    """A version that lies about sizes is out by itself; then the way further back is open."""
    bad = WORK / "bad.wasm"
    loadlock("component", "swap", language, bad)
    lost = 0
    while runs(language) == digest(bad):
        assert lost < 3, "it runs still"
        _, said = upload(language, f"{language}-lost-{lost}.bin", status=1)
        assert said["error"]["code"] == "receipt_mismatch", said
        lost += 1
    assert runs(language) == digest(project / "second.wasm")
    through(language, f"{language}-returned.bin")
    ok(f"{language}: a bad version gives way by itself after {lost} uploads")
    # What is written about the return follows it.
    while not (back := loadlock("component", "rollback", language)[0])["changed"]:
        pass
    assert back["after"]["sha256"] == digest(component(project)) == runs(language)
    through(language, f"{language}-back.bin")
    ok(f"{language}: rolled back to the first version")


def develop(language, project):
    """What `component dev` builds and finds right is swapped in, and what it logs is shown."""
    arguments = ["component", "dev", project, "--swap", language]
    command = [LOADLOCK, "--config", OTHER / "loadlock.toml", "--home", OTHER / "home", *arguments]
    log = OTHER / "dev.log"
    with log.open("w") as told, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as process:
        limit = threading.Timer(300, process.kill)
        limit.start()
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith(("failed", "  before")):
                break
        process.send_signal(signal.SIGINT)
        process.wait()
        limit.cancel()
    assert process.returncode == 0, said
    assert runs(language) == digest(component(project)), said
    assert "second probe" in log.read_text(), log.read_text()
    ok(f"{language}: what `component dev` builds and tests is swapped in, and its log is shown")


def main():
    vendor = HoldingVendor()
    publish()
    configure(vendor)
    add()
    serve = [LOADLOCK, "--json", "--config", OTHER / "loadlock.toml", "--home", OTHER / "home", "serve"]
    log = (OTHER / "log").open("w")
    server = subprocess.Popen([*serve, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        address = json.loads(server.stdout.readline())["address"]
        issue = ("token", "issue", "--subject", "crowd", "--tenant", "acme", "--scope", "read,write")
        token = loadlock(*issue)[0]["token"]
        for language in PROJECTS:
            through(language, f"{language}-first.bin")
            ok(f"{language}: the gateway there stores a file through it")
        update()
        swap_under_load(vendor, address, token)
        for language, project in PROJECTS.items():
            give_way(language, project)
        if "rust" in PROJECTS:
            develop("rust", PROJECTS["rust"])
    except BaseException:
        sys.stderr.write((OTHER / "log").read_text()[-8000:])
        raise
    finally:
        server.terminate()
        server.wait(120)
    assert server.returncode == 0, server.returncode


main()
