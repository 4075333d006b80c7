"""Another machine's database server: a cluster of its own, whose transaction ids start low, set up as an administrator
sets one up.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from server.backups.postgres import find_program

ROOT = Path(__file__).parents[2]
OWNER_PASSWORD = "owner-of-the-tables"
APP_PASSWORD = "the-application"


@dataclass(frozen=True, slots=True)
class Place:
    """A database on the other machine, and a folder for its files."""

    owner_url: str
    app_url: str
    store: Path


class Elsewhere:
    """A cluster that listens on a socket in ``folder``. Its database ``xunge`` stays as it was set up: empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str, role: str = "postgres", password: str = "") -> str:
        """An SQLAlchemy URL."""
        return f"postgresql+psycopg2://{role}:{password}@/{database}?host={self.folder}"

    @contextmanager
    def empty_database(self, store: Path) -> Iterator[Place]:
        """A database as deploy/db-init.sh makes one, for one test."""
        name = f"xunge_{uuid.uuid4().hex[:12]}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"create database {name} template xunge owner xunge_owner"))
            connection.execute(text(f"revoke connect on database {name} from public"))
            connection.execute(text(f"grant connect on database {name} to xunge_app"))
        yield Place(
            self.url(name, "xunge_owner", OWNER_PASSWORD), self.url(name, "xunge_app", APP_PASSWORD), store
        )
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))


def _as_server(folder: Path, command: Sequence[str | Path]) -> None:
    """Run a program as a user that PostgreSQL accepts: it refuses to run as root."""
    if os.getuid() == 0:
        command = [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "--reset-env",
            *command,
        ]
    with (folder / "start.log").open("ab") as log:
        subprocess.run(command, cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


@contextmanager
def another_cluster(at_least: int) -> Iterator[Elsewhere]:
    """A cluster of the version of the tests' own, with roles and an empty database by deploy/db-init.sh."""
    bin_ = find_program("initdb", at_least).parent
    # A socket's path is at most 107 bytes, and pytest's folders are closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="xunge-elsewhere-", dir="/tmp"))
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "pg"
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_prepared_transactions=0"
    try:
        _as_server(
            folder,
            [bin_ / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--locale=C.UTF-8"],
        )
        _as_server(folder, [bin_ / "pg_ctl", "start", "-D", data, "-w", "-s", "-o", settings])
        try:
            subprocess.run(
                [ROOT / "deploy" / "db-init.sh"],
                env={
                    "PATH": f"{bin_}:{os.environ['PATH']}",
                    "PGHOST": str(folder),
                    "XUNGE_OWNER_PASSWORD": OWNER_PASSWORD,
                    "XUNGE_APP_PASSWORD": APP_PASSWORD,
                },
                check=True,
                capture_output=True,
            )
            yield Elsewhere(folder)
        finally:
            _as_server(folder, [bin_ / "pg_ctl", "stop", "-D", data, "-m", "immediate", "-w", "-s"])
    finally:
        shutil.rmtree(folder)
