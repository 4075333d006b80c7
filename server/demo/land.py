"""The land of the demo city: leaf cells that tile sixteen towns, and the road corridors that overlie them.

Everything is drawn in a local plane in metres around 39.0N, 84.0E and then stretched to degrees. The stretch
is affine, so what touches, contains or overlaps in metres does so in degrees as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import shapely
from shapely.geometry import LineString, MultiPoint, MultiPolygon, Point, Polygon

from server.demo.identity import seeded

Metres = tuple[float, float]

ORIGIN_LON, ORIGIN_LAT = 84.0, 39.0
# Lengths of one degree on the ellipsoid at 39.0N.
METRES_PER_DEGREE_LON, METRES_PER_DEGREE_LAT = 86_626.0, 111_015.0
# Seven decimals are a centimetre: finer ones would differ from one build of GEOS to the next.
DECIMALS = 7

HALF_WIDTH_M, HALF_HEIGHT_M = 29_000.0, 21_500.0
CITY_HALF_WIDTH_M, CITY_HALF_HEIGHT_M = 6_500.0, 5_000.0
# A township's street cells lie around its centre; its rural cells begin outside this radius.
TOWNSHIP_CORE_M, TOWNSHIP_STREET_M = 2_600.0, 900.0
CORRIDOR_HALF_WIDTH_M = 80.0
# Both corridors of a township run on past its crossing, so that they overlap there as real roads do.
BEYOND_CROSSING_M = 300.0

STREET_NAMES = tuple(f"{numeral}号街道" for numeral in "一二三四五六")
TOWNSHIP_NAMES = tuple(f"{stem}镇" for stem in "甲乙丙丁戊己庚辛壬癸")
CITY_STREET_CELLS = (11, 10, 10, 11, 10, 10)
TOWNSHIP_STREET_CELLS = (6, 5, 5, 6, 5, 6, 5, 5, 6, 5)
RURAL_CELLS = (8, 7, 7, 7, 7, 7, 7, 7, 7, 8)


@dataclass(frozen=True, slots=True)
class Town:
    """A town of level 3: where its centre is, in metres, and how many leaf cells of each type it has."""

    name: str
    district: int
    centre: Metres
    city_street: int = 0
    township_street: int = 0
    rural: int = 0


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground of one leaf cell in metres; corridors also have the road they run along."""

    town: int
    cell_type: str
    shape: Polygon
    road: LineString | None = None
    road_name: str = ""


def to_degrees(point: Metres) -> tuple[float, float]:
    """Longitude and latitude of a point of the plane."""
    lon = ORIGIN_LON + point[0] / METRES_PER_DEGREE_LON
    lat = ORIGIN_LAT + point[1] / METRES_PER_DEGREE_LAT
    return round(lon, DECIMALS), round(lat, DECIMALS)


def to_metres(lon: float, lat: float) -> Metres:
    """The point of the plane at a longitude and latitude."""
    return (lon - ORIGIN_LON) * METRES_PER_DEGREE_LON, (lat - ORIGIN_LAT) * METRES_PER_DEGREE_LAT


def shape_in_degrees(shape: Polygon | MultiPolygon) -> MultiPolygon:
    """The shape with its vertices in degrees; a vertex that two shapes share stays shared."""
    parts = [shape] if isinstance(shape, Polygon) else list(shape.geoms)
    return MultiPolygon(
        [
            Polygon(
                [to_degrees((x, y)) for x, y in part.exterior.coords],
                [[to_degrees((x, y)) for x, y in hole.coords] for hole in part.interiors],
            )
            for part in parts
        ]
    )


