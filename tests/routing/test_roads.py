"""Travel by road: plausible in a real town, and told where it is as the crow flies."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gis.routing import engine, roads
from gis.routing.engine import Engine
from gis.routing.matrix import (
    DETOUR_FACTOR,
    Matrix,
    great_circle_m,
    path_straight,
    radians_of,
    straight_matrix,
)
from gis.routing.network import Network, network
from gis.routing.places import Mode, Place
from gis.routing.roads import Roads
from gis.routing.tiles import ATTRIBUTION
from tests.routing.conftest import needs_engine, roads_of, some_places
from tests.routing.pbf import beside, extract, street, town

pytestmark = needs_engine

BEIJING, ESPOO = Place(116.4, 39.9), Place(24.65, 60.2)
HERE = Place(113.0, 27.0)
modes = pytest.mark.parametrize("mode", Mode)


def crow(places: list[Place]) -> np.ndarray:
    """Great-circle metres between all places."""
    lon, lat = radians_of(places)
    return great_circle_m(lon[:, None], lat[:, None], lon, lat)


def same(one: Matrix, other: Matrix) -> bool:
    """Whether two matrices tell the same."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("seconds", "metres", "by_road")
    )


@modes
def test_ways_in_a_real_town_are_plausible(mode: Mode, helsinki: Roads) -> None:
    places = some_places(120)

    matrix = helsinki.matrix(places, mode)

    by_road, straight = crow(places), straight_matrix(places, mode)
    found = matrix.by_road
    # The extract cuts one-way streets off, so that a car does not come back from everywhere.
    assert matrix.sources().by_road > (0.85 if mode is Mode.CAR else 0.999) * 120 * 119
    assert sum(matrix.sources()) == 120 * 119
    assert (matrix.metres[found] >= np.floor(by_road[found]) - 1).all()
    far = found & (by_road > 400)
    assert 1.1 < np.median(matrix.metres[far] / by_road[far]) < 2.2
    speed = np.median(matrix.metres[far] / matrix.seconds[far]) * 3.6
    assert (15 < speed < 50) if mode is Mode.CAR else (4 < speed < 5.5)
    # What was not found is exactly as the crow flies.
    for name in ("metres", "seconds"):
        assert np.array_equal(getattr(matrix, name)[~found], getattr(straight, name)[~found])
    assert not np.diagonal(matrix.seconds).any()
    assert not np.diagonal(matrix.by_road).any()


def test_on_foot_it_is_as_far_as_back_and_by_car_it_is_not(helsinki: Roads) -> None:
    places = some_places(60)

    foot, car = helsinki.matrix(places, Mode.FOOT), helsinki.matrix(places, Mode.CAR)

    assert (np.abs(foot.metres - foot.metres.T) <= 0.05 * foot.metres + 20).mean() > 0.99
    both = car.by_road & car.by_road.T
    assert (np.abs(car.metres - car.metres.T)[both] > 0.2 * car.metres[both]).mean() > 0.2


def test_a_car_is_faster_and_goes_farther_round(helsinki: Roads) -> None:
    places = some_places(60)

    foot, car = helsinki.matrix(places, Mode.FOOT), helsinki.matrix(places, Mode.CAR)

    both = foot.by_road & car.by_road & (crow(places) > 400)
    assert (car.seconds[both] < foot.seconds[both]).mean() > 0.95
    assert np.median(car.metres[both]) > np.median(foot.metres[both])


@modes
def test_a_path_goes_through_its_stops_along_the_legs_of_the_matrix(mode: Mode, helsinki: Roads) -> None:
    stops = some_places(12, seed=5)

    path, matrix = helsinki.path(stops, mode), helsinki.matrix(stops, mode)

    assert path.line[0] == tuple(stops[0])
    assert path.line[-1] == tuple(stops[-1])
    at = [path.line.index(tuple(stop)) for stop in stops]
    assert at == sorted(at)
    assert len(path.legs) == len(path.by_road) == len(stops) - 1
    assert sum(path.by_road) >= 9
    for leg, (i, start), (j, end) in zip(
        path.legs, *zip(*pairwise(enumerate(stops)), strict=True), strict=True
    ):
        if not leg.by_road:
            continue
        # The line drawn is as long as the leg says: the road itself, and to it and from it straight.
        along = path.line[at[i] : at[j] + 1]
        lon, lat = radians_of([Place(*point) for point in along])
        pieces = great_circle_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
        aside = pieces[0] + pieces[-1]
        assert leg.metres == pytest.approx(pieces.sum() + (DETOUR_FACTOR - 1) * aside, rel=0.03, abs=60)
        assert aside < 2 * engine.SNAP_M
        if matrix.by_road[i, j]:
            assert leg.metres == pytest.approx(matrix.metres[i, j], rel=0.1, abs=60), (start, end)
            assert leg.seconds == pytest.approx(matrix.seconds[i, j], rel=0.15, abs=40)


