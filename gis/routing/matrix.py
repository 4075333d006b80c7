"""Travel times and distances between places, and what they are where there is no road to follow.

As the crow flies is the great-circle distance times a detour factor, at one speed for each mode: 30 km/h for a car in a
town with its lights, 4.5 km/h for somebody walking with a bag. Ways by road are commonly 1.2 to 1.5 times as long as the
great circle; the factor lies in the middle, and whoever knows a county better gives another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.routing.places import Mode, Place

Whole = NDArray[np.int64]
Yes = NDArray[np.bool_]
Metres = NDArray[np.float64]

# IUGG's mean radius. Against the ellipsoid of WGS 84 a great circle on this sphere is off by 0.56 % at most.
EARTH_RADIUS_M = 6_371_008.8
DETOUR_FACTOR = 1.35
SPEED_KMH: Mapping[Mode, float] = MappingProxyType({Mode.CAR: 30.0, Mode.FOOT: 4.5})


class Sources(NamedTuple):
    """How many ways from one place to another were found by road, and how many as the crow flies."""

    by_road: int
    straight: int


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Travel from every place to every other, each an array of n × n with row = from and column = to.

    ``seconds`` and ``metres`` are whole and not negative, with zeros on the diagonal; ``by_road`` says which pairs the
    road network gave, and is False on the diagonal. One-way streets make all three asymmetric.
    """

    seconds: Whole
    metres: Whole
    by_road: Yes

    def __len__(self) -> int:
        return len(self.seconds)

    def sources(self) -> Sources:
        """What the pairs off the diagonal came from."""
        by_road = int(np.count_nonzero(self.by_road))
        return Sources(by_road, len(self) * (len(self) - 1) - by_road)


@dataclass(frozen=True, slots=True)
class Leg:
    """The way from one stop to the next."""

    metres: int
    seconds: int
    by_road: bool


@dataclass(frozen=True, slots=True)
class Path:
    """The way along an ordered list of stops.

    ``line`` is (longitude, latitude) in EPSG:4326 through every stop; ``legs`` has one entry less than there are stops.
    """

    line: list[tuple[float, float]]
    legs: tuple[Leg, ...]

    @property
    def metres(self) -> int:
        """The whole way."""
        return sum(leg.metres for leg in self.legs)

    @property
    def seconds(self) -> int:
        """Under way, without what is done at the stops."""
        return sum(leg.seconds for leg in self.legs)

    @property
    def by_road(self) -> tuple[bool, ...]:
        """For each leg whether the road network gave it."""
        return tuple(leg.by_road for leg in self.legs)


def straight_matrix(
    places: Sequence[Place],
    mode: Mode,
    *,
    detour_factor: float = DETOUR_FACTOR,
    speed_kmh: float | None = None,
) -> Matrix:
    """Travel as the crow flies: great circle × ``detour_factor``, at ``speed_kmh`` or the mode's own speed.

    Raises ValueError for a position that is none, a factor below 1 or a speed that is not positive.
    """
    lon, lat = radians_of(places)
    metres = great_circle_m(lon[:, None], lat[:, None], lon, lat)
    whole, seconds = reckon(metres, mode, detour_factor=detour_factor, speed_kmh=speed_kmh)
    return Matrix(seconds, whole, np.zeros(whole.shape, dtype=np.bool_))


def path_straight(
    places: Sequence[Place],
    mode: Mode,
    *,
    detour_factor: float = DETOUR_FACTOR,
    speed_kmh: float | None = None,
) -> Path:
    """Straight lines from stop to stop; each leg's metres and seconds are those of ``straight_matrix``.

    Raises ValueError as ``straight_matrix`` does.
    """
    lon, lat = radians_of(places)
    crow = great_circle_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    metres, seconds = reckon(crow, mode, detour_factor=detour_factor, speed_kmh=speed_kmh)
    legs = tuple(
        Leg(far, long, by_road=False) for far, long in zip(metres.tolist(), seconds.tolist(), strict=True)
    )
    return Path([(place.lon, place.lat) for place in places], legs)


def radians_of(places: Sequence[Place]) -> tuple[Metres, Metres]:
    """Longitudes and latitudes in radians, each an array of n. Raises ValueError for a position that is none."""
    degrees = np.array(places, dtype=np.float64).reshape(len(places), 2)
    # A NaN compares false, so it is refused too.
    if not np.all(np.abs(degrees) <= (180.0, 90.0)):
        raise ValueError("a place needs a longitude from -180 to 180 and a latitude from -90 to 90")
    lon, lat = np.radians(degrees).T
    return lon, lat


def great_circle_m(lon: Metres, lat: Metres, other_lon: Metres, other_lat: Metres) -> Metres:
    """Metres between positions in radians by the haversine formula, in the shape to which the arrays broadcast."""
    across = np.cos(lat) * np.cos(other_lat) * np.sin((other_lon - lon) / 2.0) ** 2
    along = np.sin((other_lat - lat) / 2.0) ** 2
    # Rounding may carry opposite ends of the earth past 1.
    metres: Metres = 2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, along + across)))
    return metres


def reckon(
    crow_m: Metres, mode: Mode, *, detour_factor: float = DETOUR_FACTOR, speed_kmh: float | None = None
) -> tuple[Whole, Whole]:
    """Whole metres and seconds of ways that are ``crow_m`` metres long as the crow flies, in the same shape.

    Raises ValueError for a factor below 1 or a speed that is not positive.
    """
    speed = SPEED_KMH[mode] if speed_kmh is None else speed_kmh
    if not (detour_factor >= 1.0 and speed > 0.0):
        raise ValueError("a detour factor is at least 1, and a speed is positive")
    way = crow_m * detour_factor
    return np.rint(way).astype(np.int64), np.rint(way * 3.6 / speed).astype(np.int64)
