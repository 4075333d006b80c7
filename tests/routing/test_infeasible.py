"""Each reason on a day made for it, and no reason where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gis.routing.days import Matrix, Option, RoutingDay, Task, Turn
from gis.routing.infeasible import EXACT, Reason, ReasonCode, explain
from gis.routing.solving import solve
from tests.routing.proof import optimum
from tests.routing.small_days import small_days

HOUR = 3600
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

# Places on a line: the office, a shop half an hour away, one two hours away, and one five hours away.
AT = np.array([0, 1800, 7200, 18_000])
WAYS = np.abs(AT[:, None] - AT)
OFFICE, NEAR, FAR, BEYOND = range(4)
SHIFT = Turn("a", "one", 9 * HOUR, 17 * HOUR, OFFICE, OFFICE)
ALL_DAY = Option(0, 24 * HOUR)


def a_day(*tasks: Task, turns: tuple[Turn, ...] = (SHIFT,)) -> RoutingDay:
    return RoutingDay(turns, tasks, WAYS, WAYS)


def a_task(
    key: str = "x",
    place: int = NEAR,
    service_s: int = HOUR,
    options: tuple[Option, ...] = (ALL_DAY,),
    required: bool = True,
) -> Task:
    return Task(key, place, service_s, 1000, options, required)


def test_a_possible_day_has_no_reasons() -> None:
    assert explain(a_day(a_task("x"), a_task("y", FAR))) == ()
    assert explain(a_day()) == explain(a_day(turns=())) == ()


def test_nobody_is_on_duty() -> None:
    assert explain(a_day(a_task(), turns=())) == (Reason(ReasonCode.NO_TURNS),)


def test_a_turn_cannot_even_get_from_its_start_to_its_end() -> None:
    short = replace(SHIFT, key="b", ends=10 * HOUR, end=FAR)
    detail = {"needs_s": 2 * HOUR, "has_s": HOUR, "missing_s": HOUR}
    assert explain(a_day(a_task(), turns=(SHIFT, short))) == (
        Reason(ReasonCode.TURN_TOO_SHORT, turn="b", detail=detail),
    )


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (a_task(options=()), Reason(ReasonCode.NO_WINDOW, task="x")),
        (
            a_task(options=(Option(0, 24 * HOUR, frozenset()),)),
            Reason(ReasonCode.NOT_ALLOWED, task="x"),
        ),
        (
            a_task(place=BEYOND),
            Reason(
                ReasonCode.TOO_FAR,
                "a",
                "x",
                detail={"needs_s": 10 * HOUR, "has_s": 8 * HOUR, "missing_s": 2 * HOUR},
            ),
        ),
        (
            a_task(place=FAR, service_s=5 * HOUR),
            Reason(
                ReasonCode.SHIFT_TOO_SHORT,
                "a",
                "x",
                detail={"needs_s": 9 * HOUR, "has_s": 8 * HOUR, "missing_s": HOUR},
            ),
        ),
        (
            a_task(place=FAR, options=(Option(0, 6 * HOUR), Option(8 * HOUR, 10 * HOUR))),
            Reason(
                ReasonCode.WINDOW_CLOSED,
                "a",
                "x",
                detail={"arrives": 11 * HOUR, "closes": 10 * HOUR, "missing_s": HOUR},
            ),
        ),
        (
            a_task(options=(Option(16 * HOUR, 24 * HOUR),)),
            Reason(
                ReasonCode.WINDOW_OPENS_LATE,
                "a",
                "x",
                detail={
                    "opens": 16 * HOUR,
                    "returns": 17 * HOUR + 1800,
                    "ends": 17 * HOUR,
                    "missing_s": 1800,
                },
            ),
        ),
    ],
)
def test_a_task_that_no_turn_can_do(task: Task, reason: Reason, required: bool) -> None:
    day = a_day(replace(task, required=required))
    assert explain(day) == (reason,)
    assert solve(day, limit_s=250, seeds=(1,), iterations=50).unserved == ("x",)


def test_a_turn_without_stops_does_nothing() -> None:
    day = a_day(a_task(), turns=(replace(SHIFT, most_stops=0),))
    assert explain(day) == (Reason(ReasonCode.NOT_ALLOWED, task="x"),)


def test_the_turn_is_named_that_misses_by_least() -> None:
    """The early turn is back too soon by an hour, the late one comes half an hour after closing, the third may not."""
    early = replace(SHIFT, key="early", starts=6 * HOUR, ends=12 * HOUR)
    late = replace(SHIFT, key="late", starts=13 * HOUR, ends=20 * HOUR)
    midday = replace(SHIFT, key="midday")
    window = Option(12 * HOUR - 1800, 13 * HOUR, frozenset({"early", "late"}))
    (reason,) = explain(a_day(a_task(options=(window,)), turns=(early, late, midday)))
    assert (reason.code, reason.turn, reason.detail["missing_s"]) == (ReasonCode.WINDOW_CLOSED, "late", 1800)
    assert not explain(a_day(a_task(options=(replace(window, turns=None),)), turns=(early, late, midday)))


def test_two_required_tasks_at_the_same_hour_for_one_team() -> None:
    """Five are required; the two that are due at ten in places an hour and a half apart are named, and their team."""
    at_ten = Option(10 * HOUR, 10 * HOUR)
    other = Turn("b", "two", 9 * HOUR, 17 * HOUR, OFFICE, OFFICE)
    tasks = [a_task(f"quiet {n}", service_s=600) for n in range(3)]
    mine = (Option(11 * HOUR, 11 * HOUR, frozenset({"a"})),)
    tasks += [a_task("x", NEAR, options=mine), a_task("y", FAR, options=mine)]
    day = a_day(*tasks, turns=(SHIFT, other))
    assert explain(day) == (
        Reason(ReasonCode.NOT_TOGETHER, turn="a", tasks=("x", "y"), detail={"required": 2}),
    )
    anybody = [replace(task, options=(at_ten,)) if task.key == "x" else task for task in tasks]
    assert not explain(a_day(*anybody, turns=(SHIFT, other)))


def test_too_much_for_a_shift_names_a_smallest_set() -> None:
    day = a_day(*(a_task(f"{n}", service_s=2 * HOUR) for n in range(5)))
    (reason,) = explain(day)
    assert (reason.code, reason.turn, reason.tasks) == (ReasonCode.NOT_TOGETHER, "a", ("0", "1", "2", "3"))
    optional = replace(day, tasks=tuple(replace(task, required=False) for task in day.tasks))
    assert not explain(optional), "what is not required may be left"


def test_most_stops_bound_what_is_possible_together() -> None:
    day = a_day(a_task("x", service_s=60), a_task("y", service_s=60), turns=(replace(SHIFT, most_stops=1),))
    (reason,) = explain(day)
    assert (reason.code, reason.tasks) == (ReasonCode.NOT_TOGETHER, ("x", "y"))


def test_among_many_the_pair_that_excludes_each_other_is_found() -> None:
    two = (Option(13 * HOUR, 13 * HOUR),)
    quick = [a_task(f"quick {n}", service_s=60) for n in range(2 * EXACT)]
    day = a_day(*quick, a_task("x", NEAR, options=two), a_task("y", FAR, options=two))
    (reason,) = explain(day, limit_s=250)
    assert reason.code == ReasonCode.NOT_TOGETHER
    assert set(reason.tasks) == {"x", "y"}
    found = solve(day, limit_s=250, seeds=(1,), iterations=300)
    assert explain(day, solution=found) == (reason,)


def test_among_many_that_are_simply_too_many_those_to_leave_out_are_named() -> None:
    """Ten of an hour each: seven fit into eight hours with the way there and back."""
    day = a_day(*(a_task(f"{n}") for n in range(EXACT + 2)))
    (reason,) = explain(day, limit_s=250)
    assert reason.code == ReasonCode.TOO_MANY_REQUIRED
    assert len(reason.tasks) == 3
    assert reason.detail == {"required": 10, "needs_s": 10 * HOUR, "has_s": 8 * HOUR}
    rest = replace(day, tasks=tuple(task for task in day.tasks if task.key not in reason.tasks))
    assert not explain(rest)


@settings(slow, max_examples=120)
@given(day=small_days(most_tasks=6))
def test_what_is_said_is_true_of_every_way_to_do_the_day(day: RoutingDay) -> None:
    """A task of which a reason is given cannot be done; nor can those together that are said not to be."""

    def possible(*keys: str) -> bool:
        tasks = tuple(replace(task, required=True) for task in day.tasks if task.key in keys)
        alone = replace(day, tasks=tasks)
        return optimum(alone) < alone.required_weight

    for reason in explain(day):
        if reason.task is not None:
            assert not possible(reason.task)
        elif reason.code == ReasonCode.NOT_TOGETHER:
            assert not possible(*reason.tasks)
            assert all(task.required for task in day.tasks if task.key in reason.tasks)
        else:
            assert reason.code == ReasonCode.TURN_TOO_SHORT


@settings(slow, max_examples=120)
@given(day=small_days(most_tasks=6))
def test_where_ways_are_metric_every_required_task_that_must_be_left_has_a_reason(day: RoutingDay) -> None:
    others = {mode: (_metric(seconds), metres) for mode, (seconds, metres) in day.others.items()}
    metric = replace(day, seconds=_metric(day.seconds), others=others)
    impossible = optimum(metric) >= metric.required_weight
    said = [
        reason
        for reason in explain(metric)
        if reason.code == ReasonCode.NOT_TOGETHER
        or any(task.required and task.key == reason.task for task in metric.tasks)
    ]
    assert bool(said) == impossible


def _metric(seconds: Matrix) -> Matrix:
    """The ways by any detour, which no detour can shorten any more."""
    way = seconds.copy()
    for via in range(len(way)):
        way = np.minimum(way, way[:, via, None] + way[via])
    return way
