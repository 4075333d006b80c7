"""What one subject owes, put together into visits: one visit meets all that it can, and no two knock at a door on one day.

Pure: whatever is decided here follows from the arguments. Days are the bureau's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from uuid import UUID

from schemas.vocabulary import CadenceTier, Deed, Performed, SubjectKind
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

    def takes(self, day: date) -> bool:
        """Whether ``day`` lies in its window or its grace."""
        return self.first_day <= day <= self.grace_last_day

    def holds(self, day: date) -> bool:
        """Whether a visit on ``day`` may meet it: within its window once the gap is over, or late while grace lasts."""
        return self.takes(day) and (day > self.last_day or self._gap_is_over(day))

    def _gap_is_over(self, day: date) -> bool:
        return self.last_met is None or (day - self.last_met).days >= self.min_gap_days

    def precedes(self, other: Debt) -> bool:
        """Whether it is the older one of two of a track, which is met first."""
        return (self.first_day, self.key) < (other.first_day, other.key)

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

    ``number`` counts the subject's visits from 1, in the order in which they have to be, and is 0 until they have one.
    ``wanted`` is the plan in which the leader wants it.
    """

    number: int
    performed: Performed
    days: tuple[date, ...]
    debts: tuple[Debt, ...]
    wanted: UUID | None = None


AtDoor = Callable[[Performed, date], bool]
"""Whether somebody can begin and end what is performed on a day: a team is out, and the door is open for so long."""


def _always(_performed: Performed, _day: date) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Wanted:
    """That the leader wants somebody to go there on one of the ``days`` of his plan, at the times that he fixed."""

    plan: UUID
    days: tuple[date, ...]
    at_door: AtDoor = _always


def is_of_the_road(kind: SubjectKind, checklists: frozenset[Performed]) -> bool:
    """Whether somebody has to go there: a notice is sent and a call is made from the desk."""
    return any(one in checklists for one in _AT.get(kind, _ELSEWHERE))


def is_too_soon(debts: Iterable[Debt], days: Sequence[date]) -> bool:
    """Whether something is owed on these days whose gap is not over on any of them."""
    taken = [debt for debt in debts if any(map(debt.takes, days))]
    return any(not any(map(debt.holds, days)) for debt in taken)


def grouped(
    kind: SubjectKind, debts: Iterable[Debt], days: Sequence[date], at_door: AtDoor = _always
) -> list[Visit]:
    """The visits that meet what a subject owes on these days and can be met, not in order yet.

    A visit meets one debt of a track at most (decisions.md, matching), the oldest first; a later one of the track waits
    until its gap is over. Debts whose days have nothing in common, or which ask for different things, get visits of
    their own.
    """
    drafts: list[Visit] = []
    for debt in sorted(debts, key=lambda one: (one.last_day, one.first_day, one.key, one.id)):
        alone = performed_for(kind, debt.checklists)
        possible = tuple(day for day in days if debt.holds(day) and at_door(alone, day))
        if not possible:
            continue
        # A later debt of a track never comes into an earlier visit than the one before it.
        begin = 1 + max((place for place, draft in enumerate(drafts) if _has(draft, debt)), default=-1)
        for place in range(begin, len(drafts)):
            if (joined := _joined(kind, drafts[place], debt, possible, at_door)) is not None:
                drafts[place] = joined
                break
        else:
            drafts.append(Visit(0, alone, possible, (debt,)))
    return drafts


def _joined(
    kind: SubjectKind, draft: Visit, debt: Debt, possible: Sequence[date], at_door: AtDoor
) -> Visit | None:
    """The visit that meets one debt more, where it can: what asks for more takes longer, and may not be done in time."""
    asked = debt.checklists.intersection(*(one.checklists for one in draft.debts))
    if not is_of_the_road(kind, asked):
        return None
    performed = performed_for(kind, asked)
    days = tuple(day for day in draft.days if day in possible and at_door(performed, day))
    return Visit(0, performed, days, (*draft.debts, debt)) if days else None


def _has(draft: Visit, debt: Debt) -> bool:
    """Whether a visit meets a debt of the same track already."""
    return any(one.track == debt.track for one in draft.debts)


