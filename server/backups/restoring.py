"""Restoring a backup into an empty database, under a new epoch.

Transaction ids do not survive dump and restore: a restored feed row may carry an id that the new cluster reaches in a
year only, and would stay above the horizon until then. So every stored transaction id becomes the restore's own, which
keeps their order by sequence, and the epoch changes, so that devices start over and reconcile.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, delete, text

from server.backups.failure import BackupFailed
from server.backups.files import Original, copy_original, is_intact
from server.backups.folder import backup_at
from server.backups.making import Progress, note_backup
from server.backups.manifest import DUMP, MANIFEST, Manifest, piece_of
from server.backups.postgres import connected, count_rows, find_program, run_program, server_major
from server.backups.verifying import verify_backup
from server.evidence.models import Thumbnail
from server.kernel.db import table_of
from sync import tables as sync_tables
from sync.epochs import start_epoch

APP_ROLE = "xunge_app"
_EXTENSIONS = ("postgis", "pg_trgm", "btree_gist")
# What the administrator's set-up of the empty database has made already, and what belongs to PostGIS.
_NOT_OURS = re.compile(
    r"\d+; \d+ \d+ (EXTENSION|COMMENT - EXTENSION|SCHEMA - public|COMMENT - SCHEMA public|ACL - SCHEMA public"
    r"|TABLE DATA public spatial_ref_sys|ACL public TABLE spatial_ref_sys)\b"
)


@dataclass(frozen=True, slots=True)
class Revisions:
    """Migrations, as far as a restore needs them: which are known, and how to bring a database to the newest."""

    known: frozenset[str]
    upgrade: Callable[[str], None]


def restore_backup(path: Path, into: str, store: Path, revisions: Revisions, progress: Progress) -> Manifest:
    """Restore the backup at ``path`` into the empty database ``into`` (the owner's URL) and its files into ``store``.

    The application's role cannot connect until all is done, so nobody works in half a database.

    Raises:
        BackupFailed: when the backup is damaged or newer than this code, the database is not empty or not prepared,
            or what came out is not what the manifest says.
    """
    folder, backup = backup_at(path)
    manifest, files = verify_backup(folder, backup, progress)
    if manifest.revision not in revisions.known:
        raise BackupFailed(
            f"备份的数据库版本 {manifest.revision} 比本程序新，请先更新巡格。"
            f"The backup's schema {manifest.revision} is newer than this program: update Xunge first."
        )
    with connected(into) as connection:
        _must_be_ready(connection, manifest)
        program = find_program("pg_restore", server_major(connection))
        database = connection.scalar(text("select quote_ident(current_database())"))
        connection.execute(text(f"revoke connect on database {database} from public, {APP_ROLE}"))
        connection.commit()
        _restore_dump(program, into, backup / DUMP, progress)
        _must_equal(manifest.rows, count_rows(connection))
        connection.commit()
        revisions.upgrade(into)
        start_over(connection)
        # Small pictures are not in a backup; the hourly job draws those that are not noted as drawn.
        connection.execute(delete(table_of(Thumbnail)))
        note_backup(connection, manifest, bytes.fromhex(piece_of(backup / MANIFEST).sha256))
        connection.commit()
        _restore_files(files, folder.pool, store, progress)
        connection.execute(text("analyze"))
        connection.execute(text(f"grant connect on database {database} to {APP_ROLE}"))
        connection.commit()
    return manifest


def start_over(connection: Connection) -> None:
    """A new epoch, and every other stored transaction id set to this transaction's, in this transaction."""
    start_epoch(connection)
    columns = connection.execute(
        text(
            "select quote_ident(c.relname), quote_ident(a.attname) from pg_attribute a"
            " join pg_class c on c.oid = a.attrelid where c.relnamespace = 'public'::regnamespace"
            " and c.relkind = 'r' and a.atttypid = 'xid8'::regtype and a.attnum > 0 and not a.attisdropped"
        )
    ).all()
    for table, column in columns:
        if table in sync_tables.metadata.tables:
            continue
        # The names are the catalogue's own, quoted by the server.
        connection.execute(
            text(f"update {table} set {column} = pg_current_xact_id() where {column} is not null")  # noqa: S608
        )


def _must_be_ready(connection: Connection, manifest: Manifest) -> None:
    tables = connection.scalar(
        text(
            "select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in"
            " ('r', 'S', 'v', 'm', 'p') and not exists (select from pg_depend d"
            " where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"
        )
    )
    if tables:
        raise BackupFailed(
            "目标数据库不是空的，没有做任何改动。请新建一个空数据库（见 docs/operations.md“恢复”）再恢复。"
            "The database is not empty, and nothing was changed: make a new one, see “Restore” in docs/operations.md."
        )
    if server_major(connection) < int(manifest.postgresql.split(".")[0]):
        raise BackupFailed(
            f"备份来自 PostgreSQL {manifest.postgresql}，目标服务器版本更低。"
            f"The backup comes from PostgreSQL {manifest.postgresql}; this server is older."
        )
    extensions = set(connection.scalars(text("select extname from pg_extension")))
    commands = [f"CREATE EXTENSION {name};" for name in _EXTENSIONS if name not in extensions]
    if not connection.scalar(text("select to_regrole(:role) is not null"), {"role": APP_ROLE}):
        commands.insert(0, f"CREATE ROLE {APP_ROLE} LOGIN;")
    if not connection.scalar(
        text(
            "select pg_get_userbyid(datdba) = current_user from pg_database where datname = current_database()"
        )
    ):
        commands.append("ALTER DATABASE … OWNER TO xunge_owner;")
    if not connection.scalar(text("select has_schema_privilege('public', 'create')")):
        commands.append("GRANT CREATE, USAGE ON SCHEMA public TO xunge_owner;")
    if commands:
        raise BackupFailed(
            "目标数据库没有准备好，请以超级用户执行 · the database is not prepared; run as its superuser:\n"
            + "\n".join(commands)
        )


def _restore_dump(program: Path, into: str, dump: Path, progress: Progress) -> None:
    """All or nothing: in one transaction, and with the privileges as they were."""
    listed = run_program(program, None, ["--list", str(dump)])
    with TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted")
        wanted.write_text("\n".join(line for line in listed.splitlines() if not _NOT_OURS.match(line)))
        begun = 0

        def told() -> None:
            nonlocal begun
            begun += 1
            progress("数据库 database", begun, None)

        options = ["--no-owner", "--single-transaction", "--exit-on-error", f"--use-list={wanted}"]
        run_program(program, into, [*options, str(dump)], told)


def _must_equal(wanted: dict[str, int], found: dict[str, int]) -> None:
    if wrong := [
        f"{table}: {found.get(table)} ≠ {rows}" for table, rows in wanted.items() if found.get(table) != rows
    ]:
        raise BackupFailed(
            "恢复后的行数与清单不符 · the restored rows are not what the manifest says: " + "；".join(wrong)
        )


def _restore_files(files: list[Original], pool: Path, store: Path, progress: Progress) -> None:
    store.mkdir(parents=True, exist_ok=True)
    total, done = sum(file.bytes for file in files), 0
    for file in files:
        try:
            fine = copy_original(file, pool, store) and is_intact(file, store)
        except OSError as error:
            raise BackupFailed(f"文件 {file.place} 未能恢复 · could not be restored: {error}") from error
        if not fine:
            raise BackupFailed(f"文件 {file.place} 已损坏 · is damaged, in the backup or in {store}")
        done += file.bytes
        progress("文件 files", done, total)
