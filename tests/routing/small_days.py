"""Small days of every kind for hypothesis: any matrices, shifts that overlap or not, options, bounds and required tasks.

Built from one random number each, so that most of them have something to choose: built piece by piece they were bare.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from gis.routing.days import Matrix, Option, RoutingDay, Task, Turn

PLACES = 5
TURNS = ("a", "b")
# So long after the shift of one day begins that of the next, for turns on two days.
NEXT_DAY = 1000


def small_days(most_tasks: int = 7) -> st.SearchStrategy[RoutingDay]:
    """Days of one or two turns, by one mode or two, and up to so many tasks. Ways are neither symmetric nor metric."""
    return st.integers(0, 2**32 - 1).map(lambda seed: a_small_day(np.random.default_rng(seed), most_tasks))


def a_small_day(random: np.random.Generator, most_tasks: int) -> RoutingDay:
    """A day of its own for every state of the generator."""
    turns = _turns(random)
    tasks = tuple(
        Task(
            key=f"task {number}",
            place=int(random.integers(PLACES)),
            service_s=int(random.choice([0, random.integers(60)])),
            prize=int(random.integers(200)),
            options=_options(random, turns),
            required=bool(random.random() < 0.25),
        )
        for number in range(random.integers(most_tasks + 1))
    )
    on_foot = {"foot": (_matrix(random), _matrix(random))}
    return RoutingDay(turns, tasks, _matrix(random), _matrix(random), on_foot)


def _turns(random: np.random.Generator) -> tuple[Turn, ...]:
    days_apart = random.random() < 0.5
    turns = []
    for number in range(random.integers(1, 3)):
        starts = int(random.integers(-50, 100)) + NEXT_DAY * number * days_apart
        long = random.random() < 0.9
        turns.append(
            Turn(
                key=TURNS[number],
                team="one" if random.random() < 0.5 else TURNS[number],
                starts=starts,
                ends=starts + int(random.integers(80, 400) if long else random.integers(80)),
                start=int(random.integers(PLACES)),
                end=int(random.integers(PLACES)),
                most_stops=int(random.integers(5)) if random.random() < 0.3 else None,
                mode="foot" if random.random() < 0.3 else "",
            )
        )
    if len(turns) == 2 and random.random() < 0.3:
        first = turns[0]
        turns[1] = replace(first, key="b")
    return tuple(turns)


def _options(random: np.random.Generator, turns: tuple[Turn, ...]) -> tuple[Option, ...]:
    """The same hours on every day, as a shop has them, or any windows at all; each for all turns or for some."""

    def allowed() -> frozenset[str] | None:
        if random.random() < 0.5:
            return None
        return frozenset(turn.key for turn in turns if random.random() < 0.6)

    if random.random() < 0.4:
        opens, lasts = int(random.integers(-100, 200)), int(random.integers(500))
        return tuple(
            Option(opens + NEXT_DAY * day, opens + lasts + NEXT_DAY * day, allowed()) for day in range(2)
        )
    options = []
    for _ in range(random.integers(4)):
        turn = turns[random.integers(len(turns))]
        opens = turn.starts + int(random.integers(-50, 250))
        options.append(Option(opens, opens + int(random.choice([0, 40, 200])), allowed()))
    return tuple(options)


def _matrix(random: np.random.Generator) -> Matrix:
    matrix = random.integers(0, 80, (PLACES, PLACES))
    np.fill_diagonal(matrix, 0)
    return matrix
