"""Tombstones leave the feed when every device has had time to hear of them; whoever has not starts over and reconciles."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Engine,
    Select,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, sessionmaker

from sync import feed, tables
from sync.collection import Collection, Reader
from sync.epochs import start_epoch
from sync.retention import mark_feed, principals_of, prune
from tests.sync.handheld import Handheld, wait_for_horizon
from tests.sync.toy import BUREAU, COLLECTIONS, EVERYBODY, MYSELF, NOW, empty_tables, note, reader_of, toy_app

RETENTION = timedelta(days=90)


class Years:
    """The toy with a clock: notes are written and hidden, nights pass, and each night tombstones are pruned."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self.sessions = sessions
        self.client: FlaskClient = toy_app(sessions, reader_of()).test_client()
        self.now = NOW

    def device(self, limit: int = 3) -> Handheld:
        return Handheld(self.client, self.sessions, limit)

    def write(self, *principals: str) -> uuid.UUID:
        written = uuid.uuid4()
        with self.sessions.begin() as session:
            session.execute(
                note.insert().values(id=written, edit_id=uuid.uuid4(), text="a note", hidden=False)
            )
            feed.touch(session, BUREAU, "notes", [(one, written) for one in principals or (EVERYBODY,)])
        return written

    def show(self, document_id: uuid.UUID, *, hidden: bool) -> None:
        with self.sessions.begin() as session:
            values = {"hidden": hidden, "edit_id": uuid.uuid4()}
            session.execute(update(note).where(note.c.id == document_id).values(**values))
            feed.touch(session, BUREAU, "notes", [(EVERYBODY, document_id)])

    def pass_by(self, days: int) -> int:
        """Let nights pass, two of them with their job: the first, and the last one."""
        pruned = self.night()
        self.now += timedelta(days=days)
        return pruned + self.night()

    def night(self) -> int:
        """The nightly job; how many rows it pruned."""
        with self.sessions.begin() as session:
            below = mark_feed(session, self.now, RETENTION)
        if below is None:
            return 0
        pruned = 0
        for principal, readers in principals_of([reader_of()]).items():
            with self.sessions.begin() as session:
                pruned += prune(session, principal, readers, COLLECTIONS.values(), below)
        return pruned

    def prune(self, readers: list[Reader], below: str, collection: Collection = COLLECTIONS["notes"]) -> int:
        """Prune everybody's feed of one collection."""
        with self.sessions.begin() as session:
            return prune(session, EVERYBODY, readers, [collection], below)

    def horizon(self) -> str:
        """A transaction id above everything written so far."""
        with self.sessions() as session:
            return str(session.scalar(select(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text))))

    def visible(self) -> set[uuid.UUID]:
        with self.sessions() as session:
            return set(session.scalars(select(note.c.id).where(~note.c.hidden)))

    def fed(self) -> set[uuid.UUID]:
        with self.sessions() as session:
            return set(session.scalars(select(tables.feed.c.id)))


@pytest.fixture
def years(toy_sessions: sessionmaker[Session]) -> Years:
    made = Years(toy_sessions)
    wait_for_horizon(toy_sessions)
    return made


def sync(device: Handheld) -> None:
    """As the client is told to: pull to the end; where that started over, reconcile and pull again."""
    device.started_over.clear()
    device.pull("notes")
    if device.started_over:
        device.reconcile("notes")
        device.pull("notes")


# ── what is pruned ────────────────────────────────────────────────────────────────────────────────


def test_an_old_tombstone_is_pruned_and_nothing_that_can_be_seen(years: Years) -> None:
    kept, gone = years.write(), years.write(MYSELF, EVERYBODY)
    years.show(gone, hidden=True)
    young = years.write()

    assert years.pass_by(days=91) == 2
    years.show(young, hidden=True)

    assert years.night() == 0
    assert years.fed() == {kept, young}
    assert years.visible() == {kept}


def test_a_tombstone_younger_than_the_retention_stays(years: Years) -> None:
    gone = years.write()
    years.show(gone, hidden=True)

    assert years.pass_by(days=89) == 0
    assert years.fed() == {gone}


def test_a_tombstone_that_was_touched_again_is_young_again(years: Years) -> None:
    gone = years.write()
    years.show(gone, hidden=True)
    years.pass_by(days=60)
    years.show(gone, hidden=True)

    assert years.pass_by(days=60) == 0
    assert years.fed() == {gone}


