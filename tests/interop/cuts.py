"""A wire that breaks in the middle: what a client sends is passed on byte for byte, until the connection is cut."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

BLOCK = 16 * 1024
CUT_AFTER = (1, 900_000)


class CuttingWire(ThreadingTCPServer):
    """Listens on a port of its own; the first ``cuts`` connections are reset after some bytes, by a seeded die."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream_port: int, seed: int, cuts: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream_port = upstream_port
        self.cuts_left, self.cut = cuts, 0
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self.server_address[1])

    def bytes_until_cut(self) -> int | None:
        """How much of the next connection goes through; ``None``: all of it."""
        with self._lock:
            if not self.cuts_left:
                return None
            self.cuts_left -= 1
            return self._rng.randint(*CUT_AFTER)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is what this is for; it is not printed."""


class _Connection(BaseRequestHandler):
    server: CuttingWire
    request: socket.socket

    def handle(self) -> None:
        left = self.server.bytes_until_cut()
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.upstream_port)) as upstream,
        ):
            back = threading.Thread(target=self._pass_back, args=(upstream,))
            back.start()
            while left != 0 and (block := self.request.recv(BLOCK if left is None else min(BLOCK, left))):
                upstream.sendall(block)
                left = None if left is None else left - len(block)
            if left == 0:
                self.server.cut += 1
                self._reset()
            # The server is told that nothing more comes; what it has is what it has.
            upstream.shutdown(socket.SHUT_WR)
            back.join()

    def _pass_back(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while block := upstream.recv(BLOCK):
                self.request.sendall(block)
            self.request.shutdown(socket.SHUT_WR)

    def _reset(self) -> None:
        with suppress(OSError):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


@contextmanager
def cutting_wire(upstream_port: int, seed: int, cuts: int) -> Iterator[CuttingWire]:
    """The wire, for as long as the block runs."""
    wire = CuttingWire(upstream_port, seed, cuts)
    serving = threading.Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield wire
    finally:
        wire.shutdown()
        serving.join()
        wire.server_close()
