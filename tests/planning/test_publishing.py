"""Giving a plan out and taking it back: under which approval, to whom cells are lent, and what stands in the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from schemas.roster import RosterEntryIn
from schemas.vocabulary import PlanState, StopStatus
from server.approvals import ops as approvals
from server.demo import documents
from server.grids.models import Scope, ScopeGrant
from server.kernel.problems import Problem
from server.patrols.models import PatrolPlan
from server.planning import publishing
from server.roster import ops as roster
from tests.fieldwork import push_at, visit_of
from tests.planning.conftest import WEDNESDAY, Desk, stops_of
from tests.town import MONDAY

TODAY = MONDAY.date()


def refusal(act: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        act()
    return refused.value


def solved(desk: Desk, *teams: Any, **given: Any) -> uuid.UUID:
    plan_id: uuid.UUID = desk.planned(*(teams or (desk.team("li", "wang"),)), **given)["id"]
    return plan_id


def withdraw(desk: Desk, plan_id: uuid.UUID, now: datetime = MONDAY) -> None:
    with desk.at(now) as work:
        publishing.withdraw(work, plan_id, "车辆临时调用")


def row(desk: Desk, plan_id: uuid.UUID) -> PatrolPlan:
    with desk.kernel.sessions() as session:
        return session.get_one(PatrolPlan, plan_id)


def seen_by(desk: Desk, name: str) -> set[uuid.UUID]:
    """The cells that somebody sees today."""
    with desk.kernel.sessions() as session:
        seen = select(Scope.cell_id).where(Scope.person_id == desk.town.people[name])
        return set(session.scalars(seen))


def test_a_plan_goes_out_under_the_approval_that_covers_it(desk: Desk) -> None:
    plan_id = solved(desk)
    missing = refusal(lambda: desk.publish(plan_id))
    assert [(error["path"], error["code"]) for error in missing.errors] == [
        ("/approval_id", "approval_missing")
    ]
    assert row(desk, plan_id).state == PlanState.DRAFT
    # One of another week, one of another cell and one for depots do not cover it.
    desk.approve(TODAY + timedelta(days=7))
    elsewhere = desk.approve(cell_ids=[str(desk.town.cells[1])])
    desk.approve(record_kinds=["depot_check"])
    assert refusal(lambda: desk.publish(plan_id)).code == missing.code
    covering = desk.approve()
    assert refusal(lambda: desk.publish(plan_id, approval=elsewhere)).code == missing.code, (
        "the one named counts"
    )
    desk.publish(plan_id)
    plan = row(desk, plan_id)
    assert (plan.state, plan.approval_id, plan.published_at) == (PlanState.PUBLISHED, covering, MONDAY)
    assert plan.published_by == desk.town.accounts["li"]
    told = desk.told(plan_id)
    assert told["approval_no"]
    assert {stop["status"] for stop in stops_of(told)} == {StopStatus.PLANNED}


def test_the_approval_that_is_named_is_the_one(desk: Desk) -> None:
    named = desk.approve()
    desk.approve(now=MONDAY + timedelta(minutes=1))
    plan_id = solved(desk)
    desk.publish(plan_id, approval=named)
    assert row(desk, plan_id).approval_id == named


def test_an_approval_that_was_withdrawn_covers_nothing(desk: Desk) -> None:
    approval = desk.approve()
    with desk.at(name="ju") as work:
        approvals.withdraw(work, approval, "方案有误")
    plan_id = solved(desk)
    assert refusal(lambda: desk.publish(plan_id)).errors[0]["code"] == "approval_missing"


def test_the_cells_of_a_round_are_lent_for_its_days_and_come_back(desk: Desk) -> None:
    desk.approve()
    guests = desk.team("zhao", "qian", day=TODAY)
    own = desk.town.cells[2:]
    plan_id = solved(desk, guests, day=TODAY)
    visited = {stop["cell_id"] for stop in stops_of(desk.told(plan_id))}
    assert visited == set(desk.town.cells[:2])
    desk.publish(plan_id)
    assert seen_by(desk, "zhao") == seen_by(desk, "qian") == visited | set(own)
    with desk.kernel.sessions() as session:
        lent = session.scalars(select(ScopeGrant)).all()
        assert {(one.ground, one.valid.lower, one.valid.upper) for one in lent} == {
            ("patrol", TODAY, TODAY + timedelta(days=1))
        }
        assert {str(one.id) for one in lent} == set(row(desk, plan_id).grant_ids)
    withdraw(desk, plan_id, MONDAY + timedelta(hours=1))
    assert seen_by(desk, "zhao") == seen_by(desk, "qian") == set(own)
    with desk.kernel.sessions() as session:
        assert {one.revoke_reason for one in session.scalars(select(ScopeGrant))} == {"车辆临时调用"}


def test_who_sees_the_cells_anyway_is_lent_nothing(desk: Desk) -> None:
    desk.approve()
    plan_id = solved(desk)
    desk.publish(plan_id)
    assert row(desk, plan_id).grant_ids == []


def test_a_shift_across_midnight_is_lent_its_cells_on_both_days(desk: Desk) -> None:
    desk.approve()
    begins = MONDAY.replace(hour=21) + timedelta(days=2)
    night = desk.team(
        "zhao", "qian", starts_at=begins.isoformat(), ends_at=(begins + timedelta(hours=5)).isoformat()
    )
    plan_id = solved(desk, night)
    assert stops_of(desk.told(plan_id))
    desk.publish(plan_id)
    with desk.kernel.sessions() as session:
        days = {(one.valid.lower, one.valid.upper) for one in session.scalars(select(ScopeGrant))}
    assert days == {(WEDNESDAY, WEDNESDAY + timedelta(days=2))}


def test_a_plan_that_replaces_another_plans_the_day_anew_and_withdraws_it(desk: Desk) -> None:
    desk.approve()
    first = solved(desk)
    desk.publish(first)
    second = solved(desk, now=MONDAY + timedelta(hours=1))
    # What is out for the day is the new draft's to plan.
    assert len(stops_of(desk.told(second))) == len(stops_of(desk.told(first)))
    desk.publish(second, MONDAY + timedelta(hours=1))
    before, now = row(desk, first), row(desk, second)
    assert (before.state, before.withdraw_reason) == (
        PlanState.WITHDRAWN,
        "由新计划代替 · replaced by another plan",
    )
    assert (now.state, now.revises_id) == (PlanState.PUBLISHED, first)
    assert {stop["status"] for stop in stops_of(desk.told(first))} == {StopStatus.WITHDRAWN}


def test_what_the_plan_of_another_day_has_is_not_planned_twice(desk: Desk) -> None:
    desk.approve()
    first = solved(desk)
    desk.publish(first)
    thursday = desk.team("li", "wang", day=WEDNESDAY + timedelta(days=1))
    later = desk.told(solved(desk, thursday, day=WEDNESDAY + timedelta(days=1)))
    assert stops_of(later) == []
    assert {left["code"] for left in later["unfitted"]} == {"planned"}
    withdraw(desk, first)
    again = desk.told(solved(desk, thursday, day=WEDNESDAY + timedelta(days=1)))
    assert len(stops_of(again)) == 2


def test_once_somebody_has_set_out_a_plan_is_neither_withdrawn_nor_replaced(desk: Desk) -> None:
    desk.approve()
    team = desk.team("li", "wang", day=TODAY)
    first = solved(desk, team, day=TODAY)
    second = solved(desk, team, day=TODAY)
    desk.publish(first)
    (patrol,) = desk.told(first)["patrols"]
    at = MONDAY + timedelta(minutes=10)
    visit = visit_of(desk.town, 0, at, by=("li",), ended_at=at, cell_id=None)
    begun = documents.patrol(visit, Random(1), "start", patrol["id"])
    assert push_at(desk.kernel, desk.town, "li", at + timedelta(minutes=1), begun) == []
    later = at + timedelta(minutes=2)
    assert refusal(lambda: withdraw(desk, first, later)).code == "plan_under_way"
    assert refusal(lambda: desk.publish(second, later)).code == "plan_under_way"
    assert (row(desk, first).state, row(desk, second).state) == (PlanState.PUBLISHED, PlanState.DRAFT)


def test_a_day_that_is_over_is_not_given_out(desk: Desk) -> None:
    desk.approve()
    plan_id = solved(desk)
    thursday = MONDAY + timedelta(days=3)
    assert refusal(lambda: desk.publish(plan_id, thursday)).code == "plan_day_over"


def test_what_is_not_solved_or_changed_since_is_not_given_out(desk: Desk) -> None:
    desk.approve()
    (plan_id,) = desk.draft(desk.team("li", "wang"))
    assert refusal(lambda: desk.publish(plan_id)).code == "plan_not_solved"
    desk.solve(plan_id)
    desk.wish(plan_id, 0, "exclude")
    assert refusal(lambda: desk.publish(plan_id)).code == "plan_not_solved"
    desk.solve(plan_id)
    desk.set_teams(plan_id, desk.team("li", "wang", "fu"))
    assert refusal(lambda: desk.publish(plan_id)).code == "plan_not_solved"
    desk.solve(plan_id)
    desk.publish(plan_id)
    assert row(desk, plan_id).state == PlanState.PUBLISHED


def test_people_and_vehicles_that_another_squad_s_plan_has_are_taken(desk: Desk) -> None:
    desk.approve()
    desk.publish(solved(desk))
    (other,) = desk.draft(desk.team("zhao", "wang"), squad=1, by="ju")
    desk.solve(other, by="ju")
    refused = refusal(lambda: desk.publish(other, by="ju"))
    assert {(error["path"], error["code"]) for error in refused.errors} == {
        ("/teams/0/people/1", "person_twice"),
        ("/teams/0/vehicle_id", "vehicle_twice"),
    }
    assert row(desk, other).state == PlanState.DRAFT
    # Once the first squad's team is back the same people and the same car may go out again.
    begins = MONDAY.replace(hour=18) + timedelta(days=2)
    evening = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=4)).isoformat()}
    (later,) = desk.draft(desk.team("zhao", "wang", **evening), squad=1, by="ju")
    desk.solve(later, by="ju")
    desk.publish(later, by="ju")
    assert row(desk, later).state == PlanState.PUBLISHED


def test_who_went_on_leave_since_the_plan_was_made_keeps_it_in(desk: Desk) -> None:
    desk.approve()
    plan_id = solved(desk)
    leave = RosterEntryIn().load(
        {
            "person_id": str(desk.town.people["wang"]),
            "kind": "leave",
            "first_day": WEDNESDAY.isoformat(),
            "last_day": WEDNESDAY.isoformat(),
        }
    )
    with desk.at() as work:
        roster.enter(work, leave)
    refused = refusal(lambda: desk.publish(plan_id))
    assert [(error["path"], error["code"]) for error in refused.errors] == [
        ("/teams/0/people/1", "person_away")
    ]
    assert row(desk, plan_id).state == PlanState.DRAFT


def test_a_state_is_left_once(desk: Desk) -> None:
    desk.approve()
    plan_id = solved(desk)
    desk.publish(plan_id)
    assert refusal(lambda: desk.publish(plan_id)).code == "plan_state"
    assert refusal(lambda: desk.wish(plan_id, 0, "exclude")).code == "plan_state"
    withdraw(desk, plan_id)
    assert refusal(lambda: withdraw(desk, plan_id)).code == "plan_state"
    draft = solved(desk)
    withdraw(desk, draft)
    assert row(desk, draft).state == PlanState.WITHDRAWN
    assert refusal(lambda: desk.publish(draft)).code == "plan_state"


def test_another_squad_s_plan_is_not_found(desk: Desk) -> None:
    desk.approve()
    plan_id = solved(desk)

    def publish_as_zhao() -> None:
        with desk.at(name="zhao") as work:
            publishing.publish(work, plan_id)

    assert refusal(publish_as_zhao).code == "not_found"
