"""Searching as it is, and the same each time: from one seed, in this process, over so many rounds of improvement.

However busy a machine is, a small day is then planned in a moment, and the same day always gets the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gis.routing.days import RoutingDay, Solution
from gis.routing.solving import solve
from server.planning import solving

ROUNDS = 200


@contextmanager
def steadily(rounds: int = ROUNDS) -> Iterator[None]:
    """Runs of the solver within are steady."""

    def searched(day: RoutingDay, **given: Any) -> Solution:
        return solve(day, **{**given, "seeds": (1,), "iterations": rounds})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solving, "solve", searched)
        yield
