"""``python -m server``: the ``xunge`` command."""

from server.cli import run

run()
