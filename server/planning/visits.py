"""What one subject owes, put together into visits: one visit meets all that it can, and no two of a track on one day.

Pure: whatever is decided here follows from the arguments. Days are the bureau's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from uuid import UUID

from schemas.vocabulary import CadenceTier, Deed, Performed, SubjectKind, UnfittedCode
from server.cadence.matching import Track

_AT_OUTLETS: tuple[Performed, ...] = (Deed.INSPECTION, *CadenceTier, Deed.SERVICE)
_ELSEWHERE: tuple[Performed, ...] = (Deed.SERVICE, Deed.INSPECTION, Deed.DOOR_CALLBACK)
_AT: Mapping[SubjectKind, tuple[Performed, ...]] = MappingProxyType(
    {SubjectKind.OUTLET: _AT_OUTLETS, SubjectKind.DEPOT: (Deed.DEPOT_CHECK,)}
)


@dataclass(frozen=True, slots=True)
class Debt:
    """An obligation that nobody has met, as far as a plan looks at it.

    ``duty`` is the code of its tier or of the rule of its trigger; ``checklists`` are what meets it. ``last_met`` is the
    day on which its track was met last, from which ``min_gap_days`` count. ``attempted`` says that officers stood before
    a closed door, ``above_cap`` that the legal office let its policy ask for more than the cap of inspections.
    """

    id: UUID
    duty: str
    key: str
    track: Track
    first_day: date
    last_day: date
    grace_last_day: date
    checklists: frozenset[Performed]
    min_gap_days: int
    last_met: date | None = None
    attempted: bool = False
    counts_to_cap: bool = True
    above_cap: bool = False

    def holds(self, day: date) -> bool:
        """Whether a visit on ``day`` may meet it: within its window once the gap is over, or late while grace lasts."""
        if not self.first_day <= day <= self.grace_last_day:
            return False
        return day > self.last_day or self._gap_is_over(day)

    def _gap_is_over(self, day: date) -> bool:
        return self.last_met is None or (day - self.last_met).days >= self.min_gap_days

    @property
    def tier(self) -> CadenceTier | None:
        """The tier that asks for it; None for what something triggered."""
        return self.track if isinstance(self.track, CadenceTier) else None

    @property
    def late_on(self) -> date:
        """The first day on which it is late."""
        return self.last_day + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to a subject: what is performed, the days on which it may be, and what it meets then.

    ``number`` counts the subject's visits from 1, in the order in which they have to be.
    """

    number: int
    performed: Performed
    days: tuple[date, ...]
    debts: tuple[Debt, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """A debt that no visit of these days can meet, and why."""

    debt: Debt
    code: UnfittedCode


def is_of_the_road(kind: SubjectKind, checklists: frozenset[Performed]) -> bool:
    """Whether somebody has to go there: a notice is sent and a call is made from the desk."""
    return any(one in checklists for one in _AT.get(kind, _ELSEWHERE))


def visits_of(
    kind: SubjectKind, debts: Iterable[Debt], days: Sequence[date]
) -> tuple[tuple[Visit, ...], tuple[Left, ...]]:
    """The visits that meet what a subject owes on these days, in their order, and what none of them can meet.

    A visit meets one debt of a track at most (decisions.md, matching), the oldest first; a later one of the track waits
    until its gap is over. Debts whose days have nothing in common, or which ask for different things, get visits of
    their own.
    """
    left: list[Left] = []
    drafts: list[Visit] = []
    for debt in sorted(debts, key=lambda one: (one.last_day, one.first_day, one.key, one.id)):
        possible = tuple(day for day in days if debt.holds(day))
        if not possible:
            if any(debt.first_day <= day <= debt.grace_last_day for day in days):
                left.append(Left(debt, UnfittedCode.GAP))
            continue
        # A later debt of a track never comes into an earlier visit than the one before it.
        begin = 1 + max((place for place, draft in enumerate(drafts) if _has(draft, debt)), default=-1)
        for place in range(begin, len(drafts)):
            if (joined := _joined(kind, drafts[place], debt, possible)) is not None:
                drafts[place] = joined
                break
        else:
            drafts.append(Visit(0, _performed(kind, debt.checklists), possible, (debt,)))
    return _in_order(drafts, left)


def _joined(kind: SubjectKind, draft: Visit, debt: Debt, possible: Sequence[date]) -> Visit | None:
    """The visit that meets one debt more, where it can."""
    days = tuple(day for day in draft.days if day in possible)
    asked = debt.checklists.intersection(*(one.checklists for one in draft.debts))
    if not days or not is_of_the_road(kind, asked):
        return None
    return Visit(0, _performed(kind, asked), days, (*draft.debts, debt))


def _has(draft: Visit, debt: Debt) -> bool:
    """Whether a visit meets a debt of the same track already."""
    return any(one.track == debt.track for one in draft.debts)


def _performed(kind: SubjectKind, asked: frozenset[Performed]) -> Performed:
    """The least that meets what is asked: the shallowest checklist, for a deeper one takes longer."""
    return next(one for one in _AT.get(kind, _ELSEWHERE) if one in asked)


def _in_order(drafts: Sequence[Visit], left: list[Left]) -> tuple[tuple[Visit, ...], tuple[Left, ...]]:
    """Number the visits, and keep those of one track apart by giving the earlier and the later one days of their own."""
    kept: list[Visit] = []
    for draft in drafts:
        current: Visit | None = draft
        for place, earlier in enumerate(kept):
            if current is None:
                break
            gap = _gap_between(earlier, current)
            if gap is None:
                continue
            parted = _parted(earlier, current, gap)
            kept[place], current = parted if parted else (earlier, None)
        if current is None:
            left.extend(Left(debt, UnfittedCode.GAP) for debt in draft.debts)
        else:
            kept.append(current)
    visits = tuple(replace(one, number=number) for number, one in enumerate(kept, start=1))
    return visits, tuple(left)


def _gap_between(earlier: Visit, later: Visit) -> timedelta | None:
    """How many days the two must lie apart; None where they share no track, and may be on one day."""
    tracks = {debt.track for debt in earlier.debts}
    gaps = [debt.min_gap_days for debt in later.debts if debt.track in tracks]
    return timedelta(days=max(1, *gaps)) if gaps else None


def _parted(earlier: Visit, later: Visit, gap: timedelta) -> tuple[Visit, Visit] | None:
    """Days for the earlier visit up to some day, and for the later one from the gap after it on; None without any.

    The middle of the earlier one's days is taken, or the day before it that still leaves the later one a day.
    """
    middle = (len(earlier.days) - 1) // 2
    for last in reversed(earlier.days[: middle + 1]):
        after = tuple(day for day in later.days if day >= last + gap)
        if after:
            before = tuple(day for day in earlier.days if day <= last)
            return replace(earlier, days=before), replace(later, days=after)
    return None
