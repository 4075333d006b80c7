"""Our own application in processes of its own, served as ``xunge serve`` does or in another way."""

from __future__ import annotations

import http.client
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ground import environment_of

from server.kernel.settings import Settings

XUNGE = ("xunge", "serve", "--port", "{port}", "--workers", "2")
GUNICORN_MISSING = "gunicorn 未安装，未比较 · gunicorn is not installed, not compared"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its port and its process id."""

    port: int
    pid: int


def granian(threads: int) -> tuple[str, ...]:
    """Two workers of granian with so many blocking threads each."""
    return (
        "granian", "--interface", "wsgi", "--factory", "--workers", "2", "--blocking-threads", str(threads),
        "--port", "{port}", "--no-ws", "--workers-kill-timeout", "10", "--log-level", "warning",
        "server.serving:make_app",
    )  # fmt: skip


def gunicorn() -> tuple[str, ...] | None:
    """Two synchronous workers of gunicorn, where it is installed."""
    if importlib.util.find_spec("gunicorn") is None:
        return None
    return (
        "python", "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "--no-control-socket",
        "--log-level", "warning", "server.serving:make_app()",
    )  # fmt: skip


@contextmanager
def served(settings: Settings, command: Sequence[str] = XUNGE) -> Iterator[Served]:
    """The server on this database, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    program, *arguments = (word.format(port=port) for word in command)
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(program)), *arguments],
        env=environment_of(settings),
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("服务未能启动 · the server did not start")
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)
