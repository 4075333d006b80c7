"""Whatever becomes known late: a restatement lists exactly what two judgings of the period tell differently."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from schemas.vocabulary import CadenceTier
from server.cadence.models import AttemptFact, VisitFact, Waiver
from server.cadence.tally import tally
from server.grids.models import DutyFact
from server.issuing.restating import restated
from server.issuing.rules import signable_period
from server.kernel.actor import house
from server.kernel.db import table_of
from server.kernel.ids import new_id
from server.kernel.work import Work
from server.outlets.models import OutletStatus
from server.reports.judged import Item, judged
from tests.issuing.conftest import FIRST_MOMENT
from tests.reports.conftest import Quarter, at

UNTIL = at(9, 30, 0)
JULY = signable_period("2026-07")
AUTUMN = int((UNTIL - FIRST_MOMENT).total_seconds())


@dataclass(frozen=True, slots=True)
class Late:
    """Something of July that became known at ``known_at``, mostly after the lock."""

    what: str
    known_at: datetime
    outlet: int
    day: int
    tier: str
    other: int


lates = st.builds(
    Late,
    what=st.sampled_from(["visit", "invalid", "attempt", "waiver", "status", "duty"]),
    known_at=st.integers(-86_400, AUTUMN + 86_400).map(lambda s: FIRST_MOMENT + timedelta(seconds=s)),
    outlet=st.integers(0, 3),
    day=st.integers(0, 38),
    tier=st.sampled_from(["WEEKLY", "MONTHLY", "QUARTERLY"]),
    other=st.integers(0, 1),
)


class RolledBack(Exception):
    """Nothing of an example stays."""


def learn(work: Work, quarter: Quarter, late: Late) -> uuid.UUID | None:
    """Write it down as a fact; the id of the record, if it is one."""
    town, own = quarter.town, {"bureau_id": quarter.town.bureau_id, "known_at": late.known_at}
    outlet = town.outlets[late.outlet]
    when = at(7, 1) + timedelta(days=late.day)
    subject = {"subject_kind": "outlet", "subject_id": outlet}
    record_id = new_id(when)
    if late.what in ("visit", "invalid"):
        fact = {
            **subject,
            "tier": late.tier,
            "performed_at": when,
            "valid": late.what == "visit",
            "makes_up": "2026-W28" if late.other else None,
        }
        work.session.execute(insert(table_of(VisitFact)), [{**fact, **own, "record_id": record_id}])
        return record_id
    if late.what == "attempt":
        work.session.execute(
            insert(table_of(AttemptFact)),
            [{**subject, **own, "record_id": record_id, "attempted_at": when}],
        )
        return record_id
    if late.what == "waiver":
        owed = quarter.obligation(late.outlet, f"2026-W{28 + late.day % 4}")
        work.session.add(Waiver(id=new_id(when), obligation_id=owed, reason="补办", **own))
    elif late.what == "status":
        status = "suspended" if late.other else "active"
        work.session.add(
            OutletStatus(id=new_id(when), outlet_id=outlet, from_day=when.date(), status=status, **own)
        )
    else:
        squad, lead = town.squads[late.other], town.people[("wang", "qian")[late.other]]
        work.session.add(
            DutyFact(
                id=new_id(when),
                cell_id=town.cells[late.outlet],
                squad_id=squad,
                lead_person_id=lead,
                from_day=when.date(),
                **own,
            )
        )
    work.session.flush()
    return None


def told(items: list[Item]) -> dict[uuid.UUID, tuple[Any, ...]]:
    """What a report tells of each obligation, read from the judgements themselves."""
    return {
        one.row.id: (
            one.judgement.state,
            one.judgement.met_by or one.judgement.made_up_by,
            one.judgement.performed_at,
            one.judgement.days_late,
            one.judgement.attempts,
            one.judgement.cell_id,
            one.responsible,
        )
        for one in items
    }


def check(work: Work, before: list[Item], records: set[uuid.UUID]) -> None:
    after = judged(work, JULY, UNTIL)
    found = restated(work, JULY, FIRST_MOMENT, UNTIL)
    was, now = told(before), told(after)
    differing = {one for one in was.keys() | now.keys() if was.get(one) != now.get(one)}
    assert {uuid.UUID(one["id"]) for one in found.obligations} == differing
    for one in found.obligations:
        own = uuid.UUID(one["id"])
        for side, told_of in (("before", was), ("after", now)):
            assert one[side]["state"] == told_of[own][0].value
            assert one[side]["record_id"] == (str(told_of[own][1]) if told_of[own][1] else None)
        for fact in one["learned"]:
            assert FIRST_MOMENT < datetime.fromisoformat(fact["known_at"]) <= UNTIL
        # What an obligation was restated by stands beside it.
        met = told_of[own][1]
        if met in records and one["before"]["record_id"] != str(met):
            assert str(met) in {fact.get("record_id") for fact in one["learned"]}
    totals = {(line["tier"], line["column"]): line for line in found.figures if line["by"] == "total"}
    for tier in CadenceTier:
        counts = [tally(one.judgement for one in items if one.tier is tier) for items in (before, after)]
        for column in ("obligations", "on_time", "late", "missed", "made_up", "waived", "pending", "due"):
            sides = [getattr(count, column) for count in counts]
            line = totals.get((tier.value, column))
            assert (line is None) == (sides[0] == sides[1]), (tier, column, sides)
            if line is not None:
                assert [line["before"], line["after"]] == sides


def in_an_example(quarter: Quarter, play: Callable[[Work], None]) -> None:
    try:
        with quarter.kernel.work(house(quarter.town.bureau_id), at(10, 20)) as work:
            play(work)
            raise RolledBack
    except RolledBack:
        pass


@given(st.lists(lates, max_size=6))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_restatement_is_the_difference_of_two_judgings(july_to_read: Quarter, late: list[Late]) -> None:
    def play(work: Work) -> None:
        # What became known by the lock belongs to both sides; what came after it changes nothing as of the lock.
        records = {learn(work, july_to_read, one) for one in late if one.known_at <= FIRST_MOMENT}
        before = judged(work, JULY, FIRST_MOMENT)
        records |= {learn(work, july_to_read, one) for one in late if one.known_at > FIRST_MOMENT}
        assert told(judged(work, JULY, FIRST_MOMENT)) == told(before)
        check(work, before, {one for one in records if one})

    in_an_example(july_to_read, play)
