"""The drill: back up under load, lose the machine, restore on another one, and the handhelds bring back the rest."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import Engine, make_url, select, text

from server.app import create_app
from server.backups.folder import BackupFolder
from server.backups.manifest import read_manifest
from server.cadence.models import VisitFact
from server.house import compose
from server.kernel import http
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.records.models import Record, Rectification
from sync import feed
from tests.backups.elsewhere import Place
from tests.backups.officers import Officer, moved_to, signed_in
from tests.backups.programs import held_dump, xunge
from tests.evidence.conftest import sha256_of
from tests.evidence.pictures import a_photo
from tests.sync.conftest import Clock
from tests.sync.fieldwork import a_check, an_order_to_rectify
from tests.sync.handheld import Handheld
from tests.sync.oracle import COLLECTIONS, may_see
from tests.town import SQUAD_OF, Town, issue_token, settle_town

SEED = int(os.environ.get("XUNGE_SEED", "20261122"))
MORNING = timedelta(hours=3)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The morning of today: the backup, a program of its own, reads the real clock."""
    moved = Clock(datetime.now(UTC) - MORNING)
    monkeypatch.setattr(http, "now", lambda: moved.now)
    return moved


@pytest.fixture
def town(kernel: Kernel, clock: Clock) -> Town:
    """The town, settled this morning."""
    settled = settle_town(kernel, clock.now)
    with kernel.work(house(settled.bureau_id), clock.now) as work:
        everybody = f"bureau:{settled.bureau_id}"
        people = [(everybody, person) for person in settled.people.values()]
        feed.touch(work.session, settled.bureau_id, "people", people)
    return settled


@pytest.fixture
def officers(app: Flask, kernel: Kernel, town: Town) -> list[Officer]:
    """Li and Wang of one squad, Zhao of the other; their handhelds hold what they may see."""
    made = []
    for name in ("li", "wang", "zhao"):
        secret = issue_token(kernel, town, name, device=True)
        officer = Officer(name, secret, Handheld(signed_in(app, secret), kernel.sessions))
        officer.settle()
        made.append(officer)
    return made


def _hour_of_work(random: Random, town: Town, clock: Clock, officers: list[Officer], records: int) -> None:
    """Everybody pushes checks of the squad's outlets; about every third ends with an order to rectify."""
    for _ in range(records):
        for officer in officers:
            outlet = random.choice((0, 1) if SQUAD_OF[officer.name] == 0 else (2, 3))
            make = random.choice((a_check, a_check, an_order_to_rectify))
            pair = ("li", "wang") if SQUAD_OF[officer.name] == 0 else ("zhao", "qian")
            record = make(town, outlet, clock.now, *pair)
            officer.push(officer.photograph(record, a_photo(random.getrandbits(32), (64, 48))))


@pytest.fixture
def restored(settings: Settings, place: Place) -> Iterator[tuple[Settings, Kernel]]:
    """The settings of the new machine, and a kernel on it."""
    there = replace(
        settings,
        database_url=place.app_url,
        owner_database_url=place.owner_url,
        files_dir=place.store,
        receipt_keys_file=place.store.parent / "receipt-keys.json",
    )
    kernel = compose(there)
    yield there, kernel
    kernel.close()


def _visit_facts(kernel: Kernel) -> Counter[tuple[str, str]]:
    with kernel.sessions() as session:
        rows = session.execute(select(VisitFact.record_id, VisitFact.tier)).all()
    return Counter((str(record), tier) for record, tier in rows)


