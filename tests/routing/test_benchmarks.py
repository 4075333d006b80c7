"""Published instances against their proven optima."""

from __future__ import annotations

import pytest

from gis.routing.solving import solve
from tests.routing.benchmark_instances import BEST_KNOWN, instance, keeps_capacity
from tests.routing.proof import check


@pytest.mark.parametrize(
    ("name", "iterations", "percent", "with_loads"),
    [
        ("C101", 600, 0.5, True),
        ("R101", 1200, 1.0, True),
        ("RC101", 1200, 2.0, False),
        ("RC208", 1200, 2.0, True),
        ("R1_2_1", 600, 4.0, False),
    ],
)
def test_gap_to_the_best_known(name: str, iterations: int, percent: float, with_loads: bool) -> None:
    """So many iterations are a second or two. Where the loads are kept too, no answer can be below the proven optimum."""
    day = instance(name)
    found = solve(day, limit_s=250, seeds=(1, 2), iterations=iterations)
    check(day, found)
    assert not found.unserved
    gap = 100 * (found.objective / BEST_KNOWN[name] - 1)
    assert gap <= percent
    if with_loads:
        assert keeps_capacity(name, found)
        assert gap >= 0
