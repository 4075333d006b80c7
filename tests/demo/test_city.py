"""The demo city: its golden sums, its geometry, and that it is the same whenever it is built."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import date

import pytest
import shapely
from pyproj import Geod
from shapely.geometry import Point

from server.demo.city import City, build_city
from server.kernel.permissions import Role

GEOD = Geod(ellps="WGS84")
DIGEST = (
    "import hashlib, sys; from server.demo.city import build_city; c = build_city();"
    "print(hashlib.sha256(b''.join(cell.geom.wkb for cell in c.cells)"
    " + repr((c.outlets, c.sites, c.duties, c.accounts, c.devices)).encode()).hexdigest())"
)


@pytest.fixture(scope="module")
def city() -> City:
    return build_city()


def test_builds_fast_and_twice_the_same(city: City) -> None:
    began = time.process_time()
    again = build_city()
    assert time.process_time() - began < 3
    assert again == city


def test_another_process_builds_the_same(city: City) -> None:
    """Sets are ordered by a secret of each process, so order must not have leaked from one."""
    answer = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = hashlib.sha256(
        b"".join(cell.geom.wkb for cell in city.cells)
        + repr((city.outlets, city.sites, city.duties, city.accounts, city.devices)).encode()
    )
    assert answer.stdout.strip() == here.hexdigest()


def test_tree_of_four_levels(city: City) -> None:
    assert Counter(cell.cell_level for cell in city.cells) == {1: 1, 2: 4, 3: 16, 4: 214}
    by_id = {cell.id: cell for cell in city.cells}
    assert (
        len(by_id)
        == len({cell.code for cell in city.cells})
        == len({cell.name for cell in city.cells})
        == 235
    )
    seen = set()
    for cell in city.cells:
        seen.add(cell.id)
        if cell.parent_id is None:
            assert cell.cell_level == 1
            continue
        parent = by_id[cell.parent_id]
        assert parent.id in seen
        assert parent.cell_level == cell.cell_level - 1
        assert cell.code.startswith(f"{parent.code}-")
    towns = [cell.name for cell in city.cells if cell.cell_level == 3]
    assert set(towns) == {f"{t}镇" for t in "甲乙丙丁戊己庚辛壬癸"} | {f"{n}号街道" for n in "一二三四五六"}


def test_counts_of_leaf_cells(city: City) -> None:
    sums: dict[str | None, tuple[int, int, int]] = {}
    for cell in city.leaf_cells:
        number, planned, existing = sums.get(cell.cell_type, (0, 0, 0))
        assert cell.planned_count is not None
        assert cell.planned_count > 0
        assert cell.existing_count > 0
        sums[cell.cell_type] = (number + 1, planned + cell.planned_count, existing + cell.existing_count)
    assert sums == {
        "city_street": (62, 744, 730),
        "township_street": (54, 486, 471),
        "road_corridor": (26, 130, 119),
        "rural": (72, 570, 520),
    }
    differences = [(cell.planned_count or 0) - cell.existing_count for cell in city.leaf_cells]
    assert sum(differences) == 90
    over, spare = [d for d in differences if d < 0], [d for d in differences if d > 0]
    assert (len(over), sum(over)) == (23, -31)
    assert differences.count(0) == 96
    assert (len(spare), sum(spare)) == (95, 121)


def test_leaf_cells_tile_their_towns(city: City) -> None:
    assert all(cell.geom.is_valid for cell in city.cells)
    tiles = [cell for cell in city.leaf_cells if cell.cell_type != "road_corridor"]
    # Neighbours share every vertex of their border, so there is neither gap nor overlap.
    assert shapely.coverage_is_valid([cell.geom for cell in tiles])
    for upper in (1, 2, 3):
        for cell in city.cells:
            if cell.cell_level == upper:
                below = [tile.geom for tile in tiles if tile.code.startswith(f"{cell.code}-")]
                assert len(shapely.get_parts(cell.geom)) == 1
                assert not shapely.get_parts(cell.geom)[0].interiors
                assert cell.geom.area == pytest.approx(sum(geom.area for geom in below), rel=1e-9)
    west, south, east, north = city.cells[0].geom.bounds
    assert GEOD.inv(west, 39, east, 39)[2] == pytest.approx(60_000, rel=0.04)
    assert GEOD.inv(84, south, 84, north)[2] == pytest.approx(45_000, rel=0.04)
    assert west < 84 < east
    assert south < 39 < north


def test_corridors_overlie_their_towns(city: City) -> None:
    towns = {cell.id: cell.geom for cell in city.cells if cell.cell_level == 3}
    corridors = [cell for cell in city.leaf_cells if cell.cell_type == "road_corridor"]
    for cell in corridors:
        assert cell.parent_id is not None
        inside = cell.geom.intersection(towns[cell.parent_id]).area
        assert inside > 0.97 * cell.geom.area
    crossings = [
        (a, b)
        for i, a in enumerate(corridors)
        for b in corridors[:i]
        if a.geom.intersection(b.geom).area > 1e-7
    ]
    # The two roads of every township cross, and no tie is left to chance.
    assert len(crossings) >= 10
    assert all(abs(a.geom.area / b.geom.area - 1) > 1e-3 for a, b in crossings)


def test_every_outlet_is_in_the_cell_that_the_rule_gives(city: City) -> None:
    leaves = city.leaf_cells
    tree = shapely.STRtree([cell.geom for cell in leaves])
    counted: Counter[object] = Counter()
    overlapped = 0
    for outlet in city.outlets:
        point = Point(outlet.lon, outlet.lat)
        holding = [leaves[i] for i in tree.query(point, predicate="within")]
        corridors = [cell for cell in holding if cell.cell_type == "road_corridor"]
        overlapped += len(corridors) > 1
        chosen = min(corridors or holding, key=lambda cell: (cell.geom.area, cell.code))
        assert chosen.id == outlet.cell_id
        # A degree is at most 111 km, so twelve metres are at least this much of one.
        assert chosen.geom.boundary.distance(point) * 111_000 > 11.9
        counted[chosen.id] += 1
    assert counted == {cell.id: cell.existing_count for cell in leaves}
    assert overlapped >= 5


def test_register(city: City) -> None:
    outlets = city.outlets
    assert (
        len(outlets)
        == len({outlet.licence_no for outlet in outlets})
        == len({outlet.id for outlet in outlets})
        == 1840
    )
    assert len({outlet.phone for outlet in outlets} | {person.phone for person in city.people}) == 1840 + 22
    assert all(len(outlet.phone) == 11 and outlet.phone.startswith("1000000") for outlet in outlets)
    assert Counter(outlet.business_kind for outlet in outlets) == {
        "Z": 957, "B": 386, "S": 184, "Y": 166, "F": 74, "N": 18, "Q": 55,
    }  # fmt: skip
    assert Counter(outlet.credit_grade for outlet in outlets) == {
        "AAA": 18, "AA": 129, "A": 1638, "B": 28, "C": 18, "D": 9,
    }  # fmt: skip
    assert {outlet.licence_no[6] for outlet in outlets} == {"1", "2"}
    for outlet in outlets:
        assert outlet.licence_no.startswith("990181")
        assert len(outlet.licence_no) == 12
        assert outlet.licence_from < outlet.licence_to
        assert (outlet.licence_to - outlet.licence_from).days <= 5 * 365 + 1
        assert outlet.statuses[-1].status == outlet.status


def test_ecig_outlets(city: City) -> None:
    ecig = city.ecig_outlets
    assert len(ecig) == 36
    assert [squad.id for squad in city.squads for _ in range(9)] == [outlet.squad_id for outlet in ecig]
    for outlet in ecig:
        assert outlet.licence_from < date(2026, 1, 1)
        assert outlet.licence_to > date(2027, 12, 31)
    resting = [outlet for outlet in city.outlets if outlet.is_ecig and outlet.status != "active"]
    assert sorted(outlet.status for outlet in resting) == ["expired", "suspended", "suspended"]
    assert all(outlet.statuses[-1].from_day < date(2026, 6, 29) for outlet in resting)
    schools = [site for site in city.sites if site.kind in ("school", "kindergarten")]
    nearest = sorted(
        min(GEOD.inv(outlet.lon, outlet.lat, school.lon, school.lat)[2] for school in schools)
        for outlet in ecig
    )
    assert [sum(metres <= limit for metres in nearest) for limit in (50, 100, 200, 250)] == [1, 2, 3, 3]
    assert len(city.unlicensed_sellers) == 3


def test_sites(city: City) -> None:
    assert Counter((site.kind, site.subkind) for site in city.sites) == {
        ("depot", "freight"): 3,
        ("depot", "express"): 6,
        ("depot", "park"): 2,
        ("depot", "bus"): 1,
        ("checkpoint", "toll_station"): 2,
        ("checkpoint", "highway"): 2,
        ("checkpoint", "bus_station"): 1,
        ("school", None): 48,
        ("kindergarten", None): 61,
        ("manufacturer", None): 1,
    }
    assert (
        len({(site.kind, site.code) for site in city.sites}) == len({site.id for site in city.sites}) == 127
    )
    cells = {cell.id: cell for cell in city.leaf_cells}
    assert all(cells[site.cell_id].geom.covers(Point(site.lon, site.lat)) for site in city.sites)


def test_staff(city: City) -> None:
    assert Counter(person.kind for person in city.people) == {"officer": 20, "auxiliary": 2}
    assert Counter(person.squad_id for person in city.people if person.kind == "officer") == {
        squad.id: 5 for squad in city.squads
    }
    assert [person.squad_id for person in city.people if person.leads] == [squad.id for squad in city.squads]
    assert {c.person_id for c in city.certificates} == {p.id for p in city.people if p.kind == "officer"}
    assert len(city.vehicles) == 8
    assert sorted(device.clock_offset_s for device in city.devices) == [0] * 10 + [540]
    assert [device.stale_forms for device in city.devices].count(True) == 1
    assert {role for account in city.accounts for role in account.roles} == set(Role)
    names = [account.username for account in city.accounts]
    assert names == [*(f"yl{n:02d}" for n in range(1, 23)), "juzhang", "fazhi", "zhengwu", "gis", "admin"]


def test_every_leaf_cell_has_one_duty_on_every_day(city: City) -> None:
    squads = {person.id: person.squad_id for person in city.people if person.kind == "officer"}
    districts = {cell.id: index for index, cell in enumerate(city.cells[1:5])}
    towns = {cell.id: districts[cell.parent_id] for cell in city.cells[5:21] if cell.parent_id is not None}
    ecig_cells = {outlet.cell_id for outlet in city.outlets if outlet.is_ecig}
    for day, handed_over in ((date(2026, 1, 1), False), (date(2026, 7, 31), False), (date(2026, 8, 1), True)):
        valid = [
            duty for duty in city.duties if duty.first_day <= day and (not duty.end_day or day < duty.end_day)
        ]
        assert {duty.cell_id for duty in valid} == {cell.id for cell in city.leaf_cells}
        assert len(valid) == 214
        assert any(duty.first_day == date(2026, 8, 1) for duty in valid) is handed_over
    for duty in city.duties:
        cell = next(cell for cell in city.leaf_cells if cell.id == duty.cell_id)
        assert cell.parent_id is not None
        assert duty.squad_id == city.squads[towns[cell.parent_id]].id == squads[duty.lead_person_id]
    changed = [duty for duty in city.duties if duty.end_day or duty.first_day == date(2026, 8, 1)]
    assert len(changed) == 2
    assert len({duty.lead_person_id for duty in changed}) == 2
    assert not ecig_cells & {duty.cell_id for duty in changed}
