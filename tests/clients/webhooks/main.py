"""What a gateway tells by webhooks, as the `standardwebhooks` libraries read it."""

import base64
import http.server
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request

from place import Place
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in range(3))


class Receiver(http.server.BaseHTTPRequestHandler):
    """Fails the first time, so that a message comes again."""

    messages: queue.Queue = queue.Queue()
    failures = 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.messages.put((dict(self.headers), body))
        self.send_response(503 if Receiver.failures else 204)
        Receiver.failures = 0
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def upload(address: str, token: str) -> str:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(f"http://{address}/v1/files", form, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def refuses(secret: str, body: str, headers: dict) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def main() -> int:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        with place.config.open("a") as config:
            config.write(f'[[webhooks]]\nurl = "{url}"\nsecret = "${{env:HOOK_SECRETS}}"\nprivate = true\n')
        place.env["HOOK_SECRETS"] = f"{OLD} {NEW}"
        process, address = place.serve()
        try:
            stored = upload(address, place.token("acme"))
            messages = [Receiver.messages.get(timeout=60) for _ in range(2)]
        finally:
            process.terminate()
            process.wait(60)
    passed = 0
    lowered = [({name.lower(): value for name, value in headers.items()}, body) for headers, body in messages]
    for headers, body in lowered:
        # While a receiver moves from one secret to another, each is good.
        for secret in (OLD, NEW):
            event = Webhook(secret).verify(body, headers)
            assert event["type"] == "file.stored" and event["data"]["id"] == stored, event
        assert refuses(OTHER, body, headers) and refuses(OLD, body + " ", headers)
        assert refuses(OLD, body, {**headers, "webhook-id": "evt_other"})
        passed += 1
    assert lowered[0][0]["webhook-id"] == lowered[1][0]["webhook-id"]
    for secret in (OLD, NEW):
        told = [{"headers": headers, "body": body} for headers, body in lowered]
        subprocess.run(["node", os.environ["VERIFY"]], input=json.dumps({"secret": secret, "messages": told}), text=True, check=True)
        passed += 1
    print(f"{passed} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