def _towns() -> tuple[Town, ...]:
    """Six streets in two rows in the middle, ten townships around them, clockwise from the north."""
    rng = seeded("towns")
    towns = [
        Town(
            name,
            index // 3,
            ((index % 3 - 1) * 4_000.0, 2_300.0 if index < 3 else -2_300.0),
            city_street=cells,
        )
        for index, (name, cells) in enumerate(zip(STREET_NAMES, CITY_STREET_CELLS, strict=True))
    ]
    for index, name in enumerate(TOWNSHIP_NAMES):
        angle = math.radians(72 - 36 * index)
        centre = (
            19_500 * math.cos(angle) + rng.uniform(-900, 900),
            14_000 * math.sin(angle) + rng.uniform(-700, 700),
        )
        towns.append(
            Town(
                name,
                2 + index // 5,
                centre,
                township_street=TOWNSHIP_STREET_CELLS[index],
                rural=RURAL_CELLS[index],
            )
        )
    return tuple(towns)


TOWNS = _towns()


def _nearest(point: Metres, centres: list[Metres]) -> int:
    return min(range(len(centres)), key=lambda i: math.dist(point, centres[i]))


def _spread(rng: Random, points: list[Metres], count: int) -> list[Metres]:
    """``count`` seeds spread evenly over the points (Lloyd's rounds)."""
    seeds = rng.sample(points, count)
    for _ in range(8):
        shares: list[list[Metres]] = [[] for _ in seeds]
        for point in points:
            shares[_nearest(point, seeds)].append(point)
        seeds = [
            (sum(x for x, _ in share) / len(share), sum(y for _, y in share) / len(share)) if share else seed
            for seed, share in zip(seeds, shares, strict=True)
        ]
    return seeds


def _territories(rng: Random) -> list[list[Metres]]:
    """For each town, points spread over the ground that is to be tiled by its spread seeds."""
    streets = [town.centre for town in TOWNS[:6]]
    townships = [town.centre for town in TOWNS[6:]]
    territories: list[list[Metres]] = [[] for _ in TOWNS]
    for _ in range(2_000):
        radius, angle = math.sqrt(rng.random()), rng.uniform(0, math.tau)
        point = (
            CITY_HALF_WIDTH_M * radius * math.cos(angle),
            CITY_HALF_HEIGHT_M * radius * math.sin(angle),
        )
        territories[_nearest(point, streets)].append(point)
    for _ in range(4_000):
        point = (rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M), rng.uniform(-HALF_HEIGHT_M, HALF_HEIGHT_M))
        in_county = (point[0] / HALF_WIDTH_M) ** 4 + (point[1] / HALF_HEIGHT_M) ** 4 < 1
        in_city = math.hypot(point[0] / CITY_HALF_WIDTH_M, point[1] / CITY_HALF_HEIGHT_M) < 1
        if not in_county or in_city:
            continue
        town = _nearest(point, townships)
        if math.dist(point, townships[town]) > TOWNSHIP_CORE_M:
            territories[6 + town].append(point)
    return territories


def _seeds(rng: Random) -> list[tuple[int, str, Metres]]:
    """One seed per leaf cell that is no corridor: its town, its type and its place."""
    seeds: list[tuple[int, str, Metres]] = []
    for index, territory in enumerate(_territories(rng)):
        town = TOWNS[index]
        if town.city_street:
            seeds += [(index, "city_street", at) for at in _spread(rng, territory, town.city_street)]
            continue
        for step in range(town.township_street):
            angle = math.tau * step / town.township_street + rng.uniform(-0.2, 0.2)
            radius = TOWNSHIP_STREET_M * rng.uniform(0.85, 1.15)
            at = (town.centre[0] + radius * math.cos(angle), town.centre[1] + radius * math.sin(angle))
            seeds.append((index, "township_street", at))
        seeds += [(index, "rural", at) for at in _spread(rng, territory, town.rural)]
    return seeds


