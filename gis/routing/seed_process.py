"""A process that searches with one seed, as `gis.routing.seeds` starts it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection

from gis.routing.searching import Told, search


def main() -> None:
    """Read the errand from standard input, search, and tell over the socket whose number is the first argument."""
    # Ctrl-C reaches every process of a terminal; who started this one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starter = Connection(int(sys.argv[1]))
    threading.Thread(target=_leave_with, args=(starter,), daemon=True).start()

    def tell(told: Told) -> bool:
        try:
            starter.send(told)
        except OSError:
            return False
        return True

    search(pickle.load(sys.stdin.buffer), tell)  # noqa: S301 - written by our own starter


def _leave_with(starter: Connection) -> None:
    """Nothing is ever said to a search, so there is something to read only when the starter's end is closed."""
    try:
        starter.recv()
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main()
