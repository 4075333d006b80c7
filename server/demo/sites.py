"""Places of the demo city that are no outlets: depots, checkpoints, schools, a manufacturer, sightings."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

from server.demo.cells import Leaf, LeafIndex
from server.demo.identity import seeded, stable_id
from server.demo.land import TOWNS, Metres, to_degrees, to_metres
from server.demo.register import BuildingLand, Outlet, spot

SCHOOLS, KINDERGARTENS = 48, 61
# Apart from the three below, no school is nearer than this to an e-cigarette outlet.
SCHOOL_APART_M = 260.0
# The e-cigarette outlets that have a school near by, and how near: 50, 100 and 200 m find one, two and three.
_NEAR_SCHOOLS = ((3, 40.0), (12, 85.0), (22, 160.0))

_DEPOTS = (
    *(("freight", "货运站"),) * 3,
    *(("express", "快递网点"),) * 6,
    *(("park", "物流园区"),) * 2,
    ("bus", "汽车站行包房"),
)
_CHECKPOINTS = (
    ("toll_station", "收费站"),
    ("toll_station", "收费站"),
    ("highway", "国道检查点"),
    ("highway", "省道检查点"),
    ("bus_station", "客运站"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """A place that is no outlet, in EPSG:4326, with the leaf cell the rule gives it."""

    id: uuid.UUID
    kind: str
    code: str
    name: str
    subkind: str | None
    facts: tuple[tuple[str, str | bool | int], ...]
    lon: float
    lat: float
    cell_id: uuid.UUID
    district: int


@dataclass(frozen=True, slots=True)
class UnlicensedSeller:
    """Somebody suspected of selling e-cigarettes without a licence: a description and a point, no name."""

    id: uuid.UUID
    description: str
    lon: float
    lat: float
    cell_id: uuid.UUID


class _Surveyor:
    """Puts sites on the map and finds the leaf cell of each by the rule."""

    def __init__(self, leaves: tuple[Leaf, ...], land: BuildingLand) -> None:
        self.leaves = leaves
        self.land = land
        self._index = LeafIndex(leaves)

    def leaf_at(self, at: Metres) -> Leaf:
        leaf = self._index.primary_leaf(*to_degrees(at))
        if leaf is None:
            raise AssertionError("A site lies outside the city.")
        return leaf

    def site(
        self,
        kind: str,
        serial: int,
        name: str,
        at: Metres,
        subkind: str | None = None,
        **facts: str | bool | int,
    ) -> Site:
        lon, lat = to_degrees(at)
        code = f"{kind[0].upper()}{serial:03d}"
        leaf = self.leaf_at(at)
        return Site(
            id=stable_id("site", f"{kind}:{code}"),
            kind=kind,
            code=code,
            name=name,
            subkind=subkind,
            facts=tuple(sorted(facts.items())),
            lon=lon,
            lat=lat,
            cell_id=leaf.cell.id,
            district=leaf.district,
        )


def _schools(survey: _Surveyor, ecig: list[Outlet]) -> list[Site]:
    """Three schools near e-cigarette outlets, the others well away from them."""
    rng = seeded("schools")
    places: list[tuple[Metres, int]] = []
    for index, distance in _NEAR_SCHOOLS:
        x, y = to_metres(ecig[index].lon, ecig[index].lat)
        at = (x + distance * 0.6, y + distance * 0.8)
        places.append((at, survey.leaf_at(at).ground.town))
    shops = [to_metres(outlet.lon, outlet.lat) for outlet in ecig]
    by_town = [
        [
            leaf
            for leaf in survey.leaves
            if leaf.ground.town == town and leaf.ground.cell_type in ("city_street", "township_street")
        ]
        for town in range(len(TOWNS))
    ]
    while len(places) < SCHOOLS + KINDERGARTENS:
        town = len(places) % len(TOWNS)
        at = spot(rng, survey.land.allowed(rng.choice(by_town[town])))
        if min(math.dist(at, shop) for shop in shops) >= SCHOOL_APART_M:
            places.append((at, town))
    sites = []
    for place, (at, town) in enumerate(places):
        if place < SCHOOLS:
            serial, kind, word = place + 1, "school", "学校"
        else:
            serial, kind, word = place - SCHOOLS + 1, "kindergarten", "幼儿园"
        sites.append(survey.site(kind, serial, f"样例{TOWNS[town].name}{word}{serial:02d}", at))
    return sites


def _depots(survey: _Surveyor) -> list[Site]:
    """Three depots a district, each with the notice of real-name posting and the officer who handles it."""
    rng = seeded("depots")
    sites = []
    for index, (subkind, word) in enumerate(_DEPOTS):
        leaves = [
            leaf
            for leaf in survey.leaves
            if leaf.district == index % 4 and leaf.ground.cell_type in ("city_street", "township_street")
        ]
        at = spot(rng, survey.land.allowed(rng.choice(leaves)))
        sites.append(
            survey.site(
                "depot",
                index + 1,
                f"样例{word}{index + 1:02d}",
                at,
                subkind,
                handler=f"样例员{index % 4 * 5 + 5:02d}",
                notice_posted=index != 8,
            )
        )
    return sites


def _checkpoints(survey: _Surveyor) -> list[Site]:
    """Five checkpoints: four on the roads, one at the bus station."""
    corridors = [leaf for leaf in survey.leaves if leaf.is_corridor]
    ring = [leaf for leaf in corridors if leaf.ground.road_name == "G990"]
    provincial = [leaf for leaf in corridors if leaf.ground.road_name == "S905"]
    station = next(leaf for leaf in survey.leaves if leaf.ground.town == 1)
    roads = [ring[4], ring[14], ring[9], provincial[0]]
    places: list[Metres] = []
    for leaf in roads:
        if leaf.ground.road is not None:
            at = leaf.ground.road.interpolate(0.7, normalized=True)
            places.append((at.x, at.y))
    places.append(spot(seeded("station"), survey.land.allowed(station)))
    return [
        survey.site("checkpoint", index + 1, f"样例{word}{index + 1:02d}", at, subkind)
        for index, ((subkind, word), at) in enumerate(zip(_CHECKPOINTS, places, strict=True))
    ]


def build_sites(
    leaves: tuple[Leaf, ...], land: BuildingLand, outlets: tuple[Outlet, ...]
) -> tuple[Site, ...]:
    """All sites of the city."""
    survey = _Surveyor(leaves, land)
    ecig = [outlet for outlet in outlets if outlet.is_ecig and outlet.status == "active"]
    works = next(leaf for leaf in leaves if leaf.ground.town == 9 and leaf.ground.cell_type == "rural")
    at = spot(seeded("manufacturer"), land.allowed(works))
    manufacturer = survey.site("manufacturer", 1, "样例电子烟生产企业", at, products="ecig")
    return (*_depots(survey), *_checkpoints(survey), *_schools(survey, ecig), manufacturer)


def build_unlicensed_sellers(leaves: tuple[Leaf, ...], land: BuildingLand) -> tuple[UnlicensedSeller, ...]:
    """Three suspected sellers of e-cigarettes without a licence."""
    rng = seeded("unlicensed")
    sellers = []
    for serial, town in enumerate((0, 4, 11), start=1):
        leaf = next(leaf for leaf in leaves if leaf.ground.town == town)
        lon, lat = to_degrees(spot(rng, land.allowed(leaf)))
        description = f"{TOWNS[town].name}路边流动摊点{serial}，疑似无证销售电子烟"
        sellers.append(UnlicensedSeller(stable_id("unlicensed", serial), description, lon, lat, leaf.cell.id))
    return tuple(sellers)
