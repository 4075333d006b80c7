"""Who is where and when in the demo: visits are booked so that no officer is at two places at once."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from server.demo.identity import seeded, stable_id, stable_record_id
from server.demo.land import METRES_PER_DEGREE_LAT, METRES_PER_DEGREE_LON, Metres, to_metres
from server.demo.register import Outlet
from server.demo.sites import Site
from server.demo.staff import (
    FAST_CLOCK_HOLDER,
    FAST_CLOCK_S,
    OFFICERS_PER_SQUAD,
    ZONE,
    device_id,
    person_id,
    squad_id,
)

DAY = timedelta(days=1)
# Between two visits people pack up and drive: a fixed part, and the way at country speed.
PAUSE = timedelta(minutes=6)
METRES_PER_MINUTE = 900.0
_MORNING, _AFTERNOON = (time(8, 40), time(12, 0)), (time(14, 0), time(17, 40))
# Handhelds push at noon, in the evening, and what is left over on the next morning.
_PUSH_AT = (time(12, 10), time(17, 50))
_LEFT_OVER_AT = time(8, 5)


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """One vehicle stopped in a road check, by the device's clock."""

    ordinal: int
    stopped_at: datetime
    goods_found: bool


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One record as a handheld pushes it.

    ``started_at`` and ``ended_at`` are by the device's clock, which is ``clock_offset_s`` ahead of the true
    time; ``received_at`` is the server's. ``cause`` is absent where all was in order. ``tags`` say what a
    visit is an example of; the same record may be planned twice, the second one a ``duplicate_upload``.
    """

    record_id: uuid.UUID
    edit_id: uuid.UUID
    kind: str
    form_code: str
    tier: str | None
    subject_kind: str
    subject_id: uuid.UUID
    cell_id: uuid.UUID
    squad_id: uuid.UUID
    person_ids: tuple[uuid.UUID, ...]
    device_id: uuid.UUID
    visit_kind: str
    started_at: datetime
    ended_at: datetime
    clock_offset_s: int
    received_at: datetime
    lon: float
    lat: float
    accuracy_m: float
    makes_up: str | None = None
    cause: str | None = None
    stops: tuple[PlannedStop, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def performed_at(self) -> datetime:
        """When the visit truly began."""
        return self.started_at - timedelta(seconds=self.clock_offset_s)


@dataclass(frozen=True, slots=True)
class Team:
    """Two officers of a squad and the handheld they carry, by number of the person who holds it."""

    squad: int
    people: tuple[int, int]
    holder: int

    @property
    def clock_offset_s(self) -> int:
        """How far their handheld's clock is ahead."""
        return FAST_CLOCK_S if self.holder == FAST_CLOCK_HOLDER else 0


@dataclass(frozen=True, slots=True)
class Errand:
    """What a team is to do where; ``key`` is unique and settles every throw of the dice about it."""

    key: str
    kind: str
    form_code: str
    place: Outlet | Site
    team: Team
    tier: str | None = None
    visit_kind: str = "routine"
    minutes: tuple[int, int] = (12, 26)
    accuracy_m: float | None = None
    makes_up: str | None = None
    cause: str | None = None
    tags: tuple[str, ...] = ()
    second_person: int | None = None

    @property
    def people(self) -> tuple[int, int]:
        """The numbers of the two people, the holder of the handheld first."""
        first, second = self.team.people
        return first, second if self.second_person is None else self.second_person


def squad_team(squad: int, index: int) -> Team:
    """Team 0 or 1 of a squad, or team 2 of those squads that have a third handheld."""
    first, second = ((1, 2), (3, 4), (5, 4))[index]
    base = squad * OFFICERS_PER_SQUAD
    return Team(squad, (base + first, base + second), base + first)


@dataclass(frozen=True, slots=True)
class _Stay:
    start: datetime
    end: datetime
    at: Metres


@dataclass(frozen=True, slots=True)
class OfflineSpell:
    """Days on which a handheld finds no network, and when it pushes what it gathered."""

    holder: int
    first_day: date
    last_day: date
    pushes_at: datetime


