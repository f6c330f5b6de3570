"""A workspace to work in, a real web server on a free port, and a short way to perform a step."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from framework0.context import Context
from framework0.scriptlets import Control, UserCode, get_scriptlet, perform


@pytest.fixture
def space(tmp_path):
    """An empty workspace beside which lies a file that no step may touch."""
    root = tmp_path / "work"
    (root / ".framework0").mkdir(parents=True)
    (root / ".framework0/kept.txt").write_text("ours")
    (tmp_path / "outside.txt").write_text("outside")
    return root


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def do(space, context):
    """Perform a built-in step by its type, as a run in that workspace would."""

    def perform_it(kind, stop=None, **params):
        with UserCode([space]):
            control = Control(cancelled=stop, run_id="r1", step=kind)
            return perform(get_scriptlet(kind), context, params, control)

    return perform_it


class Web:
    """A web server that answers with what ``answers`` says, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.stop = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                """Say nothing."""

            def handle_any(self):
                size = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(size)
                web.asked.append((self.command, self.path, dict(self.headers.items()), body))
                answer = web.answers.get(self.path.partition("?")[0])
                if callable(answer):
                    answer = answer(self)
                    if answer is None:
                        self.close_connection = True
                        return
                status, headers, content = answer or (404, {}, b"nothing here")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "content-length" not in {name.lower() for name in headers}:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.handle_any)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that goes away is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def json(self, path, value, status=200):
        self.answers[path] = (
            status,
            {"Content-Type": "application/json"},
            json.dumps(value).encode(),
        )

    def text(self, path, text, status=200, **headers):
        self.answers[path] = (status, {"Content-Type": "text/plain", **headers}, text.encode())

    def close(self):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()
