"""The register of the demo city: 1,840 licensed outlets, each placed strictly inside its leaf cell."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

import shapely
from shapely.geometry.base import BaseGeometry

from server.demo.cells import REGION_CODE, Leaf, shares
from server.demo.identity import seeded, stable_id
from server.demo.land import TOWNS, Metres, to_degrees
from server.demo.staff import SQUAD_NAMES, ZONE, squad_id

ECIG_PER_SQUAD = 9
# Nothing stands nearer than this to a border, so that no rounding moves an outlet to another cell.
MARGIN_M = 12.0
APART_M = 8.0

_KIND_SHARES = {"Z": 52, "B": 21, "S": 10, "Y": 9, "F": 4, "N": 1, "Q": 3}
_KIND_NAMES = {
    "Z": "食杂店",
    "B": "便利店",
    "S": "超市",
    "Y": "烟酒商店",
    "F": "娱乐服务",
    "N": "商场",
    "Q": "商店",
}
_GRADE_SHARES = {"AAA": 1.0, "AA": 7.0, "A": 89.0, "B": 1.5, "C": 1.0, "D": 0.5}
# Around how many spots the outlets of a cell gather, and how widely in metres.
_GATHERING = {"city_street": (4, 350.0), "township_street": (2, 300.0), "rural": (3, 200.0)}

# E-cigarette outlets that rest or ended before the closed quarter: squad, status, from which day.
_RESTING = (
    (0, "suspended", date(2026, 5, 18)),
    (1, "suspended", date(2026, 6, 8)),
    (2, "expired", date(2026, 6, 15)),
)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A licence status from a day on, and when it became known."""

    status: str
    from_day: date
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Outlet:
    """A licensed outlet in EPSG:4326, with the squad whose district it lies in."""

    id: uuid.UUID
    licence_no: str
    name: str
    holder_name: str
    address: str
    phone: str
    business_kind: str
    credit_grade: str
    licence_scope: tuple[str, ...]
    licence_from: date
    licence_to: date
    status: str
    statuses: tuple[StatusChange, ...]
    lon: float
    lat: float
    cell_id: uuid.UUID
    squad_id: uuid.UUID

    @property
    def is_ecig(self) -> bool:
        """True where the licence covers e-cigarettes, whatever its status."""
        return "ecig" in self.licence_scope


class BuildingLand:
    """Where something may stand in each leaf cell: away from borders and, off the roads, from corridors."""

    def __init__(self, leaves: tuple[Leaf, ...]) -> None:
        self._corridors = [leaf for leaf in leaves if leaf.is_corridor]
        self._road_land = shapely.union_all([leaf.ground.shape for leaf in self._corridors]).buffer(MARGIN_M)
        shapely.prepare(self._road_land)

    def allowed(self, leaf: Leaf) -> BaseGeometry:
        """The part of the cell whose every position belongs to this cell, prepared for many questions."""
        inner: BaseGeometry = leaf.ground.shape.buffer(-MARGIN_M)
        if not leaf.is_corridor:
            if self._road_land.intersects(inner):
                inner = inner.difference(self._road_land)
        else:
            for other in self._corridors:
                if other is not leaf and other.ground.shape.intersects(inner):
                    inner = inner.difference(other.ground.shape.buffer(MARGIN_M))
        shapely.prepare(inner)
        return inner

    def crossing(self, leaf: Leaf) -> BaseGeometry | None:
        """The part of a corridor that another, larger corridor overlaps: it belongs to the smaller one."""
        if not leaf.is_corridor:
            return None
        for other in self._corridors:
            shared = leaf.ground.shape.intersection(other.ground.shape).buffer(-MARGIN_M)
            if other is not leaf and not shared.is_empty and leaf.ground.shape.area < other.ground.shape.area:
                return shared
        return None


def spot(rng: Random, allowed: BaseGeometry) -> Metres:
    """A position drawn evenly from the allowed ground."""
    west, south, east, north = allowed.bounds
    while True:
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        if shapely.contains_xy(allowed, x, y):
            return x, y


def _spots(rng: Random, leaf: Leaf, land: BuildingLand, count: int) -> list[Metres]:
    """``count`` positions in a cell, gathered as shops gather, none on top of another."""
    allowed = land.allowed(leaf)
    if leaf.is_corridor:
        crossing = land.crossing(leaf)
        found = [] if crossing is None else [spot(rng, crossing)]
    else:
        found = []
    for candidate in _candidates(rng, leaf, allowed):
        if len(found) == count:
            break
        if all(math.dist(candidate, other) >= APART_M for other in found):
            found.append(candidate)
    return found


def _candidates(rng: Random, leaf: Leaf, allowed: BaseGeometry) -> Iterator[Metres]:
    """Endless positions: along a road anywhere, else around a few spots; a township's draw to its centre."""
    while leaf.is_corridor:
        yield spot(rng, allowed)
    count, spread = _GATHERING[leaf.ground.cell_type]
    centre = TOWNS[leaf.ground.town].centre
    tries = 1 if leaf.ground.cell_type == "rural" else 3
    anchors = [
        min((spot(rng, allowed) for _ in range(tries)), key=lambda at: math.dist(at, centre))
        for _ in range(count)
    ]
    while True:
        anchor = rng.choice(anchors)
        x, y = rng.gauss(anchor[0], spread), rng.gauss(anchor[1], spread)
        if shapely.contains_xy(allowed, x, y):
            yield x, y


