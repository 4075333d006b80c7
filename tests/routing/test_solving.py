"""Small days against every other way to do them; warm starts, stopping, and processes that leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.routing import seeds, solving
from gis.routing.days import Option, Progress, RoutingDay, Task, Turn
from gis.routing.searching import Errand
from gis.routing.seeds import SearchDied, Seeds
from gis.routing.solving import solve
from gis.routing.timing import BrokenRound, kept_of, solution_of
from tests.routing.proof import check, optimum, return_of
from tests.routing.small_days import small_days

# Of 4,000 random small days, two ended above their optimum with so many; the examples below are always the same ones.
ITERATIONS = 300
# Seconds that no test needs, on a machine however busy; pytest's own limit is 300.
LONG = 250
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def grid_day(tasks: int = 40, turns: int = 2, required: int = 0) -> RoutingDay:
    """A day of shops on a square of 10 by 10 km, of which two teams in four hours can visit a part."""
    random = np.random.default_rng(7)
    at = random.uniform(0, 10_000, (tasks + 1, 2))
    metres = np.rint(np.hypot(*(at[:, None] - at).transpose(2, 0, 1))).astype(np.int64)
    return RoutingDay(
        turns=tuple(Turn(f"turn {n}", f"team {n}", 0, 4 * 3600, 0, 0) for n in range(turns)),
        tasks=tuple(
            Task(f"task {n}", n + 1, 900, int(random.integers(500, 5000)), (Option(0, 14_400),), n < required)
            for n in range(tasks)
        ),
        seconds=metres // 8,
        metres=metres,
    )


def processes() -> set[int]:
    """Child processes of this one that came since the test began, zombies included."""
    return children() - earlier


def children() -> set[int]:
    """All child processes."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == os.getpid():
                found.add(int(entry.name))
    return found


earlier: set[int] = set()


@pytest.fixture(autouse=True)
def _note_the_children() -> None:
    earlier.clear()
    earlier.update(children())


@settings(slow, max_examples=150, derandomize=True)
@given(day=small_days())
def test_the_best_of_all_ways_is_found(day: RoutingDay) -> None:
    found = solve(day, limit_s=LONG, seeds=(1,), iterations=ITERATIONS)
    check(day, found)
    assert found.objective == optimum(day)


@settings(slow, max_examples=60)
@given(day=small_days())
def test_every_solution_holds(day: RoutingDay) -> None:
    check(day, solve(day, limit_s=LONG, seeds=(1,), iterations=20))


@settings(slow, max_examples=60)
@given(day=small_days(most_tasks=5))
def test_who_left_later_would_be_back_later(day: RoutingDay) -> None:
    turns = {turn.key: turn for turn in day.turns}
    for one in solve(day, limit_s=LONG, seeds=(1,), iterations=20).rounds:
        turn, keys = turns[one.turn], tuple(halt.task for halt in one.halts)
        assert return_of(day, turn, keys, turn.starts) == one.returns
        assert return_of(day, turn, keys, one.leaves) == one.returns
        later = return_of(day, turn, keys, one.leaves + 1)
        assert later is None or later > one.returns


def test_required_tasks_are_not_given_up_for_prizes() -> None:
    day = grid_day(tasks=40, required=12)
    found = solve(day, limit_s=LONG, seeds=(1,), iterations=1000)
    check(day, found)
    required = {task.key for task in day.tasks if task.required}
    assert not required & set(found.unserved)


def test_of_required_tasks_that_cannot_all_be_done_as_few_as_can_be_are_left() -> None:
    day = grid_day(tasks=6, turns=1, required=6)
    short = RoutingDay((Turn("turn 0", "team 0", 0, 3600, 0, 0),), day.tasks, day.seconds, day.metres)
    found = solve(short, limit_s=LONG, seeds=(1,), iterations=ITERATIONS)
    check(short, found)
    assert found.unserved
    assert found.objective == optimum(short)


def test_a_shift_over_midnight_and_a_week_are_one_problem() -> None:
    """A shop is open from 22 to 2 only; what is due on Monday is not done on Tuesday, though a team would be nearer."""
    seconds = np.array([[0, 600, 600], [600, 0, 60], [600, 60, 0]])
    night = Turn("monday night", "a", 79_200, 79_200 + 14_400, 0, 0)
    tuesday = Turn("tuesday", "a", 115_200, 144_000, 0, 0)
    late = Task("late", 1, 300, 5000, (Option(86_400, 86_400 + 7200),))
    monday = Task("monday", 2, 300, 5000, (Option(0, 10**6, frozenset({"monday night"})),))
    either = Task("either", 2, 300, 900, (Option(0, 10**6),))
    day = RoutingDay((night, tuesday), (late, monday, either), seconds, seconds)
    found = solve(day, limit_s=LONG, seeds=(1,), iterations=100)
    check(day, found)
    (only,) = found.rounds
    assert only.turn == "monday night"
    assert found.served == 3
    assert only.waiting_s == 0
    assert only.leaves > night.starts, "the one shop opens two hours after the shift begins"


