"""Rounds through places: the same for the same places, never shorter than the shortest, and not much longer."""

from __future__ import annotations

from itertools import permutations
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gis.tours import DETOUR_FACTOR, great_circle_m, tour_lengths_m

lons = st.floats(84.0, 84.1)
lats = st.floats(39.0, 39.1)
places = st.lists(st.tuples(lons, lats), max_size=30)


def lengths(*rounds: list[tuple[float, float]]) -> list[int]:
    tours = np.array([number for number, one in enumerate(rounds) for _ in one], dtype=np.int64)
    x, y = np.array([place for one in rounds for place in one], dtype=float).reshape(-1, 2).T
    return tour_lengths_m(tours, x, y, len(rounds)).tolist()


def shortest(of: list[tuple[float, float]]) -> float:
    """By trying all rounds."""
    first, *others = np.array(of)
    rounds = [np.array([first, *order, first]).T for order in permutations(others)]
    return min(float(great_circle_m(x[:-1], y[:-1], x[1:], y[1:]).sum()) for x, y in rounds) * DETOUR_FACTOR


def test_great_circles_are_as_far_as_the_ellipsoid_says_within_a_half_percent() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.uniform(73, 135, (2, 500)), rng.uniform(18, 53, (2, 500))
    _, _, metres = Geod(ellps="WGS84").inv(x[0], y[0], x[1], y[1])
    assert great_circle_m(x[0], y[0], x[1], y[1]) == pytest.approx(metres, rel=5e-3)


@pytest.mark.parametrize("few", [[], [(84.0, 39.0)], [(84.0, 39.0)] * 5])
def test_one_place_is_no_way(few: list[tuple[float, float]]) -> None:
    assert lengths(few) == [0]


def test_two_places_are_there_and_back() -> None:
    there = great_circle_m(*(np.array([one]) for one in (84.0, 39.0, 84.1, 39.0)))[0]
    assert lengths([(84.0, 39.0), (84.1, 39.0)]) == [round(2 * there * DETOUR_FACTOR)]


def test_a_ring_of_places_is_gone_round_once() -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = [(84 + 0.02 * np.cos(a) / np.cos(np.radians(39)), 39 + 0.02 * np.sin(a)) for a in angles]
    rim = 2 * np.pi * 0.02 * np.pi / 180 * 6_371_008.8 * DETOUR_FACTOR
    assert lengths(ring)[0] == pytest.approx(rim, rel=0.01)


@given(places, st.randoms(), places)
def test_neither_the_order_of_places_nor_other_rounds_change_a_length(
    of: list[tuple[float, float]], chance: object, others: list[tuple[float, float]]
) -> None:
    (alone,) = lengths(of)
    shuffled = list(of)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lengths(others, shuffled, [])[1:] == [alone, 0]


@given(st.lists(st.tuples(lons, lats), min_size=3, max_size=6))
def test_no_round_is_shorter_than_the_shortest(of: list[tuple[float, float]]) -> None:
    assert lengths(of)[0] >= shortest(of) - 1


def test_a_random_round_is_about_a_sixth_longer_than_the_shortest() -> None:
    """The shortest through n random places of a square of area A is about 0.7124 √(nA) (1 + 0.33/√n) and a little more."""
    rng = np.random.default_rng(20260706)
    tours = np.repeat(np.arange(60), 140)
    x, y = rng.uniform(84, 84.1, len(tours)), rng.uniform(39, 39.1, len(tours))
    side_m = 0.1 * np.pi / 180 * 6_371_008.8
    area = side_m * side_m * np.cos(np.radians(39.05))
    least = 0.768 * np.sqrt(140 * area) * DETOUR_FACTOR
    assert 1.03 < tour_lengths_m(tours, x, y, 60).mean() / least < 1.2


def test_a_citys_outlets_take_a_moment_only() -> None:
    """30,000 outlets in 214 cells: a third of a second; all pairs of them would take minutes."""
    rng = np.random.default_rng(1)
    tours = rng.integers(0, 214, 30_000)
    x, y = rng.uniform(84, 84.1, 30_000), rng.uniform(39, 39.1, 30_000)
    began = process_time()
    assert (tour_lengths_m(tours, x, y, 214) > 0).all()
    assert process_time() - began < 5