def _dealt(rng: Random, weights: dict[str, int] | dict[str, float], total: int) -> list[str]:
    """Each value as often as its weight says, shuffled."""
    values = [
        value
        for value, times in zip(weights, shares(total, weights.values()), strict=True)
        for _ in range(times)
    ]
    rng.shuffle(values)
    return values


def _licence_days(rng: Random, first: date, last: date) -> tuple[date, date]:
    """A licence of five years that starts between the two days."""
    start = first + timedelta(days=rng.randrange((last - first).days + 1))
    # Five years after 29 February there is none, so such a licence ends on the last of February.
    leap_day = (start.month, start.day) == (2, 29)
    anniversary = date(start.year + 5, 3, 1) if leap_day else start.replace(year=start.year + 5)
    return start, anniversary - timedelta(days=1)


def _known(day: date) -> datetime:
    return datetime.combine(day, time(9), ZONE)


def _ordinary_outlets(leaves: tuple[Leaf, ...], land: BuildingLand) -> list[Outlet]:
    """All outlets of all cells, as if none sold e-cigarettes."""
    total = sum(leaf.cell.existing_count for leaf in leaves)
    rng = seeded("register")
    kinds, grades = _dealt(rng, _KIND_SHARES, total), _dealt(rng, _GRADE_SHARES, total)
    serials = list(range(1, total + 1))
    rng.shuffle(serials)
    outlets: list[Outlet] = []
    for leaf in leaves:
        town = TOWNS[leaf.ground.town].name
        for at in _spots(seeded(f"spots:{leaf.cell.code}"), leaf, land, leaf.cell.existing_count):
            index = len(outlets)
            kind = kinds[index]
            enterprise = kind == "N" or (kind == "S" and rng.random() < 0.4)
            licence_no = f"{REGION_CODE}{2 if enterprise else 1}{serials[index]:05d}"
            licence_from, licence_to = _licence_days(rng, date(2022, 1, 4), date(2026, 5, 29))
            lon, lat = to_degrees(at)
            street = f"{town}{leaf.ground.road_name}公路" if leaf.is_corridor else f"{town}样例路"
            outlets.append(
                Outlet(
                    id=stable_id("outlet", licence_no),
                    licence_no=licence_no,
                    name=f"样例{town}{_KIND_NAMES[kind]}{index + 1:04d}",
                    holder_name=f"样例户{index + 1:04d}",
                    address=f"样例市{street}{index + 1}号",
                    phone=str(10_000_000_101 + index),
                    business_kind=kind,
                    credit_grade=grades[index],
                    licence_scope=("cigarette",),
                    licence_from=licence_from,
                    licence_to=licence_to,
                    status="active",
                    statuses=(StatusChange("active", licence_from, _known(licence_from)),),
                    lon=lon,
                    lat=lat,
                    cell_id=leaf.cell.id,
                    squad_id=squad_id(leaf.district),
                )
            )
    return outlets


def _ecig_cells(leaves: tuple[Leaf, ...], number: int) -> list[uuid.UUID]:
    """Ten leaf cells of a squad, spread over its towns: nine for trading outlets, one for resting."""
    streets = [
        leaf.cell.id
        for leaf in leaves
        if leaf.district == number and leaf.ground.cell_type in ("city_street", "township_street")
    ]
    wanted = ECIG_PER_SQUAD + 1
    return [streets[place * len(streets) // wanted] for place in range(wanted)]


def _trading(outlet: Outlet, rng: Random) -> Outlet:
    """The outlet with e-cigarettes in its scope, under a licence that covers all of 2026 and 2027."""
    licence_from, licence_to = _licence_days(rng, date(2023, 3, 1), date(2025, 11, 28))
    return replace(
        outlet,
        licence_scope=("cigarette", "ecig"),
        licence_from=licence_from,
        licence_to=licence_to,
        statuses=(StatusChange("active", licence_from, _known(licence_from)),),
    )


def _resting(outlet: Outlet, status: str, from_day: date) -> Outlet:
    """The outlet with e-cigarettes in its scope, suspended or expired from a day on."""
    licence_from = date(from_day.year - 5, from_day.month, from_day.day)
    licence_to = from_day - timedelta(days=1)
    if status == "suspended":
        licence_from, licence_to = date(2023, 4, 3), date(2028, 4, 2)
    return replace(
        outlet,
        licence_scope=("cigarette", "ecig"),
        licence_from=licence_from,
        licence_to=licence_to,
        status=status,
        statuses=(
            StatusChange("active", licence_from, _known(licence_from)),
            StatusChange(status, from_day, _known(from_day)),
        ),
    )


def build_outlets(leaves: tuple[Leaf, ...], land: BuildingLand) -> tuple[Outlet, ...]:
    """The register, cell by cell: 36 outlets trade e-cigarettes, nine a squad; three rest or ended."""
    outlets = _ordinary_outlets(leaves, land)
    first_in_cell: dict[uuid.UUID, int] = {}
    for index, outlet in enumerate(outlets):
        first_in_cell.setdefault(outlet.cell_id, index)
    rng = seeded("ecig")
    for number in range(len(SQUAD_NAMES)):
        *trading, resting = _ecig_cells(leaves, number)
        for cell_id in trading:
            index = first_in_cell[cell_id]
            outlets[index] = _trading(outlets[index], rng)
        for squad, status, from_day in _RESTING:
            if squad == number:
                index = first_in_cell[resting]
                outlets[index] = _resting(outlets[index], status, from_day)
    return tuple(outlets)
