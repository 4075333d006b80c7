"""Why a day cannot be as it is asked for: which turn, which task, which window, and which required tasks not together.

What is said of one turn or one task, and of tasks that are not possible together, is proved: ways are taken no longer than
the shortest by any detour, and no other task is made to be in the way. Only `ReasonCode.TOO_MANY_REQUIRED` is the finding
of a search. Codes and numbers are for the caller, who has the words for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations

import numpy as np

from gis.routing.days import Matrix, Option, RoutingDay, Solution, Task, Turn
from gis.routing.solving import solve
from gis.routing.timing import options_for

Ways = Mapping[str, Matrix]
"""The shortest ways by the mode of a turn."""

EXACT = 8
"""Up to so many required tasks every set of them is tried."""
TRIPLES = 40
"""Up to so many required tasks a task that was left is tried with every two others; beyond, with every other one."""
ITERATIONS = 3000


class ReasonCode(StrEnum):
    """Why. The numbers of each are named here; those in ``_s`` are lengths in seconds, the others moments of the day."""

    NO_TURNS = "no_turns"
    """There are tasks, and nobody to do them."""
    TURN_TOO_SHORT = "turn_too_short"
    """The way from the turn's start to its end, ``needs_s``, is longer than its shift, ``has_s``."""
    NO_WINDOW = "no_window"
    """The task has no option at all."""
    NOT_ALLOWED = "not_allowed"
    """No option of the task allows a turn that may make a stop."""
    TOO_FAR = "too_far"
    """There and back alone, ``needs_s``, is longer than the shift, ``has_s``."""
    SHIFT_TOO_SHORT = "shift_too_short"
    """There, the service and back, ``needs_s``, is longer than the shift, ``has_s``."""
    WINDOW_CLOSED = "window_closed"
    """The window ``closes`` before the turn ``arrives``, however early it sets out."""
    WINDOW_OPENS_LATE = "window_opens_late"
    """Begun when the window ``opens``, the turn ``returns`` after its shift ``ends``."""
    NOT_TOGETHER = "not_together"
    """Each of ``tasks`` is possible, all of them are not; leave out any one of them and the others are."""
    TOO_MANY_REQUIRED = "too_many_required"
    """No way was found to do all ``required`` tasks; with ``tasks`` left out, there is one. They need ``needs_s`` of
    service alone, and all shifts together have ``has_s``."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. ``turn`` and ``task`` are keys; of a task it is the turn that comes nearest to doing it, and
    ``missing_s`` of the detail says how near."""

    code: ReasonCode
    turn: str | None = None
    task: str | None = None
    tasks: tuple[str, ...] = ()
    detail: Mapping[str, int] = field(default_factory=dict)


def explain(day: RoutingDay, *, solution: Solution | None = None, limit_s: float = 5.0) -> tuple[Reason, ...]:
    """What makes the day impossible as it is asked for; nothing where nothing does.

    First the turns, then single tasks, required or not, then required tasks that are possible singly and not together.
    For those ``solution`` may be what was found for the day; without it, and with more than `EXACT` of them, a search of
    at most ``limit_s`` seconds is made.
    """
    if not day.turns:
        return (Reason(ReasonCode.NO_TURNS),) if day.tasks else ()
    ways = {
        turn.mode: _shortest(day.seconds_of(turn)) for turn in {one.mode: one for one in day.turns}.values()
    }
    reasons = [reason for turn in day.turns if (reason := _of_turn(turn, ways[turn.mode]))]
    possible: list[Task] = []
    for task in day.tasks:
        reason = _of_task(day, task, ways)
        if reason is not None:
            reasons.append(reason)
        elif task.required:
            possible.append(task)
    return *reasons, *_together(day, possible, ways, solution, limit_s)


def _of_turn(turn: Turn, way: Matrix) -> Reason | None:
    needs, has = int(way[turn.start, turn.end]), turn.ends - turn.starts
    if needs <= has:
        return None
    detail = {"needs_s": needs, "has_s": has, "missing_s": needs - has}
    return Reason(ReasonCode.TURN_TOO_SHORT, turn=turn.key, detail=detail)


def _of_task(day: RoutingDay, task: Task, ways: Ways) -> Reason | None:
    """Why no turn can do a task, told of the turn and option that miss it by least; None where one can."""
    if not task.options:
        return Reason(ReasonCode.NO_WINDOW, task=task.key)
    nearest: Reason | None = None
    for turn in day.turns:
        if turn.most_stops == 0:
            continue
        for option in options_for(task, turn):
            reason = _of_option(task, turn, option, ways[turn.mode])
            if reason is None:
                return None
            if nearest is None or reason.detail["missing_s"] < nearest.detail["missing_s"]:
                nearest = reason
    return nearest or Reason(ReasonCode.NOT_ALLOWED, task=task.key)


def _of_option(task: Task, turn: Turn, option: Option, way: Matrix) -> Reason | None:
    there, back = int(way[turn.start, task.place]), int(way[task.place, turn.end])
    has = turn.ends - turn.starts
    arrives = turn.starts + there
    returns = max(arrives, option.opens) + task.service_s + back
    if there + back > has:
        code, missing = ReasonCode.TOO_FAR, there + back - has
        detail = {"needs_s": there + back, "has_s": has}
    elif there + task.service_s + back > has:
        code, missing = ReasonCode.SHIFT_TOO_SHORT, there + task.service_s + back - has
        detail = {"needs_s": there + task.service_s + back, "has_s": has}
    elif arrives > option.closes:
        code, missing = ReasonCode.WINDOW_CLOSED, arrives - option.closes
        detail = {"arrives": arrives, "closes": option.closes}
    elif returns > turn.ends:
        code, missing = ReasonCode.WINDOW_OPENS_LATE, returns - turn.ends
        detail = {"opens": option.opens, "returns": returns, "ends": turn.ends}
    else:
        return None
    return Reason(code, turn=turn.key, task=task.key, detail={**detail, "missing_s": missing})


