"""Serving the application with granian, one blocking worker a process."""

from __future__ import annotations

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from server.app import create_app
from server.kernel.settings import read_settings


def make_app() -> Flask:
    """What each worker process loads; the engine is made here, after the fork."""
    return create_app(read_settings())


def serve_http(host: str, port: int, workers: int) -> None:
    """Serve until told to stop."""
    Granian(
        "server.serving:make_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=4,
        factory=True,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    ).serve()