@dataclass(slots=True)
class DayBook:
    """Everybody's days so far. Booking in the same order gives the same plan."""

    offline: tuple[OfflineSpell, ...] = ()
    _stays: dict[tuple[int, date], list[_Stay]] = field(default_factory=dict)

    def book(self, errand: Errand, day: date) -> PlannedVisit | None:
        """The errand in the working hours of ``day``, or ``None`` where both people have no time left."""
        rng = seeded(f"visit:{errand.key}")
        length = timedelta(minutes=rng.randint(*errand.minutes), seconds=rng.randrange(60))
        hours = [
            (datetime.combine(day, first, ZONE), datetime.combine(day, last, ZONE))
            for first, last in _hours(rng)
        ]
        at = to_metres(errand.place.lon, errand.place.lat)
        for first, last in hours:
            room = int((last - first - length).total_seconds() // 60)
            wanted = rng.randrange(room)
            for step in range(0, room, 7):
                start = first + timedelta(minutes=(wanted + step) % room, seconds=rng.randrange(60))
                if self._is_free(errand.people, start, start + length, at):
                    return self._enter(errand, start, start + length, at, rng)
        return None

    def must_book(self, errand: Errand, day: date) -> PlannedVisit:
        """The errand on ``day``; raises where there is no time for it."""
        visit = self.book(errand, day)
        if visit is None:
            raise AssertionError(f"{errand.key} finds no time on {day}.")
        return visit

    def book_at(self, errand: Errand, start: datetime) -> PlannedVisit:
        """The errand at a given true time, at night for instance; raises where somebody is elsewhere."""
        rng = seeded(f"visit:{errand.key}")
        end = start + timedelta(minutes=rng.randint(*errand.minutes), seconds=rng.randrange(60))
        at = to_metres(errand.place.lon, errand.place.lat)
        if not self._is_free(errand.people, start, end, at):
            raise AssertionError(f"{errand.key} finds its people elsewhere at {start}.")
        return self._enter(errand, start, end, at, rng)

    def _is_free(self, people: tuple[int, int], start: datetime, end: datetime, at: Metres) -> bool:
        for person in people:
            for day in {start.date(), end.date()}:
                for stay in self._stays.get((person, day), ()):
                    way = PAUSE + timedelta(minutes=math.dist(stay.at, at) / METRES_PER_MINUTE)
                    if start < stay.end + way and stay.start < end + way:
                        return False
        return True

    def _enter(self, errand: Errand, start: datetime, end: datetime, at: Metres, rng: Random) -> PlannedVisit:
        stay = _Stay(start, end, at)
        for person in errand.people:
            for day in {start.date(), end.date()}:
                self._stays.setdefault((person, day), []).append(stay)
        offset = timedelta(seconds=errand.team.clock_offset_s)
        accuracy = round(rng.uniform(4, 22), 1) if errand.accuracy_m is None else errand.accuracy_m
        # A fix lies off by no more than its accuracy says.
        astray, bearing = rng.uniform(0, accuracy * 0.7), rng.uniform(0, math.tau)
        record_id = stable_record_id(start + offset, errand.key)
        place = errand.place
        return PlannedVisit(
            record_id=record_id,
            edit_id=stable_id("edit", record_id),
            kind=errand.kind,
            form_code=errand.form_code,
            tier=errand.tier,
            subject_kind="outlet" if isinstance(place, Outlet) else "site",
            subject_id=place.id,
            cell_id=place.cell_id,
            squad_id=squad_id(errand.team.squad),
            person_ids=tuple(person_id(number) for number in errand.people),
            device_id=device_id(errand.team.holder),
            visit_kind=errand.visit_kind,
            started_at=start + offset,
            ended_at=end + offset,
            clock_offset_s=errand.team.clock_offset_s,
            received_at=self._received_at(errand.team.holder, end),
            lon=round(place.lon + astray * math.cos(bearing) / METRES_PER_DEGREE_LON, 7),
            lat=round(place.lat + astray * math.sin(bearing) / METRES_PER_DEGREE_LAT, 7),
            accuracy_m=accuracy,
            makes_up=errand.makes_up,
            cause=errand.cause,
            tags=errand.tags,
        )

    def _received_at(self, holder: int, end: datetime) -> datetime:
        """The first push of the handheld after the visit; all that waits goes in one batch."""
        for spell in self.offline:
            if spell.holder == holder and spell.first_day <= end.date() <= spell.last_day:
                return spell.pushes_at
        # Each handheld has its own minute, so that batches do not arrive all at once.
        minute = timedelta(minutes=holder * 7 % 20)
        for push in _PUSH_AT:
            moment = datetime.combine(end.date(), push, ZONE) + minute
            if moment > end:
                return moment
        return datetime.combine(end.date() + DAY, _LEFT_OVER_AT, ZONE) + minute


def _hours(rng: Random) -> tuple[tuple[time, time], ...]:
    """Morning and afternoon, either first."""
    return (_MORNING, _AFTERNOON) if rng.random() < 0.5 else (_AFTERNOON, _MORNING)


def in_order_of_arrival(visits: list[PlannedVisit]) -> tuple[PlannedVisit, ...]:
    """The visits batch by batch, each in the order in which the handheld wrote it."""
    return tuple(
        sorted(visits, key=lambda visit: (visit.received_at, visit.device_id, visit.started_at, visit.tags))
    )
