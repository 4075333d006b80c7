"""The due list of a morning: exactly what the rules say is still to be done and ends on the day, day after day."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random

import pytest
from geoalchemy2.shape import from_shape
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, box
from sqlalchemy import select

from schemas.vocabulary import DutyRule, ObligationState
from server.briefings.rules import Due, due_on, is_due_soon, newly_missed
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.ops import materialise, waive
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.demo import documents
from server.grids.models import Duty, GridCell
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.kernel.calendar import load_workdays
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.kernel.workdays import Workdays
from server.outlets.models import Outlet
from tests.briefings.conftest import Room, at
from tests.fieldwork import attempt_at, check_of, push_at, visit_of
from tests.town import OFFICERS, SQUAD_OF, ZONE, settle_town

CALENDAR = Workdays(
    off=frozenset({date(2026, 10, day) for day in (1, 2, 5, 6, 7)}),
    make_up=frozenset({date(2026, 10, 10)}),
    years=frozenset({2026}),
)
FIRST = date(2026, 9, 14)
days = st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n))


def works(day: date) -> bool:
    """The calendar once more, said in another way."""
    return day in CALENDAR.make_up or (day.isoweekday() < 6 and day not in CALENDAR.off)


@given(st.sampled_from(ObligationState), days, st.integers(0, 9), days)
def test_each_thing_is_due_for_one_reason_or_none(
    state: ObligationState, last_day: date, grace: int, day: date
) -> None:
    grace_last_day = last_day + timedelta(days=grace)
    found = due_on(state, last_day, grace_last_day, day, CALENDAR)
    still_to_do = state in {ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE}
    free_until_then = not any(
        works(day + timedelta(days=n)) for n in range(1, max(0, (last_day - day).days) + 1)
    )
    assert (found is Due.LAST_DAY) == (still_to_do and day == last_day)
    assert (found is Due.GRACE) == (still_to_do and last_day < day <= grace_last_day)
    assert (found is Due.LAST_WORKDAY) == (still_to_do and day < last_day and free_until_then)
    soon = is_due_soon(state, last_day, found, day)
    assert soon == (state is ObligationState.DUE and last_day > day and not free_until_then)
    # What was missed is told of on one working day, and on the free days before it, where anybody asks.
    told_on = [
        one
        for n in range(1, 20)
        if newly_missed(
            ObligationState.MISSED, grace_last_day, (one := grace_last_day + timedelta(days=n)), CALENDAR
        )
    ]
    assert [one for one in told_on if works(one)] == told_on[-1:]
    assert all(not works(one) for one in told_on[:-1])


@pytest.fixture
def room(room: Room) -> Room:
    """A town with eight shops, six of which sell e-cigarettes."""
    return replace(room, town=settle_town(room.kernel, outlets=8, ecig=6, bureau=f"{room.bureau}甲"))


@dataclass(frozen=True, slots=True)
class Owed:
    """What the rules alone say of an obligation on a morning."""

    id: uuid.UUID
    squad_id: uuid.UUID | None
    state: ObligationState
    last_day: date
    grace_last_day: date
    trigger_id: uuid.UUID | None
    rule: str


def judged_anew(work: Work) -> Iterator[Owed]:
    """Every obligation of the bureau by rules.judge on whole histories, with the squad by the table of duty."""
    today = work.now.astimezone(work.zone).date()
    duty = dict(
        work.session.execute(select(Duty.cell_id, Duty.squad_id).where(Duty.valid.op("@>")(today))).all()
    )
    rulebook = load_timeline(work).rulebook
    for loaded in load_histories(work, None).values():
        for one in judge(loaded.history, rulebook, work.now):
            row = loaded.owed[one.obligation.id]
            yield Owed(
                row.id,
                duty.get(one.cell_id or loaded.cell_id),  # type: ignore[arg-type]
                one.state,
                row.last_day,
                row.grace_last_day,
                row.trigger_id,
                row.rule,
            )


def last_workday_up_to(day: date, work: Work) -> date:
    workdays = load_workdays(work.session, work.bureau_id)
    while not workdays.is_workday(day):
        day -= timedelta(days=1)
    return day


@pytest.mark.parametrize("seed", range(2))
def test_the_pack_of_every_morning_lists_exactly_what_is_due(room: Room, seed: int) -> None:
    chance, town = Random(seed), room.town
    day = date(2026, 9, 14)
    seen: set[str] = set()
    while day < date(2026, 10, 19):
        now = datetime.combine(day, at(1, 1).timetz(), ZONE)
        with room.kernel.work(house(town.bureau_id), now) as work:
            materialise(work)
            if day == date(2026, 9, 24):
                # The second cell changes hands, with all that is open in it.
                assign_duty(work, [town.cells[1]], town.squads[1], town.people["zhao"], day)
        with room.kernel.work(house(town.bureau_id), now) as work:
            judged = list(judged_anew(work))
            last = {one.id: last_workday_up_to(one.last_day, work) for one in judged}
        still = {ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE}
        for squad in (0, 1):
            told = room.told(now, squad)
            mine = [one for one in judged if one.squad_id == town.squads[squad] and one.state in still]
            # Due: no working day is left up to the last day, and grace is not over.
            due = {one.id for one in mine if last[one.id] <= day <= one.grace_last_day}
            assert {row["id"] for row in told["due"]} == due, (day, squad)
            assert len(told["due"]) == len(due)
            assert {row["id"] for row in told["due"] if row["due"] == "last_day"} == {
                one.id for one in mine if one.last_day == day
            }
            assert {row["id"] for row in told["due_soon"]} == {
                one.id for one in mine if one.state is ObligationState.DUE and one.id not in due
            }
            assert all(
                row["state"] == next(one.state for one in mine if one.id == row["id"]) for row in told["due"]
            )
            chains = {
                one.trigger_id
                for one in judged
                if one.rule == DutyRule.TRIPLE_RECHECK
                and one.squad_id == town.squads[squad]
                and one.state in {*still, ObligationState.UPCOMING}
            }
            assert {chain["id"] for chain in told["chains"]} == chains
            for kind in ("due", "due_soon", "chains", "missed"):
                seen |= {kind} if told[kind] else set()
            seen |= {row["due"] for row in told["due"]}
        live(room, chance, now)
        day += timedelta(days=1)
    assert seen >= {"due", "due_soon", "chains", "missed", "grace", "last_day", "last_workday"}


def live(room: Room, chance: Random, morning: datetime) -> None:
    """A day of the town: some checks, a closed door, now and then a finding or a waiver."""
    town = room.town
    for _ in range(chance.randint(0, 2)):
        outlet, began = chance.randrange(6), morning + timedelta(hours=chance.randint(2, 9))
        who = [name for name in OFFICERS if SQUAD_OF[name] == (outlet % 4) // 2]
        by = (who[0], who[1])
        kind = chance.random()
        if kind < 0.15:
            record = attempt_at(town, outlet, began, by=by)
        elif kind < 0.3:
            record = documents.site_visit(
                visit_of(town, outlet, began, by=by), chance, cause="smuggled_goods"
            )
        else:
            tier = chance.choice(["WEEKLY", "WEEKLY", "MONTHLY"])
            record = check_of(town, outlet, began, tier, by=by)  # type: ignore[arg-type]
        assert push_at(room.kernel, town, by[0], began + timedelta(hours=1), record) == []
    if chance.random() < 0.15:
        with room.kernel.sessions() as session:
            own = Obligation.bureau_id == town.bureau_id
            open_ones = session.scalars(select(Obligation.id).where(own, Obligation.met_by.is_(None))).all()
        with suppress(Problem), room.kernel.work(room.actor("ju"), morning + timedelta(hours=3)) as work:
            waive(work, [chance.choice(sorted(open_ones))], "店主住院，经批准免查")


def test_a_week_is_due_on_its_friday_and_in_grace_on_monday(room: Room) -> None:
    friday = room.told(at(7, 10))
    assert {(row["due"], row["key"], str(row["last_day"])) for row in friday["due"]} == {
        ("last_workday", "2026-W28", "2026-07-12")
    }
    assert len(friday["due"]) == 4
    monday = room.told(at(7, 13))
    assert {(row["due"], row["key"]) for row in monday["due"]} == {("grace", "2026-W28")}
    # Two working days of grace end with Tuesday; on Wednesday it was missed, and on Thursday that is old.
    assert [len(room.told(at(7, day))["missed"]) for day in (14, 15, 16)] == [0, 4, 0]
    assert "missed" in room.codes(at(7, 15))


def test_what_lies_in_nobodys_cell_is_told_to_every_squad_as_a_number(room: Room) -> None:
    town = room.town
    assert "cell_without_squad" not in room.codes(at(7, 10), 1)
    with room.kernel.work(house(town.bureau_id), at(7, 9)) as work:
        nobodys = GridCell(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            code="9902-9",
            name="试样无主格",
            cell_level=4,
            cell_type="rural",
            control_mode="both",
            purpose="both",
            planned_count=1,
            geom=from_shape(MultiPolygon([box(84.6, 39.0, 84.7, 39.1)]), srid=4326),
            edit_id=new_edit_id(),
        )
        work.session.add(nobodys)
        work.session.flush()
        outlet = work.session.get_one(Outlet, town.outlets[0])
        outlet.cell_id, outlet.geom = nobodys.id, from_shape(Point(84.65, 39.05), srid=4326)
        work.session.flush()
        work.wrote("outlet", [outlet.id])
    for squad in (0, 1):
        told = room.told(at(7, 10), squad)
        assert str(town.outlets[0]) not in {str(row["subject_id"]) for row in told["due"]}
        (alert,) = [one for one in told["alerts"] if one["code"] == "cell_without_squad"]
        assert alert["zh"].startswith("本局另有 1 项")
