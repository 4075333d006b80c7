"""Stand-in until the solver lands."""

from __future__ import annotations

import time
from collections.abc import Callable

from gis.routing.days import Progress, RoutingDay, Solution
from gis.routing.searching import Errand, Told, search
from gis.routing.timing import kept_of, solution_of


def solve(
    day: RoutingDay,
    *,
    limit_s: float,
    seeds: tuple[int, ...] = (1, 2),
    start: Solution | None = None,
    on_progress: Callable[[Progress], bool] | None = None,
) -> Solution:
    begin = time.monotonic()
    visits = kept_of(day, start) if start else {}
    best = solution_of(day, visits)

    def tell(told: Told) -> bool:
        nonlocal best
        if told.visits is not None:
            found = solution_of(day, told.visits)
            if found.objective < best.objective:
                best = found
        if on_progress:
            return on_progress(
                Progress(time.monotonic() - begin, best.objective, best.served, told.iterations, best)
            )
        return True

    search(Errand(day, seeds[0], begin + limit_s, start=visits or None), tell)
    return best
