"""Good rounds for a day within a time: the search from several seeds, the best of them, checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from gis.routing.days import Progress, RoutingDay, Solution
from gis.routing.searching import Errand, Told, search
from gis.routing.seeds import GRACE_S, SearchDied, Seeds
from gis.routing.timing import Visits, kept_of, solution_of

REPORT_S = 0.5
"""How often progress is told."""

OnProgress = Callable[[Progress], bool]


def solve(
    day: RoutingDay,
    *,
    limit_s: float,
    seeds: tuple[int, ...] = (1, 2),
    start: Solution | None = None,
    on_progress: OnProgress | None = None,
    iterations: int | None = None,
) -> Solution:
    """The best rounds found for ``day`` within ``limit_s`` seconds.

    Each seed searches in a process of its own, a single one in this process. ``start`` may be the solution of an earlier
    state of the day: what still holds of it is begun with, and the answer is never worse than that. ``on_progress`` hears
    about twice a second how far it is, best solution included; it answers False to stop, and the best so far is returned.
    With ``iterations``, which bounds each seed, and time enough for them the answer is always the same.

    Every solution that is told or returned has been timed anew from the matrices and holds. Raises SearchDied when every
    process ended without a word, and whatever ``on_progress`` raises; no process is left in any case.
    """
    if not seeds:
        raise ValueError("no seed to search from")
    kept = kept_of(day, start) if start is not None else {}
    watch = _Watch(day, kept, len(seeds), on_progress)
    deadline = watch.begun + limit_s
    errands = [Errand(day, seed, deadline, iterations, kept or None) for seed in seeds]
    if len(errands) == 1 or not day.turns or not day.tasks:
        search(errands[0], lambda told: watch.hears(0, told))
    else:
        _search_beside(errands, watch, deadline)
    return watch.best


def _search_beside(errands: list[Errand], watch: _Watch, deadline: float) -> None:
    with Seeds(errands) as searches:
        # While they are being loaded, the first rounds that they will begin with: on a machine so busy that they do not
        # come to it in time there is a plan all the same.
        search(replace(errands[0], iterations=0), lambda told: watch.hears(0, told))
        spoke = False
        while searches.running:
            for number, told in searches.heard(REPORT_S):
                spoke = True
                if not watch.hears(number, told):
                    return
            if not watch.reports() or time.monotonic() > deadline + GRACE_S:
                return
    if not spoke:
        raise SearchDied(f"{len(errands)} searches died without a word")


class _Watch:
    """Keeps the best of what the searches tell, and tells it on."""

    def __init__(self, day: RoutingDay, kept: Visits, seeds: int, on_progress: OnProgress | None) -> None:
        self.begun = time.monotonic()
        self._day = day
        self._start = solution_of(day, kept)
        self._best_of: list[Solution | None] = [None] * seeds
        self._iterations = [0] * seeds
        self._on_progress = on_progress
        self._reported = self.begun
        self._cancelled = False

    @property
    def best(self) -> Solution:
        """The best so far. Of equals, what was there at the beginning, then what the first of the seeds found."""
        found = (one for one in self._best_of if one is not None)
        return min((self._start, *found), key=lambda one: one.objective)

    def hears(self, number: int, told: Told) -> bool:
        """Take what a search tells; whether the searches shall go on."""
        self._iterations[number] = told.iterations
        if told.visits is not None:
            self._best_of[number] = solution_of(self._day, told.visits)
        return self.reports()

    def reports(self) -> bool:
        """Tell how far it is if it is time to; whether the searches shall go on."""
        now = time.monotonic()
        if self._on_progress is None or self._cancelled or now - self._reported < REPORT_S:
            return not self._cancelled
        self._reported = now
        best = self.best
        told = Progress(now - self.begun, best.objective, best.served, sum(self._iterations), best)
        self._cancelled = not self._on_progress(told)
        return not self._cancelled
