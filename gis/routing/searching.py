"""One seed's search for good rounds, in this process: PyVRP's iterated local search, told when to stop, heard as it goes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pyvrp
from pyvrp.exceptions import PenaltyBoundWarning
from pyvrp.search import PerturbationParams

from gis.routing.days import RoutingDay
from gis.routing.formulation import Formulation
from gis.routing.timing import Visits

TELL_S = 0.1
"""How often a search tells how far it is, at most."""

# It means that rounds are hard to make in time. Whoever plans learns that from gis.routing.infeasible, in better words.
warnings.filterwarnings("ignore", category=PenaltyBoundWarning)


@dataclass(frozen=True, slots=True)
class Errand:
    """What a seed is to do, until the monotonic clock shows ``deadline`` or after so many ``iterations``."""

    day: RoutingDay
    seed: int
    deadline: float
    iterations: int | None = None
    start: Visits | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a search tells: its best visits where they are new, and its iterations so far. ``done`` comes last."""

    visits: Visits | None
    iterations: int
    done: bool = False


Tell = Callable[[Told], bool]
"""Hears what a search tells, and answers whether it shall go on."""


def search(errand: Errand, tell: Tell) -> None:
    """Search for good visits and tell each that is better than the one told before; the last word is ``done``.

    Only visits that PyVRP calls feasible are told. The same errand with ``iterations`` and enough time tells the same
    visits in the end.
    """
    formulation = Formulation(errand.day) if errand.day.turns else None
    if formulation is None or not formulation.data.num_clients:
        tell(Told(None, 0, done=True))
        return
    ear = _Ear(formulation, errand, tell)
    start = formulation.initial(errand.start) if errand.start else None
    pyvrp.solve(
        formulation.data,
        ear.shall_stop,
        seed=errand.seed,
        collect_stats=False,
        display=False,
        params=_params(ear, formulation.data),
        initial_solution=start,
    )
    ear.close()


class _Penalties(pyvrp.PenaltyParams):
    """Penalties that begin where they end up for patrols, not half way to the most, and find their level sooner.

    On a patrol of hundreds, a second too late weighs at first about what some seconds of work earn, and the search may
    pass through rounds that are late. A day of a few tasks has few ways through it: there lateness weighs more. A stop
    too many weighs as much as a stop earns, and may come to weigh more than any: else a turn with a bound on its stops
    would rather be over it for ever than give one up.
    """

    def __init__(self, data: pyvrp.ProblemData) -> None:
        self._dearest = max(client.prize for client in data.clients())
        super().__init__(solutions_between_updates=100, max_penalty=max(100_000.0, 2.0 * self._dearest))

    def midpoint_penalties(self, data: pyvrp.ProblemData) -> tuple[list[float], float, float]:
        """What the search begins with."""
        late = min(max(10.0, 400_000 / data.num_clients**2), 1000.0)
        return [float(self._dearest)] * data.num_load_dimensions, late, late


def _params(ear: _Ear, data: pyvrp.ProblemData) -> pyvrp.SolveParams:
    """Tuned on patrol days (`bench/routes.py`), for the first seconds: PyVRP's own defaults are made for minutes, and are
    as good there. A search that has come to rest starts again from its best, which the defaults hardly ever do.
    """
    return pyvrp.SolveParams(
        ils=pyvrp.IteratedLocalSearchParams(
            num_iters_no_improvement=5000, history_length=100, exhaustive_on_best=False, callbacks=ear
        ),
        penalty=_Penalties(data),
        perturbation=PerturbationParams(max_perturbations=10),
    )


@dataclass
class _Ear(pyvrp.IteratedLocalSearchCallbacks):
    """Listens to PyVRP: keeps its best, passes it on now and then, and says when it is enough."""

    formulation: Formulation
    errand: Errand
    tell: Tell
    iterations: int = 0
    new: pyvrp.Solution | None = None
    stopped: bool = False
    told_at: float = 0.0

    def on_start(self, ils: pyvrp.IteratedLocalSearch) -> None:
        """The solution that the search begins with is a solution too."""
        self.on_best(ils.initial_solution)

    def on_best(self, best: pyvrp.Solution) -> None:
        """A better one is found."""
        if best.is_feasible():
            self.new = best

    def shall_stop(self, best_cost: int) -> bool:
        """Asked before each iteration."""
        now = time.monotonic()
        if now - self.told_at >= TELL_S:
            self.told_at = now
            self.stopped = not self.tell(self._news(done=False))
        if self.stopped or now >= self.errand.deadline or self.iterations == self.errand.iterations:
            return True
        self.iterations += 1
        return False

    def close(self) -> None:
        """The last word."""
        self.tell(self._news(done=True))

    def _news(self, *, done: bool) -> Told:
        best, self.new = self.new, None
        return Told(None if best is None else self.formulation.visits(best), self.iterations, done)