def _together(
    day: RoutingDay, tasks: Sequence[Task], ways: Ways, solution: Solution | None, limit_s: float
) -> list[Reason]:
    """Why required tasks, each of them possible, are not possible together."""
    if len(tasks) <= EXACT:
        culprits = _smallest_impossible(day, tasks, ways)
        return [_not_together(day, culprits, ways)] if culprits else []
    if solution is None:
        alone = replace(day, tasks=tuple(tasks))
        solution = solve(
            alone,
            limit_s=limit_s,
            seeds=(1,),
            iterations=ITERATIONS,
            on_progress=lambda progress: bool(progress.best.unserved),
        )
    left = [task for task in tasks if task.key in set(solution.unserved)]
    reasons: list[Reason] = []
    unexplained: list[Task] = []
    for task in left:
        others = [other for other in tasks if other is not task]
        culprits = _with_few(day, task, others, ways)
        if not culprits:
            unexplained.append(task)
        elif not any(set(reason.tasks) == {one.key for one in culprits} for reason in reasons):
            reasons.append(_not_together(day, culprits, ways))
    if unexplained:
        reasons.append(_too_many(day, tasks, unexplained))
    return reasons


def _with_few(day: RoutingDay, task: Task, others: Sequence[Task], ways: Ways) -> tuple[Task, ...]:
    """The first one or two others that a task is not possible together with."""
    for size in (1, 2) if len(others) < TRIPLES else (1,):
        for few in combinations(others, size):
            if culprits := _smallest_impossible(day, (task, *few), ways):
                return culprits
    return ()


def _smallest_impossible(day: RoutingDay, tasks: Sequence[Task], ways: Ways) -> tuple[Task, ...]:
    """A smallest set of tasks that all turns together cannot do; none where they can do them all."""
    done = _doable(day, tasks, ways)
    for size in range(2, len(tasks) + 1):
        for numbers in combinations(range(len(tasks)), size):
            if sum(1 << number for number in numbers) not in done:
                return tuple(tasks[number] for number in numbers)
    return ()


def _doable(day: RoutingDay, tasks: Sequence[Task], ways: Ways) -> set[int]:
    """The sets of tasks, as bits, that the turns together can do."""
    doable = {0}
    for turn in day.turns:
        alone = _doable_by(turn, tasks, ways[turn.mode])
        doable = {former | new for former in doable for new in alone}
    return doable


def _doable_by(turn: Turn, tasks: Sequence[Task], way: Matrix) -> set[int]:
    """The sets of tasks, as bits, that one turn can do, by the earliest moment at which it can be through with each set and
    stand at each last task. Earlier is never worse, so no other moment need be remembered."""
    options = [options_for(task, turn) for task in tasks]
    most = len(tasks) if turn.most_stops is None else turn.most_stops
    layer: dict[tuple[int, int], int] = {(0, turn.start): turn.starts}
    found = {0}
    for _ in range(min(most, len(tasks))):
        earliest: dict[tuple[int, int], int] = {}
        for (done, place), moment in layer.items():
            for number, task in enumerate(tasks):
                if done >> number & 1:
                    continue
                departs = _departs(options[number], task, moment + int(way[place, task.place]))
                if departs is None or departs + int(way[task.place, turn.end]) > turn.ends:
                    continue
                state = done | 1 << number, task.place
                earliest[state] = min(departs, earliest.get(state, departs))
        found |= {done for done, _ in earliest}
        layer = earliest
    return found


def _departs(options: Iterable[Option], task: Task, arrives: int) -> int | None:
    opens = min((one.opens for one in options if one.closes >= arrives), default=None)
    return None if opens is None else max(arrives, opens) + task.service_s


def _not_together(day: RoutingDay, culprits: Sequence[Task], ways: Ways) -> Reason:
    """Names the turn where there is but one that could do any of the tasks."""
    able = {
        turn.key
        for turn in day.turns
        for task in culprits
        if _doable_by(turn, [task], ways[turn.mode]) != {0}
    }
    return Reason(
        ReasonCode.NOT_TOGETHER,
        turn=able.pop() if len(able) == 1 else None,
        tasks=tuple(task.key for task in culprits),
        detail={"required": len(culprits)},
    )


def _too_many(day: RoutingDay, tasks: Sequence[Task], left: Sequence[Task]) -> Reason:
    detail = {
        "required": len(tasks),
        "needs_s": sum(task.service_s for task in tasks),
        "has_s": sum(turn.ends - turn.starts for turn in day.turns),
    }
    return Reason(ReasonCode.TOO_MANY_REQUIRED, tasks=tuple(task.key for task in left), detail=detail)


def _shortest(seconds: Matrix) -> Matrix:
    """The shortest ways by any detour (Floyd and Warshall), which is what the matrix says where it is metric."""
    way = seconds.copy()
    for via in range(len(way)):
        np.minimum(way, way[:, via, None] + way[via], out=way)
    return way
