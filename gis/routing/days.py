"""What is to be planned and what comes of it: turns, tasks and matrices in, rounds of halts out.

Everything is whole numbers. Times are seconds since one zero that the caller chooses, such as the midnight of the first
day: a squad's week is one `RoutingDay` whose turns lie on five days. Prizes are seconds worth of work, so that they and
travel can be added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]

# Longer than any plan and small enough that sums of many stay far from the end of 64 bits.
MOST = 2**40


@dataclass(frozen=True, slots=True)
class Turn:
    """One team's shift: from the place ``start``, not before ``starts``, back at the place ``end`` by ``ends``.

    Places are rows of the matrices. ``most_stops`` bounds the halts of its round. A shift may cross midnight. ``mode`` names
    the matrices by which it travels: the day's own, or one of its ``others``.
    """

    key: str
    team: str
    starts: int
    ends: int
    start: int
    end: int
    most_stops: int | None = None
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A window for a task: its service begins in [``opens``, ``closes``], both included, in one of ``turns``.

    Who is there earlier waits. The service may last beyond ``closes``, which is the latest beginning. ``turns`` are keys
    of turns; ``None`` allows every turn.
    """

    opens: int
    closes: int
    turns: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A visit to ``place`` of ``service_s`` seconds, made at most once and in exactly one of its ``options``.

    ``prize`` is what the visit is worth in seconds of work. A ``required`` task is never given up for travel or for
    prizes of others; see `RoutingDay.required_weight`.
    """

    key: str
    place: int
    service_s: int
    prize: int
    options: tuple[Option, ...]
    required: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RoutingDay:
    """The turns of one day, or of several, the tasks that they may do, and the way between all places.

    ``seconds`` and ``metres`` are square and of one size; row *from*, column *to*; they need be neither symmetric nor
    metric, and the way from a place to itself is zero. A pair without a way is any number beyond the longest shift.
    ``others`` are seconds and metres between the same places for turns of another mode, such as on foot.

    Raises ValueError when keys are not unique, a place lies outside of the matrices, an option names a turn that there
    is not, or a number is negative that may not be.
    """

    turns: tuple[Turn, ...]
    tasks: tuple[Task, ...]
    seconds: Matrix
    metres: Matrix
    others: Mapping[str, tuple[Matrix, Matrix]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("seconds", "metres"):
            object.__setattr__(self, name, _matrix(name, getattr(self, name)))
        others = {
            mode: (_matrix(f"seconds {mode}", seconds), _matrix(f"metres {mode}", metres))
            for mode, (seconds, metres) in self.others.items()
        }
        object.__setattr__(self, "others", others)
        for one in (self.metres, *(matrix for pair in others.values() for matrix in pair)):
            if self.seconds.shape != one.shape:
                raise ValueError(f"matrices of {self.seconds.shape} and {one.shape}")
        keys = _unique("turn", (turn.key for turn in self.turns))
        _unique("task", (task.key for task in self.tasks))
        for turn in self.turns:
            self._check_turn(turn)
        for task in self.tasks:
            self._check_task(task, keys)

    def seconds_of(self, turn: Turn) -> Matrix:
        """How long the ways are for a turn."""
        return self.others[turn.mode][0] if turn.mode else self.seconds

    def metres_of(self, turn: Turn) -> Matrix:
        """How far the ways are for a turn."""
        return self.others[turn.mode][1] if turn.mode else self.metres

    @property
    def required_weight(self) -> int:
        """What the objective adds for each required task that is left: more than all travel and all prizes together."""
        return (
            1 + sum(turn.ends - turn.starts for turn in self.turns) + sum(task.prize for task in self.tasks)
        )

    def weigh(self, travel_s: int, unserved: Iterable[Task]) -> int:
        """The objective, lower is better: travel in seconds, prizes not collected, and `required_weight` for each
        required task that is left. Waiting and service are not counted: a turn is paid from its start to its end.
        """
        weight = self.required_weight
        return travel_s + sum(task.prize + (weight if task.required else 0) for task in unserved)

    def _check_turn(self, turn: Turn) -> None:
        self._check_place(turn.start, turn.key)
        self._check_place(turn.end, turn.key)
        if turn.mode and turn.mode not in self.others:
            raise ValueError(f"turn {turn.key} travels by {turn.mode}, of which there is no matrix")
        if not -MOST <= turn.starts <= turn.ends <= MOST:
            raise ValueError(f"turn {turn.key} from {turn.starts} to {turn.ends}")
        if turn.most_stops is not None and turn.most_stops < 0:
            raise ValueError(f"turn {turn.key} of {turn.most_stops} stops")

    def _check_task(self, task: Task, turns: set[str]) -> None:
        self._check_place(task.place, task.key)
        if not 0 <= task.service_s <= MOST or not 0 <= task.prize <= MOST:
            raise ValueError(f"task {task.key} of {task.service_s} s and {task.prize}")
        for option in task.options:
            if option.opens > option.closes:
                raise ValueError(f"task {task.key} opens at {option.opens} and closes at {option.closes}")
            if option.turns is not None and not option.turns <= turns:
                raise ValueError(f"task {task.key} names unknown turns {sorted(option.turns - turns)}")

    def _check_place(self, place: int, key: str) -> None:
        if not 0 <= place < len(self.seconds):
            raise ValueError(f"{key} at place {place} of {len(self.seconds)}")


@dataclass(frozen=True, slots=True)
class Halt:
    """One visit of a round: there at ``arrives``, at work from ``begins`` to ``departs``; waiting lies between the first."""

    task: str
    arrives: int
    begins: int
    departs: int


@dataclass(frozen=True, slots=True)
class Round:
    """What a turn does. ``leaves`` is the latest departure that makes the return no later, so nobody sets out to wait.

    ``returns - leaves`` is ``travel_s + service_s + waiting_s``. A turn that visits nobody has no round and drives no way.
    """

    turn: str
    halts: tuple[Halt, ...]
    leaves: int
    returns: int
    metres: int
    travel_s: int
    service_s: int
    waiting_s: int


@dataclass(frozen=True, slots=True)
class Solution:
    """The rounds in the order of the day's turns, the keys of tasks that nobody visits, and the weight of it all.

    ``objective`` is that of `RoutingDay.weigh`; it compares solutions of the same day only.
    """

    rounds: tuple[Round, ...]
    unserved: tuple[str, ...]
    objective: int

    @property
    def served(self) -> int:
        """How many tasks are visited."""
        return sum(len(one.halts) for one in self.rounds)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come: seconds since its beginning, rounds of improvement by all seeds, and the best so far."""

    elapsed_s: float
    objective: int
    served: int
    iterations: int
    best: Solution


def _matrix(name: str, given: Any) -> Matrix:
    array = np.asarray(given)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} of shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} are {array.dtype}, not whole numbers")
    whole: Matrix = np.ascontiguousarray(array, dtype=np.int64)
    if whole.size and (whole.min() < 0 or whole.diagonal().any()):
        raise ValueError(f"{name} below zero, or a way from a place to itself")
    return whole


def _unique(what: str, keys: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"two {what}s {key}")
        seen.add(key)
    return seen
