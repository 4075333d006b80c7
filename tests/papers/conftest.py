"""Fixtures of the tests of papers: a town of a bureau whose numbers read 样烟…, on a database that a module shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest

from server.kernel.actor import house
from server.kernel.work import Kernel
from server.papers.numbering import number_records
from tests.one_house import app, kernel, settings
from tests.town import MONDAY, Town, settle_town

__all__ = ["app", "kernel", "settings"]


_towns = count(1)


@pytest.fixture
def town(kernel: Kernel) -> Town:
    """A town of its own for each test, for every register begins at 1."""
    return settle_town(kernel, MONDAY, bureau=f"样{next(_towns)}局", outlets=2, ecig=2)


Numbering = Callable[[datetime], int]


@pytest.fixture
def number(kernel: Kernel, town: Town) -> Numbering:
    """Runs the job at a moment until nothing waits; how many papers it settled."""

    def run(at: datetime) -> int:
        total = 0
        while True:
            with kernel.work(house(town.bureau_id), at) as work:
                settled = number_records(work)
            if not settled:
                return total
            total += settled

    return run
