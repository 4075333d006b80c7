"""A squad's day as its leader makes it: what is due is in it with reasons, or left out with one."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update

from schemas.vocabulary import SolvingState
from server.kernel.problems import Problem
from server.outlets.models import Outlet
from tests.fieldwork import check_of, push_at
from tests.planning.conftest import Desk, stops_of
from tests.town import MONDAY


def codes(problem: Problem) -> list[tuple[str, str]]:
    return [(error["path"], error["code"]) for error in problem.errors]


def test_what_is_due_is_visited_in_an_order_with_times_and_reasons(desk: Desk) -> None:
    plan = desk.planned(desk.team("li", "wang"))
    stops = stops_of(plan)
    assert {stop["name"] for stop in stops} == {"试样0号便利店", "试样1号便利店"}
    assert [stop["ordinal"] for stop in stops] == [1, 2]
    for before, after in pairwise(stops):
        assert before["departs_at"] + timedelta(seconds=after["leg_s"]) == after["arrives_at"]
    # The month's checklist, which is owed as well, meets the week, and the quarter's both.
    assert {stop["form_code"] for stop in stops} == {"ecig_quarterly"}
    assert [reason["code"] for reason in stops[0]["reasons"]] == ["duty", "also_meets", "also_meets"]
    assert stops[0]["reasons"][0]["zh"] == "2026年第28周周复查，7月12日（周日）截止"
    assert plan["unfitted"] == []
    (patrol,) = plan["patrols"]
    assert patrol["starts_at"] <= patrol["leaves_at"] < patrol["returns_at"] <= patrol["ends_at"]
    assert patrol["metres"] > 0
    assert patrol["line"]["type"] == "LineString"


def test_teams_are_proposed_where_none_are_named(desk: Desk) -> None:
    plan = desk.planned()
    (patrol,) = plan["patrols"]
    assert [member["name"] for member in patrol["members"]] == ["li", "wang"]
    assert patrol["plate"] == "试A00001"
    assert patrol["start"]["name"] == "辖区中心"


def test_a_pair_needs_two_officers(desk: Desk) -> None:
    with pytest.raises(Problem) as refused:
        desk.draft(desk.team("li"))
    assert codes(refused.value) == [("/teams/0/people", "team_of_one")]
    with pytest.raises(Problem) as refused:
        desk.draft(desk.team("li", "fu"))
    assert codes(refused.value) == [("/teams/0/people/1", "not_an_officer")]


def test_what_was_checked_yesterday_is_not_planned_again_before_its_gap_is_over(desk: Desk) -> None:
    check = check_of(desk.town, 0, MONDAY + timedelta(hours=1))
    assert push_at(desk.kernel, desk.town, "li", MONDAY + timedelta(hours=2), check) == []
    plan = desk.planned(desk.team("li", "wang"), now=MONDAY + timedelta(hours=3))
    # The week is met; month and quarter are open and ask for other checklists.
    of_first = [stop for stop in stops_of(plan) if stop["name"] == "试样0号便利店"]
    assert [reason["key"] for stop in of_first for reason in stop["reasons"]] == ["2026-07", "2026-Q3"]


def test_an_outlet_without_a_position_is_told_by_name(desk: Desk) -> None:
    with desk.at(name="ju") as work:
        work.session.execute(update(Outlet).where(Outlet.id == desk.town.outlets[0]).values(geom=None))
    plan = desk.planned(desk.team("li", "wang"))
    assert {stop["name"] for stop in stops_of(plan)} == {"试样1号便利店"}
    assert {(left["name"], left["code"]) for left in plan["unfitted"]} == {("试样0号便利店", "no_position")}


def test_a_short_shift_tells_what_does_not_fit_and_from_when_it_is_late(desk: Desk) -> None:
    team = desk.team("li", "wang")
    begins = MONDAY.replace(hour=9, minute=0) + timedelta(days=2)
    team |= {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(minutes=62)).isoformat()}
    plan = desk.planned(team)
    left = plan["unfitted"]
    assert len(stops_of(plan)) + len({one["subject_id"] for one in left}) == 2
    assert left
    assert {one["code"] for one in left} <= {"no_time", "too_far"}
    assert min(one["late_on"] for one in left) == MONDAY.date() + timedelta(days=7)


def test_what_the_leader_fixes_outlives_every_solving(desk: Desk) -> None:
    (plan_id,) = desk.draft(desk.team("li", "wang"), desk.team("zhao", "qian", vehicle_id=str(desk.cars[1])))
    first, second = (patrol["id"] for patrol in desk.told(plan_id)["patrols"])
    nine = MONDAY.replace(hour=14) + timedelta(days=2)
    desk.wish(
        plan_id,
        1,
        "include",
        patrol_id=str(second),
        not_before=nine.isoformat(),
        not_after=(nine + timedelta(minutes=5)).isoformat(),
        note="店主下午在",
    )
    desk.wish(plan_id, 0, "exclude")
    for _ in range(2):
        assert desk.solve(plan_id).state == SolvingState.DONE
        plan = desk.told(plan_id)
        (stop,) = stops_of(plan)
        assert plan["patrols"][1]["stops"] == [stop]
        assert nine <= stop["begins_at"] <= nine + timedelta(minutes=5)
        assert stop["fixed"] == "time"
        assert stop["reasons"][0]["zh"] == "队长指定：店主下午在"
        assert {one["code"] for one in plan["unfitted"]} == {"excluded"}
    assert first != second


def test_cells_that_are_assigned_to_a_team_are_visited_by_no_other(desk: Desk) -> None:
    plan = desk.planned(
        desk.team("li", "wang", cell_ids=[str(desk.town.cells[1])]),
        desk.team("zhao", "qian", vehicle_id=str(desk.cars[1]), cell_ids=[str(desk.town.cells[0])]),
    )
    names = [[stop["name"] for stop in patrol["stops"]] for patrol in plan["patrols"]]
    assert names == [["试样1号便利店"], ["试样0号便利店"]]


def test_a_certificate_that_is_over_by_the_day_keeps_the_team_at_home(desk: Desk) -> None:
    day = date(2029, 1, 2)
    with pytest.raises(Problem) as refused:
        desk.draft(desk.team("li", "wang", day=day), day=day, now=MONDAY.replace(year=2028, month=12))
    assert codes(refused.value) == [
        ("/teams/0/people/0", "certificate_expired"),
        ("/teams/0/people/1", "certificate_expired"),
    ]


def test_a_week_is_planned_at_once_and_each_day_knows_the_others(desk: Desk) -> None:
    ids = desk.draft(desk.team("li", "wang", day=MONDAY.date()), day=MONDAY.date(), days=7)
    assert len(ids) == 5, "working days"
    assert desk.solve(*ids, limit_s=2).state == SolvingState.DONE
    plans = [desk.told(plan_id) for plan_id in ids]
    for name in ("试样0号便利店", "试样1号便利店"):
        visits = [
            (plan["day"], [reason["key"] for reason in stop["reasons"] if "key" in reason])
            for plan in plans
            for stop in stops_of(plan)
            if stop["name"] == name
        ]
        # The week before is met late within its grace, this week once the gap of three days is over.
        (first, late), (second, due) = visits
        assert "2026-W27" in late
        assert "2026-W28" in due
        assert second - first >= timedelta(days=3)
        met = [key for _, keys in visits for key in keys]
        assert len(met) == len(set(met)), "no obligation is planned twice"
