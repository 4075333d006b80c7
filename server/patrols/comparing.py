"""A patrol's plan beside its deed, and the sums of several. Figures are of patrols; there is none of a person."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.vocabulary import PatrolPurpose, StopOutcome, StopStatus
from server.patrols.deed_rules import (
    Visit,
    Word,
    added_among,
    metres_through,
    outcome_of,
    seconds_at_doors,
)
from server.patrols.models import Patrol, PatrolStop


@dataclass(frozen=True, slots=True)
class Run:
    """When a team was out, and the records that tell so; of several that end a patrol the first to begin counts.

    ``ended_at`` is None while only a beginning is known. ``other_ids`` tell of the same patrol and do not count.
    """

    started_at: datetime
    ended_at: datetime | None
    metres: int | None
    people: frozenset[uuid.UUID]
    start_id: uuid.UUID | None
    end_id: uuid.UUID | None
    other_ids: tuple[uuid.UUID, ...]

    @property
    def record_ids(self) -> list[uuid.UUID]:
        """The records by which it is known."""
        return [one for one in (self.start_id, self.end_id) if one is not None]


@dataclass(frozen=True, slots=True)
class StopDeed:
    """What became of one stop, and the records that say so; ``awaited`` says that the one that is told is not here yet."""

    stop: PatrolStop
    outcome: StopOutcome
    word: Word | None
    record_ids: list[uuid.UUID]
    awaited: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """The plan of a patrol beside what was done. ``metres_by`` is ``device``, ``positions`` or None where nothing tells."""

    patrol: Patrol
    run: Run | None
    stops: list[StopDeed]
    added: list[list[Visit]]
    metres: int | None
    metres_by: str | None
    metres_record_ids: list[uuid.UUID]
    seconds: Counter[PatrolPurpose]
    # Every record that is the patrol's, in the order in which they were made.
    visits: Sequence[Visit]

    @property
    def run_s(self) -> int | None:
        """Seconds from the beginning to the end, where both are known."""
        if self.run is None or self.run.ended_at is None:
            return None
        return max(0, round((self.run.ended_at - self.run.started_at).total_seconds()))

    @property
    def way_s(self) -> int | None:
        """Seconds on the way and at what no record tells of."""
        return None if self.run_s is None else max(0, self.run_s - self.seconds.total())


@dataclass(slots=True)
class Figures:
    """The figures of one patrol or the sums of several. ``measured`` are the patrols whose metres a handheld measured."""

    patrols: int = 0
    started: int = 0
    ended: int = 0
    outcomes: Counter[StopOutcome] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    added: int = 0
    metres_planned: int = 0
    metres_done: int = 0
    measured: int = 0
    seconds: Counter[PatrolPurpose] = field(default_factory=Counter)
    way_s: int = 0
    run_s: int = 0

    @property
    def planned(self) -> int:
        """The stops that were to be made."""
        return self.outcomes.total() - self.outcomes[StopOutcome.WITHDRAWN]

    def add(self, deed: Deed) -> None:
        """Count a patrol in."""
        self.patrols += 1
        self.started += deed.run is not None
        self.ended += deed.run_s is not None
        self.outcomes.update(one.outcome for one in deed.stops)
        self.skipped.update(
            one.word.skip_reason
            for one in deed.stops
            if one.outcome is StopOutcome.SKIPPED and one.word is not None and one.word.skip_reason
        )
        self.added += len(deed.added)
        self.metres_planned += deed.patrol.metres or 0
        self.metres_done += deed.metres or 0
        self.measured += deed.metres_by == "device"
        self.seconds.update(deed.seconds)
        self.way_s += deed.way_s or 0
        self.run_s += deed.run_s or 0


def figures_of(deeds: Sequence[Deed]) -> Figures:
    """The sums of patrols."""
    sums = Figures()
    for deed in deeds:
        sums.add(deed)
    return sums


def compared(
    patrol: Patrol,
    run: Run | None,
    stops: Sequence[PatrolStop],
    visits: Sequence[Visit],
    words: Mapping[uuid.UUID, Word],
    told: Mapping[uuid.UUID, bool | None],
    known: Mapping[uuid.UUID, Visit],
) -> Deed:
    """The plan of a patrol beside the records that are its; ``known`` holds them all, with those that tell of its run.

    ``words`` are by stop, and ``told`` as for ``outcome_of``.
    """
    by_subject: dict[uuid.UUID | None, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_subject[visit.subject_id].append(visit)
    stop_deeds = []
    for stop in stops:
        word = words.get(stop.id)
        outcome, records = outcome_of(word, by_subject[stop.subject_id], told)
        if stop.status == StopStatus.WITHDRAWN:
            outcome, records = StopOutcome.WITHDRAWN, []
        awaited = outcome is StopOutcome.DONE and not any(one in told or one in known for one in records)
        stop_deeds.append(StopDeed(stop, outcome, word, records, awaited))
    metres, by, measured = _metres(run, visits, known)
    return Deed(
        patrol=patrol,
        run=run,
        stops=stop_deeds,
        added=added_among(visits, subjects_of(stops)),
        metres=metres,
        metres_by=by,
        metres_record_ids=measured,
        seconds=seconds_at_doors(visits, run.started_at if run else None, run.ended_at if run else None),
        visits=visits,
    )


def _metres(
    run: Run | None, visits: Sequence[Visit], known: Mapping[uuid.UUID, Visit]
) -> tuple[int | None, str | None, list[uuid.UUID]]:
    """How far they went: as the handheld measured it, else through the places of the patrol's records in their order.

    The record of its beginning is the first of them and that of its end the last, whenever they were written.
    """
    if run is not None and run.metres is not None and run.end_id is not None:
        return run.metres, "device", [run.end_id]
    way = [visit for visit in visits if visit.takes_time]
    first, last = (known.get(one) if one else None for one in _ends_of(run))
    placed = [visit for visit in (first, *way, last) if visit is not None and visit.place is not None]
    places = [visit.place for visit in placed if visit.place is not None]
    if len(places) < 2:
        return None, None, []
    return metres_through(places), "positions", [visit.id for visit in placed]


def _ends_of(run: Run | None) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    return (run.start_id, run.end_id) if run is not None else (None, None)


def subjects_of(stops: Sequence[PatrolStop]) -> frozenset[uuid.UUID]:
    """The subjects of the stops that are still to be made."""
    return frozenset(stop.subject_id for stop in stops if stop.status != StopStatus.WITHDRAWN)
