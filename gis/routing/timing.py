"""When a round is where: arrivals, waiting and the return, from the matrices alone.

The search finds orders of tasks; what is handed out is timed here once more, so that halts are exact to the second and a
mistake in the search or in how it was asked cannot become a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gis.routing.days import Halt, Option, Round, RoutingDay, Solution, Task, Turn

Visits = Mapping[str, Sequence[str]]
"""Key of a turn → keys of its tasks in their order."""


class BrokenRound(ValueError):
    """Visits that cannot be made as they are said: late, too many, twice, or by a turn that may not."""


def timed(day: RoutingDay, turn: Turn, tasks: Sequence[Task]) -> Round | None:
    """The round of ``turn`` through ``tasks`` in this order, or None where it cannot be made.

    Begun as early as can be, for nothing is gained by being late, it tells the earliest return. Reckoned back from there,
    it tells the latest departure; from that on, each halt begins as early as it may.
    """
    if turn.most_stops is not None and len(tasks) > turn.most_stops:
        return None
    legs = _legs(day, turn, tasks)
    begins = _forward(turn, tasks, legs, turn.starts)
    if begins is None:
        return None
    returns = (begins[-1] + tasks[-1].service_s if tasks else turn.starts) + legs[-1]
    if returns > turn.ends:
        return None
    leaves = _backward(turn, tasks, legs, returns)
    begins = _forward(turn, tasks, legs, leaves)
    assert begins is not None
    return _round(day, turn, tasks, legs, leaves, begins)


def solution_of(day: RoutingDay, visits: Visits) -> Solution:
    """The solution in which each turn makes its visits.

    Raises BrokenRound where a round cannot be made, a task is visited twice, or a key is not one of the day.
    """
    tasks = {task.key: task for task in day.tasks}
    if unknown := set(visits) - {turn.key for turn in day.turns}:
        raise BrokenRound(f"no turns {sorted(unknown)}")
    rounds: list[Round] = []
    seen: set[str] = set()
    for turn in day.turns:
        keys = visits.get(turn.key, ())
        if not keys:
            continue
        if len(seen | set(keys)) < len(seen) + len(keys) or not tasks.keys() >= set(keys):
            raise BrokenRound(f"turn {turn.key}: a task twice, or one that there is not")
        seen.update(keys)
        made = timed(day, turn, [tasks[key] for key in keys])
        if made is None:
            raise BrokenRound(f"turn {turn.key} cannot visit {', '.join(keys)}")
        rounds.append(made)
    left = [task for task in day.tasks if task.key not in seen]
    travel = sum(one.travel_s for one in rounds)
    return Solution(tuple(rounds), tuple(task.key for task in left), day.weigh(travel, left))


def kept_of(day: RoutingDay, former: Solution) -> dict[str, list[str]]:
    """What still holds of a solution, maybe of another day: its visits without those that cannot be made any more.

    Turns and tasks are known by their keys. A round keeps its order; a halt that the round before it leaves no time for
    is left out.
    """
    tasks = {task.key: task for task in day.tasks}
    turns = {turn.key: turn for turn in day.turns}
    kept: dict[str, list[str]] = {}
    for one in former.rounds:
        if one.turn not in turns:
            continue
        mine: list[Task] = []
        for halt in one.halts:
            task = tasks.pop(halt.task, None)
            if task is None:
                continue
            if timed(day, turns[one.turn], [*mine, task]) is None:
                tasks[task.key] = task
            else:
                mine.append(task)
        if mine:
            kept[one.turn] = [task.key for task in mine]
    return kept


def options_for(task: Task, turn: Turn) -> list[Option]:
    """The options of a task that a turn may use, whatever the time."""
    return [one for one in task.options if one.turns is None or turn.key in one.turns]


def _legs(day: RoutingDay, turn: Turn, tasks: Iterable[Task]) -> list[int]:
    """Seconds from the start to the first task, between tasks, and from the last to the end."""
    places = [turn.start, *(task.place for task in tasks), turn.end]
    return [int(one) for one in day.seconds_of(turn)[places[:-1], places[1:]]]


def _forward(turn: Turn, tasks: Sequence[Task], legs: Sequence[int], leaves: int) -> list[int] | None:
    """When each task is begun, as early as can be by who departs at ``leaves``; None where one is closed by then."""
    begins: list[int] = []
    clock = leaves
    for task, leg in zip(tasks, legs, strict=False):
        arrives = clock + leg
        open_to = [one for one in options_for(task, turn) if one.closes >= arrives]
        if not open_to:
            return None
        begins.append(max(arrives, min(one.opens for one in open_to)))
        clock = begins[-1] + task.service_s
    return begins


def _backward(turn: Turn, tasks: Sequence[Task], legs: Sequence[int], returns: int) -> int:
    """The latest departure of a round that is known to be possible and shall be back at ``returns``."""
    clock = returns
    for task, leg in zip(reversed(tasks), reversed(legs), strict=False):
        latest = clock - leg - task.service_s
        clock = max(min(one.closes, latest) for one in options_for(task, turn) if one.opens <= latest)
    return clock - legs[0]


def _round(
    day: RoutingDay,
    turn: Turn,
    tasks: Sequence[Task],
    legs: Sequence[int],
    leaves: int,
    begins: Sequence[int],
) -> Round:
    halts: list[Halt] = []
    clock = leaves
    for task, leg, begin in zip(tasks, legs, begins, strict=False):
        halts.append(Halt(task.key, clock + leg, begin, begin + task.service_s))
        clock = halts[-1].departs
    places = [turn.start, *(task.place for task in tasks), turn.end]
    return Round(
        turn=turn.key,
        halts=tuple(halts),
        leaves=leaves,
        returns=clock + legs[-1],
        metres=int(day.metres_of(turn)[places[:-1], places[1:]].sum()),
        travel_s=sum(legs),
        service_s=sum(task.service_s for task in tasks),
        waiting_s=sum(halt.begins - halt.arrives for halt in halts),
    )
