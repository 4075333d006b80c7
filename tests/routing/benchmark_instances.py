"""Benchmark instances as days; where they and their best-known values come from: instances/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import vrplib

from gis.routing.days import Option, RoutingDay, Solution, Task, Turn

INSTANCES = Path(__file__).parent / "instances"
# In tenths, as all lengths and moments here.
BEST_KNOWN = {"C101": 8273, "R101": 16377, "RC101": 16198, "RC208": 7761, "R1_2_1": 46672}


def instance(name: str) -> RoutingDay:
    """A Solomon or Homberger instance as a day on which every task is required, its loads left out."""
    read = _read(name)
    at = read["node_coord"]
    tenths = (10 * np.hypot(*(at[:, None] - at).transpose(2, 0, 1))).astype(np.int64)
    opens, closes = (10 * read["time_window"].T).tolist()
    return RoutingDay(
        turns=tuple(
            Turn(f"vehicle {number}", "fleet", opens[0], closes[0], 0, 0)
            for number in range(read["vehicles"])
        ),
        tasks=tuple(
            Task(
                key=str(number),
                place=number,
                service_s=10 * read["service_time"],
                prize=0,
                options=(Option(opens[number], closes[number]),),
                required=True,
            )
            for number in range(1, len(at))
        ),
        seconds=tenths,
        metres=tenths,
    )


def keeps_capacity(name: str, solution: Solution) -> bool:
    """Whether a solution keeps the loads that our days do not know."""
    read = _read(name)
    return all(
        sum(int(read["demand"][int(halt.task)]) for halt in one.halts) <= read["capacity"]
        for one in solution.rounds
    )


def _read(name: str) -> dict[str, Any]:
    return vrplib.read_instance(INSTANCES / f"{name}.vrp", compute_edge_weights=False)
