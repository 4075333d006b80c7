"""The cell tree of the demo city: four levels, 214 leaf cells, with planned and existing counts."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from server.demo.identity import seeded, stable_id
from server.demo.land import TOWNS, Ground, draw_land, shape_in_degrees

REGION_CODE = "990181"
DISTRICT_NAMES = ("城一片区", "城二片区", "东乡片区", "西乡片区")

_CONTROL_MODES = {
    "city_street": "distance",
    "township_street": "both",
    "road_corridor": "distance",
    "rural": "area",
}
_PLACE_WORDS = {"city_street": "街区", "township_street": "镇区", "rural": "乡村"}

# How many outlets exist in all cells of a type, and in how many cells the difference (planned minus existing)
# is −2, −1, +1 and +2; in the other cells of the type it is nil.
_EXISTING = {"city_street": 730, "township_street": 471, "road_corridor": 119, "rural": 520}
_DIFFERENCES = {
    "city_street": {-2: 4, -1: 6, 1: 16, 2: 6},
    "township_street": {-2: 2, -1: 4, 1: 13, 2: 5},
    "road_corridor": {-1: 2, 1: 7, 2: 3},
    "rural": {-2: 2, -1: 3, 1: 33, 2: 12},
}


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell of the tree. Only leaf cells have a type and a planned count."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    code: str
    name: str
    cell_level: int
    cell_type: str | None
    control_mode: str
    purpose: str
    planned_count: int | None
    existing_count: int
    geom: MultiPolygon


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf cell beside the ground it stands on, for placing things in it."""

    cell: GridCell
    ground: Ground

    @property
    def district(self) -> int:
        """The number of its district, which is also the number of its squad."""
        return TOWNS[self.ground.town].district

    @property
    def is_corridor(self) -> bool:
        """True for a cell along a road."""
        return self.ground.road is not None


def shares(total: int, weights: Iterable[float]) -> list[int]:
    """``total`` split by weight into whole numbers, the largest remainders rounded up."""
    exact = list(weights)
    scale = total / sum(exact)
    exact = [weight * scale for weight in exact]
    whole = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))
    for i in by_remainder[: total - sum(whole)]:
        whole[i] += 1
    return whole


def _counts(cell_type: str, cells: int) -> list[tuple[int, int]]:
    """Planned and existing count of each cell of a type."""
    rng = seeded(f"counts:{cell_type}")
    existing = shares(_EXISTING[cell_type], [rng.uniform(0.6, 1.4) for _ in range(cells)])
    differences = [value for value, times in _DIFFERENCES[cell_type].items() for _ in range(times)]
    differences += [0] * (cells - len(differences))
    rng.shuffle(differences)
    return [(count + difference, count) for count, difference in zip(existing, differences, strict=True)]


def _leaf_name(ground: Ground, ordinal: int) -> str:
    town = TOWNS[ground.town].name
    if ground.road is not None:
        return f"{town}{ground.road_name}沿线{ordinal:02d}格"
    return f"{town}{_PLACE_WORDS[ground.cell_type]}{ordinal:02d}格"


def _town_code(town: int) -> str:
    # Streets are numbered from 001 and townships from 101, as region codes number them.
    serial = town + 1 if town < 6 else town + 95
    return f"{REGION_CODE}-{TOWNS[town].district + 1:02d}-{serial:03d}"


def _union(code: str, name: str, level: int, parent: str | None, children: list[GridCell]) -> GridCell:
    """A cell of an upper level: the union of the cells that tile it."""
    tiles = [child.geom for child in children if child.cell_type != "road_corridor"]
    parts = shapely.get_parts(shapely.coverage_union_all(tiles))
    return GridCell(
        id=stable_id("cell", code),
        parent_id=None if parent is None else stable_id("cell", parent),
        code=code,
        name=name,
        cell_level=level,
        cell_type=None,
        control_mode="both",
        purpose="both",
        planned_count=None,
        existing_count=sum(child.existing_count for child in children),
        geom=MultiPolygon([part for part in parts if isinstance(part, Polygon)]),
    )


def build_leaves() -> tuple[Leaf, ...]:
    """The 214 leaf cells in the order of their codes."""
    grounds = draw_land()
    counts: dict[str, Iterator[tuple[int, int]]] = {
        cell_type: iter(_counts(cell_type, sum(ground.cell_type == cell_type for ground in grounds)))
        for cell_type in _EXISTING
    }
    leaves, last_town, ordinal = [], -1, 0
    for ground in grounds:
        ordinal = ordinal + 1 if ground.town == last_town else 1
        last_town = ground.town
        code = f"{_town_code(ground.town)}-{ordinal:02d}"
        planned, existing = next(counts[ground.cell_type])
        cell = GridCell(
            id=stable_id("cell", code),
            parent_id=stable_id("cell", _town_code(ground.town)),
            code=code,
            name=_leaf_name(ground, ordinal),
            cell_level=4,
            cell_type=ground.cell_type,
            control_mode=_CONTROL_MODES[ground.cell_type],
            purpose="both",
            planned_count=planned,
            existing_count=existing,
            geom=shape_in_degrees(ground.shape),
        )
        leaves.append(Leaf(cell, ground))
    return tuple(leaves)


def build_tree(leaves: tuple[Leaf, ...]) -> tuple[GridCell, ...]:
    """All cells, parents before children: the city, 4 districts, 16 towns, 214 leaf cells."""
    towns: list[list[GridCell]] = [[] for _ in DISTRICT_NAMES]
    for index, town in enumerate(TOWNS):
        children = [leaf.cell for leaf in leaves if leaf.ground.town == index]
        code = _town_code(index)
        towns[town.district].append(_union(code, town.name, 3, code[: -len("-000")], children))
    districts = [
        _union(f"{REGION_CODE}-{index + 1:02d}", name, 2, REGION_CODE, towns[index])
        for index, name in enumerate(DISTRICT_NAMES)
    ]
    top = _union(REGION_CODE, "样例市", 1, None, districts)
    return (top, *districts, *(town for group in towns for town in group), *(leaf.cell for leaf in leaves))


class LeafIndex:
    """Which leaf cell a position belongs to: a corridor first, then the smaller area, then the code."""

    def __init__(self, leaves: tuple[Leaf, ...]) -> None:
        self._leaves = leaves
        self._tree = shapely.STRtree([leaf.cell.geom for leaf in leaves])

    def primary_leaf(self, lon: float, lat: float) -> Leaf | None:
        """The leaf cell of a position, or ``None`` outside the city."""
        hits = self._tree.query(Point(lon, lat), predicate="intersects")
        found: list[Leaf] = [self._leaves[i] for i in hits]
        if not found:
            return None
        return min(found, key=lambda leaf: (not leaf.is_corridor, leaf.cell.geom.area, leaf.cell.code))