def _frame(rng: Random) -> list[Metres]:
    """Seeds outside the county, whose only use is to bound the outermost cells without cutting any."""
    frame = []
    for step in range(72):
        angle = math.tau * step / 72
        cos, sin = math.cos(angle), math.sin(angle)
        # The rounded rectangle whose fourth powers add up to one.
        reach = (abs(cos / HALF_WIDTH_M) ** 4 + abs(sin / HALF_HEIGHT_M) ** 4) ** -0.25 * rng.uniform(
            1.1, 1.13
        )
        frame.append((reach * cos, reach * sin))
    return frame


def _polygons() -> list[Ground]:
    """The cells that tile the county: Voronoi cells of all seeds at once share borders exactly."""
    rng = seeded("seeds")
    seeds = _seeds(rng)
    points = MultiPoint([at for _, _, at in seeds] + _frame(rng))
    cells = shapely.voronoi_polygons(points, ordered=True).geoms
    return [
        Ground(town, cell_type, shape)
        for (town, cell_type, _), shape in zip(seeds, cells, strict=False)
        if isinstance(shape, Polygon)
    ]


def _road(rng: Random, start: Metres, end: Metres) -> LineString:
    """A road between two places with one bend, which begins a little before the first of them."""
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    bend = rng.uniform(-900, 900)
    middle = (
        (start[0] + end[0]) / 2 - along[1] * bend,
        (start[1] + end[1]) / 2 + along[0] * bend,
    )
    return LineString([start, middle, end])


def _corridor(town: int, road: LineString, road_name: str, towns: list[Polygon]) -> Ground:
    """The corridor along the part of the road that lies in the town, from just past the town's crossing."""
    first, second = Point(road.coords[0]), Point(road.coords[1])
    length = first.distance(second)
    back = tuple(
        a - (b - a) * BEYOND_CROSSING_M / length for a, b in zip(road.coords[0], road.coords[1], strict=True)
    )
    inside = LineString([back, *road.coords]).intersection(towns[town])
    parts = [inside] if isinstance(inside, LineString) else list(shapely.get_parts(inside))
    longest = max(parts, key=lambda part: part.length)
    shape = longest.buffer(CORRIDOR_HALF_WIDTH_M, cap_style="flat", join_style="mitre")
    if not isinstance(longest, LineString) or not isinstance(shape, Polygon):
        raise AssertionError("A corridor is one strip along one line.")
    return Ground(town, "road_corridor", shape, longest, road_name)


def _corridors(towns: list[Polygon]) -> list[Ground]:
    """Twenty along the ring road G990 through the townships, six along the roads into the city."""
    rng = seeded("roads")
    grounds = []
    ring = range(6, 16)
    for here, there in zip(ring, [*ring[1:], ring[0]], strict=True):
        road = _road(rng, TOWNS[here].centre, TOWNS[there].centre)
        grounds.append(_corridor(here, road, "G990", towns))
        grounds.append(_corridor(there, LineString(road.coords[::-1]), "G990", towns))
    # Each street's road leads to the township that lies in its direction.
    for street, township in enumerate((15, 6, 7, 13, 11, 9)):
        road = _road(rng, TOWNS[street].centre, TOWNS[township].centre)
        grounds.append(_corridor(street, road, f"S{901 + street}", towns))
    return grounds


def town_shape(grounds: list[Ground], town: int) -> Polygon:
    """The town's outline: the union of the cells that tile it."""
    tiles = [ground.shape for ground in grounds if ground.town == town and ground.road is None]
    outline = shapely.coverage_union_all(tiles)
    parts = shapely.get_parts(outline)
    if len(parts) != 1 or not isinstance(parts[0], Polygon):
        raise AssertionError(f"{TOWNS[town].name} falls into {len(parts)} parts.")
    return parts[0]


def draw_land() -> list[Ground]:
    """All 214 leaf cells, town by town: first those that tile the town, then its corridors."""
    tiles = _polygons()
    corridors = _corridors([town_shape(tiles, town) for town in range(len(TOWNS))])
    return sorted([*tiles, *corridors], key=lambda ground: (ground.town, ground.road is not None))
