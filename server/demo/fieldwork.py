"""The field work of 2026Q3 that no tier asks for: visits, closed doors, road checks and depot checks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import cycle

from server.demo.cells import shares
from server.demo.city import City
from server.demo.daybook import DAY, DayBook, Errand, PlannedStop, PlannedVisit, Team, squad_team
from server.demo.identity import seeded
from server.demo.register import Outlet
from server.demo.sites import Site
from server.demo.staff import SQUAD_NAMES, ZONE, squad_id

# The last three days of September belong to a week of the next quarter, and so do their rounds.
FIRST_DAY, LAST_DAY = date(2026, 6, 29), date(2026, 9, 27)
# How the national holiday notice of 2026 departs from Monday–Friday within the quarter.
_OFF, _WORKED = (date(2026, 9, 25),), (date(2026, 9, 20),)

ORDINARY_VISITS, ORDINARY_ABNORMAL = 1_150, 69
# What ordinary visits find; no illicit goods, because each of those would start a chain of re-checks.
_CAUSES = ("licence_irregular", "no_minors_sign", "licence_irregular", "other")

ROAD_SESSIONS, STOPS_PER_SESSION = 12, 8
MIDNIGHT_SESSION = 7
# Session and stop in which goods were found.
_GOODS_FOUND = {(1, 3), (3, 6), (5, 2), (7, 5), (7, 7), (10, 4)}

DEPOT_CHECKS, DEPOT_FINDINGS = 45, 7

# E-cigarette outlets whose door was closed, by place among them, and when: mostly in weeks then missed.
_CLOSED_DOORS = (
    (2, date(2026, 7, 8)),
    (20, date(2026, 7, 9)),
    (5, date(2026, 7, 22)),
    (29, date(2026, 7, 23)),
    (17, date(2026, 7, 30)),
    (14, date(2026, 8, 19)),
    (9, date(2026, 9, 3)),
    (6, date(2026, 9, 23)),
)
_ORDINARY_CLOSED_DOORS = 2


def working_days() -> list[date]:
    """The working days of the quarter's thirteen weeks."""
    days = (FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    return [day for day in days if (day.weekday() < 5 and day not in _OFF) or day in _WORKED]


def _teams(squad: int) -> list[Team]:
    """The teams of a squad that go on rounds; the west has two handhelds, the others three."""
    return [squad_team(squad, index) for index in range(2 if squad == 3 else 3)]


def _rounds(city: City) -> list[list[Outlet]]:
    """For each squad the outlets to be visited, cell after cell, so that a day's round is short."""
    rng = seeded("rounds")
    by_squad: list[dict[uuid.UUID, list[Outlet]]] = [{} for _ in SQUAD_NAMES]
    numbers = {squad_id(number): number for number in range(len(SQUAD_NAMES))}
    for outlet in city.outlets:
        if not outlet.is_ecig:
            by_squad[numbers[outlet.squad_id]].setdefault(outlet.cell_id, []).append(outlet)
    wanted = shares(ORDINARY_VISITS, [sum(map(len, cells.values())) for cells in by_squad])
    rounds = []
    for cells, count in zip(by_squad, wanted, strict=True):
        every = [outlet for outlets in cells.values() for outlet in outlets]
        chosen = {outlet.id for outlet in rng.sample(every, count)}
        order = list(cells.values())
        rng.shuffle(order)
        rounds.append([outlet for outlets in order for outlet in outlets if outlet.id in chosen])
    return rounds


def ordinary_visits(city: City, book: DayBook) -> list[PlannedVisit]:
    """1,150 visits to as many outlets, spread over all working days and teams; 69 find something."""
    rng = seeded("ordinary")
    abnormal = set(rng.sample(range(ORDINARY_VISITS), ORDINARY_ABNORMAL))
    days = working_days()
    visits: list[PlannedVisit] = []
    for squad, outlets in enumerate(_rounds(city)):
        teams = _teams(squad)
        for index, outlet in enumerate(outlets):
            serial = len(visits)
            cause = rng.choice(_CAUSES) if serial in abnormal else None
            spread = index * len(days) // len(outlets)
            visits.append(_on_some_day(book, days, spread, teams, outlet, cause))
    return visits


def _on_some_day(
    book: DayBook, days: list[date], first: int, teams: list[Team], outlet: Outlet, cause: str | None
) -> PlannedVisit:
    """The visit on the wanted day or the next one on which a team has time."""
    for step in range(len(days)):
        place = (first + step) % len(days)
        for turn in range(len(teams)):
            team = teams[(place + turn) % len(teams)]
            errand = Errand(
                f"ordinary:{outlet.licence_no}", "site_visit", "site_visit", outlet, team, cause=cause
            )
            visit = book.book(errand, days[place])
            if visit is not None:
                return visit
    raise AssertionError("The quarter is full.")


def attempts(city: City, book: DayBook) -> list[PlannedVisit]:
    """Ten doors found closed: most at e-cigarette outlets, whose obligations they do not meet."""
    ecig = city.ecig_outlets
    wanted: list[tuple[Outlet, int, date]] = [
        (ecig[place], place * len(SQUAD_NAMES) // len(ecig), day) for place, day in _CLOSED_DOORS
    ]
    ordinary = [outlet for outlet in city.outlets if not outlet.is_ecig and outlet.squad_id == squad_id(1)]
    for serial in range(_ORDINARY_CLOSED_DOORS):
        wanted.append((ordinary[serial * 40], 1, date(2026, 8, 5) + serial * DAY))
    visits = []
    for outlet, squad, day in wanted:
        errand = Errand(
            f"attempt:{outlet.licence_no}:{day}",
            "attempt",
            "attempt",
            outlet,
            squad_team(squad, 0),
            minutes=(4, 6),
            tags=("closed",),
        )
        visits.append(book.must_book(errand, day))
    return visits


def road_checks(city: City, book: DayBook) -> list[PlannedVisit]:
    """Twelve sessions with 96 vehicles stopped, early, late, and once from 23:30 to 00:30."""
    checkpoints: Iterator[Site] = cycle(city.sites_of("checkpoint"))
    visits = []
    for session in range(ROAD_SESSIONS):
        site = next(checkpoints)
        day = date(2026, 7, 2) + timedelta(days=session * 7 + session % 3 - 1)
        midnight = session == MIDNIGHT_SESSION
        hour = time(23, 30) if midnight else time(5, 40) if session % 2 else time(19, 30)
        errand = Errand(
            f"road:{session}",
            "road_check",
            "road_check",
            site,
            # Where there is no third handheld the first team stands at the road.
            squad_team(site.district, 0 if site.district == 3 else 2),
            visit_kind="patrol",
            minutes=(60, 60) if midnight else (75, 100),
            tags=("midnight_shift",) if midnight else (),
        )
        visit = book.book_at(errand, datetime.combine(day, hour, ZONE))
        if midnight:
            # The shift is entered as ordered, to the minute.
            visit = replace(visit, ended_at=visit.started_at + timedelta(hours=1))
        goods = tuple(stop for number, stop in sorted(_GOODS_FOUND) if number == session)
        visits.append(
            replace(visit, stops=_stops(visit, goods), cause="no_transport_permit" if goods else None)
        )
    return visits


def _stops(visit: PlannedVisit, goods: tuple[int, ...]) -> tuple[PlannedStop, ...]:
    """The vehicles of one session, evenly spaced."""
    spacing = (visit.ended_at - visit.started_at) / (STOPS_PER_SESSION + 1)
    return tuple(
        PlannedStop(ordinal, (visit.started_at + spacing * ordinal).replace(microsecond=0), ordinal in goods)
        for ordinal in range(1, STOPS_PER_SESSION + 1)
    )


def depot_checks(city: City, book: DayBook) -> list[PlannedVisit]:
    """Forty-five checks of twelve depots, seven of which find parcels over the limit."""
    rng = seeded("depot checks")
    findings = set(rng.sample(range(DEPOT_CHECKS), DEPOT_FINDINGS))
    days = working_days()
    depots = city.sites_of("depot")
    visits = []
    for check in range(DEPOT_CHECKS):
        depot = depots[check % len(depots)]
        errand = Errand(
            f"depot:{depot.code}:{check // len(depots)}",
            "depot_check",
            "depot_check",
            depot,
            squad_team(depot.district, check // len(depots) % 2),
            minutes=(25, 45),
            cause="postal_over_limit" if check in findings else None,
        )
        visits.append(book.must_book(errand, days[(check * len(days)) // DEPOT_CHECKS]))
    return visits
