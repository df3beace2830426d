"""A vendor of files that the templates speak to, for all languages at once: each has a path of its own. On demand it
holds what is sent to it back, unanswered."""

import hashlib
import itertools
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class HoldingVendor:
    def __init__(self):
        self.files, self.lock, self.numbers = {}, threading.Condition(), itertools.count(1)
        self.held, self.open = 0, True
        vendor = self

        class Handler(VendorHandler):
            place = vendor

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def hold(self):
        """From now on uploads wait to be stored."""
        with self.lock:
            self.open = False

    def release(self):
        with self.lock:
            self.open = True
            self.lock.notify_all()

    def wait_for_held(self, count):
        with self.lock:
            assert self.lock.wait_for(lambda: self.held >= count, 300), self.held

    def stored(self):
        """The digests of what it has."""
        with self.lock:
            return [hashlib.sha256(content).hexdigest() for _, _, content in self.files.values()]

    def store(self, language, name, content):
        with self.lock:
            self.held += 1
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.open)
            self.held -= 1
            id = f"file-{next(self.numbers):06}-{os.urandom(4).hex()}"
            self.files[id] = (language, name, content)
            return id


class VendorHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def asked(self):
        """The language, the id, whether the content is meant, and the query."""
        url = urlsplit(self.path)
        _, language, _, *parts = [unquote(part) for part in url.path.split("/")]
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return language, parts[0] if parts else None, parts[1:] == ["content"], query

    def shown(self, id):
        _, name, content = self.place.files[id]
        return {"id": id, "name": name, "bytes": len(content)}

    def do_POST(self):
        content = self.rfile.read(int(self.headers["content-length"]))
        language, _, _, query = self.asked()
        id = self.place.store(language, query["name"], content)
        self.answer(201, self.shown(id))

    def do_GET(self):
        language, id, content, query = self.asked()
        with self.place.lock:
            files = dict(self.place.files)
        if id is None:
            ids = [id for id in sorted(files) if files[id][0] == language and id > query.get("after", "")]
            page = ids[: int(query.get("limit", 100))]
            following = page[-1] if len(page) < len(ids) else None
            self.answer(200, {"files": [self.shown(id) for id in page], "next": following})
        elif id not in files:
            self.answer(404, {"error": "no such file"})
        else:
            self.answer(200, files[id][2] if content else self.shown(id))

    def do_DELETE(self):
        _, id, _, _ = self.asked()
        with self.place.lock:
            gone = self.place.files.pop(id, None)
        self.answer(*((200, {"deleted": True}) if gone else (404, {"error": "no such file"})))
