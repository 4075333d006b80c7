"""The workers of a parallel run: each has a PostgreSQL and a redis of its own, which ``./dev test`` has started.

They do not share one PostgreSQL, because what a transaction of one database holds back (the horizon of the feed, the
counters of transactions) it holds back for every database of the cluster.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SOCKETS = "XUNGE_TEST_SOCKETS"
# The files that take longest begin first, so that no worker is left alone with one of them at the end.
LONGEST: tuple[str, ...] = (
    "tests/sync/test_state_machine.py",
    "tests/demo/test_golden.py",
    "tests/interop/test_fuzz.py",
    "tests/sync/test_duty_machine.py",
)


def take_own_cluster() -> None:
    """In the second worker and those after it, turn the addresses in the environment to that worker's servers."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    if number:
        sockets = os.environ[_SOCKETS].split(":")
        for name, value in os.environ.items():
            if name.startswith("XUNGE_") and name.endswith("_URL"):
                os.environ[name] = value.replace(sockets[0], sockets[number])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[object]) -> None:
    """Refuse more workers than there are clusters."""
    if len(specs) > 1 and len(specs) > len(os.environ.get(_SOCKETS, "").split(":")):
        raise pytest.UsageError("请用 ./dev test 并行运行 · run the tests in parallel with ./dev test")


@pytest.hookimpl(specname="pytest_collection_modifyitems")
def pytest_longest_files_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run, put the longest files first; the others keep their order."""
    if hasattr(config, "workerinput"):
        places = {name: place for place, name in enumerate(LONGEST)}
        root = Path(__file__).parents[1]
        items.sort(key=lambda item: places.get(str(item.path.relative_to(root)), len(places)))
