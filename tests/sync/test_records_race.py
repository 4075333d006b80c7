"""Two pushes at once: what one transaction does not see of the other must not stay wrong afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from server.cadence import upkeep
from server.cadence.models import Obligation
from server.kernel.actor import Actor
from server.kernel.work import Kernel, keep_up
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, stored_records
from tests.sync.handheld import Document
from tests.sync.interleaving import Rival, officer, push_records
from tests.town import Town


def overlap(
    kernel: Kernel, clock: Clock, first: Actor, one: Document, second: Actor, other: Document
) -> None:
    """Push ``one``; before its commit push ``other`` from another connection, as far as that comes; commit both."""

    def push_other() -> None:
        with kernel.work(second, clock.now) as work:
            push_records(work, other)

    with kernel.work(first, clock.now) as work:
        push_records(work, one)
        keep_up(work, kernel.upkeep)
        rival = Rival(kernel.sessions, push_other)
    rival.finish()


def test_the_same_record_pushed_twice_at_once_is_stored_once(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    record = a_check(town, 0, clock.now)

    overlap(kernel, clock, officer(town, "li"), record, officer(town, "li"), record)

    assert set(stored_records(kernel)) == {record["id"]}
    li = handheld("li")
    li.pull("records")
    assert set(li.held["records"]) == {record["id"]}


def met_after_two_visits_at_once(kernel: Kernel, town: Town, clock: Clock) -> tuple[Document, str]:
    """Push the earlier and the later visit of one outlet at once; the earlier, and what met last week's debt."""
    early = a_check(town, 0, clock.now - timedelta(minutes=30), "li", "wang")
    late = a_check(town, 0, clock.now, "wang", "li")
    overlap(kernel, clock, officer(town, "li"), early, officer(town, "wang"), late)
    with kernel.sessions() as session:
        met = session.execute(select(Obligation.key, Obligation.met_by).where(Obligation.met_by.is_not(None)))
        (only,) = met
    assert only[0] == "2026-W27"
    return early, str(only[1])


def test_two_visits_of_one_outlet_pushed_at_once_are_judged_together(
    kernel: Kernel, town: Town, clock: Clock
) -> None:
    early, met_by = met_after_two_visits_at_once(kernel, town, clock)

    assert met_by == early["id"]


def test_guard_without_holding_the_subject_the_later_visit_takes_the_debt(
    kernel: Kernel, town: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "hold_subjects", lambda _work, _ids: None)

    early, met_by = met_after_two_visits_at_once(kernel, town, clock)

    assert met_by != early["id"]