def performed_for(kind: SubjectKind, asked: frozenset[Performed]) -> Performed:
    """The least that meets what is asked: the shallowest checklist, for a deeper one takes longer."""
    return next(one for one in _AT.get(kind, _ELSEWHERE) if one in asked)


def as_wanted(drafts: Sequence[Visit], wanted: Wanted) -> list[Visit] | None:
    """The visits with one of them on the leader's days; None where none of them can be.

    Of several it is the one that leaves most of the others possible.
    """
    tried = []
    for place, draft in enumerate(drafts):
        days = tuple(day for day in draft.days if day in wanted.days and wanted.at_door(draft.performed, day))
        if days and draft.wanted is None:
            narrowed = replace(draft, days=days, wanted=wanted.plan)
            made = [*drafts[:place], narrowed, *drafts[place + 1 :]]
            visits = in_order(made)
            worth = sum(one.wanted is not None for one in visits), sum(len(one.debts) for one in visits)
            tried.append((worth, made))
    return max(tried, key=lambda one: one[0])[1] if tried else None


def with_kept(drafts: Sequence[Visit], kept: Visit) -> list[Visit]:
    """The visits and one that stays as it was planned before: after those that meet an older debt of a track of it."""
    older = [place for place, draft in enumerate(drafts) if _goes_before(draft, kept)]
    begin = max(older, default=-1) + 1
    return [*drafts[:begin], kept, *drafts[begin:]]


def _goes_before(draft: Visit, other: Visit) -> bool:
    return any(one.track == debt.track and one.precedes(debt) for one in draft.debts for debt in other.debts)


def in_order(drafts: Sequence[Visit]) -> tuple[Visit, ...]:
    """Number the visits and give each days of its own; what finds none is not among them.

    Whichever of its days a visit is made on, the next one still keeps its gap, and no two are on one day. Each is taken as
    early as can be first, so that as many as can be find a day; then what room there is is shared out.
    """
    waiting = list(drafts)
    kept: list[Visit] = []
    earliest: list[date] = []
    while waiting:
        draft = min(_ready(waiting), key=lambda one: (one.days[-1], one.wanted is None, one.days[0]))
        waiting.remove(draft)
        taken = list(zip(kept, earliest, strict=True))
        day = next(
            (day for day in draft.days if all(day >= at + _between(one, draft) for one, at in taken)), None
        )
        if day is not None:
            kept.append(draft)
            earliest.append(day)
    return tuple(replace(one, number=number) for number, one in enumerate(_with_room(kept), start=1))


def _ready(waiting: Sequence[Visit]) -> list[Visit]:
    """Those that wait for no earlier one of their tracks."""
    return [
        draft
        for place, draft in enumerate(waiting)
        if not any(_shares_a_track(earlier, draft) for earlier in waiting[:place])
    ]


def _with_room(kept: Sequence[Visit]) -> list[Visit]:
    """The days of each visit up to the middle of those that leave the later ones theirs."""
    latest: list[date] = []
    for place in range(len(kept) - 1, -1, -1):
        later = list(zip(kept[place + 1 :], latest, strict=True))
        latest.insert(
            0,
            max(
                day
                for day in kept[place].days
                if all(day + _between(kept[place], one) <= at for one, at in later)
            ),
        )
    found: list[Visit] = []
    for place, draft in enumerate(kept):
        days = [
            day
            for day in draft.days
            if day <= latest[place] and all(day >= one.days[-1] + _between(one, draft) for one in found)
        ]
        if place < len(kept) - 1:
            days = days[: (len(days) + 1) // 2]
        found.append(replace(draft, days=tuple(days)))
    return found


def _shares_a_track(one: Visit, other: Visit) -> bool:
    return not {debt.track for debt in one.debts}.isdisjoint(debt.track for debt in other.debts)


def _between(earlier: Visit, later: Visit) -> timedelta:
    """How many days the two must lie apart: officers knock at a door once a day."""
    tracks = {debt.track for debt in earlier.debts}
    return timedelta(days=max(1, *(debt.min_gap_days for debt in later.debts if debt.track in tracks), 1))
