"""Fixtures of the tests of papers: a town of a bureau whose numbers read 样烟…, on a database that a module shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import Engine

from server.app import create_app
from server.kernel.actor import house
from server.kernel.work import Kernel
from server.papers.numbering import number_records
from tests.conftest import own_database, settings_for
from tests.town import MONDAY, Town, settle_town


@pytest.fixture(scope="module")
def app(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The web application over them."""
    with own_database(superuser, template_database) as name:
        made = create_app(settings_for(name, tmp_path_factory.mktemp("files")))
        yield made
        made.extensions["xunge"].close()


@pytest.fixture(scope="module")
def kernel(app: Flask) -> Kernel:
    """The composed house of the application."""
    composed: Kernel = app.extensions["xunge"]
    return composed


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