def test_whoever_walks_is_given_what_is_near() -> None:
    """By car both are two minutes away; on foot the far one is out of reach."""
    by_car = np.array([[0, 120, 120], [120, 0, 120], [120, 120, 0]])
    on_foot = np.array([[0, 300, 9000], [300, 0, 9000], [9000, 9000, 0]])
    turns = (Turn("walkers", "a", 0, 3600, 0, 0, mode="foot"), Turn("drivers", "b", 0, 900, 0, 0))
    tasks = tuple(Task(f"at {place}", place, 600, 5000, (Option(0, 3600),)) for place in (1, 2))
    day = RoutingDay(turns, tasks, by_car, by_car, {"foot": (on_foot, on_foot)})
    found = solve(day, limit_s=60, seeds=(1,), iterations=100)
    check(day, found)
    assert {one.turn: [halt.task for halt in one.halts] for one in found.rounds} == {
        "walkers": ["at 1"],
        "drivers": ["at 2"],
    }
    with pytest.raises(ValueError, match="of which there is no matrix"):
        RoutingDay(turns, tasks, by_car, by_car)


def test_days_without_turns_or_tasks_have_an_empty_answer() -> None:
    day = grid_day(tasks=3)
    for bare in (
        RoutingDay((), day.tasks, day.seconds, day.metres),
        RoutingDay(day.turns, (), day.seconds, day.metres),
        RoutingDay((), (), np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.int64)),
    ):
        for numbers in ((1,), (1, 2)):
            found = solve(bare, limit_s=30, seeds=numbers)
            check(bare, found)
            assert found.rounds == ()


def test_two_seeds_in_two_processes_find_what_the_better_of_them_finds() -> None:
    day = grid_day()
    single = [solve(day, limit_s=LONG, seeds=(seed,), iterations=200) for seed in (1, 2)]
    both = solve(day, limit_s=LONG, seeds=(1, 2), iterations=200)
    assert both == min(single, key=lambda one: one.objective)
    assert both == solve(day, limit_s=LONG, seeds=(1, 2), iterations=200), "the same again"
    assert not processes()


@settings(slow, max_examples=40)
@given(day=small_days(), data=st.data())
def test_a_warm_start_never_ends_worse(day: RoutingDay, data: st.DataObject) -> None:
    """Whatever tasks and turns have come, gone or changed meanwhile."""
    before = solve(day, limit_s=LONG, seeds=(1,), iterations=data.draw(st.integers(1, 30)))
    assert solve(day, limit_s=LONG, seeds=(2,), iterations=0, start=before) == before
    assert solve(day, limit_s=LONG, seeds=(2,), iterations=5, start=before).objective <= before.objective
    other = data.draw(small_days())
    kept = solution_of(other, kept_of(other, before))
    check(other, kept)
    warm = solve(other, limit_s=LONG, seeds=(1,), iterations=data.draw(st.integers(0, 5)), start=before)
    check(other, warm)
    assert warm.objective <= kept.objective


def test_a_warm_start_keeps_what_still_holds() -> None:
    day = grid_day()
    before = solve(day, limit_s=LONG, seeds=(1,), iterations=300)
    gone = before.rounds[0].halts[1].task
    without = RoutingDay(
        day.turns, tuple(task for task in day.tasks if task.key != gone), day.seconds, day.metres
    )
    kept = kept_of(without, before)
    assert [kept[one.turn] for one in before.rounds] == [
        [halt.task for halt in one.halts if halt.task != gone] for one in before.rounds
    ]
    after = solve(without, limit_s=LONG, iterations=50, start=before)
    check(without, after)
    assert after.objective <= solution_of(without, kept).objective


def test_progress_brings_the_best_so_far_and_never_a_worse_one() -> None:
    day = grid_day()
    heard: list[Progress] = []

    def until_both_have_searched(progress: Progress) -> bool:
        heard.append(progress)
        return len(heard) < 4 or progress.iterations < 2000

    found = solve(day, limit_s=LONG, on_progress=until_both_have_searched)
    for progress in heard:
        check(day, progress.best)
        assert (progress.objective, progress.served) == (progress.best.objective, progress.best.served)
        assert progress.served > 0
    assert found == heard[-1].best
    for earlier_one, later in pairwise(heard):
        assert later.objective <= earlier_one.objective
        assert later.iterations >= earlier_one.iterations
        assert later.elapsed_s - earlier_one.elapsed_s >= solving.REPORT_S


