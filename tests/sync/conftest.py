"""Fixtures of the tests of sync: the toy in a database of its own, and the town with a clock that tests move."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from server.kernel import http
from server.kernel.work import Kernel
from tests.sync import toy
from tests.sync.handheld import Handheld
from tests.town import MONDAY, Town, client_of, settle_town


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
def toy_sessions(toy_engine: Engine) -> sessionmaker[Session]:
    """Sessions on the toy's database."""
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
    return moved


@pytest.fixture
def town(kernel: Kernel, clock: Clock) -> Town:
    """The town, settled this Monday."""
    return settle_town(kernel, clock.now)


MakeHandheld = Callable[..., Handheld]


@pytest.fixture
def handheld(app: Flask, kernel: Kernel, town: Town) -> MakeHandheld:
    """Makes a handheld for somebody of the town, or of another town."""

    def make(name: str, of: Town | None = None) -> Handheld:
        return Handheld(client_of(app, kernel, of or town, name, device=True), kernel.sessions)

    return make
