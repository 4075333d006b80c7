"""The two programs that talk to each other: the server as it is served, and the client in node."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server.kernel.settings import Settings

HERE = Path(__file__).parent
VENV_BIN = Path(sys.executable).parent
# A machine that is busy with other things takes its time; only a program that hangs is given up.
PATIENCE_S = 180.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``xunge serve`` over the settings' database and files, on one port for as long as the test wants it."""

    def __init__(self, settings: Settings, log: Path, workers: int = 1) -> None:
        self._workers = workers
        self.port = _free_port()
        self._log = log
        self._environment = {
            **os.environ,
            "XUNGE_DATABASE_URL": settings.database_url,
            "XUNGE_OWNER_DATABASE_URL": settings.owner_database_url,
            "XUNGE_FILES_DIR": str(settings.files_dir),
            "XUNGE_RECEIPT_KEYS_FILE": str(settings.receipt_keys_file),
        }

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [VENV_BIN / "xunge", "serve", "--port", str(self.port), "--workers", str(self._workers)],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait_until_ready(self.port, self._process, self._log)

    def kill(self) -> None:
        """SIGKILL to it and its workers: no last words."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def served(settings: Settings, log: Path, workers: int = 1) -> Iterator[int]:
    """``xunge serve``, for as long as the block runs; the port on which it is ready."""
    server = Server(settings, log, workers)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def _wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"xunge serve did not become ready:\n{log.read_text()[-2000:]}")


class Client:
    """The client in node: one act at a time, each answered before the next is begun."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def join(self) -> None:
        """Wait until everything that a client that has ended wrote is read."""
        self._reader.join()

    def begin(self, act: str, **given: Any) -> None:
        """Tell the client what to do; ``end`` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"act": act, **given}) + "\n")
        self._process.stdin.flush()

    def end(self, act: str) -> dict[str, Any]:
        """The answer to the act begun."""
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {}
        assert answer.get("done") == act, f"{act}: {answer or self._log.read_text()[-2000:] or 'no answer'}"
        return answer

    def do(self, act: str, **given: Any) -> dict[str, Any]:
        """Tell the client what to do and wait until it is done."""
        self.begin(act, **given)
        return self.end(act)


def _need_packages() -> None:
    if not (HERE / "node_modules" / "esbuild" / "package.json").exists():
        pytest.fail(
            "tests/interop/node_modules 不存在：请用 ./dev test，或在 tests/interop 中运行 npm ci · "
            "tests/interop/node_modules is missing: use ./dev test, or run npm ci in tests/interop"
        )


@contextmanager
def node_client(log: Path, program: str = "client.mjs") -> Iterator[Client]:
    """A program of this folder in node, with the packages that package-lock.json names."""
    _need_packages()
    with log.open("w") as errors:
        process = subprocess.Popen(
            [VENV_BIN / "node", HERE / program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
    client = Client(process, log)
    try:
        yield client
    finally:
        # The wheel's node is a wrapper that starts the real one: both go, or the pipes would stay open.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        client.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def bundle(into: Path) -> bytes:
    """``browser.mjs`` with all that it needs, as one script."""
    _need_packages()
    made = into / "browser.js"
    subprocess.run([VENV_BIN / "node", HERE / "bundle.mjs", made], check=True, timeout=PATIENCE_S)
    return made.read_bytes()
