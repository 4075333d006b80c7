"""Serving the application with granian, one blocking worker a process."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from server.kernel.settings import read_settings


def make_app() -> Flask:
    """What each worker process loads; the engine is made here, after the fork."""
    # Only now, for the metrics' library decides when it is loaded whether its counters are shared between processes.
    from server.app import create_app

    return create_app(read_settings())


def serve_http(host: str, port: int, workers: int) -> None:
    """Serve until told to stop."""
    with TemporaryDirectory(prefix="xunge-metrics-") as shared:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        Granian(
            "server.serving:make_app",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            # Four for requests, and one for each stream that app.STREAMS allows.
            blocking_threads=8,
            factory=True,
            websockets=False,
            log_level=LogLevels.warning,
            respawn_failed_workers=True,
            workers_kill_timeout=10,
        ).serve()
