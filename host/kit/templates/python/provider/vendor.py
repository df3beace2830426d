"""A vendor of files on loopback, to test against: keeps them in memory. Prints its base URL, then serves until it is ended."""

import itertools
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

FILES, LOCK, NUMBERS = {}, threading.Lock(), itertools.count(1)


class Vendor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def found(self):
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.split("/")[3:]]
        return parts, {name: values[0] for name, values in parse_qs(url.query).items()}

    def shown(self, id):
        return {"id": id, "name": FILES[id][0], "bytes": len(FILES[id][1])}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with LOCK:
            id = f"file-{next(NUMBERS):06}-{os.urandom(4).hex()}"
            FILES[id] = (self.found()[1]["name"], body)
            self.answer(201, self.shown(id))

    def do_GET(self):
        parts, query = self.found()
        with LOCK:
            if not parts:
                ids = [id for id in sorted(FILES) if id > query.get("after", "")]
                page = ids[: int(query.get("limit", 100))]
                following = page[-1] if len(page) < len(ids) else None
                self.answer(200, {"files": [self.shown(id) for id in page], "next": following})
            elif parts[0] not in FILES:
                self.answer(404, {"error": "no such file"})
            elif parts[1:] == ["content"]:
                self.answer(200, FILES[parts[0]][1])
            else:
                self.answer(200, self.shown(parts[0]))

    def do_DELETE(self):
        with LOCK:
            gone = FILES.pop(self.found()[0][0], None)
            self.answer(*((200, {"deleted": True}) if gone else (404, {"error": "no such file"})))


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Vendor)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()
