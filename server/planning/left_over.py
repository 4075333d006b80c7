"""What is not in a plan once it is solved, each with the code that is true then."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from gis.routing.days import Solution
from gis.routing.infeasible import Reason
from schemas.vocabulary import UnfittedCode
from server.kernel.work import Work
from server.planning.faults import left_out
from server.planning.ground import Doing, Ground, Unfit
from server.planning.meeting import Meeting
from server.planning.visits import Debt


def left_over(
    work: Work, ground: Ground, solution: Solution, faults: Sequence[Reason], meeting: Meeting
) -> list[Unfit]:
    """What no stop meets, of all that somebody could go for on these days, and what the leader wants in vain."""
    met = meeting.met
    codes = {fault.task: left_out(fault.code) for fault in faults if fault.task}
    days_at: dict[uuid.UUID, set[date]] = defaultdict(set)
    for key, begins in meeting.begins.items():
        days_at[ground.doings[key].subject.id].add(begins.astimezone(work.zone).date())
    found = []
    for one in ground.unfit:
        left = _unmet(one.debts, met)
        if left or not one.debts:
            found.append(replace(one, debts=left, code=_now(one, days_at[one.subject.id])))
    unserved = set(solution.unserved)
    for doing in ground.doings.values():
        left = _unmet(doing.visit.debts, met)
        if left or (doing.key in unserved and doing.wish and not doing.visit.debts):
            code = _code(doing, ground, unserved, codes)
            found.append(Unfit(doing.subject, code, left, doing.visit.days))
    return found


def _unmet(debts: Iterable[Debt], met: set[uuid.UUID]) -> tuple[Debt, ...]:
    return tuple(debt for debt in debts if debt.id not in met)


def _now(one: Unfit, days_at: set[date]) -> UnfittedCode:
    """What other visits to the same door would have kept out is left out for time where they did not come to be."""
    return UnfittedCode.NO_TIME if set(one.free) - days_at else one.code


def _code(
    doing: Doing, ground: Ground, unserved: set[str], codes: Mapping[str, UnfittedCode]
) -> UnfittedCode:
    """Why a visit is not made; or, of one that is made and meets an older debt now, why that one's was not."""
    if doing.key in unserved:
        return codes.get(doing.key, UnfittedCode.NO_TIME)
    others = (one.key for one in ground.doings.values() if one.subject.id == doing.subject.id)
    return next((codes.get(key, UnfittedCode.NO_TIME) for key in others if key in unserved), UnfittedCode.GAP)
