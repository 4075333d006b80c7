"""What is no day is refused with a word on what is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gis.routing.days import Option, RoutingDay, Task, Turn

WAYS = np.array([[0, 5], [6, 0]])
TURN = {"key": "a", "team": "one", "starts": 0, "ends": 100, "start": 0, "end": 0}
TASK = {"key": "x", "place": 1, "service_s": 10, "prize": 5, "options": (Option(0, 50),)}


def a_day(turn: dict[str, Any], task: dict[str, Any]) -> RoutingDay:
    return RoutingDay((Turn(**TURN | turn),), (Task(**TASK | task),), WAYS, WAYS)


@pytest.mark.parametrize(
    ("turn", "task", "said"),
    [
        ({"start": 2}, {}, "place 2 of 2"),
        ({"end": -1}, {}, "place -1"),
        ({"ends": -1}, {}, "from 0 to -1"),
        ({"most_stops": -1}, {}, "-1 stops"),
        ({}, {"place": 2}, "place 2 of 2"),
        ({}, {"service_s": -1}, "-1 s"),
        ({}, {"prize": -1}, "and -1"),
        ({}, {"prize": 2**60}, "and "),
        ({}, {"options": (Option(5, 4),)}, "opens at 5"),
        ({}, {"options": (Option(0, 1, frozenset({"b"})),)}, "unknown turns"),
    ],
)
def test_turns_and_tasks_must_make_sense(turn: dict[str, Any], task: dict[str, Any], said: str) -> None:
    a_day({}, {})
    with pytest.raises(ValueError, match=said):
        a_day(turn, task)


@pytest.mark.parametrize(
    ("seconds", "metres", "said"),
    [
        (np.zeros((2, 3), dtype=int), WAYS, "shape"),
        (np.zeros(4, dtype=int), WAYS, "shape"),
        (WAYS, np.zeros((3, 3), dtype=int), "matrices of"),
        (WAYS.astype(float), WAYS, "not whole"),
        (-WAYS, WAYS, "below zero"),
        (WAYS + 1, WAYS, "place to itself"),
    ],
)
def test_matrices_must_make_sense(seconds: Any, metres: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RoutingDay((), (), seconds, metres)


def test_keys_are_unique() -> None:
    turn, task = Turn(**TURN), Task(**TASK)
    with pytest.raises(ValueError, match="two turns a"):
        RoutingDay((turn, turn), (), WAYS, WAYS)
    with pytest.raises(ValueError, match="two tasks x"):
        RoutingDay((), (task, task), WAYS, WAYS)
