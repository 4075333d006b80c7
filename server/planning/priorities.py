"""How much a visit is worth to a plan, in seconds of work: what is late soonest weighs most. Pure.

The weights are the project's own proposal. They are so far apart that a visit which is due today is never given up for a
shorter way, and that of two the one which is late sooner is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from server.planning.visits import Debt

WISHED = 86_400
OFF_PATTERN = 2_700
SPECIAL = 3_600
_OVERDUE = 28_800
_BY_DAYS_LEFT = ((0, 25_200), (2, 18_000), (7, 10_800), (31, 5_400))
_LATER = 3_600
_FOLLOW_UP = 5_400
_TRIED = 1_800
_ALSO = 1_800
_KEY_PLACE_PERCENT = 10


def prize_of(debts: Sequence[Debt], day: date, *, key_place: bool) -> int:
    """The worth of a visit that meets these debts, as seen from the first day of the plan.

    What one visit meets besides counts less: meeting it costs nothing more.
    """
    if not debts:
        return 0
    worths = sorted((_worth(debt, day) for debt in debts), reverse=True)
    prize = worths[0] + _ALSO * (len(worths) - 1)
    return prize + prize * _KEY_PLACE_PERCENT // 100 if key_place else prize


def _worth(debt: Debt, day: date) -> int:
    left = (debt.last_day - day).days
    worth = _OVERDUE if left < 0 else next((prize for days, prize in _BY_DAYS_LEFT if left <= days), _LATER)
    if debt.tier is None:
        worth += _FOLLOW_UP
    return worth + _TRIED if debt.attempted else worth
