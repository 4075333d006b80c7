"""What one subject owes, put together into visits: one visit meets all that it can, and no two knock at a door on one day.

Pure: whatever is decided here follows from the arguments. Days are the bureau's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    ``wanted`` says that it is the one that the leader wants on his days.
    """

    number: int
    performed: Performed
    days: tuple[date, ...]
    debts: tuple[Debt, ...]
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A debt that no visit of these days can meet, and why.

    ``days`` are its own where nothing keeps it from them but other visits to the same door, which may not come to be.
    """

    debt: Debt
    code: UnfittedCode
    days: tuple[date, ...] = ()


AtDoor = Callable[[Performed, date], bool]
"""Whether somebody can begin and end what is performed on a day: a team is out, and the door is open for so long."""


def _always(_performed: Performed, _day: date) -> bool:
    return True


def is_of_the_road(kind: SubjectKind, checklists: frozenset[Performed]) -> bool:
    """Whether somebody has to go there: a notice is sent and a call is made from the desk."""
    return any(one in checklists for one in _AT.get(kind, _ELSEWHERE))


def visits_of(
    kind: SubjectKind, debts: Iterable[Debt], days: Sequence[date]
) -> tuple[tuple[Visit, ...], tuple[Left, ...]]:
    """The visits that meet what a subject owes on these days, in their order, and what none of them can meet."""
    drafts, left = grouped(kind, debts, days)
    visits, without = in_order(drafts)
    return visits, (*left, *without)


def grouped(
    kind: SubjectKind, debts: Iterable[Debt], days: Sequence[date], at_door: AtDoor = _always
) -> tuple[list[Visit], list[Left]]:
    """The visits that meet what a subject owes on these days, not in order yet, and what none of them can meet.

    A visit meets one debt of a track at most (decisions.md, matching), the oldest first; a later one of the track waits
    until its gap is over. Debts whose days have nothing in common, or which ask for different things, get visits of
    their own.
    """
    left: list[Left] = []
    drafts: list[Visit] = []
    for debt in sorted(debts, key=lambda one: (one.last_day, one.first_day, one.key, one.id)):
        if not any(debt.first_day <= day <= debt.grace_last_day for day in days):
            continue
        held = [day for day in days if debt.holds(day)]
        alone = performed_for(kind, debt.checklists)
        possible = tuple(day for day in held if at_door(alone, day))
        if not possible:
            left.append(Left(debt, UnfittedCode.CLOSED if held else UnfittedCode.GAP))
            continue
        # A later debt of a track never comes into an earlier visit than the one before it.
        begin = 1 + max((place for place, draft in enumerate(drafts) if _has(draft, debt)), default=-1)
        for place in range(begin, len(drafts)):
            if (joined := _joined(kind, drafts[place], debt, possible, at_door)) is not None:
                drafts[place] = joined
                break
        else:
            drafts.append(Visit(0, alone, possible, (debt,)))
    return drafts, left


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


def in_order(
    drafts: Sequence[Visit], wanted: Collection[date] = ()
) -> tuple[tuple[Visit, ...], tuple[Left, ...]]:
    """Number the visits, give each days of its own, and tell what finds none.

    Whichever of its days a visit is made on, the next one still keeps its gap, and no two are on one day. With ``wanted``
    one of the visits is on one of those days if any can be.
    """
    places = [place for place, draft in enumerate(drafts) if any(day in wanted for day in draft.days)]
    if not places:
        return _ordered(drafts)
    tried = [_ordered(_narrowed(drafts, place, wanted)) for place in places]
    return min(tried, key=lambda found: (not any(one.wanted for one in found[0]), len(found[1])))


def _narrowed(drafts: Sequence[Visit], place: int, wanted: Collection[date]) -> list[Visit]:
    days = tuple(day for day in drafts[place].days if day in wanted)
    return [*drafts[:place], replace(drafts[place], days=days, wanted=True), *drafts[place + 1 :]]


def _ordered(drafts: Sequence[Visit]) -> tuple[tuple[Visit, ...], tuple[Left, ...]]:
    """Each as early as can be first, so that as many as can be find a day; then what room there is is shared out."""
    waiting = list(drafts)
    kept: list[Visit] = []
    earliest: list[date] = []
    left: list[Left] = []
    while waiting:
        draft = min(_ready(waiting), key=lambda one: (one.days[-1], one.days[0]))
        waiting.remove(draft)
        taken = list(zip(kept, earliest, strict=True))
        day = next(
            (day for day in draft.days if all(day >= at + _between(one, draft) for one, at in taken)), None
        )
        if day is not None:
            kept.append(draft)
            earliest.append(day)
            continue
        apart = () if any(_shares_a_track(one, draft) for one in kept) else draft.days
        left += [Left(debt, UnfittedCode.GAP, apart) for debt in draft.debts]
    visits = (replace(one, number=number) for number, one in enumerate(_with_room(kept), start=1))
    return tuple(visits), tuple(left)


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
