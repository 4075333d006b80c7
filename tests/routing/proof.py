"""What solutions are held against: the rules of a round written once more, and the best of all ways by trying them all.

Nothing here uses gis.routing.timing or the search; only the shapes of gis.routing.days.
"""

from __future__ import annotations

from collections.abc import Iterator

from gis.routing.days import Matrix, RoutingDay, Solution, Task, Turn


def check(day: RoutingDay, solution: Solution) -> None:
    """Every halt, sum and weight of a solution follows from the matrices, the shifts and the windows."""
    tasks = {task.key: task for task in day.tasks}
    turns = {turn.key: turn for turn in day.turns}
    visited: list[str] = []
    travel = 0
    assert [one.turn for one in solution.rounds] == [
        turn.key for turn in day.turns if turn.key in {one.turn for one in solution.rounds}
    ], "rounds in the order of turns, one a turn"
    for one in solution.rounds:
        turn = turns[one.turn]
        assert one.halts, "who visits nobody has no round"
        assert turn.most_stops is None or len(one.halts) <= turn.most_stops
        assert turn.starts <= one.leaves
        at, moment, metres, seconds, waited, served = turn.start, one.leaves, 0, 0, 0, 0
        for halt in one.halts:
            task = tasks[halt.task]
            assert halt.arrives == moment + _ways(day, turn)[0][at, task.place]
            assert halt.arrives <= halt.begins
            assert any(
                option.opens <= halt.begins <= option.closes
                and (option.turns is None or turn.key in option.turns)
                for option in task.options
            ), f"{halt} begins outside of every window"
            assert halt.departs == halt.begins + task.service_s
            metres += _ways(day, turn)[1][at, task.place]
            seconds += _ways(day, turn)[0][at, task.place]
            waited += halt.begins - halt.arrives
            served += task.service_s
            at, moment = task.place, halt.departs
            visited.append(halt.task)
        assert one.returns == moment + _ways(day, turn)[0][at, turn.end] <= turn.ends
        seconds += _ways(day, turn)[0][at, turn.end]
        metres += _ways(day, turn)[1][at, turn.end]
        assert (one.metres, one.travel_s, one.waiting_s, one.service_s) == (metres, seconds, waited, served)
        assert one.returns - one.leaves == seconds + waited + served
        travel += int(seconds)
    assert len(visited) == len(set(visited)) == solution.served
    assert solution.unserved == tuple(task.key for task in day.tasks if task.key not in visited)
    assert solution.objective == weight_of(day, travel, [tasks[key] for key in solution.unserved])


def _ways(day: RoutingDay, turn: Turn) -> tuple[Matrix, Matrix]:
    """Seconds and metres of the mode by which a turn travels."""
    return day.others[turn.mode] if turn.mode else (day.seconds, day.metres)


def weight_of(day: RoutingDay, travel: int, left: list[Task]) -> int:
    """The objective: any required task weighs more than all shifts and all prizes."""
    heavy = 1 + sum(turn.ends - turn.starts for turn in day.turns) + sum(task.prize for task in day.tasks)
    return travel + sum(task.prize for task in left) + heavy * sum(task.required for task in left)


def return_of(day: RoutingDay, turn: Turn, keys: tuple[str, ...], leaves: int) -> int | None:
    """When a turn that leaves at a moment is back from visits in an order, being as early as it can; None if it cannot."""
    tasks = {task.key: task for task in day.tasks}
    at, moment = turn.start, leaves
    for key in keys:
        begun = begun_at(day, turn, tasks[key], at, moment)
        if begun is None:
            return None
        at, moment = tasks[key].place, begun + tasks[key].service_s
    back = moment + int(_ways(day, turn)[0][at, turn.end])
    return back if back <= turn.ends else None


def begun_at(day: RoutingDay, turn: Turn, task: Task, at: int, moment: int) -> int | None:
    """The first moment at which a task can be begun by a turn that leaves a place at a moment."""
    there = moment + int(_ways(day, turn)[0][at, task.place])
    moments = [
        max(there, option.opens)
        for option in task.options
        if there <= option.closes and (option.turns is None or turn.key in option.turns)
    ]
    return min(moments, default=None)


def optimum(day: RoutingDay) -> int:
    """The lowest objective there is, by trying every order of every set for every turn."""
    everything = (1 << len(day.tasks)) - 1
    travel_of: dict[int, int] = {0: 0}
    for turn in day.turns:
        alone = {0: 0}
        for mask, travel in _rounds(day, turn):
            alone[mask] = min(travel, alone.get(mask, travel))
        joined: dict[int, int] = {}
        for former, before in travel_of.items():
            for mask, travel in alone.items():
                if former & mask == 0:
                    both = former | mask
                    joined[both] = min(before + travel, joined.get(both, before + travel))
        travel_of = joined
    return min(
        weight_of(
            day, travel, [task for number, task in enumerate(day.tasks) if (everything ^ mask) >> number & 1]
        )
        for mask, travel in travel_of.items()
    )


def _rounds(day: RoutingDay, turn: Turn) -> Iterator[tuple[int, int]]:
    """Every set of tasks that a turn can visit in some order and be back, as bits, with the travel of that order."""
    most = len(day.tasks) if turn.most_stops is None else turn.most_stops
    waiting = [(0, 0, turn.start, turn.starts, 0)]
    while waiting:
        mask, count, at, moment, travel = waiting.pop()
        home = int(_ways(day, turn)[0][at, turn.end])
        if mask and moment + home <= turn.ends:
            yield mask, travel + home
        if count == most:
            continue
        for number, task in enumerate(day.tasks):
            if mask >> number & 1:
                continue
            begun = begun_at(day, turn, task, at, moment)
            if begun is not None and begun + task.service_s <= turn.ends:
                onward = travel + int(_ways(day, turn)[0][at, task.place])
                waiting.append((mask | 1 << number, count + 1, task.place, begun + task.service_s, onward))