def test_guard_what_one_of_several_readers_may_see_stays(years: Years) -> None:
    def seen(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
        shown = or_(~note.c.hidden, bindparam("sees_hidden", type_=Boolean))
        return select(cast(note.c.id, Text).label("document"), note.c.edit_id).where(note.c.id == ids, shown)

    blind, seeing = (replace(reader_of(), parameters={"sees_hidden": sees}) for sees in (False, True))
    years.show(years.write(), hidden=True)
    below = years.horizon()

    pruned = [
        years.prune(readers, below, Collection("notes", seen)) for readers in ([], [blind, seeing], [blind])
    ]

    assert pruned == [0, 0, 1]


def test_guard_a_tombstone_that_is_touched_while_it_is_pruned_stays(
    years: Years, toy_sessions: sessionmaker[Session]
) -> None:
    gone = years.write()
    years.show(gone, hidden=True)
    below = years.horizon()

    with toy_sessions.begin() as writer:
        feed.touch(writer, BUREAU, "notes", [(EVERYBODY, gone)])
        assert years.prune([reader_of()], below) == 0

    assert years.prune([reader_of()], below) == 0
    assert years.fed() == {gone}


# ── who has to start over ─────────────────────────────────────────────────────────────────────────


def test_a_device_away_for_89_days_needs_nothing(years: Years) -> None:
    device, gone, kept = years.device(), years.write(), years.write()
    device.pull("notes")
    years.now += timedelta(days=1)
    years.show(gone, hidden=True)
    assert years.pass_by(days=89) == 0

    assert device.pull("notes") == [{"id": str(gone), "_deleted": True}]
    assert device.started_over == set()
    assert device.ids("notes") == {kept}


def test_a_device_away_for_91_days_starts_over_and_ends_with_what_may_be_seen(years: Years) -> None:
    device, gone, kept = years.device(), years.write(), years.write()
    device.pull("notes")
    before = json.loads(device.checkpoints["notes"])["epoch"]
    years.show(gone, hidden=True)
    assert years.pass_by(days=91) == 1
    later = years.write()

    sync(device)

    assert device.started_over == {"notes"}
    assert device.ids("notes") == {kept, later} == years.visible()
    assert json.loads(device.checkpoints["notes"])["epoch"] != before
    sync(device)
    assert device.started_over == set()


def test_a_device_that_was_there_is_not_asked_to_start_over_for_what_it_heard(years: Years) -> None:
    """Its collection is quiet, so its checkpoint is as old as what was pruned, and is not before it."""
    device, gone = years.device(), years.write()
    device.pull("notes")
    years.show(gone, hidden=True)
    device.pull("notes")
    assert years.pass_by(days=200) == 1

    sync(device)

    assert device.started_over == set()


def test_a_device_that_begins_after_a_pruning_pulls_through_without_starting_over(years: Years) -> None:
    kept = {years.write() for _ in range(8)}
    years.show(years.write(), hidden=True)
    assert years.pass_by(days=91) == 1
    device = years.device(limit=3)

    sync(device)

    assert device.started_over == set()
    assert device.ids("notes") == kept


def test_only_the_feed_that_was_pruned_makes_a_device_start_over(years: Years) -> None:
    device, gone = years.device(), years.write()
    device.pull("notes", "posters")
    years.show(gone, hidden=True)
    with years.sessions.begin() as session:
        feed.touch(session, BUREAU, "posters", [(EVERYBODY, years.write())])
    years.pass_by(days=91)

    device.pull("notes", "posters")

    assert device.started_over == {"notes"}


# ── epochs ────────────────────────────────────────────────────────────────────────────────────────


def test_the_epoch_is_told_before_the_first_pull(years: Years) -> None:
    told = years.client.get("/sync/v1/epoch").get_json()["epoch"]
    years.write()
    device = years.device()
    device.pull("notes")

    assert json.loads(device.checkpoints["notes"])["epoch"] == told


def test_a_reader_who_may_only_push_is_told_no_epoch(toy_sessions: sessionmaker[Session]) -> None:
    answer = toy_app(toy_sessions, reader_of(may_pull=False)).test_client().get("/sync/v1/epoch")

    assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")


def test_guard_after_a_restore_rows_with_ids_of_another_cluster_are_pulled_in_their_order(
    years: Years,
) -> None:
    """The ids in a restored feed may lie above all that this cluster will give for years."""
    written = [years.write() for _ in range(4)]
    device = years.device()
    device.pull("notes")
    with years.sessions.begin() as session:
        session.execute(update(tables.feed).values(xid="900000000000000"))
    newcomer = years.device()
    newcomer.pull("notes")
    assert newcomer.ids("notes") == set()

    with years.sessions.begin() as session:
        mark_feed(session, years.now, RETENTION)
        start_epoch(session)
    written.append(years.write())
    sync(device)

    assert device.started_over == {"notes"}
    newcomer.pull("notes")
    assert [one["id"] for one in newcomer.received] == [str(one) for one in written]
    with years.sessions() as session:
        assert not session.scalars(select(tables.feed_mark.c.at)).all()


# ── any order of events ───────────────────────────────────────────────────────────────────────────


class Decades(RuleBasedStateMachine):
    """Two devices that come and go. ``begin`` is set by the test that runs it."""

    begin: Callable[[], Years]

    def __init__(self) -> None:
        super().__init__()
        self.years = type(self).begin()
        self.notes = [self.years.write() for _ in range(3)]
        self.devices = {name: (self.years.device(), self.years.now) for name in ("one", "two")}
        for device, _ in self.devices.values():
            sync(device)

    @rule(pick=st.integers(0, 2), hidden=st.booleans())
    def show(self, pick: int, hidden: bool) -> None:
        self.years.show(self.notes[pick], hidden=hidden)

    @rule(days=st.sampled_from([1, 89, 91]))
    def pass_by(self, days: int) -> None:
        self.years.pass_by(days)

    @rule(name=st.sampled_from(["one", "two"]))
    def sync(self, name: str) -> None:
        device, heard = self.devices[name]
        sync(device)
        assert device.ids("notes") == self.years.visible()
        assert self.years.now - heard >= RETENTION or not device.started_over
        self.devices[name] = device, self.years.now

    @invariant()
    def nothing_visible_is_pruned(self) -> None:
        assert self.years.visible() <= self.years.fed()


def test_any_order_of_years_ends_with_what_may_be_seen(
    toy_engine: Engine, toy_sessions: sessionmaker[Session]
) -> None:
    def anew() -> Years:
        empty_tables(toy_engine)
        return Years(toy_sessions)

    class InToy(Decades):
        begin = staticmethod(anew)

    run_state_machine_as_test(
        InToy,
        settings=settings(
            max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
