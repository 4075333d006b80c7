"""Plan and deed of patrols compared: which record belongs to which patrol, what became of a stop, metres and seconds.

Nothing here knows a person but as one of those who were out: there is no figure of anybody.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from schemas.vocabulary import PatrolPurpose, StopOutcome, StopStatus
from server.records.kinds import INSPECTION, attendance_of

DETOUR = 1.35
"""How much longer the way by road is than the straight one between two places, where nothing measured it."""
_EARTH_M = 6_371_009
# What is no visit to anybody: it tells of the patrol or of a record, or was found by the way.
_NO_VISITS = frozenset({"patrol", "dispatch", "co_signature", "clue", "incident", "registration_list"})
_NO_TIME = frozenset({"patrol", "dispatch", "co_signature"})


@dataclass(frozen=True, slots=True)
class Visit:
    """A record as the comparison reads it, the last word that stands; times are true ones, positions EPSG:4326.

    ``reached`` says that it reached whom it was for: an attempt did not. ``certified`` is what its form demands, None
    where the form is not known.
    """

    id: uuid.UUID
    kind: str
    subject_kind: str | None
    subject_id: uuid.UUID | None
    begins: datetime
    ends: datetime
    people: frozenset[uuid.UUID]
    dispatch_id: uuid.UUID | None
    reached: bool
    certified: bool | None
    place: tuple[float, float] | None

    @property
    def is_visit(self) -> bool:
        """Whether it was made at somebody's, in vain or not."""
        return visits_somebody(self.kind)

    @property
    def takes_time(self) -> bool:
        """Whether it tells of time and a place on the way; the patrol's own records tell of the whole."""
        return self.kind not in _NO_TIME

    @property
    def purpose(self) -> PatrolPurpose:
        """What its time was spent on; a visit that inspects nothing (走访) is other."""
        if self.kind == "road_check":
            return PatrolPurpose.ROAD_CHECKS
        if self.kind == "depot_check":
            return PatrolPurpose.DEPOT_CHECKS
        inspects = attendance_of(self.kind) == INSPECTION and self.certified is not False
        return PatrolPurpose.INSPECTIONS if inspects else PatrolPurpose.OTHER


@dataclass(frozen=True, slots=True)
class Outing:
    """A patrol as far as records are told to be of it: who was out, the subjects of its stops, from when to when.

    Where no run is known the times are those of its day, and ``run_known`` is false.
    """

    patrol_id: uuid.UUID
    people: frozenset[uuid.UUID]
    subjects: frozenset[uuid.UUID]
    begins: datetime
    ends: datetime
    run_known: bool


@dataclass(frozen=True, slots=True)
class Word:
    """What the team said of a stop last."""

    status: str
    skip_reason: str | None
    note: str | None
    record_id: uuid.UUID | None
    field_ordinal: int


def visits_somebody(kind: str) -> bool:
    """Whether a record of this kind is made at somebody's, or of somebody; others are found or told by the way."""
    return kind not in _NO_VISITS


def shared_out(visits: Iterable[Visit], outings: Sequence[Outing]) -> dict[uuid.UUID, list[Visit]]:
    """By patrol, its records in the order in which they were made; each record is one patrol's at most.

    A record that names a patrol (its dispatch) is that one's. Any other is of a patrol of somebody who signed it, made
    while that was out: first where its subject is a stop, then where the run is known, then of the one that began first.
    """
    named = {outing.patrol_id for outing in outings}
    by_day: dict[tuple[uuid.UUID, date], list[Outing]] = defaultdict(list)
    for outing in outings:
        for person in outing.people:
            for day in _days(outing.begins, outing.ends):
                by_day[person, day].append(outing)
    shared: dict[uuid.UUID, list[Visit]] = defaultdict(list)
    for visit in sorted(visits, key=lambda one: (one.begins, one.id)):
        if visit.dispatch_id in named:
            shared[visit.dispatch_id].append(visit)
            continue
        day = visit.begins.astimezone(UTC).date()
        around = [outing for person in visit.people for outing in by_day.get((person, day), ())]
        own = [outing for outing in around if outing.begins <= visit.begins <= outing.ends]
        if own:
            shared[min(own, key=lambda outing: _rank(visit, outing)).patrol_id].append(visit)
    return shared


def _rank(visit: Visit, outing: Outing) -> tuple[bool, bool, datetime, uuid.UUID]:
    return visit.subject_id not in outing.subjects, not outing.run_known, outing.begins, outing.patrol_id


def _days(begins: datetime, ends: datetime) -> Iterator[date]:
    day, last = begins.astimezone(UTC).date(), ends.astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def outcome_of(
    word: Word | None, visits: Sequence[Visit], told: Mapping[uuid.UUID, bool | None]
) -> tuple[StopOutcome, list[uuid.UUID]]:
    """What became of a stop, and the records that say so.

    ``visits`` are the patrol's records at its subject. ``told`` are the records that words name and that are here, each
    with whether it reached anybody, None for one that is no visit; one that is still on its way is believed.
    """
    reached = [visit.id for visit in visits if visit.is_visit and visit.reached]
    if reached:
        return StopOutcome.DONE, reached
    named = word.record_id if word is not None and word.status == StopStatus.DONE else None
    proof = told.get(named, True) if named is not None else None
    if named is not None and proof is True:
        return StopOutcome.DONE, [named]
    attempts = {visit.id: None for visit in visits if visit.is_visit}
    if named is not None and proof is False:
        attempts[named] = None
    if attempts:
        return StopOutcome.ATTEMPTED, [*attempts]
    if word is not None and word.status == StopStatus.SKIPPED:
        return StopOutcome.SKIPPED, []
    if word is not None and word.status == StopStatus.DONE:
        return StopOutcome.UNPROVED, []
    return StopOutcome.NOT_REACHED, []


def added_among(visits: Iterable[Visit], stops: frozenset[uuid.UUID]) -> list[list[Visit]]:
    """The records at subjects that are no stop, by subject; one without a subject stands by itself."""
    groups: dict[uuid.UUID, list[Visit]] = defaultdict(list)
    for visit in visits:
        if visit.is_visit and (visit.subject_id is None or visit.subject_id not in stops):
            groups[visit.subject_id or visit.id].append(visit)
    return list(groups.values())


def seconds_at_doors(
    visits: Sequence[Visit], begins: datetime | None, ends: datetime | None
) -> Counter[PatrolPurpose]:
    """Seconds by purpose, no second twice: where two records overlap it is the one's that began first.

    What lies before ``begins`` or after ``ends`` of the run, where they are known, is not of it.
    """
    spent: Counter[PatrolPurpose] = Counter()
    counted = begins
    for visit in sorted(visits, key=lambda one: (one.begins, one.id)):
        if not visit.takes_time:
            continue
        start = visit.begins if counted is None else max(visit.begins, counted)
        end = visit.ends if ends is None else min(visit.ends, ends)
        if end > start:
            spent[visit.purpose] += round((end - start).total_seconds())
            counted = end
    return spent


def metres_through(places: Sequence[tuple[float, float]]) -> int:
    """The way through places (lon, lat) in their order: straight from one to the next, times ``DETOUR``."""
    straight = sum(_straight(*pair) for pair in pairwise(places))
    return round(straight * DETOUR)


def _straight(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres on the great circle (haversine)."""
    (lon, lat), (lon2, lat2) = ([math.radians(degrees) for degrees in place] for place in (one, other))
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(half))
