"""Runs of the solver: watched, ended early, lost and taken over; a plan that was changed meanwhile stays as it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gis.routing.days import Progress, Solution
from gis.routing.solving import solve
from schemas.vocabulary import SolvingState
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.patrols.models import PlanSolving
from server.planning import kept, solving
from tests.planning.conftest import WEDNESDAY, Desk, stops_of
from tests.town import MONDAY

LONG_S = 60


class Clock:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def asked(desk: Desk, *plan_ids: uuid.UUID, limit_s: int = LONG_S, now: datetime = MONDAY) -> uuid.UUID:
    with desk.at(now) as work:
        return solving.ask(work, plan_ids, limit_s, enqueue=False).id


def row(desk: Desk, run: uuid.UUID) -> PlanSolving:
    with desk.kernel.sessions() as session:
        return session.get_one(PlanSolving, run)


def run(
    desk: Desk,
    solving_id: uuid.UUID,
    watch: Callable[[Progress], None] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> SolvingState:
    return solving.run(desk.kernel, desk.town.bureau_id, solving_id, clock or Clock(), watch)


def refusal(act: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        act()
    return refused.value


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search goes on in this process until its time is over or somebody ends it."""
    monkeypatch.setattr(solving, "SEEDS", (1,))


@pytest.fixture
def plan_id(desk: Desk) -> uuid.UUID:
    """A draft of a day with one team."""
    return desk.draft(desk.team("li", "wang"))[0]


def test_two_processes_search_and_the_first_find_is_as_good_as_kept(desk: Desk, plan_id: uuid.UUID) -> None:
    """The one run here that is as a worker's; who waits for both shops may end it."""
    run_id = asked(desk, plan_id)

    def until_both_are_in(progress: Progress) -> None:
        if progress.served == 2 and row(desk, run_id).cancel_asked_at is None:
            with desk.at() as work:
                solving.cancel(work, run_id)

    assert run(desk, run_id, until_both_are_in) == SolvingState.CANCELLED
    assert len(stops_of(desk.told(plan_id))) == 2


@pytest.mark.usefixtures("one_process")
def test_how_far_a_run_is_stands_in_its_row_with_the_best_so_far(desk: Desk, plan_id: uuid.UUID) -> None:
    run_id = asked(desk, plan_id, limit_s=4)
    seen: list[tuple[str, int, int | None, int | None, bool]] = []

    def look(_progress: Progress) -> None:
        now = row(desk, run_id)
        seen.append((now.state, now.elapsed_s, now.served, now.unserved, now.best is not None))

    assert run(desk, run_id, look) == SolvingState.DONE
    assert seen[0] == (SolvingState.RUNNING, 0, None, None, False)
    assert (SolvingState.RUNNING, 2, 0, True) in {(state, *rest) for state, _, *rest in seen}
    assert max(elapsed for _, elapsed, *_ in seen) >= 1
    done = row(desk, run_id)
    assert (done.state, done.served, done.unserved, done.faults) == (SolvingState.DONE, 2, 0, [])
    assert done.ended_at is not None
    assert done.best is not None
    assert desk.told(plan_id)["solving_id"] == run_id


@pytest.mark.usefixtures("one_process")
def test_a_run_that_is_cancelled_keeps_the_best_that_it_had(desk: Desk, plan_id: uuid.UUID) -> None:
    run_id = asked(desk, plan_id)

    def enough(_progress: Progress) -> None:
        if row(desk, run_id).cancel_asked_at is None:
            with desk.at() as work:
                solving.cancel(work, run_id)

    began = datetime.now(MONDAY.tzinfo)
    assert run(desk, run_id, enough) == SolvingState.CANCELLED
    assert datetime.now(MONDAY.tzinfo) - began < timedelta(seconds=LONG_S)
    told = desk.told(plan_id)
    assert len(stops_of(told)) == 2
    assert told["solved_at"] is not None
    assert row(desk, run_id).served == 2

    def cancel() -> None:
        with desk.at() as work:
            solving.cancel(work, run_id)

    assert refusal(cancel).code == "solving_over"


