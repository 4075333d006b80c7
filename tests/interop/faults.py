"""A proxy that spoils requests as a bad mobile network and a dying server do, by a seeded die."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = (
    "reset",  # The connection breaks before anything was sent on.
    "500_before",  # Nothing is sent on, and the answer is 500.
    "500_after",  # The server has committed, and the answer is 500.
    "dropped_answer",  # The server has committed, and the connection breaks.
    "cut_answer",  # The server has committed, and half of its answer comes.
    "cut_request",  # Half of the request reaches the server.
)
SPOILT_SHARE = 0.4
PASSED_ON = ("authorization", "content-type", "content-encoding", "xunge-device-time")
PROBLEM = b'{"type": "about:blank", "status": 500}'


class FaultProxy(ThreadingHTTPServer):
    """Listens on a port of its own; ``spoiling`` turns the faults on, ``spoilt`` counts them."""

    daemon_threads = True

    def __init__(self, upstream_port: int, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream_port = upstream_port
        # By path, what is served here and never spoilt: the page that a browser client lives in.
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.spoiling = False
        self.spoilt: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self.server_address[1])

    def fate(self) -> str | None:
        """What becomes of the next request; ``None``: it is passed on."""
        with self._lock:
            if not self.spoiling or self._rng.random() >= SPOILT_SHARE:
                return None
            fault = self._rng.choice(FAULTS)
            self.spoilt[fault] += 1
            return fault

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is what this is for; it is not printed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path in self.server.pages:
            media_type, page = self.server.pages[self.path]
            return self._answer(200, page, media_type=media_type)
        return self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.server.fate()
        if fault == "cut_request" and not body:
            fault = "500_after"
        if fault == "reset":
            return self._reset()
        if fault == "500_before":
            return self._answer(500, PROBLEM)
        if fault == "cut_request":
            self._pass_on_half(body)
            return self._reset()
        status, answer = self._pass_on(body)
        if fault == "dropped_answer":
            return self._reset()
        if fault == "500_after":
            return self._answer(500, PROBLEM)
        return self._answer(status, answer, sent=len(answer) // 2 if fault == "cut_answer" else None)

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        try:
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            return response.status, response.read()
        finally:
            upstream.close()

    def _pass_on_half(self, body: bytes) -> None:
        """Announce the whole body, send half of it and go; the server's word on it is waited for, not passed on."""
        head = [f"{self.command} {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        head += [f"{name}: {self.headers[name]}" for name in PASSED_ON if name in self.headers]
        with socket.create_connection(("127.0.0.1", self.server.upstream_port), timeout=30) as upstream:
            upstream.sendall("\r\n".join([*head, "", ""]).encode() + body[: len(body) // 2])
            upstream.shutdown(socket.SHUT_WR)
            while upstream.recv(65536):
                pass

    def _answer(
        self, status: int, body: bytes, sent: int | None = None, media_type: str = "application/json"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        if sent is not None:
            self.close_connection = True

    def _reset(self) -> None:
        """Break the connection hard, so that the client sees a reset and no orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


@contextmanager
def fault_proxy(upstream_port: int, seed: int) -> Iterator[FaultProxy]:
    """The proxy, serving for as long as the block runs."""
    proxy = FaultProxy(upstream_port, seed)
    serving = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        serving.join()
        proxy.server_close()
