"""A solution as the rules let it stand.

The solver takes or leaves each visit for itself, so one may come to meet an older debt than that for which it was asked, or
nothing at all. What then goes beyond the year's cap without a signature, or is for nothing, is not made.
"""

from __future__ import annotations

from dataclasses import replace

from gis.routing.days import RoutingDay, Solution
from gis.routing.timing import kept_of, solution_of
from server.planning.ground import Ground
from server.planning.meeting import Meeting, meeting_of


def lawful(ground: Ground, day: RoutingDay, solution: Solution) -> tuple[Solution, Meeting]:
    """The solution without the visits that may not or need not be, and what it comes to."""
    meeting = meeting_of(ground, solution)
    while without := meeting.beyond_cap or _for_nothing(ground, meeting):
        rounds = tuple(
            replace(one, halts=tuple(halt for halt in one.halts if halt.task not in without))
            for one in solution.rounds
        )
        solution = solution_of(day, kept_of(day, replace(solution, rounds=rounds)))
        meeting = meeting_of(ground, solution)
    return solution, meeting


def _for_nothing(ground: Ground, meeting: Meeting) -> set[str]:
    """The visits that meet nothing though nobody wants or drew them: those that come last, for without them the others may
    come to meet something else.
    """
    doings = [ground.doings[key] for key, debts in meeting.debts.items() if not debts]
    idle = [doing.key for doing in doings if doing.wish is None and doing.seed is None]
    return {max(idle, key=lambda key: meeting.begins[key])} if idle else set()
