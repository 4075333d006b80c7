"""The ``xunge`` command as it is run, and a dump that is held still in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from server.kernel.settings import Settings

XUNGE = Path(sys.executable).parent / "xunge"
PATIENCE_S = 60.0

_DUMPS = "select count(*) from pg_stat_activity where application_name = 'pg_dump' and datname = current_database()"


def begin_xunge(settings: Settings, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start the command over these settings, at the head of a process group of its own."""
    environment = {
        **os.environ,
        "XUNGE_DATABASE_URL": settings.database_url,
        "XUNGE_OWNER_DATABASE_URL": settings.owner_database_url,
        "XUNGE_FILES_DIR": str(settings.files_dir),
        "XUNGE_RECEIPT_KEYS_FILE": str(settings.receipt_keys_file),
    }
    return subprocess.Popen(
        [XUNGE, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def xunge(settings: Settings, *arguments: str | Path) -> tuple[int, str, str]:
    """Run the command to its end: exit code, output, errors."""
    process = begin_xunge(settings, *arguments)
    output, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output, errors


class HeldDump:
    """``xunge backup`` stopped while pg_dump holds its snapshot: waiting for a lock first, and then stopped itself."""

    def __init__(self, settings: Settings, folder: Path, superuser: Engine) -> None:
        url = make_url(settings.owner_database_url)
        self._inside = create_engine(superuser.url.set(database=url.database), poolclass=NullPool)
        with self._inside.connect() as connection:
            connection.execute(text("lock table token in access exclusive mode"))
            self.process = begin_xunge(settings, "backup", folder)
            self._wait_until(f"({_DUMPS} and wait_event_type = 'Lock') = 1")
            os.killpg(self.process.pid, signal.SIGSTOP)
        self._wait_until(f"({_DUMPS} and backend_xmin is not null and wait_event_type <> 'Lock') = 1")

    def _wait_until(self, condition: str) -> None:
        until = time.monotonic() + PATIENCE_S
        with self._inside.connect() as connection:
            while not connection.scalar(text(f"select {condition}")):
                connection.rollback()
                assert time.monotonic() < until, condition
                assert self.process.poll() is None, self.process.communicate()
                time.sleep(0.01)

    def is_held(self) -> bool:
        """True while the dump's transaction is open."""
        with self._inside.connect() as connection:
            return bool(connection.scalar(text(_DUMPS)))

    def finish(self) -> int:
        """Let it go on to its end; the exit code."""
        os.killpg(self.process.pid, signal.SIGCONT)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode

    def kill(self) -> None:
        """As a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE_S)


@contextmanager
def held_dump(settings: Settings, folder: Path, superuser: Engine) -> Iterator[HeldDump]:
    """A dump that is held still for as long as the block runs, or until it is let go."""
    held = HeldDump(settings, folder, superuser)
    try:
        yield held
    finally:
        if held.process.poll() is None:
            held.kill()
