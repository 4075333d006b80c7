"""PostgreSQL's own programs, pg_dump and pg_restore: found, checked against the server, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg2.extensions
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from server.backups.failure import BackupFailed

# Where Debian keeps the programs of each version; elsewhere they are on the path.
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_POLL_S = 0.2


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that may wait in a transaction for as long as another program works in its snapshot.

    Raises:
        BackupFailed: when the database cannot be reached, or is lost meanwhile.
    """
    options = "-c timezone=UTC -c jit=off -c idle_in_transaction_session_timeout=0"
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"options": options, "application_name": "xunge backup"}
    )
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise BackupFailed(f"数据库不可用。The database cannot be reached: {error.orig}") from error


def count_rows(connection: Connection) -> dict[str, int]:
    """Table → number of rows, for every table that is ours and not an extension's."""
    names = connection.scalars(
        text(
            "select quote_ident(c.relname) from pg_class c where c.relnamespace = 'public'::regnamespace"
            " and c.relkind = 'r' and not exists (select from pg_depend d"
            " where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') order by 1"
        )
    ).all()
    # The names are the catalogue's own, quoted by the server.
    return {name: int(connection.scalar(text(f"select count(*) from {name}")) or 0) for name in names}  # noqa: S608


def server_major(connection: Connection) -> int:
    """The server's major version, such as 17."""
    return int(connection.scalar(text("select current_setting('server_version_num')::int / 10000")) or 0)


def find_program(name: str, at_least: int) -> Path:
    """The program of the lowest version that is not older than ``at_least``, the server's major version.

    An older one refuses a newer server; a newer one writes what an older server may not understand, so the nearest
    is taken.

    Raises:
        BackupFailed: when there is none, or only older ones.
    """
    places = [path / "bin" / name for path in _DEBIAN.glob("*")]
    if on_path := shutil.which(name):
        places.append(Path(on_path))
    found = {major: place for place in reversed(places) if (major := _major_of(place)) is not None}
    if fitting := [major for major in found if major >= at_least]:
        return found[min(fitting)]
    have = "、".join(str(major) for major in sorted(found)) or "无 · none"
    raise BackupFailed(
        f"需要 {name} {at_least}，现有：{have}。请安装 postgresql-client-{at_least}。"
        f"{name} {at_least} is needed, found: {have}; install postgresql-client-{at_least}."
    )


def _major_of(program: Path) -> int | None:
    if not os.access(program, os.X_OK):
        return None
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = _VERSION.search(answer.stdout)
    return int(version[1]) if version else None


def run_program(
    program: Path, url: str | None, arguments: Sequence[str], polled: Callable[[], None] = lambda: None
) -> str:
    """Run a program against ``url`` (an SQLAlchemy URL; none for one that needs no server) and return what it printed.

    ``polled`` is called a few times a second while it runs. The password travels in the environment, for a command
    line can be read by every process of the machine.

    Raises:
        BackupFailed: with the program's own last words, when it fails.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    connect: list[str] = []
    if url is not None:
        address = make_url(url)
        parts = address.get_dialect()().create_connect_args(address)[1]
        environment["PGPASSWORD"] = str(parts.pop("password", ""))
        connect = ["--no-password", f"--dbname={psycopg2.extensions.make_dsn(**parts)}"]
    process = subprocess.Popen(  # noqa: S603
        [program, *connect, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        printed, complaint = _end_of(process, polled)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        last_words = complaint.strip()[-1500:]
        raise BackupFailed(
            f"{program.name} 失败 · {program.name} failed ({process.returncode}): {last_words}"
        )
    return printed


def _end_of(process: subprocess.Popen[str], polled: Callable[[], None]) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            polled()
