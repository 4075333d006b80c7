"""Making a backup: the dump of one snapshot, then the files, then the manifest.

Originals leave the store only when their time is over, so files that are copied after the snapshot are complete for the
dump but for those that had to go meanwhile.
The snapshot belongs to a read-only transaction, which takes no transaction id and so does not hold the sync horizon
back; its locks only keep migrations out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from server.backups.failure import BackupFailed
from server.backups.files import Original, copy_original, originals, sums_of
from server.backups.folder import BackupFolder
from server.backups.manifest import (
    DUMP,
    FILE_LIST,
    PUBLIC_KEYS,
    Manifest,
    Piece,
    piece_of,
    sync_to_disk,
    write_manifest,
    write_safely,
)
from server.backups.models import Backup
from server.backups.postgres import connected, count_rows, find_program, run_program, server_major
from server.evidence.models import EvidenceFile
from server.evidence.queries import every_erased, every_original
from server.kernel.db import table_of
from server.kernel.settings import Settings
from sync.cursor import history_column
from sync.keys import KeyRing, KeysUnusable

# How long pg_dump waits for a table that a migration holds.
_LOCK_WAIT = "60s"

# Told as work goes on: what is being done, how much of it is done, and of how much, if that is known.
Progress = Callable[[str, int, int | None], None]
Clock = Callable[[], datetime]


def make_backup(
    settings: Settings, folder: BackupFolder, clock: Clock, progress: Progress, keep: int | None = None
) -> Manifest:
    """Back the database, the files and the public keys of ``settings`` up into ``folder``; the manifest.

    Interrupted, it leaves no manifest, and the next one uses the files that were copied already. Finished, it is
    noted in the database; then all but the newest ``keep`` backups are removed, and with the last that names it the copy of
    a file that had to go.

    Raises:
        BackupFailed: for a foreign or busy folder, a missing program, a database or a disk that does not play along.
    """
    folder.prepare()
    with folder.locked():
        try:
            manifest, digest = _write(settings, folder, clock, progress)
        except OSError as error:
            raise BackupFailed(f"写入备份失败。The backup could not be written: {error}") from error
        _note_where_it_was_made(settings.owner_database_url, manifest, digest)
        if keep is not None:
            folder.keep(keep)
            folder.forget(_erased_in(settings.owner_database_url))
    return manifest


def note_backup(connection: Connection, manifest: Manifest, digest: bytes) -> None:
    """Note a finished backup in a database, so that receipts and health can speak of it."""
    connection.execute(
        insert(table_of(Backup)).values(
            id=uuid.uuid4(),
            name=manifest.name,
            snapshot_at=manifest.snapshot_at,
            finished_at=manifest.finished_at,
            revision=manifest.revision,
            manifest_sha256=digest,
            dump_bytes=manifest.dump.bytes,
            file_count=manifest.file_count,
            file_bytes=manifest.file_bytes,
            faults=len(manifest.faults),
        )
    )


def _note_where_it_was_made(owner_url: str, manifest: Manifest, digest: bytes) -> None:
    with connected(owner_url) as connection:
        # Before an update is migrated, the newer program backs up the older database, which may have no such table.
        if not _has(connection, "backup"):
            return
        try:
            note_backup(connection, manifest, digest)
            connection.commit()
        except SQLAlchemyError as error:
            raise BackupFailed(
                f"备份 {manifest.name} 已完成，但未能记入数据库。"
                f"The backup is complete, but could not be noted in the database: {error}"
            ) from error


def _write(
    settings: Settings, folder: BackupFolder, clock: Clock, progress: Progress
) -> tuple[Manifest, bytes]:
    begun_at, owner_url = clock(), settings.owner_database_url
    target = folder.begin(begun_at)
    dump = target / DUMP
    with connected(owner_url) as connection:
        program = find_program("pg_dump", server_major(connection))
        connection.rollback()
        snapshot_at = clock()
        snapshot, facts = _take_snapshot(connection)

        def told() -> None:
            progress("数据库 database", dump.stat().st_size if dump.exists() else 0, None)

        shared = [f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}"]
        run_program(program, owner_url, ["--format=custom", *shared, f"--file={dump}"], told)
        told()
        rows = count_rows(connection)
        named = _named_in(connection)
    copied, damaged = _copy_files(settings.files_dir, folder.pool, progress)
    if missing := named.difference(file.sha256 for file in (*copied, *damaged)):
        with connected(owner_url) as connection:
            # What had to go since the snapshot is not missing.
            missing &= _named_in(connection)
    write_safely(target / FILE_LIST, sums_of(copied).encode())
    sync_to_disk(dump)
    sync_to_disk(folder.path)
    manifest = Manifest(
        name=target.name,
        begun_at=begun_at,
        snapshot_at=snapshot_at,
        finished_at=clock(),
        application=version("xunge"),
        dump=piece_of(dump),
        files=piece_of(target / FILE_LIST),
        keys=_write_public_keys(settings.receipt_keys_file, target / PUBLIC_KEYS),
        file_count=len(copied),
        file_bytes=sum(file.bytes for file in copied),
        faults=_faults(settings.files_dir, damaged, missing),
        rows=rows,
        **facts,
    )
    return manifest, write_manifest(target, manifest)


def _take_snapshot(connection: Connection) -> tuple[str, dict[str, Any]]:
    """Begin the transaction whose snapshot pg_dump shares: its name, and what the manifest says of the database."""
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    name: str = connection.execute(text("select pg_export_snapshot()")).scalar_one()
    try:
        revision = connection.execute(text("select version_num from alembic_version")).scalar_one()
    except SQLAlchemyError as error:
        raise BackupFailed(
            "该数据库不是巡格的，或未运行 xunge migrate。"
            "The database is not one of Xunge's, or xunge migrate has not been run."
        ) from error
    return name, {
        "revision": revision,
        "postgresql": connection.execute(text("show server_version")).scalar_one(),
        "postgis": connection.execute(text("select postgis_lib_version()")).scalar_one(),
        "epoch": connection.execute(select(history_column())).scalar_one(),
    }


def _named_in(connection: Connection) -> set[str]:
    """The originals that the database names; none of one from before there were files."""
    if not _has(connection, "evidence_file"):
        return set()
    # Before an update is migrated, nothing had to go yet.
    erasing = _has(connection, "file_erasure")
    return set(connection.scalars(every_original() if erasing else select(EvidenceFile.sha256)))


def _erased_in(owner_url: str) -> set[str]:
    """The originals that had to go."""
    with connected(owner_url) as connection:
        return set(connection.scalars(every_erased())) if _has(connection, "file_erasure") else set()


def _has(connection: Connection, table: str) -> bool:
    return connection.scalar(select(func.to_regclass(table))) is not None


def _copy_files(store: Path, pool: Path, progress: Progress) -> tuple[list[Original], list[Original]]:
    """Copy every original into the pool: those that are there now, and those that are damaged."""
    found = list(originals(store))
    copied: list[Original] = []
    damaged: list[Original] = []
    total, done = sum(file.bytes for file in found), 0
    for file in found:
        # One that had to go since it was found is in neither.
        with suppress(FileNotFoundError):
            (copied if copy_original(file, store, pool) else damaged).append(file)
        done += file.bytes
        progress("文件 files", done, total)
    return copied, damaged


def _faults(store: Path, damaged: list[Original], missing: set[str]) -> list[str]:
    """A sentence for each damaged or missing original."""
    return [
        *(f"{file.place} 内容与其名称（sha256）不符 · is not what its name says" for file in damaged),
        *(
            f"{one} 数据库中有、文件夹中没有 · is in the database and not in {store}"
            for one in sorted(missing)
        ),
    ]


def _write_public_keys(keys_file: Path, path: Path) -> Piece | None:
    """The public halves, so that old receipts can be verified where the keys are lost; the private ones stay out."""
    try:
        public = KeyRing(keys_file).public()
    except KeysUnusable:
        return None
    write_safely(path, json.dumps(public, indent=1).encode())
    return piece_of(path)
