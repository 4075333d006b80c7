"""Restoring: the same on another machine under a new epoch, or refused with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from server import migrate
from server.backups import restoring
from server.backups.failure import BackupFailed
from server.backups.folder import BackupFolder
from server.backups.making import make_backup
from server.backups.verifying import verify_backup
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.backups.conftest import BackUp, bring_back, note_file
from tests.backups.elsewhere import Elsewhere, Place
from tests.backups.programs import xunge
from tests.town import Town

PRIVILEGES = """
    select c.relname, '', (select array_agg(item::text order by item::text) from unnest(c.relacl) item)
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname <> 'spatial_ref_sys'
        and c.relkind in ('r', 'S')
    union all
    select c.relname, a.attname, (select array_agg(item::text order by item::text) from unnest(a.attacl) item)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and a.attacl is not null
    order by 1, 2
"""
# Every stored transaction id of the database that no transaction of this cluster has reached yet.
FEED_ABOVE_THE_HORIZON = "select count(*) from feed where xid >= pg_snapshot_xmin(pg_current_snapshot())"


@pytest.fixture
def far_ahead(superuser: Engine, elsewhere: Elsewhere) -> None:
    """This machine has come further in its transaction ids than the other one."""
    there = create_engine(elsewhere.url("postgres"), poolclass=NullPool)
    with there.connect() as connection:
        reached = int(connection.scalar(text("select pg_snapshot_xmax(pg_current_snapshot())::text")) or 0)
    with superuser.connect() as connection:
        while int(connection.scalar(text("select pg_current_xact_id()::text")) or 0) < reached + 5000:
            pass


@pytest.fixture
def backup(far_ahead: None, town: Town, store: Path, back_up: BackUp, folder: BackupFolder) -> Path:
    """A backup of the town with its files."""
    return folder.path / back_up().name


def _ask(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_what_is_restored_on_another_machine_is_the_same(
    backup: Path, place: Place, settings: Settings, store: Path
) -> None:
    code, output, errors = xunge(
        settings, "restore", backup, "--into", place.owner_url, "--files", place.store
    )
    assert code == 0, errors
    assert backup.name in output
    assert "reconcile" in errors

    query = "select id, edit_id, document::text from record"
    assert _ask(place.app_url, query) == _ask(settings.database_url, query)
    there, here = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("originals/*/*")}
        for root in (place.store, store)
    )
    assert there == here
    assert len(here) == 3
    assert [name for (name,) in _ask(place.app_url, "select name from backup")] == [backup.name]


def test_small_pictures_are_drawn_anew(
    town: Town, store: Path, settings: Settings, back_up: BackUp, folder: BackupFolder, place: Place
) -> None:
    original = next(store.rglob("originals/*/*"))
    note_file(settings, town, original.name)
    assert back_up().faults == []
    bring_back(folder.path, place)

    assert _ask(place.app_url, "select sha256 from evidence_file") == [(original.name,)]
    assert _ask(place.app_url, "select sha256 from thumbnail") == []


def test_the_applications_role_may_do_what_it_might_and_no_more(
    backup: Path, place: Place, settings: Settings
) -> None:
    bring_back(backup, place)

    assert _ask(place.owner_url, PRIVILEGES) == _ask(settings.owner_database_url, PRIVILEGES)
    with pytest.raises(ProgrammingError, match="permission denied"):
        _ask(place.app_url, "update event set name = 'nothing happened' returning seq")


def test_devices_meet_a_new_epoch_and_every_document_below_the_horizon_guard(
    backup: Path, place: Place, settings: Settings
) -> None:
    bring_back(backup, place)

    epoch = "select epoch from sync_epoch"
    assert _ask(place.app_url, epoch) != _ask(settings.database_url, epoch)
    assert _ask(place.app_url, FEED_ABOVE_THE_HORIZON) == [(0,)]
    order = "select principal, collection, id from feed order by xid, seq"
    assert _ask(place.app_url, order) == _ask(settings.database_url, order)


def test_without_new_transaction_ids_documents_would_stay_hidden_for_good_guard(
    backup: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "start_over", lambda connection: None)
    bring_back(backup, place)

    assert _ask(place.app_url, FEED_ABOVE_THE_HORIZON) != [(0,)]


def test_no_stored_transaction_id_of_the_lost_machine_is_left(backup: Path, place: Place) -> None:
    bring_back(backup, place)

    columns = _ask(
        place.owner_url,
        "select table_name, column_name from information_schema.columns where udt_name = 'xid8'",
    )
    assert {("feed", "xid"), ("event", "xid")} <= set(columns)
    for table, column in columns:
        ahead = f"select count(*) from {table} where {column} >= pg_snapshot_xmax(pg_current_snapshot())"
        assert _ask(place.owner_url, ahead) == [(0,)], table


@pytest.mark.parametrize("which", ["database.dump", "files.sha256", "manifest.json", "a file"])
def test_a_flipped_byte_is_found_and_nothing_is_restored(
    which: str, backup: Path, place: Place, folder: BackupFolder
) -> None:
    spoilt = backup / which
    if which == "a file":
        spoilt = next(path for path in folder.pool.rglob("*") if path.is_file())
    content = bytearray(spoilt.read_bytes())
    content[len(content) // 2] ^= 0x80
    spoilt.write_bytes(content)

    with pytest.raises(BackupFailed, match=spoilt.name):
        verify_backup(folder, backup, lambda *_: None)
    with pytest.raises(BackupFailed, match=spoilt.name):
        bring_back(backup, place)
    assert _ask(place.owner_url, "select to_regclass('bureau')::text") == [(None,)]
    assert not place.store.exists()


def test_a_file_that_is_missing_from_the_pool_is_found(
    backup: Path, place: Place, folder: BackupFolder
) -> None:
    missing = next(path for path in folder.pool.rglob("*") if path.is_file())
    missing.unlink()
    with pytest.raises(BackupFailed, match=missing.name):
        bring_back(backup, place)


def test_a_database_that_holds_something_is_refused_and_stays_as_it_was(
    backup: Path, settings: Settings, kernel: Kernel
) -> None:
    before = _ask(settings.database_url, "select epoch, (select count(*) from record) from sync_epoch")

    code, _, errors = xunge(settings, "restore", backup)

    assert code == 1
    assert "not empty" in errors
    assert (
        _ask(settings.database_url, "select epoch, (select count(*) from record) from sync_epoch") == before
    )


def test_a_database_that_is_not_prepared_is_refused_with_the_commands(
    backup: Path, elsewhere: Elsewhere
) -> None:
    plain = Place(elsewhere.url("postgres"), "", Path("/nonexistent"))
    with pytest.raises(BackupFailed, match="CREATE EXTENSION postgis;"):
        bring_back(backup, plain)


def test_nobody_works_in_a_database_that_is_half_restored_guard(
    backup: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BackupFailed("the disk is full")

    monkeypatch.setattr(restoring, "_restore_files", fail)
    with pytest.raises(BackupFailed, match="disk is full"):
        bring_back(backup, place)

    assert _ask(
        place.owner_url, "select has_database_privilege('xunge_app', current_database(), 'connect')"
    ) == [(False,)]


def test_a_backup_of_a_later_version_is_refused(
    town: Town, settings: Settings, back_up: BackUp, folder: BackupFolder, place: Place
) -> None:
    engine = create_engine(settings.owner_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    back_up()
    with pytest.raises(BackupFailed, match="newer than this program"):
        bring_back(folder.path, place)


@pytest.fixture
def of_last_year(elsewhere: Elsewhere, tmp_path: Path) -> Iterator[Place]:
    """A database as it was before the sync issue's migrations, with a bureau and something in its feed."""
    with elsewhere.empty_database(tmp_path) as old:
        command.upgrade(migrate._config(old.owner_url), "0003")
        engine = create_engine(old.owner_url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "insert into bureau (id, name, level, region_code)"
                    " values (gen_random_uuid(), '旧局', 'county', '990281')"
                )
            )
            connection.execute(
                text(
                    "insert into feed (bureau_id, principal, collection, id)"
                    " select id, 'bureau:' || id, 'people', gen_random_uuid() from bureau"
                )
            )
        yield old


def test_an_older_backup_is_brought_to_the_newest_revision(
    of_last_year: Place, place: Place, folder: BackupFolder, settings: Settings
) -> None:
    old = replace(settings, owner_database_url=of_last_year.owner_url, files_dir=of_last_year.store)
    made = make_backup(old, folder, lambda: datetime.now(UTC), lambda *_: None)
    assert made.revision == "0003"

    bring_back(folder.path, place)

    assert _ask(place.owner_url, "select version_num from alembic_version") == [(migrate.newest_revision(),)]
    assert _ask(place.app_url, "select name from bureau") == [("旧局",)]
    assert _ask(place.app_url, "select name, revision from backup") == [(made.name, "0003")]
    assert _ask(place.app_url, FEED_ABOVE_THE_HORIZON) == [(0,)]
