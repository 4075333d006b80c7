"""Travel as the crow flies: a great circle, a detour factor and a speed, for any places on earth."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gis.routing.matrix import DETOUR_FACTOR, SPEED_KMH, path_straight, straight_matrix
from gis.routing.places import Mode, Place

GEOD = Geod(ellps="WGS84")

places = st.builds(Place, st.floats(-180, 180), st.floats(-90, 90))
some = st.lists(places, max_size=8)
modes = st.sampled_from(Mode)


@given(some, modes)
def test_there_is_as_far_as_back_and_nowhere_is_no_way_at_all(places: list[Place], mode: Mode) -> None:
    matrix = straight_matrix(places, mode)

    for table in (matrix.metres, matrix.seconds):
        assert table.shape == (len(places), len(places))
        assert table.dtype == np.int64
        assert np.array_equal(table, table.T)
        assert not np.diagonal(table).any()
        assert (table >= 0).all()
    assert not matrix.by_road.any()
    assert matrix.sources() == (0, len(places) * (len(places) - 1))


@given(st.tuples(places, places, places), modes)
def test_no_detour_is_a_short_cut(three: tuple[Place, Place, Place], mode: Mode) -> None:
    matrix = straight_matrix(three, mode)

    for table in (matrix.metres, matrix.seconds):
        # Each of the three is rounded by half a unit.
        assert table[0, 2] <= table[0, 1] + table[1, 2] + 2


@given(places, places)
def test_a_great_circle_differs_little_from_the_ellipsoids(start: Place, end: Place) -> None:
    *_, expected = GEOD.inv(*start, *end)

    metres = straight_matrix([start, end], Mode.CAR, detour_factor=1).metres[0, 1]

    assert abs(metres - expected) <= 0.006 * expected + 1


@given(places, places, st.floats(1, 3), st.floats(1, 120))
def test_the_factor_makes_it_longer_and_the_speed_shorter(
    start: Place, end: Place, factor: float, speed: float
) -> None:
    plain = straight_matrix([start, end], Mode.CAR, detour_factor=1).metres[0, 1]

    matrix = straight_matrix([start, end], Mode.CAR, detour_factor=factor, speed_kmh=speed)

    assert matrix.metres[0, 1] == pytest.approx(plain * factor, abs=3)
    assert matrix.seconds[0, 1] == pytest.approx(matrix.metres[0, 1] / (speed / 3.6), abs=4)


@pytest.mark.parametrize("mode", Mode)
def test_a_kilometre_takes_what_is_documented(mode: Mode) -> None:
    north = math.degrees(1000 / 6_371_008.8)

    matrix = straight_matrix([Place(113, 27), Place(113, 27 + north)], mode)

    assert DETOUR_FACTOR == 1.35
    assert SPEED_KMH == {Mode.CAR: 30, Mode.FOOT: 4.5}
    assert matrix.metres[0, 1] == 1350
    assert matrix.seconds[0, 1] == {Mode.CAR: 162, Mode.FOOT: 1080}[mode]


@given(some, modes)
def test_a_straight_path_has_the_legs_of_the_matrix(places: list[Place], mode: Mode) -> None:
    matrix, path = straight_matrix(places, mode), path_straight(places, mode)

    assert path.line == [tuple(place) for place in places]
    assert [(leg.metres, leg.seconds) for leg in path.legs] == [
        (matrix.metres[at], matrix.seconds[at]) for at in pairwise(range(len(places)))
    ]
    assert path.metres == sum(leg.metres for leg in path.legs)
    assert path.seconds == sum(leg.seconds for leg in path.legs)
    assert not any(path.by_road)


@pytest.mark.parametrize("way", [straight_matrix, path_straight])
@pytest.mark.parametrize("bad", [Place(math.nan, 0), Place(0, math.inf), Place(180.1, 0), Place(0, -90.1)])
def test_a_position_that_is_none_is_refused(way: type, bad: Place) -> None:
    with pytest.raises(ValueError, match="a place needs"):
        way([Place(113, 27), bad], Mode.CAR)


@pytest.mark.parametrize("wrong", [{"detour_factor": 0.9}, {"speed_kmh": 0}, {"speed_kmh": math.nan}])
def test_a_factor_or_a_speed_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a detour factor is"):
        straight_matrix([Place(113, 27)], Mode.CAR, **wrong)
