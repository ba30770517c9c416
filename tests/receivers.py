"""Receivers that are really there: an HTTP server that can be down, slow, half closing or refusing."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Hook:
    """A webhook receiver; `mode` says how it behaves, `heard` is what it took in, in order."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.retry_after = ""
        self.heard: list[dict[str, Any]] = []
        self.tried = 0
        self.let_go = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                hook.answer(self)

            def log_message(self, *_: object) -> None:
                """Not on the screen of the tests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/T0SECRET1/B0SECRET2/abcdefSECRET3"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.tried += 1
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if self.mode == "slow":
            self.let_go.wait(30)
            return
        if self.mode == "trickle":  # a byte now and then: no single read ever times out
            for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400:
                if self.let_go.is_set():
                    return
                request.wfile.write(bytes([letter]))
                request.wfile.flush()
                time.sleep(0.1)
            return
        if self.mode == "half":  # takes everything in and closes without a word: whoever asked cannot know
            self._hear(request, body)
            request.close_connection = True
            return
        if self.mode == "ok":
            self._hear(request, body)
        status = 200 if self.mode == "ok" else int(self.mode)
        said = b"ok" if status == 200 else f"no hook at {request.path}".encode()
        request.send_response(status)
        if self.retry_after:
            request.send_header("Retry-After", self.retry_after)
        request.send_header("Content-Length", str(len(said)))
        request.end_headers()
        request.wfile.write(said)

    def _hear(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.heard.append({"path": request.path, "headers": headers, "raw": body, "json": json.loads(body)})

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()
    try:
        yield hook
    finally:
        hook.close()