@modes
def test_places_out_of_the_area_are_as_the_crow_flies(mode: Mode, helsinki: Roads) -> None:
    places = [*some_places(2, seed=5), BEIJING, ESPOO]

    matrix, path = helsinki.matrix(places, mode), helsinki.path(places, mode)

    straight = straight_matrix(places, mode)
    assert matrix.by_road[:2, :2].tolist() == [[False, True], [True, False]]
    assert not matrix.by_road[2:].any()
    assert not matrix.by_road[:, 2:].any()
    assert np.array_equal(matrix.seconds[2:], straight.seconds[2:])
    assert matrix.sources() == (2, 10)
    assert path.by_road == (True, False, False)
    assert path.line[-2:] == [tuple(BEIJING), tuple(ESPOO)]
    assert path.legs[1:] == path_straight(places, mode).legs[1:]


@modes
def test_none_one_and_the_same_place_twice(mode: Mode, helsinki: Roads) -> None:
    (place,) = some_places(1)

    assert len(helsinki.matrix([], mode)) == 0
    assert helsinki.path([], mode) == path_straight([], mode)
    assert helsinki.matrix([place], mode).seconds.tolist() == [[0]]
    assert helsinki.path([place], mode).line == [tuple(place)]
    twice = helsinki.matrix([place, place], mode)
    assert twice.metres[0, 1] == twice.metres[1, 0] < 200


def test_a_position_that_is_none_is_refused(helsinki: Roads) -> None:
    for way in (helsinki.matrix, helsinki.path):
        with pytest.raises(ValueError, match="a place needs"):
            way([*some_places(2), Place(math.nan, 60)], Mode.CAR)


def test_more_pairs_than_the_engine_takes_at_once_are_asked_for_in_bands(
    helsinki: Roads, monkeypatch: pytest.MonkeyPatch
) -> None:
    bands: list[int] = []
    asked = Engine.rows

    def rows(self: Engine, sources: list[Place], targets: list[Place]) -> tuple[np.ndarray, np.ndarray]:
        bands.append(len(sources))
        return asked(self, sources, targets)

    monkeypatch.setattr(Engine, "rows", rows)
    places = some_places(330)
    assert len(places) ** 2 > engine.PAIRS_AT_ONCE

    matrix = helsinki.matrix(places, Mode.CAR)

    assert sum(bands) == 330
    assert len(bands) == 2
    # No band was refused, and each says what a question of its own would.
    some = [0, 17, 302, 303, 304, 329]
    few = helsinki.matrix([places[at] for at in some], Mode.CAR)
    assert same(
        few, Matrix(*(getattr(matrix, name)[np.ix_(some, some)] for name in ("seconds", "metres", "by_road")))
    )


@pytest.mark.parametrize("apart", [0.05, 2.0])
def test_two_networks_that_do_not_meet(apart: float, tmp_path: Path) -> None:
    """Side by side, and so far apart that the engine knows without looking."""
    there = Place(HERE.lon + apart, HERE.lat)
    travel = roads_of(extract(*beside(town(HERE), town(there))), tmp_path / "roads")
    places = [Place(at.lon + off, at.lat + off) for at in (HERE, there) for off in (0.001, 0.006)]

    for mode in Mode:
        matrix = travel.matrix(places, mode)

        assert matrix.by_road.tolist() == [
            [False, True, False, False],
            [True, False, False, False],
            [False, False, False, True],
            [False, False, True, False],
        ]
        assert matrix.metres[0, 2] == straight_matrix(places, mode).metres[0, 2]
        assert travel.path(places, mode).by_road == (True, False, True)


