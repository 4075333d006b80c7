"""What `./dev bench routes` plans: invented patrol days and weeks of a squad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.routing.days import Matrix, Option, RoutingDay, Task, Turn

HOUR = 3600
DAY = 24 * HOUR
EARTH_M = 6_371_008.8
# A road is longer than the great circle; a car in a city with its lights, and a minute to park.
DETOUR = 1.35
METRES_A_SECOND = 28 / 3.6
PARKING_S = 60

Positions = NDArray[np.float64]
"""Longitude and latitude in degrees, a row each."""


def positions(random: np.random.Generator, count: int) -> Positions:
    """Places of an invented city, some 25 by 20 km: two thirds in a dozen neighbourhoods, the others anywhere."""
    middle = np.array([117.20, 31.80])
    size = np.array([0.13, 0.09])
    centres = middle + random.uniform(-size, size, (12, 2))
    near = centres[random.integers(0, 12, count)] + random.normal(0, 0.008, (count, 2))
    anywhere = middle + random.uniform(-size, size, (count, 2))
    return np.where(random.random((count, 1)) < 2 / 3, near, anywhere)


def great_circle(places: Positions) -> tuple[Matrix, Matrix]:
    """Seconds and metres between places as the crow flies, with a detour and a speed."""
    lon, lat = np.radians(places).T
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    metres = 2 * EARTH_M * np.arcsin(np.sqrt(half)) * DETOUR
    seconds = metres / METRES_A_SECOND + np.where(metres > 0, PARKING_S, 0)
    return np.rint(seconds).astype(np.int64), np.rint(metres).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Due:
    """A patrol to be planned, and how pressing each task is: 0 overdue, 1 due today, 2 this week, 3 later."""

    day: RoutingDay
    urgency: dict[str, int]


def patrol_days(seed: int, outlets: int, teams: int, days: int = 1) -> Due:
    """A squad's patrol: teams with shifts of eight hours on so many days, and more outlets than they can visit.

    An outlet is open all day, on one half of it, for two hours, or with a break at noon. On several days it is open on
    each, is shut on one of them now and then, and must be visited by the last day on which it is due.
    """
    random = np.random.default_rng(seed)
    seconds, metres = great_circle(positions(random, outlets + 2))
    turns = tuple(
        Turn(f"{day}/{team}", f"team {team}", day * DAY + 9 * HOUR, day * DAY + 17 * HOUR, team % 2, team % 2)
        for day in range(days)
        for team in range(teams)
    )
    urgency = random.choice(4, outlets, p=(0.08, 0.12, 0.35, 0.45))
    worth = np.array([9000, 6600, 3600, 1800])[urgency] * random.uniform(0.6, 1.6, outlets)
    service = random.integers(10, 26, outlets) * 60
    tasks = tuple(
        Task(
            key=f"outlet {number}",
            place=number + 2,
            service_s=int(service[number]),
            prize=int(worth[number]),
            options=_options(random, days),
        )
        for number in range(outlets)
    )
    due = {task.key: int(one) for task, one in zip(tasks, urgency, strict=True)}
    return Due(RoutingDay(turns, tasks, seconds, metres), due)


def _options(random: np.random.Generator, days: int) -> tuple[Option, ...]:
    kind = random.choice(5, p=(0.5, 0.15, 0.15, 0.1, 0.1))
    begin = int(random.integers(9, 15))
    hours = {
        0: [(8, 20)],
        1: [(8, 12)],
        2: [(13, 20)],
        3: [(begin, begin + 2)],
        4: [(8, 12), (14, 20)],
    }[int(kind)]
    shut = int(random.integers(0, days)) if days > 1 and random.random() < 0.2 else None
    last = int(random.integers(0, days)) if days > 1 and random.random() < 0.3 else days - 1
    return tuple(
        Option(day * DAY + opens * HOUR, day * DAY + closes * HOUR)
        for day in range(last + 1)
        for opens, closes in hours
        if day != shut or last == 0
    )
