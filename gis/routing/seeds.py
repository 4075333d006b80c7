"""Several seeds at once, each in a process of its own, heard by the one that started them.

A process is started anew (never forked), so that it may be done from a job's process, from a thread of the web server and
beside open connections alike. It reads its errand from its standard input and talks over a socket. When the socket's other
end is gone, because its starter let go or was killed, it ends itself; nobody need look for it.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Self

import gis
from gis.routing.searching import Errand, Told

_log = logging.getLogger(__name__)

# A search looks at the clock between two steps; on a large day one step may take this long, on a busy machine.
GRACE_S = 2.0


class SearchDied(RuntimeError):
    """Every process that was to search ended without a word."""


class Seeds:
    """Searches that run from ``with`` to its end, whatever ends it: then their processes are gone."""

    def __init__(self, errands: Sequence[Errand]) -> None:
        self._errands = errands
        self._running: dict[Connection, tuple[int, subprocess.Popen[bytes]]] = {}

    def __enter__(self) -> Self:
        try:
            for number, errand in enumerate(self._errands):
                connection, process = _started(errand)
                self._running[connection] = number, process
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_all()

    def heard(self, timeout_s: float) -> Iterator[tuple[int, Told]]:
        """What the searches tell within a time, with the number of the errand. Ends at once when all are done.

        A search that dies says no more; the others go on.
        """
        until = time.monotonic() + timeout_s
        while self._running and (left := until - time.monotonic()) > 0:
            for ready in wait(list(self._running), left):
                assert isinstance(ready, Connection)
                number, process = self._running[ready]
                try:
                    told = ready.recv()
                except (EOFError, OSError):
                    self._end(ready)
                    _log.warning("the search of seed %d died (%d)", number, process.returncode)
                    continue
                if told.done:
                    self._end(ready)
                yield number, told

    @property
    def running(self) -> bool:
        """Whether any search is still to say its last word."""
        return bool(self._running)

    def _end_all(self) -> None:
        for connection in list(self._running):
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        """Kill and reap: what it found has been heard, and it holds nothing that would need closing."""
        _, process = self._running.pop(connection)
        process.kill()
        process.wait()
        connection.close()


def _started(errand: Errand) -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    root = str(Path(gis.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryFile() as page, theirs:
        pickle.dump(errand, page)
        page.seek(0)
        process = subprocess.Popen(  # noqa: S603 - this Python, our own module, no word from outside
            [sys.executable, "-P", "-m", "gis.routing.seed_process", str(theirs.fileno())],
            stdin=page,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": path},
        )
    return ours, process