def test_the_machine_is_lost_and_nothing_else_is(
    superuser: Engine,
    settings: Settings,
    kernel: Kernel,
    clock: Clock,
    town: Town,
    officers: list[Officer],
    folder: BackupFolder,
    restored: tuple[Settings, Kernel],
) -> None:
    print(f"XUNGE_SEED={SEED}")
    random = Random(SEED)
    li, wang, zhao = officers

    # A morning's work; then a backup, while everybody goes on pushing.
    _hour_of_work(random, town, clock, officers, 3)
    li.push(before := an_order_to_rectify(town, 0, clock.now))
    for officer in officers:
        officer.upload()
        assert officer.take_receipt() == []
    clock.now = datetime.now(UTC)
    with held_dump(settings, folder.path, superuser) as dump:
        _hour_of_work(random, town, clock, officers, 2)
        assert dump.finish() == 0
    (backup,) = folder.finished()
    in_the_backup = read_manifest(backup).rows["record"]

    # An afternoon's work, of which the backup knows nothing; Zhao is out of reach with his last record.
    clock.now = datetime.now(UTC)
    _hour_of_work(random, town, clock, officers, 2)
    wang.push(after := an_order_to_rectify(town, 1, clock.now))
    for officer in officers:
        officer.settle()
    orders = {order["record_id"]: order["id"] for order in li.device.held["rectifications"].values()}
    li.edit(orders[before["id"]], note="已复核", status="done", done_on="2026-07-06")
    wang.settle()
    wang.edit(orders[after["id"]], note="店主保证改正")
    zhao.waiting.append(a_check(town, 2, clock.now, "zhao", "qian"))
    photographed = {digest for officer in officers for digest in officer.photos}
    let_go: set[str] = set()
    for officer in officers:
        officer.upload()
        let_go.update(officer.take_receipt())
        officer.settle()
    # The photos of the morning are in the backup and off the handhelds; those of the afternoon are neither.
    assert len(let_go) == 9
    assert all(officer.photos and officer.photos.keys() == officer.receipted.keys() for officer in officers)
    acknowledged = set().union(*(officer.pushed for officer in officers))
    facts = _visit_facts(kernel)
    assert len(acknowledged) > in_the_backup > 0

    # The machine is lost. The keys that sign receipts are secrets: they are kept apart, like passwords.
    there, kernel_there = restored
    there.receipt_keys_file.write_bytes(settings.receipt_keys_file.read_bytes())
    there.receipt_keys_file.chmod(0o600)
    kernel.close()
    with superuser.connect() as connection:
        connection.execute(text(f"drop database {make_url(settings.database_url).database} with (force)"))
    shutil.rmtree(settings.files_dir)

    # Another machine; the handhelds come back in any order.
    code, _, errors = xunge(there, "restore", folder.path)
    assert code == 0, errors
    app_there = create_app(there)
    random.shuffle(officers)
    missed = 0
    for officer in officers:
        moved_to(app_there, kernel_there, officer)
        assert officer.meets_another_epoch()
        missed += officer.come_back()
    for officer in officers:
        assert not officer.meets_another_epoch()
        officer.settle()

    kept = {
        path.name: path.read_bytes() for path in (there.files_dir / "originals").rglob("*") if path.is_file()
    }
    assert kept.keys() == photographed
    assert all(sha256_of(content) == digest for digest, content in kept.items())
    for officer in officers:
        officer.take_receipt()
        assert officer.photos.keys() == officer.receipted.keys()

    assert missed == len(acknowledged) - in_the_backup
    with kernel_there.sessions() as session:
        stored = Counter(str(record) for record in session.scalars(select(Record.id)))
        notes = dict(session.execute(select(Rectification.id, Rectification.note)).all())
    everything = set().union(*(officer.pushed for officer in officers))
    assert stored == Counter(everything)
    assert everything - acknowledged
    assert facts.items() <= _visit_facts(kernel_there).items()
    assert {note for note in notes.values() if note} == {"已复核", "店主保证改正"}
    for officer in officers:
        held = {
            one: {key: value["edit_id"] for key, value in officer.device.held[one].items()}
            for one in COLLECTIONS
        }
        assert held == may_see(kernel_there, town, officer.name, clock.now), officer.name
    app_there.extensions["xunge"].close()
