"""How near to the best a patrol day is planned after 1, 5 and 30 seconds, beside plans made without a solver.

What a gap is held against is the best that anything found in this run, the longest search included, or the published
optimum. A search has two processes: on two cores with other work it gets less than a second of CPU in each second, and the
gaps are those of a busy machine.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from measuring import Candidate, Report, Target, chosen, clocked, measure, say
from routes_ground import DAY, Due, Positions, great_circle, patrol_days, positions
from routes_peers import greedy, nearest_due

from gis.routing.days import Matrix, RoutingDay, Solution
from gis.routing.solving import solve
from tests.routing.benchmark_instances import BEST_KNOWN, instance

OUTLETS, TEAMS = 200, 4
WEEK_OUTLETS, WEEK_DAYS = 500, 5
TARGETS = {"5 s": Target(at_most=2.0), "30 s": Target(at_most=0.5)}
NEAREST = "就近先急 nearest due"
NEAREST_OPEN = "就近先急、先开门 nearest due, open first"
# Ways of making a matrix, by what they are called: from positions to seconds and metres.
MATRICES: dict[str, Callable[[Positions], tuple[Matrix, Matrix]]] = {"大圆距离 great circle": great_circle}


def main() -> None:
    """Run the bench."""
    choice = chosen("Patrol days: gaps at 1, 5 and 30 s, a squad's week, matrices.")
    limits = (1, 5) if choice.quick else (1, 5, 30)
    _matrices(choice.rounds)
    _patrol_days(2 if choice.quick else choice.rounds, limits)
    _instances(("C101", "R101") if choice.quick else tuple(BEST_KNOWN), limits)
    _week((10,) if choice.quick else (10, 30, 60))


def _matrices(rounds: int) -> None:
    table = Report("行程矩阵 · matrices of travel")
    for size in (OUTLETS, WEEK_OUTLETS):
        places = positions(np.random.default_rng(size), size)
        taken = measure(
            [
                Candidate(name, lambda make=make, places=places: partial(make, places))
                for name, make in MATRICES.items()
            ],
            rounds,
        )
        for name in MATRICES:
            table.add(
                f"{name}, {size} × {size}", [1000 * one for one in taken[name].wall], unit=" ms", digits=1
            )
    table.show()


def _patrol_days(rounds: int, limits: tuple[int, ...]) -> None:
    gaps: dict[str, list[float]] = {}
    prizes: dict[str, list[float]] = {}
    served: dict[str, list[float]] = {}
    shares: list[float] = []
    peers: dict[str, Callable[[Due], Solution]] = {
        "逐个插入 greedy insertion": lambda due: greedy(due.day),
        NEAREST: nearest_due,
        NEAREST_OPEN: partial(nearest_due, open_first=True),
    }
    for number in range(1, rounds + 1):
        say(f"巡查日 {number}/{rounds} · patrol day {number} of {rounds}")
        due = patrol_days(number, OUTLETS, TEAMS)
        before = _cpu_of_searches()
        found = {f"{limit} s": solve(due.day, limit_s=limit) for limit in limits}
        shares.append(100 * (_cpu_of_searches() - before) / (2 * sum(limits)))
        longest = found[f"{limits[-1]} s"]
        # Other seeds, twice as long, from where the longest came to: the best that this run knows.
        best = solve(due.day, limit_s=2 * limits[-1], seeds=(3, 4), start=longest)
        found |= {name: plan(due) for name, plan in peers.items()}
        for name, solution in found.items():
            gaps.setdefault(name, []).append(_gap(solution.objective, best.objective))
            served.setdefault(name, []).append(solution.served)
        for name in (NEAREST, NEAREST_OPEN):
            prizes.setdefault(name, []).append(_prize(due.day, longest) / _prize(due.day, found[name]))
    table = Report(
        f"{OUTLETS} 户、{TEAMS} 队、8 小时：与已知最好的差距 · gap to the best found, a patrol day"
    )
    for name, values in gaps.items():
        if name == next(iter(peers)):
            table.line()
        table.add(name, values, unit=" %", target=TARGETS.get(name))
    table.line()
    for name, values in prizes.items():
        target = Target(at_least=1.4) if name == NEAREST else None
        table.add(f"所得 prize in {limits[-1]} s / {name}", values, target=target)
    for name in (f"{limits[-1]} s", *peers):
        table.add(f"到访户数 outlets visited, {name}", served[name], digits=0)
    table.line()
    table.add("搜索所得处理器 CPU that the searches got, of two cores", shares, unit=" %", digits=0)
    table.show()


def _cpu_of_searches() -> float:
    """CPU seconds so far of all processes that searched and are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _instances(names: tuple[str, ...], limits: tuple[int, ...]) -> None:
    table = Report("公开算例：与已证最优的差距 · gap to the proven optimum of published instances")
    for name in names:
        day = instance(name)
        for limit in limits:
            found = solve(day, limit_s=limit)
            missing = f" ({len(found.unserved)} 未到访 left)" if found.unserved else ""
            travel = sum(one.travel_s for one in found.rounds)
            table.add(f"{name}, {limit} s{missing}", [_gap(travel, BEST_KNOWN[name])], unit=" %")
    table.remark("RC101 与 R1_2_1：最优值计入载重，此处无载重 · optima with loads, which a patrol has not")
    table.show()


def _week(limits: tuple[int, ...]) -> None:
    """All days of a week planned together, and beside it each day by itself with the same time in all."""
    say("一周 · a week")
    due = patrol_days(1, WEEK_OUTLETS, TEAMS, WEEK_DAYS)
    found = {limit: solve(due.day, limit_s=limit) for limit in limits}
    best = solve(due.day, limit_s=2 * limits[-1], seeds=(3, 4), start=found[limits[-1]])
    singly, seconds = clocked(lambda: _day_by_day(due, limits[-1] / WEEK_DAYS))
    table = Report(
        f"{WEEK_OUTLETS} 户、{TEAMS} 队、{WEEK_DAYS} 天一起安排 · a squad's week, all days together"
    )
    for limit, solution in found.items():
        table.add(f"{limit} s", [_gap(solution.objective, best.objective)], unit=" %")
    table.add(f"逐日安排 day by day, {seconds:.0f} s", [_gap(singly.objective, best.objective)], unit=" %")
    plain = nearest_due(due)
    table.add(NEAREST, [_gap(plain.objective, best.objective)], unit=" %")
    table.add("到访户数 outlets visited", [best.served], digits=0)
    table.add(f"所得 prize / {NEAREST}", [_prize(due.day, best) / _prize(due.day, plain)])
    table.show()


def _day_by_day(due: Due, limit_s: float) -> Solution:
    """Each day planned with what the days before it left, then seen as one plan of the week."""
    left = {task.key: task for task in due.day.tasks}
    rounds = []
    for number in range(WEEK_DAYS):
        turns = tuple(turn for turn in due.day.turns if turn.starts // DAY == number)
        keys = {turn.key for turn in turns}
        today = replace(due.day, turns=turns, tasks=tuple(left.values()))
        found = solve(today, limit_s=limit_s)
        rounds += [one for one in found.rounds if one.turn in keys]
        for one in found.rounds:
            for halt in one.halts:
                del left[halt.task]
    travel = sum(one.travel_s for one in rounds)
    return Solution(tuple(rounds), tuple(left), due.day.weigh(travel, left.values()))


def _gap(found: int, best: int) -> float:
    return 100 * (found / best - 1)


def _prize(day: RoutingDay, solution: Solution) -> int:
    left = set(solution.unserved)
    return sum(task.prize for task in day.tasks if task.key not in left)


if __name__ == "__main__":
    main()