def test_a_street_that_leads_one_way_only(tmp_path: Path) -> None:
    """Two towns, and a road from the first to the second: nobody drives back, but anybody walks."""
    there = Place(HERE.lon + 0.03, HERE.lat)
    nodes, ways = beside(town(HERE), town(there))
    last_here, first_there = 7, 64
    travel = roads_of(
        extract(nodes, [*ways, street([last_here, first_there], oneway="yes")]), tmp_path / "roads"
    )
    places = [Place(HERE.lon + 0.001, HERE.lat + 0.001), Place(there.lon + 0.006, there.lat + 0.005)]

    assert travel.matrix(places, Mode.CAR).by_road.tolist() == [[False, True], [False, False]]
    assert travel.path([*places, places[0]], Mode.CAR).by_road == (True, False)
    assert travel.matrix(places, Mode.FOOT).sources() == (2, 0)


@pytest.mark.parametrize(("aside_m", "by_road"), [(0, True), (500, True), (1900, True), (2200, False)])
def test_how_far_from_a_road_a_place_may_be(aside_m: int, by_road: bool, tmp_path: Path) -> None:
    travel = roads_of(extract(*town(HERE)), tmp_path / "roads")
    south = math.degrees(aside_m / 6_371_008.8)
    places = [Place(HERE.lon + 0.003, HERE.lat - south), Place(HERE.lon + 0.005, HERE.lat + 0.006)]

    matrix, path = travel.matrix(places, Mode.CAR), travel.path(places, Mode.CAR)

    assert matrix.by_road[0, 1] == by_road
    assert path.by_road == (by_road,)
    at_road = travel.matrix([Place(HERE.lon + 0.003, HERE.lat), places[1]], Mode.CAR)
    if by_road:
        # The piece to the road is not given away.
        assert matrix.metres[0, 1] == pytest.approx(at_road.metres[0, 1] + aside_m * DETOUR_FACTOR, abs=5)
        assert matrix.metres[0, 1] == pytest.approx(path.metres, abs=5)
        assert matrix.seconds[0, 1] == pytest.approx(
            at_road.seconds[0, 1] + aside_m * DETOUR_FACTOR / (30 / 3.6), abs=3
        )


def test_a_way_of_many_hours_is_found(tmp_path: Path) -> None:
    """A slow road of 300 km with a side street at every post; by its defaults the engine gives up half-way."""
    posts = 600
    nodes = [Place(HERE.lon + at * 0.005, HERE.lat + side) for side in (0, 0.001) for at in range(posts)]
    aside = [street([at, posts + at]) for at in range(posts)]
    travel = roads_of(extract(nodes, [street(range(posts), maxspeed="20"), *aside]), tmp_path / "roads")
    ends = [nodes[0], nodes[posts - 1]]

    for mode in Mode:
        matrix = travel.matrix([*ends, nodes[4]], mode)

        assert matrix.sources() == (6, 0)
        assert matrix.metres[0, 1] == pytest.approx(crow(ends)[0, 1], rel=0.01)
    assert travel.matrix(ends, Mode.CAR).seconds[0, 1] > 12 * 3600


