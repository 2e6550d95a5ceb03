"""What the three services share: answering in JSON or HTML, asking one another, and listening on 8080."""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

VERSION = Path("VERSION").read_text().strip()


class Service(BaseHTTPRequestHandler):
    """One request. A service says what it does in `get` and `post`, which return a status and JSON, or a page's text."""

    def do_GET(self):
        self.reply(*self.done(self.get))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.reply(*self.done(self.post, body))

    def done(self, method, *arguments):
        try:
            return method(*arguments)
        except OSError as error:
            return 503, {"error": f"what this service relies on does not answer: {error}"}

    def unknown(self):
        return 404, {"error": f"no {self.path} here"}

    def reply(self, status, content):
        page = isinstance(content, str)
        data = (content if page else json.dumps(content) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def ask(url, data=None):
    """Another service's answer."""
    with urlopen(Request(url, data=data), timeout=3) as reply:
        return json.load(reply)


def serve(name, service):
    """Listen until SIGTERM, which ends a container's first process only where it says so."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{name} {VERSION} listens on 8080")
    ThreadingHTTPServer(("", 8080), service).serve_forever()
