"""Good rounds for a day within a time: the search from several seeds, the best of them, checked."""

from __future__ import annotations

import time
from collections.abc import Callable

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
    process ended before anything was found, and whatever ``on_progress`` raises; no process is left in any case.
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
        while searches.running:
            for number, told in searches.heard(REPORT_S):
                if not watch.hears(number, told):
                    return
            if not watch.reports() or time.monotonic() > deadline + GRACE_S:
                return
    if not watch.heard_last_word and not watch.found:
        raise SearchDied(f"{len(errands)} searches died without a word")


class _Watch:
    """Keeps the best of what the searches tell, and tells it on."""

    def __init__(self, day: RoutingDay, kept: Visits, seeds: int, on_progress: OnProgress | None) -> None:
        self.begun = time.monotonic()
        self.found = False
        self.heard_last_word = False
        self._day = day
        self._start = solution_of(day, kept)
        self._best_of: list[Solution | None] = [None] * seeds
        self._iterations = [0] * seeds
        self._on_progress = on_progress
        self._reported = self.begun

    @property
    def best(self) -> Solution:
        """The best so far. Of equals, what was there at the beginning, then what the first of the seeds found."""
        found = (one for one in self._best_of if one is not None)
        return min((self._start, *found), key=lambda one: one.objective)

    def hears(self, number: int, told: Told) -> bool:
        """Take what a search tells; whether the searches shall go on."""
        self._iterations[number] = told.iterations
        self.heard_last_word |= told.done
        if told.visits is not None:
            self.found = True
            self._best_of[number] = solution_of(self._day, told.visits)
        return self.reports()

    def reports(self) -> bool:
        """Tell how far it is if it is time to; whether the searches shall go on."""
        now = time.monotonic()
        if self._on_progress is None or now - self._reported < REPORT_S:
            return True
        self._reported = now
        best = self.best
        return self._on_progress(
            Progress(now - self.begun, best.objective, best.served, sum(self._iterations), best)
        )
