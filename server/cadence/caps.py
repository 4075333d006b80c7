"""The ceiling beside the floor: how often a licensee may be inspected in a year (国办发〔2024〕54号).

``least_visits`` tells what a policy asks at least; the ledger counts what was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from schemas.vocabulary import CadenceTier


def least_visits(
    periods: Mapping[CadenceTier, int],
    satisfies: Mapping[CadenceTier, frozenset[CadenceTier]],
    counts: Mapping[CadenceTier, bool],
) -> int:
    """The fewest visits counting to the cap with which so many periods of each tier can be met.

    A visit meets one period of its own tier and one of each shallower tier that it satisfies, and counts once however
    many it meets. Visits with the checklist of a tier that does not count are left out.
    """
    visits: dict[CadenceTier, int] = {}
    for tier in sorted(periods, key=lambda tier: -tier.depth):
        met = sum(number for deeper, number in visits.items() if tier in satisfies[deeper])
        visits[tier] = max(0, periods[tier] - met)
    return sum(number for tier, number in visits.items() if counts[tier])


@dataclass(frozen=True, slots=True)
class Inspection:
    """One record of an inspection at a shop, by corrected clock.

    ``kind`` is routine, special or case. ``exempt`` is the legal ground on which it does not count, if there is one;
    ``relabelled`` says that an inspection's form was filled under the name of a patrol or a service.
    """

    record_id: UUID
    kind: str
    started_at: datetime
    ended_at: datetime
    exempt: str | None = None
    relabelled: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """Records so close to each other that the shop was disturbed once.

    ``exempt`` is the ground on which it does not count, only if every record of it has one: what is done at the same
    visit beside an exempt check is not exempt by that.
    """

    records: tuple[UUID, ...]
    kind: str
    started_at: datetime
    exempt: str | None
    relabelled: bool


def visits_of(inspections: Iterable[Inspection], apart: timedelta) -> tuple[Visit, ...]:
    """The visits to one shop, in order of time: records that begin no later than ``apart`` after one of them ended are
    one visit, however many checklists were filled and however many tiers they meet.

    A visit is of the kind of its first record that counts, or else of its first.
    """
    groups: list[list[Inspection]] = []
    until: datetime | None = None
    for one in sorted(inspections, key=lambda one: (one.started_at, one.record_id)):
        if until is None or one.started_at > until + apart:
            groups.append([])
            until = one.ended_at
        groups[-1].append(one)
        until = max(until, one.ended_at)
    return tuple(_visit(group) for group in groups)


def _visit(group: Sequence[Inspection]) -> Visit:
    counting = next((one for one in group if one.exempt is None), None)
    return Visit(
        records=tuple(one.record_id for one in group),
        kind=(counting or group[0]).kind,
        started_at=group[0].started_at,
        exempt=None if counting else group[0].exempt,
        relabelled=any(one.relabelled for one in group),
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a shop's year comes to: visits that count by kind, exempt ones by ground, and the cap, None without one."""

    cap: int | None
    used: Mapping[str, int]
    exempt: Mapping[str, int]
    relabelled: int

    @property
    def total(self) -> int:
        """The visits that count."""
        return sum(self.used.values())

    @property
    def remaining(self) -> int | None:
        """How many visits the cap still allows: never below 0, None without a cap."""
        return None if self.cap is None else max(0, self.cap - self.total)

    @property
    def over(self) -> int:
        """By how many visits the cap is passed."""
        return 0 if self.cap is None else max(0, self.total - self.cap)


def ledger(visits: Iterable[Visit], cap: int | None) -> Ledger:
    """The account of one shop and year."""
    visits = list(visits)
    return Ledger(
        cap=cap,
        used=Counter(visit.kind for visit in visits if visit.exempt is None),
        exempt=Counter(visit.exempt for visit in visits if visit.exempt is not None),
        relabelled=sum(visit.relabelled for visit in visits if visit.exempt is None),
    )
