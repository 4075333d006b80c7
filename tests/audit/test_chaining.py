"""The chain is made after commit: whoever commits late is in it, nobody is in it twice, and nothing waits for it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import create_engine, func, select

from server.audit.chaining import seal_events, tail_of
from server.audit.models import EventSeal
from server.audit.verifying import verify_chain
from server.backups.restoring import start_over
from server.covered import CONTENTS
from server.kernel.actor import house
from server.kernel.events import Event, record_event
from server.kernel.ids import new_id
from server.kernel.work import Kernel, Work
from server.worker import JOBS, seal_trail
from tests.audit.conftest import seal_all
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, Town, settle_town

WRITERS = 8


@pytest.fixture
def town(kernel: Kernel) -> Town:
    return settle_town(kernel, ecig=2)


def seal_once(kernel: Kernel, town: Town) -> int:
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        return seal_events(work, CONTENTS, limit=3)


def assert_complete(kernel: Kernel, town: Town) -> None:
    """Every event has its one seal, in the order of the feed, and the chain is sound."""
    with kernel.sessions() as session:
        events = session.scalars(select(Event.seq).order_by(Event.xid, Event.seq)).all()
        seals = session.scalars(select(EventSeal.seq).order_by(EventSeal.position)).all()
        assert seals == events
        proof = verify_chain(session, town.bureau_id, CONTENTS)
    assert (proof.fault, proof.tail.events, proof.seals) == (None, 0, len(events))


@pytest.mark.parametrize("seed", range(3))
def test_no_event_is_skipped_however_late_its_writer_commits(kernel: Kernel, town: Town, seed: int) -> None:
    """Eight writers with transactions that overlap in every way, while the job runs between any two of their acts."""
    chance = Random(seed)
    sealed_beside_writers = 0
    with ExitStack() as all_of_them:
        open_: list[tuple[ExitStack, Work]] = []
        for _ in range(120):
            act = chance.choice(("begin", "write", "end", "seal"))
            if act == "begin" and len(open_) < WRITERS:
                one = all_of_them.enter_context(ExitStack())
                work = one.enter_context(kernel.work(house(town.bureau_id), MONDAY))
                record_event(work, "person.transferred", [new_id(MONDAY)])
                open_.append((one, work))
            elif act == "write" and open_:
                record_event(chance.choice(open_)[1], "person.transferred", [])
            elif act == "end" and open_:
                # Those that began first often end last.
                open_.pop(chance.randrange(len(open_)))[0].close()
            elif act == "seal":
                sealed_beside_writers += bool(seal_once(kernel, town) and open_)
    seal_all(kernel, town)
    assert sealed_beside_writers
    assert_complete(kernel, town)


def test_what_an_open_transaction_may_still_come_before_waits_in_the_tail(kernel: Kernel, town: Town) -> None:
    seal_all(kernel, town)
    with kernel.work(house(town.bureau_id), MONDAY) as slow:
        record_event(slow, "scope.applied", [])
        with kernel.work(house(town.bureau_id), MONDAY + timedelta(hours=1)) as quick:
            record_event(quick, "scope.applied", [])
        assert seal_all(kernel, town) == 0
        with kernel.sessions() as session:
            tail = tail_of(session, town.bureau_id)
        assert (tail.events, tail.since) == (1, MONDAY + timedelta(hours=1))
    assert seal_all(kernel, town) == 2
    assert_complete(kernel, town)


def test_of_two_jobs_at_once_one_seals_and_the_other_passes(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY) as one:
        assert seal_events(one, CONTENTS) > 0
        with kernel.work(house(town.bureau_id), MONDAY) as other:
            assert seal_events(other, CONTENTS) == 0
    assert_complete(kernel, town)


def test_a_push_of_many_records_is_one_seal_over_all_of_them(kernel: Kernel, town: Town) -> None:
    records = [check_of(town, 0, MONDAY + timedelta(days=day)) for day in range(5)]
    push_at(kernel, town, "li", MONDAY + timedelta(days=5), *records)
    seal_all(kernel, town)
    with kernel.sessions() as session:
        sealed = session.scalars(select(EventSeal.contents).where(EventSeal.contents.is_not(None))).one()
    assert sealed is not None
    assert set(sealed) == {record["id"] for record in records}


def test_after_a_restore_the_chain_still_holds_and_goes_on(kernel: Kernel, town: Town) -> None:
    """A restore gives every event another transaction id, and what was not sealed yet is sealed then."""
    seal_once(kernel, town)
    owner = create_engine(kernel.settings.owner_database_url)
    with owner.begin() as connection:
        start_over(connection)
    owner.dispose()
    push_at(kernel, town, "li", MONDAY + timedelta(hours=2), check_of(town, 0, MONDAY))
    seal_all(kernel, town)
    with kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(EventSeal)) == session.scalar(
            select(func.count()).select_from(Event)
        )
        assert verify_chain(session, town.bureau_id, CONTENTS).fault is None


def test_the_worker_seals_every_minute() -> None:
    assert (seal_trail, "* * * * *") in JOBS
