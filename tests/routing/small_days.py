"""Small days of every kind for hypothesis: any matrices, shifts that overlap or not, options, bounds and required tasks."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from gis.routing.days import Option, RoutingDay, Task, Turn

PLACES = 5
TURNS = ("a", "b")


@st.composite
def small_days(draw: st.DrawFn, most_tasks: int = 7) -> RoutingDay:
    """A day of one or two turns, by one mode or two, and up to so many tasks. Ways are neither symmetric nor metric."""
    count = draw(st.integers(1, 2))
    moments = st.integers(-50, 400)
    turns = tuple(
        Turn(
            key=key,
            team="one" if draw(st.booleans()) else key,
            starts=(starts := draw(moments)),
            ends=starts + draw(st.integers(0, 300)),
            start=draw(st.integers(0, PLACES - 1)),
            end=draw(st.integers(0, PLACES - 1)),
            most_stops=draw(st.none() | st.integers(0, 4)),
            mode=draw(st.sampled_from(("", "foot"))),
        )
        for key in TURNS[:count]
    )
    allowed = st.none() | st.frozensets(st.sampled_from(TURNS[:count]))
    options = st.builds(
        lambda opens, lasts, turns: Option(opens, opens + lasts, turns),
        moments,
        st.integers(0, 300),
        allowed,
    )
    tasks = tuple(
        Task(
            key=f"task {number}",
            place=draw(st.integers(0, PLACES - 1)),
            service_s=draw(st.integers(0, 60)),
            prize=draw(st.integers(0, 200)),
            options=tuple(draw(st.lists(options, max_size=3))),
            required=draw(st.integers(0, 3)) == 0,
        )
        for number in range(draw(st.integers(0, most_tasks)))
    )
    on_foot = {"foot": (draw(_matrices()), draw(_matrices()))}
    return RoutingDay(turns, tasks, draw(_matrices()), draw(_matrices()), on_foot)


@st.composite
def _matrices(draw: st.DrawFn) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    cells = draw(st.lists(st.integers(0, 80), min_size=PLACES**2, max_size=PLACES**2))
    matrix = np.array(cells, dtype=np.int64).reshape(PLACES, PLACES)
    np.fill_diagonal(matrix, 0)
    return matrix
