"""Fixtures of the tests of backups: the town with a morning's work, and another machine to restore on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.pool import NullPool

from server import migrate
from server.backups.folder import BackupFolder
from server.backups.making import make_backup
from server.backups.manifest import Manifest
from server.backups.restoring import Revisions, restore_backup
from server.evidence.models import EvidenceFile, FileErasure, Thumbnail
from server.kernel.db import table_of
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.backups.elsewhere import Elsewhere, Place, another_cluster
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, Town


@pytest.fixture
def town(kernel: Kernel, town: Town) -> Town:
    """The town after a check that was pushed."""
    push_at(kernel, town, "li", MONDAY, check_of(town, 0, MONDAY))
    return town


@pytest.fixture
def store(settings: Settings) -> Path:
    """The store with three files in it."""
    random = Random(7)
    for _ in range(3):
        keep_file(settings.files_dir, random.randbytes(70_000))
    return settings.files_dir


def keep_file(store: Path, content: bytes) -> Path:
    """Put an original into a store, as receiving it does."""
    digest = hashlib.sha256(content).hexdigest()
    path = store / "originals" / digest[:2] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def note_file(settings: Settings, town: Town, sha256: str) -> None:
    """Note in the database that a file was received, and that small pictures of it were drawn."""
    engine = create_engine(settings.owner_database_url, poolclass=NullPool)
    given = {"bureau_id": town.bureau_id, "sha256": sha256}
    with engine.begin() as connection:
        connection.execute(
            insert(table_of(EvidenceFile)).values(**given, size=1, media_type="image/jpeg", stored_at=MONDAY)
        )
        connection.execute(insert(table_of(Thumbnail)).values(**given, made_at=MONDAY))


def erase_file(settings: Settings, town: Town, path: Path) -> None:
    """Take an original off the store, as retention does."""
    engine = create_engine(settings.owner_database_url, poolclass=NullPool)
    given = {"bureau_id": town.bureau_id, "sha256": path.name, "erased_at": MONDAY, "removed_at": MONDAY}
    with engine.begin() as connection:
        connection.execute(insert(table_of(FileErasure)).values(**given))
    path.unlink()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> BackupFolder:
    """A folder that does not exist yet, on which backups will be kept."""
    return BackupFolder(tmp_path_factory.mktemp("disk") / "backups")


BackUp = Callable[..., Manifest]


@pytest.fixture
def back_up(settings: Settings, folder: BackupFolder) -> BackUp:
    """Makes a backup of this test's database, at a clock that may be given."""

    def make(clock: Callable[[], datetime] = lambda: datetime.now(UTC), keep: int | None = None) -> Manifest:
        return make_backup(settings, folder, clock, lambda *_: None, keep)

    return make


def bring_back(backup: Path, place: Place) -> Manifest:
    """Restore a backup elsewhere."""
    revisions = Revisions(known=migrate.known_revisions(), upgrade=migrate.apply)
    return restore_backup(backup, place.owner_url, place.store, revisions, lambda *_: None)


@pytest.fixture(scope="session")
def elsewhere(superuser: Engine) -> Iterator[Elsewhere]:
    """Another machine's database server."""
    with superuser.connect() as connection:
        major = int(connection.scalar(text("select current_setting('server_version_num')::int / 10000")) or 0)
    with another_cluster(major) as cluster:
        yield cluster


@pytest.fixture
def place(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty database on the other machine."""
    with elsewhere.empty_database(tmp_path_factory.mktemp("elsewhere") / "files") as made:
        yield made