def test_an_engine_that_fails_is_filled_and_logged(
    helsinki: Roads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("the engine has a bad day")

    places = some_places(4)
    for broken in ("nearest", "rows", "way"):
        monkeypatch.setattr(Engine, broken, fail)
    with caplog.at_level(logging.WARNING):
        assert same(helsinki.matrix(places, Mode.CAR), straight_matrix(places, Mode.CAR))
        assert helsinki.path(places, Mode.CAR) == path_straight(places, Mode.CAR)
    assert "a bad day" in caplog.text


@pytest.mark.parametrize(
    "answer", ["[]", "{}", "null", "7", '{"sources_to_targets": {"durations": [["x"]]}}']
)
def test_an_answer_that_nobody_expects_is_filled_and_logged(
    answer: str, helsinki: Roads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    places = some_places(4)
    expected = helsinki.path(places[:2], Mode.FOOT)
    travel = Roads(helsinki._packed, helsinki.info)
    travel.matrix(places, Mode.FOOT)
    ask = Engine._ask

    def answered(self: Engine, action: str, **request: object) -> object:
        return ask(self, action, **request) if action == "locate" else engine.orjson.loads(answer)

    monkeypatch.setattr(Engine, "_ask", answered)
    with caplog.at_level(logging.WARNING):
        assert same(travel.matrix(places, Mode.FOOT), straight_matrix(places, Mode.FOOT))
        assert travel.path(places, Mode.FOOT) == path_straight(places, Mode.FOOT)
    assert "something else" in caplog.text
    monkeypatch.undo()
    assert travel.path(places[:2], Mode.FOOT) == expected


def test_tiles_that_vanish_are_filled_and_logged(helsinki: Roads, caplog: pytest.LogCaptureFixture) -> None:
    gone = Roads(helsinki._packed.with_name("gone.tar"), helsinki.info)

    with caplog.at_level(logging.WARNING):
        assert gone.matrix(some_places(3), Mode.CAR).sources() == (0, 6)

    assert caplog.text


def test_threads_share_the_roads(helsinki: Roads) -> None:
    travel = Roads(helsinki._packed, helsinki.info)
    asked = [(some_places(20, seed), mode) for seed in range(6) for mode in Mode]
    expected = [helsinki.matrix(*one) for one in asked]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: travel.matrix(*one), asked))

    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def run(script: str) -> str:
    """What a process of its own prints, in which nothing was imported yet."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_process_that_is_forked_off_opens_the_roads_itself(helsinki_folder: Path) -> None:
    assert (
        run(f"""
import os
from pathlib import Path
from gis.routing.network import network
from gis.routing.places import Mode
from tests.routing.conftest import some_places

travel = network(Path({str(helsinki_folder)!r}))
before = travel.matrix(some_places(20), Mode.CAR).metres.sum()
travel._roads._lock.acquire()  # Another thread is asking at the moment of the fork.
child = os.fork()
if child == 0:
    os._exit(0 if travel.matrix(some_places(20), Mode.CAR).metres.sum() == before else 1)
travel._roads._lock.release()
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), travel.matrix(some_places(20), Mode.CAR).metres.sum() == before)
""")
        == "0 True"
    )


def test_without_the_engine_everything_is_as_the_crow_flies(helsinki_folder: Path) -> None:
    assert run(f"""
import sys
sys.modules["valhalla"] = None  # An import then fails as if it were not installed.
from datetime import UTC, datetime
from pathlib import Path
from gis.exchange.coded import CodedError
from gis.routing.engine import version
from gis.routing.matrix import path_straight, straight_matrix
from gis.routing.network import network
from gis.routing.places import Mode
from gis.routing.roads import Roads
from gis.routing.tiles import build_tiles, state_of
from tests.routing.conftest import HELSINKI, some_places

folder = Path({str(helsinki_folder)!r})
travel, places = network(folder), some_places(5)
print(Roads.open(folder), travel.roads, travel.attribution, repr(version()))
print(travel.matrix(places, Mode.CAR).sources(), travel.path(places, Mode.FOOT) == path_straight(places, Mode.FOOT))
print(state_of(folder).standing, state_of(folder).info is not None, state_of(folder / "none").standing)
try:
    build_tiles(HELSINKI, folder, built_at=datetime.now(UTC))
except CodedError as error:
    print(error.code)
""").splitlines() == [
        "None None None ''",
        "Sources(by_road=0, straight=20) True",
        "roads_engine_missing True roads_engine_missing",
        "roads_engine_missing",
    ]


def test_the_engine_leaves_no_files_behind(
    helsinki: Roads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert Roads(helsinki._packed, helsinki.info).matrix(some_places(3), Mode.FOOT).sources() == (6, 0)

    assert not list(tmp_path.iterdir())


def test_one_network_for_a_folder(helsinki_folder: Path, tmp_path: Path) -> None:
    travel = network(helsinki_folder)

    assert network(Path(str(helsinki_folder))) is travel
    assert travel.roads is not None
    assert travel.roads.extract == "Helsinki.osm.pbf"
    assert travel.attribution == ATTRIBUTION
    assert network(tmp_path) is not travel
    assert Network(tmp_path).roads is None
    assert roads.Roads.open(tmp_path) is None
