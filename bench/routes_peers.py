"""How patrols are planned without a solver: nearest of what is most pressing, and the best next insertion."""

from __future__ import annotations

from routes_ground import Due

from gis.routing.days import RoutingDay, Solution, Task, Turn
from gis.routing.timing import solution_of, timed


def nearest_due(due: Due, *, open_first: bool = False) -> Solution:
    """Each team in turn goes on to the nearest of the most pressing outlets that it can do and be back.

    Where that one is not open yet it waits; with ``open_first`` only when no other is open, as somebody would who knows
    all hours by heart.
    """
    day = due.day
    left = {task.key: task for task in day.tasks}
    visits: dict[str, list[str]] = {}
    for turn in day.turns:
        mine: list[Task] = []
        at, moment = turn.start, turn.starts
        while True:
            there = {key: moment + int(day.seconds[at, task.place]) for key, task in left.items()}
            following = sorted(
                left.values(),
                key=lambda task, there=there: (
                    open_first
                    and not any(one.opens <= there[task.key] <= one.closes for one in task.options),
                    due.urgency[task.key],
                    there[task.key],
                    task.key,
                ),
            )
            for task in following:
                made = timed(day, turn, [*mine, task])
                if made is not None:
                    break
            else:
                break
            mine.append(left.pop(task.key))
            at, moment = task.place, made.halts[-1].departs
        visits[turn.key] = [task.key for task in mine]
    return solution_of(day, visits)


def greedy(day: RoutingDay) -> Solution:
    """Again and again the outlet and place in a round that bring most prize for each second they take, till none fits."""
    rounds: dict[str, list[Task]] = {turn.key: [] for turn in day.turns}
    offers = {task.key: {turn.key: _offer(day, turn, [], task) for turn in day.turns} for task in day.tasks}
    tasks = {task.key: task for task in day.tasks}
    turns = {turn.key: turn for turn in day.turns}
    while True:
        best = max(
            (
                (offer[0], key, turn)
                for key, by_turn in offers.items()
                for turn, offer in by_turn.items()
                if offer
            ),
            default=None,
        )
        if best is None:
            break
        _, key, turn_key = best
        offer = offers.pop(key)[turn_key]
        assert offer is not None
        rounds[turn_key].insert(offer[1], tasks[key])
        for other, by_turn in offers.items():
            by_turn[turn_key] = _offer(day, turns[turn_key], rounds[turn_key], tasks[other])
    return solution_of(day, {turn: [task.key for task in mine] for turn, mine in rounds.items()})


def _offer(day: RoutingDay, turn: Turn, mine: list[Task], task: Task) -> tuple[float, int] | None:
    """Prize for each second that the best place of a task in a round takes, and that place; None where none is good."""
    best: tuple[float, int] | None = None
    places = [turn.start, *(one.place for one in mine), turn.end]
    for position in range(len(mine) + 1):
        before, after = places[position], places[position + 1]
        way = day.seconds[before, task.place] + day.seconds[task.place, after] - day.seconds[before, after]
        worth = float(task.prize / max(1, way + task.service_s))
        if (
            (best is None or worth > best[0])
            and way < task.prize
            and timed(day, turn, [*mine[:position], task, *mine[position:]])
        ):
            best = worth, position
    return best
