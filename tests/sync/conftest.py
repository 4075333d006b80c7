"""Fixtures of the tests of sync: the toy in a database of its own, and the town with a clock that tests move."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from server.house import compose
from server.kernel import http
from server.kernel.actor import house
from server.kernel.settings import Settings, read_settings
from server.kernel.work import Kernel
from sync import feed
from tests.conftest import SettledTown, SettledTowns, own_database
from tests.sync import handheld as handheld_of_tests
from tests.sync import toy
from tests.sync.handheld import Handheld
from tests.town import MONDAY, Town, client_of


@pytest.fixture(scope="session")
def toy_database(superuser: Engine) -> Iterator[Engine]:
    """A database that holds the engine's tables and the toy's, and nothing of the house."""
    name = f"xunge_toy_{uuid.uuid4().hex[:12]}"
    with superuser.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = create_engine(make_url(superuser.url).set(database=name), pool_size=16)
    toy.create_tables(engine)
    yield engine
    engine.dispose()
    with superuser.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))


@pytest.fixture
def toy_engine(toy_database: Engine) -> Engine:
    """The toy's database, empty."""
    toy.empty_tables(toy_database)
    return toy_database


@pytest.fixture
def toy_sessions(toy_engine: Engine, clock: Clock) -> sessionmaker[Session]:
    """Sessions on the toy's database; handhelds tell the time of the clock there too."""
    return sessionmaker(toy_engine)


@dataclass(slots=True)
class Clock:
    """The clock at the edge of the web application, moved by hand."""

    now: datetime = MONDAY

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Requests are answered as of this clock, so that no test depends on the day it is run."""
    moved = Clock()
    monkeypatch.setattr(http, "now", lambda: moved.now)
    monkeypatch.setattr(handheld_of_tests, "device_time", lambda: moved.now)
    return moved


def settings_over(database: str) -> Settings:
    """The settings of the test run, with the application's role on another database and no key for receipts."""
    given = read_settings()
    url = make_url(given.database_url).set(database=database).render_as_string(hide_password=False)
    return replace(given, database_url=url, receipt_keys_file=Path("no keys"))


@pytest.fixture(scope="session")
def settled_town(superuser: Engine, settled_towns: SettledTowns) -> Iterator[SettledTown]:
    """The usual town, whose people are in the feed as well."""
    usual, settled = settled_towns()
    with own_database(superuser, usual) as name:
        kernel = compose(settings_over(name))
        with kernel.work(house(settled.bureau_id), MONDAY) as work:
            everybody = f"bureau:{settled.bureau_id}"
            people = [(everybody, person) for person in settled.people.values()]
            feed.touch(work.session, settled.bureau_id, "people", people)
        kernel.close()
        yield name, settled


@pytest.fixture
def database(superuser: Engine, settled_town: SettledTown) -> Iterator[str]:
    """A database of this test's own, with the town in it."""
    with own_database(superuser, settled_town[0]) as name:
        yield name


@pytest.fixture
def town(settled_town: SettledTown, clock: Clock) -> Town:
    """The town, as settled this Monday."""
    return deepcopy(settled_town[1])


MakeHandheld = Callable[..., Handheld]


@pytest.fixture
def handheld(app: Flask, kernel: Kernel, town: Town) -> MakeHandheld:
    """Makes a handheld for somebody of the town, or of another town."""

    def make(name: str, of: Town | None = None) -> Handheld:
        return Handheld(client_of(app, kernel, of or town, name, device=True), kernel.sessions)

    return make