def test_a_run_that_is_cancelled_before_it_begins_changes_nothing(desk: Desk, plan_id: uuid.UUID) -> None:
    run_id = asked(desk, plan_id)
    with desk.at() as work:
        solving.cancel(work, run_id)
    assert run(desk, run_id) == SolvingState.CANCELLED
    told = desk.told(plan_id)
    assert (stops_of(told), told["unfitted"], told["solved_at"]) == ([], [], None)
    assert desk.solve(plan_id).state == SolvingState.DONE


def test_a_second_run_is_refused_while_one_is_on_and_a_lost_one_is_taken_over(
    desk: Desk, plan_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = desk.solve(plan_id)
    lost = asked(desk, plan_id, limit_s=10)
    assert refusal(lambda: asked(desk, plan_id)).code == "solving_running"
    # A worker took it up and was killed; what it had found is in its row.
    with desk.at() as work:
        taken = work.session.get_one(PlanSolving, lost)
        taken.state, taken.started_at, taken.best = SolvingState.RUNNING, MONDAY, kept.best
    soon = MONDAY + timedelta(seconds=10) + solving.LOST_AFTER
    assert refusal(lambda: asked(desk, plan_id, now=soon)).code == "solving_running"
    late = soon + timedelta(seconds=1)
    again = asked(desk, plan_id, now=late)
    was = row(desk, lost)
    assert (was.state, [fault["code"] for fault in was.faults]) == (SolvingState.FAILED, ["process_lost"])
    assert was.faults[0]["zh"]
    assert was.faults[0]["en"]
    begun: list[Solution | None] = []

    def noted(*given: Any, **named: Any) -> Solution:
        begun.append(named["start"])
        return solve(*given, **{**named, "seeds": (1,), "iterations": 50})

    monkeypatch.setattr(solving, "solve", noted)
    assert run(desk, again, clock=lambda: late) == SolvingState.DONE
    (start,) = begun
    assert start is not None
    assert [halt.task for one in start.rounds for halt in one.halts]
    assert run(desk, again) == SolvingState.CANCELLED, "what is over is not run again"
    assert row(desk, again).state == SolvingState.DONE


@pytest.mark.usefixtures("one_process")
def test_what_was_changed_meanwhile_stays_as_it_was(desk: Desk, plan_id: uuid.UUID) -> None:
    desk.solve(plan_id)
    before = desk.told(plan_id)
    run_id = asked(desk, plan_id, limit_s=2)
    wished: list[bool] = []

    def meddle(_progress: Progress) -> None:
        if not wished:
            wished.append(True)
            desk.wish(plan_id, 0, "exclude")

    assert run(desk, run_id, meddle) == SolvingState.FAILED
    failed = row(desk, run_id)
    assert [fault["code"] for fault in failed.faults] == ["plan_changed"]
    after = desk.told(plan_id)
    assert after["patrols"] == before["patrols"]
    assert after["unfitted"] == before["unfitted"]
    assert after["solved_at"] is None, "it is to be solved again"
    desk.solve(plan_id)
    assert {stop["name"] for stop in stops_of(desk.told(plan_id))} == {"试样1号便利店"}


def test_a_run_that_breaks_is_told_as_failed_and_the_plan_is_as_it_was(
    desk: Desk, plan_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.solve(plan_id)
    before = desk.told(plan_id)
    run_id = asked(desk, plan_id)

    def broken(*_given: object, **_named: object) -> Solution:
        raise RuntimeError("no memory left")

    monkeypatch.setattr(solving, "solve", broken)
    with pytest.raises(RuntimeError, match="no memory left"):
        run(desk, run_id)
    failed = row(desk, run_id)
    assert (failed.state, [fault["code"] for fault in failed.faults]) == (SolvingState.FAILED, ["failed"])
    after = desk.told(plan_id)
    assert {name: after[name] for name in after if name != "solving_id"} == {
        name: before[name] for name in before if name != "solving_id"
    }
    asked(desk, plan_id)


def test_plans_of_one_squad_and_of_different_days_are_solved_together(desk: Desk, plan_id: uuid.UUID) -> None:
    (same_day,) = desk.draft(desk.team("zhao", "qian"))
    refused = refusal(lambda: asked(desk, plan_id, same_day))
    assert [(error["path"], error["code"]) for error in refused.errors] == [("/plan_ids", "plans_differ")]
    thursday = WEDNESDAY + timedelta(days=1)
    (other_day,) = desk.draft(desk.team("zhao", "qian", day=thursday), day=thursday)
    assert row(desk, asked(desk, plan_id, other_day)).plan_ids == [str(plan_id), str(other_day)]
    # A run over one of them is a run over it.
    assert refusal(lambda: asked(desk, other_day)).code == "solving_running"


def pinned(desk: Desk, plan_id: uuid.UUID, outlet: int, minute: int) -> None:
    """An outlet at the first team, within a minute of the afternoon."""
    at = MONDAY.replace(hour=14, minute=minute) + timedelta(days=2)
    team = desk.told(plan_id)["patrols"][0]["id"]
    times = {"not_before": at.isoformat(), "not_after": (at + timedelta(minutes=1)).isoformat()}
    desk.wish(plan_id, outlet, "include", patrol_id=str(team), **times)


def test_pins_that_cannot_be_together_are_told_by_team_and_name(desk: Desk, plan_id: uuid.UUID) -> None:
    pinned(desk, plan_id, 0, 0)
    pinned(desk, plan_id, 1, 20)
    done = desk.solve(plan_id)
    (fault,) = done.faults
    told = desk.told(plan_id)
    (patrol,) = told["patrols"]
    assert (fault["code"], fault["patrol_id"]) == ("not_together", str(patrol["id"]))
    assert set(fault["subject_ids"]) == {str(one) for one in desk.town.outlets[:2]}
    for name in (patrol["name"], "试样0号便利店", "试样1号便利店"):
        assert name in fault["zh"]
    assert "team 1" in fault["en"]
    # The other one is made all the same, and the one that is not is told with its day.
    (stop,) = stops_of(told)
    (left,) = told["unfitted"]
    assert {stop["subject_id"], left["subject_id"]} == set(desk.town.outlets[:2])
    assert left["code"] == "no_time"


def test_a_pin_before_anybody_can_be_there_is_told_with_its_times(desk: Desk, plan_id: uuid.UUID) -> None:
    team = desk.told(plan_id)["patrols"][0]
    soon = team["starts_at"] + timedelta(minutes=1)
    desk.wish(plan_id, 0, "include", patrol_id=str(team["id"]), not_after=soon.isoformat())
    done = desk.solve(plan_id)
    (fault,) = done.faults
    assert fault["code"] == "window_closed"
    assert fault["subject_ids"] == [str(desk.town.outlets[0])]
    assert team["name"] in fault["zh"]
    assert "试样0号便利店" in fault["zh"]
    assert "08:31" in fault["zh"]
    assert "08:31" in fault["en"]
    left = [one for one in desk.told(plan_id)["unfitted"] if one["subject_id"] == desk.town.outlets[0]]
    assert {one["code"] for one in left} == {"closed"}


def test_what_a_run_had_is_forgotten_a_month_after_it_ended_and_the_run_stays(desk: Desk) -> None:
    (plan_id,) = desk.draft(desk.team("li", "wang"))
    run_id = desk.solve(plan_id).id

    def forgotten(after: timedelta) -> int:
        with desk.kernel.work(house(desk.town.bureau_id), MONDAY + after) as work:
            return kept.forget_old(work)

    assert forgotten(timedelta(days=30)) == 0
    assert row(desk, run_id).best is not None
    assert forgotten(timedelta(days=30, minutes=1)) == 1
    before = row(desk, run_id)
    assert (before.best, before.state, before.served) == (None, SolvingState.DONE, 2)
    assert len(stops_of(desk.told(plan_id))) == 2, "the plan is as it was"
    assert desk.solve(plan_id).state == SolvingState.DONE
