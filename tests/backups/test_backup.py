"""Making backups: what is in one, what an interruption leaves, and what goes on meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from server.backups.failure import BackupFailed
from server.backups.folder import BackupFolder, backup_at
from server.backups.making import make_backup
from server.backups.manifest import read_manifest
from server.backups.postgres import find_program
from server.backups.queries import LONGEST_REQUEST, backed_up_before, last_backup
from server.backups.verifying import verify_backup
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.backups.conftest import BackUp, erase_file, keep_file, note_file
from tests.backups.programs import held_dump, xunge
from tests.fieldwork import check_of, push_at
from tests.sync.handheld import Handheld
from tests.town import Town, client_of

NOON = datetime(2026, 7, 6, 12, 0, tzinfo=UTC)


def test_the_command_makes_a_backup_that_the_command_verifies(
    settings: Settings, town: Town, store: Path, folder: BackupFolder
) -> None:
    code, output, errors = xunge(settings, "backup", folder.path, "--format", "json")
    assert code == 0, errors
    manifest = json.loads(output)
    assert manifest["rows"]["record"] == 1
    assert manifest["file_count"] == 3
    assert manifest["faults"] == []
    keys = json.loads((folder.path / manifest["name"] / manifest["keys"]["name"]).read_text())["keys"]
    assert keys
    assert not any("d" in key for key in keys), "a private key is in the backup"

    code, output, errors = xunge(settings, "backup", "verify", folder.path)
    assert code == 0, errors
    assert manifest["name"] in output

    (folder.path / manifest["name"] / "manifest.json").unlink()
    code, _, errors = xunge(settings, "backup", "verify", folder.path)
    assert code == 1
    assert "没有完成的备份" in errors


def test_the_list_of_files_is_one_that_sha256sum_reads(
    store: Path, town: Town, back_up: BackUp, folder: BackupFolder
) -> None:
    backup = folder.path / back_up().name
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "files.sha256"], cwd=backup, check=True)


def test_a_file_is_copied_once_and_is_no_link(
    store: Path, town: Town, back_up: BackUp, folder: BackupFolder
) -> None:
    back_up()
    before = {path: path.stat().st_ino for path in folder.pool.rglob("*") if path.is_file()}
    assert len(before) == 3
    assert all(path.stat().st_nlink == 1 for path in before)

    keep_file(store, b"one more")
    assert back_up().file_count == 4
    after = {path: path.stat().st_ino for path in folder.pool.rglob("*") if path.is_file()}
    assert before.items() < after.items()


def test_what_is_still_being_received_is_left_out(store: Path, town: Town, back_up: BackUp) -> None:
    (store / "partial").mkdir()
    (store / "partial" / str(uuid.uuid4())).write_bytes(b"half a photo")
    assert back_up().file_count == 3


def test_a_finished_backup_is_noted_and_covers_what_was_received_before_its_snapshot(
    kernel: Kernel, town: Town, store: Path, back_up: BackUp
) -> None:
    with kernel.sessions() as session:
        assert backed_up_before(session) is None
    manifest = back_up(lambda: NOON)
    back_up(lambda: NOON - timedelta(days=1))

    with kernel.sessions() as session:
        noted = last_backup(session)
        assert noted is not None
        assert noted.name == manifest.name
        assert backed_up_before(session) == NOON - LONGEST_REQUEST


def test_a_damaged_file_of_the_store_is_told_and_the_backup_vouches_for_nothing(
    kernel: Kernel, settings: Settings, town: Town, store: Path, folder: BackupFolder
) -> None:
    spoilt = next(store.rglob("originals/*/*"))
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"?")

    code, _, errors = xunge(settings, "backup", folder.path)

    assert code == 3
    assert spoilt.name in errors
    with kernel.sessions() as session:
        noted = last_backup(session)
        assert noted is not None
        assert (noted.faults, noted.file_count) == (1, 2)
        assert backed_up_before(session) is None
    verify_backup(*backup_at(folder.path), lambda *_: None)


def test_a_file_that_the_database_names_and_the_store_has_lost_is_told(
    settings: Settings, town: Town, store: Path, back_up: BackUp
) -> None:
    lost = hashlib.sha256(b"lost").hexdigest()
    note_file(settings, town, lost)

    (fault,) = back_up().faults
    assert lost in fault


def test_a_file_that_had_to_go_while_others_were_copied_is_not_missing(
    settings: Settings, town: Town, store: Path, folder: BackupFolder
) -> None:
    *_, last = sorted(store.rglob("originals/*/*"))
    note_file(settings, town, last.name)

    def told(doing: str, _done: int, _total: int | None) -> None:
        if "files" in doing and last.exists():
            erase_file(settings, town, last)

    manifest = make_backup(settings, folder, lambda: NOON, told)
    assert (manifest.file_count, manifest.faults) == (2, [])
    assert not last.exists()


def test_what_had_to_go_leaves_with_the_last_backup_that_names_it(
    settings: Settings, town: Town, store: Path, back_up: BackUp, folder: BackupFolder
) -> None:
    erased, lost, _ = store.rglob("originals/*/*")
    back_up(lambda: NOON)
    note_file(settings, town, erased.name)
    erase_file(settings, town, erased)
    # What the store has lost without a word stays, for this may be the only copy.
    lost.unlink()

    def in_pool() -> int:
        return sum(path.is_file() for path in folder.pool.rglob("*"))

    assert back_up(lambda: NOON + timedelta(days=1), keep=2).faults == []
    assert in_pool() == 3
    back_up(lambda: NOON + timedelta(days=2), keep=2)
    assert in_pool() == 2
    assert not any(path.name == erased.name for path in folder.pool.rglob("*"))
    for path in folder.finished():
        verify_backup(folder, path, lambda *_: None)


def test_a_database_from_before_anything_had_to_go_is_backed_up_too(
    settings: Settings, town: Town, store: Path, back_up: BackUp
) -> None:
    lost = hashlib.sha256(b"lost").hexdigest()
    note_file(settings, town, lost)
    # As an update meets it: the newer program makes a backup, then migrates.
    engine = create_engine(settings.owner_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("drop table file_erasure"))
    (fault,) = back_up(keep=1).faults
    assert lost in fault


def test_only_the_newest_are_kept_and_all_files(
    town: Town, store: Path, back_up: BackUp, folder: BackupFolder
) -> None:
    names = [back_up(lambda day=day: NOON + timedelta(days=day), keep=2).name for day in range(3)]

    assert [path.name for path in folder.finished()] == names[1:]
    assert sum(path.is_file() for path in folder.pool.rglob("*")) == 3
    for path in folder.finished():
        verify_backup(folder, path, lambda *_: None)


def test_a_folder_that_holds_something_else_is_refused(
    settings: Settings, town: Town, tmp_path_factory: pytest.TempPathFactory
) -> None:
    foreign = tmp_path_factory.mktemp("photos")
    (foreign / "holiday.jpg").write_bytes(b"")

    with pytest.raises(BackupFailed, match="不是空文件夹"):
        make_backup(settings, BackupFolder(foreign), lambda: NOON, lambda *_: None)
    assert [path.name for path in foreign.iterdir()] == ["holiday.jpg"]


def test_two_backups_do_not_write_one_folder(
    town: Town, store: Path, back_up: BackUp, folder: BackupFolder
) -> None:
    folder.prepare()
    with folder.locked(), pytest.raises(BackupFailed, match="Another backup"):
        back_up()


def test_an_older_program_is_refused_with_what_to_install() -> None:
    with pytest.raises(BackupFailed, match="install postgresql-client-99"):
        find_program("pg_dump", 99)


def test_a_database_that_is_none_of_ours_is_refused(
    superuser: Engine, settings: Settings, folder: BackupFolder
) -> None:
    foreign = superuser.url.render_as_string(hide_password=False)
    with pytest.raises(BackupFailed, match="not one of Xunge's"):
        make_backup(replace(settings, owner_database_url=foreign), folder, lambda: NOON, lambda *_: None)


def test_pulls_and_pushes_go_on_while_the_dump_holds_its_snapshot_guard(
    superuser: Engine, app: Flask, kernel: Kernel, settings: Settings, town: Town, folder: BackupFolder
) -> None:
    device = Handheld(client_of(app, kernel, town, "wang", device=True), kernel.sessions)
    device.pull("records")
    with held_dump(settings, folder.path, superuser) as dump:
        now = datetime.now(UTC)
        record = check_of(town, 1, now - timedelta(hours=1))
        push_at(kernel, town, "li", now, record)
        # Pulling waits for the horizon to pass everything committed, and fails if the dump holds it back.
        device.pull("records")
        assert record["id"] in device.held["records"]
        assert dump.is_held()
        assert dump.finish() == 0
    (backup,) = folder.finished()
    # What was pushed after the snapshot is not in it.
    assert read_manifest(backup).rows["record"] == 1


def test_an_interrupted_backup_is_none_and_the_next_goes_on_with_its_files(
    superuser: Engine, settings: Settings, town: Town, store: Path, back_up: BackUp, folder: BackupFolder
) -> None:
    with held_dump(settings, folder.path, superuser) as dump:
        dump.kill()
    (left,) = [path for path in folder.path.iterdir() if path.name.startswith("2")]
    assert not (left / "manifest.json").exists()
    for path in (left, folder.path):
        with pytest.raises(BackupFailed, match="finished"):
            verify_backup(*backup_at(path), lambda *_: None)

    # One file came through before the interruption.
    original = next(store.rglob("originals/*/*"))
    copy = folder.pool / original.relative_to(store)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(original.read_bytes())
    inode = os.stat(copy).st_ino

    manifest = back_up()
    assert not left.exists()
    assert os.stat(copy).st_ino == inode
    assert verify_backup(*backup_at(folder.path), lambda *_: None)[0] == manifest
