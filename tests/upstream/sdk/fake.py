"""A fake as a child process, and a runner for checks."""

import json
import os
import subprocess
import sys
import traceback

CHECKS = []


class Fake:
    """One fake, running while the `with` block does."""

    def __init__(self, vendor, key="sk-test", **options):
        words = [os.environ["LOADLOCK_UPSTREAM"], "--vendor", vendor, "--key", key, "--stop-on-eof"]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        self.words = words
        self.key = key

    def __enter__(self):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.words, stdin=pipe, stdout=pipe, text=True)
        self.base_url = json.loads(self.process.stdout.readline())["base_url"]
        return self

    def __exit__(self, *_):
        self.process.stdin.write('"stop"\n')
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def command(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(answer["error"])
        return answer

    def fault(self, operation, fault):
        self.command({"push": {"operation": operation, "fault": fault}})

    def files(self):
        return self.command("files")

    def requests(self):
        return self.command("requests")


def check(function):
    """Marks a function as a check; its name is what it shows."""
    CHECKS.append(function)
    return function


def raises(kind, call):
    """The exception of this kind that `call` must raise."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def run():
    """Runs every check and ends the process."""
    failed = 0
    for function in CHECKS:
        try:
            function()
            print(f"ok      {function.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED  {function.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