def test_a_search_ends_with_its_time() -> None:
    day = grid_day()
    begun = time.monotonic()
    check(day, solve(day, limit_s=1.5, seeds=(1,)))
    assert 1.5 <= time.monotonic() - begun < 30


def test_a_plan_is_there_though_no_search_comes_to_it_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine so busy that the processes are not loaded when the time is over."""
    monkeypatch.setattr(solving, "GRACE_S", -1.0)
    monkeypatch.setattr(solving, "REPORT_S", 0.001)
    day = grid_day()
    found = solve(day, limit_s=0.001)
    check(day, found)
    assert found == solve(day, limit_s=LONG, seeds=(1,), iterations=0)
    assert found.served > 0
    assert not processes()


@pytest.mark.parametrize("numbers", [(1,), (1, 2)])
def test_cancelling_returns_the_best_so_far_at_once(numbers: tuple[int, ...]) -> None:
    day = grid_day()
    heard: list[tuple[float, Progress]] = []

    def until_something_is_found(progress: Progress) -> bool:
        heard.append((time.monotonic(), progress))
        return progress.iterations == 0

    found = solve(day, limit_s=LONG, seeds=numbers, on_progress=until_something_is_found)
    cancelled_at, last = heard[-1]
    assert time.monotonic() - cancelled_at < 5
    check(day, found)
    assert found.objective <= last.objective
    assert not processes()


def test_what_the_caller_raises_ends_the_search() -> None:
    """As a job's time limit does, which is an exception in the middle of whatever it does."""

    class TimeIsUp(Exception):
        pass

    def raises(_progress: Progress) -> bool:
        assert processes()
        raise TimeIsUp

    with pytest.raises(TimeIsUp):
        solve(grid_day(), limit_s=LONG, on_progress=raises)
    assert not processes()


def test_when_one_search_dies_the_other_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    day = grid_day()
    died_at: list[int] = []
    heard: list[Progress] = []

    def kill_one(progress: Progress) -> bool:
        heard.append(progress)
        if progress.served and not died_at:
            os.kill(min(processes()), signal.SIGKILL)
            died_at.append(progress.iterations)
        return not died_at or progress.iterations < died_at[0] + 500

    found = solve(day, limit_s=LONG, on_progress=kill_one)
    assert heard[-1].iterations >= died_at[0] + 500, "the other one went on"
    assert "died" in caplog.text
    check(day, found)
    assert found == heard[-1].best
    assert not processes()


def test_when_all_searches_die_without_a_word_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill_all(_progress: Progress) -> bool:
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        return True

    # Progress is told while the searches are still being loaded.
    monkeypatch.setattr(solving, "REPORT_S", 0.01)
    with pytest.raises(SearchDied):
        solve(grid_day(), limit_s=LONG, on_progress=kill_all)
    assert not processes()


def test_searches_end_when_who_started_them_is_killed(tmp_path: Path) -> None:
    """SIGKILL, as the worker kills a job that does not stop: nobody is left to end them."""
    program = textwrap.dedent(
        """
        import sys
        from gis.routing.solving import solve
        from tests.routing.test_solving import grid_day, processes

        def say(progress):
            if progress.served:
                print(*processes(), flush=True)
            return True

        solve(grid_day(), limit_s=250, on_progress=say)
        """
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    searches = {int(pid) for pid in starter.stdout.readline().split()}
    assert len(searches) == 2
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until = time.monotonic() + 20
    while (left := [pid for pid in searches if Path(f"/proc/{pid}").exists()]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def test_leaving_in_the_middle_of_starting_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started = seeds._started
    calls: list[int] = []

    def second_fails(errand: Errand) -> object:
        calls.append(errand.seed)
        if len(calls) == 2:
            raise OSError("no more processes")
        return started(errand)

    monkeypatch.setattr(seeds, "_started", second_fails)
    day = grid_day()
    with pytest.raises(OSError, match="no more"), Seeds([Errand(day, seed, 0.0) for seed in (1, 2)]):
        pass
    assert calls == [1, 2]
    assert not processes()


@pytest.mark.parametrize(
    ("visits", "said"),
    [
        ({"nobody": ["task 1"]}, "no turns"),
        ({"turn 0": ["task 1", "task 1"]}, "twice"),
        ({"turn 0": ["task 1"], "turn 1": ["task 1"]}, "twice"),
        ({"turn 0": ["no such task"]}, "twice, or one that there is not"),
        ({"turn 0": [f"task {n}" for n in range(40)]}, "cannot visit"),
    ],
)
def test_visits_that_cannot_be_made_are_no_solution(visits: dict[str, list[str]], said: str) -> None:
    with pytest.raises(BrokenRound, match=said):
        solution_of(grid_day(), visits)


def test_a_search_without_seeds_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no seed"):
        solve(grid_day(), limit_s=1, seeds=())
