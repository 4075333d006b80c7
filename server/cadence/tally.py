"""Counting judgements: what was owed, waived, done in time, late and missed, and the rates of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.vocabulary import ObligationState
from server.cadence.rules import Judgement

PENDING = frozenset({ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE})
"""The states of an obligation that has begun and may still be met."""


class Outcome(StrEnum):
    """What no clock changes of an obligation: it becomes another one only when something becomes known.

    An obligation that is ``OPEN`` is upcoming, pending or missed, as the day has it.
    """

    OPEN = "open"
    MET = "met"
    MET_LATE = "met_late"
    MADE_UP = "made_up"
    WAIVED = "waived"
    VOID = "void"


def outcome_of(judgement: Judgement, *, waived: bool) -> Outcome:
    """The outcome behind a state; ``waived`` says that nobody need come, for before its first day it is upcoming still."""
    match judgement.state:
        case ObligationState.MET:
            return Outcome.MET
        case ObligationState.MET_LATE:
            return Outcome.MET_LATE
        case ObligationState.MADE_UP:
            return Outcome.MADE_UP
        case ObligationState.VOID:
            return Outcome.VOID
        case _:
            return Outcome.WAIVED if waived else Outcome.OPEN


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of obligations that have begun; sums of tallies are tallies, so totals never average rates.

    ``obligations`` (O) are those begun and not void, ``waived`` (E) those let off, ``on_time`` (T),
    ``late`` (L), ``missed`` (M, the made-up ones included) and ``pending`` (P: open, attempted or due).
    ``made_up`` is also shown in a column of its own. D = O - E = T + L + M + P.
    """

    obligations: int = 0
    waived: int = 0
    on_time: int = 0
    late: int = 0
    missed: int = 0
    pending: int = 0
    made_up: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            obligations=self.obligations + other.obligations,
            waived=self.waived + other.waived,
            on_time=self.on_time + other.on_time,
            late=self.late + other.late,
            missed=self.missed + other.missed,
            pending=self.pending + other.pending,
            made_up=self.made_up + other.made_up,
        )

    @property
    def due(self) -> int:
        """D, what had to be done: the obligations less the waived ones."""
        return self.obligations - self.waived

    @property
    def on_time_rate(self) -> str | None:
        """按期检查率, T/D in percent; None if nothing had to be done."""
        return percent(self.on_time, self.due)

    @property
    def on_time_rate_to_date(self) -> str | None:
        """按期检查率 of what is decided already, T/(D - P) in percent; None if nothing is."""
        return percent(self.on_time, self.due - self.pending)

    @property
    def completion_rate(self) -> str | None:
        """完成率, (T + L)/D in percent; None if nothing had to be done."""
        return percent(self.on_time + self.late, self.due)

    @property
    def waived_share(self) -> str | None:
        """The share of obligations waived, E/O in percent, to be shown beside the rates; None without any."""
        return percent(self.waived, self.obligations)


def tally(judgements: Iterable[Judgement]) -> Tally:
    """The counts of these judgements; upcoming and void obligations are in none of them."""
    states = Counter(judgement.state for judgement in judgements)
    counts = Tally(
        waived=states[ObligationState.WAIVED],
        on_time=states[ObligationState.MET],
        late=states[ObligationState.MET_LATE],
        missed=states[ObligationState.MISSED] + states[ObligationState.MADE_UP],
        pending=sum(states[state] for state in PENDING),
        made_up=states[ObligationState.MADE_UP],
    )
    begun = counts.waived + counts.on_time + counts.late + counts.missed + counts.pending
    return replace(counts, obligations=begun)


def percent(n: int, d: int) -> str | None:
    """``n`` in ``d`` as a percentage with two decimals, half up: "93.07"; None, printed "—", if ``d`` is 0.

    Counted in integers, for a float would round some halves down. Raises ValueError for a negative number.
    """
    if n < 0 or d < 0:
        raise ValueError("A percentage is made of counts, and a count is never negative.")
    if d == 0:
        return None
    hundredths = (2 * 10_000 * n + d) // (2 * d)
    return f"{hundredths // 100}.{hundredths % 100:02}"


def tenths(total: int, count: int) -> str | None:
    """The mean of ``count`` numbers that sum to ``total``, with one decimal, half up: "2.3"; None of nothing."""
    if count == 0:
        return None
    rounded = (2 * 10 * total + count) // (2 * count)
    return f"{rounded // 10}.{rounded % 10}"
