"""Fixtures on a real PostgreSQL and redis. ``./dev test`` starts both on a cluster of their own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text

from server.app import create_app
from server.house import compose
from server.kernel.settings import Settings, read_settings
from server.kernel.work import Kernel
from sync.keys import create_keys
from tests.guards.switch import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_pycollect_makeitem,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
from tests.town import Town, settle_town
from tests.workers import pytest_longest_files_first, pytest_xdist_setupnodes, take_own_cluster

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_longest_files_first",
    "pytest_pycollect_makeitem",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_xdist_setupnodes",
]

take_own_cluster()

# The name of a database and what was settled in it.
SettledTown = tuple[str, Town]
SettledTowns = Callable[..., SettledTown]
# Two runs may share the cluster, and neither may drop the template under the other.
TEMPLATE = f"xunge_template_{os.getpid()}"


def _superuser_engine(database: str = "postgres") -> Engine:
    url = make_url(os.environ["XUNGE_SUPERUSER_DATABASE_URL"]).set(database=database)
    return create_engine(url, isolation_level="AUTOCOMMIT")


def _url_of(variable: str, database: str) -> str:
    return make_url(os.environ[variable]).set(database=database).render_as_string(hide_password=False)


def settings_for(database: str, files_dir: Path) -> Settings:
    """Settings over a database of this run, with a key that signs receipts."""
    create_keys(files_dir / "receipt-keys.json")
    return replace(
        read_settings(),
        database_url=_url_of("XUNGE_DATABASE_URL", database),
        owner_database_url=_url_of("XUNGE_OWNER_DATABASE_URL", database),
        files_dir=files_dir,
        roads_dir=files_dir / "roads",
        receipt_keys_file=files_dir / "receipt-keys.json",
        sign_in_limit="10000 per minute",
        verify_limit="10000 per minute",
        board_limit="10000 per minute",
        calendar_limit="10000 per minute",
    )


@pytest.fixture(scope="session")
def superuser() -> Iterator[Engine]:
    """The cluster's superuser, for making and dropping databases."""
    if "XUNGE_SUPERUSER_DATABASE_URL" not in os.environ:
        pytest.exit("请用 ./dev test 运行 · run the tests with ./dev test", returncode=3)
    engine = _superuser_engine()
    yield engine
    engine.dispose()


@contextmanager
def own_database(superuser: Engine, template: str) -> Iterator[str]:
    """A fresh copy of the template, dropped afterwards."""
    name = f"xunge_{uuid.uuid4().hex[:12]}"
    with superuser.connect() as connection:
        connection.execute(text(f"create database {name} template {template} strategy file_copy"))
    try:
        yield name
    finally:
        with superuser.connect() as connection:
            # A test may have lost it already.
            connection.execute(text(f"drop database if exists {name} with (force)"))


@pytest.fixture(scope="session")
def template_database(superuser: Engine) -> Iterator[str]:
    """One migrated, empty database for the whole run; every test's own is a copy of it."""
    with superuser.connect() as connection:
        connection.execute(text(f"drop database if exists {TEMPLATE} with (force)"))
        connection.execute(text(f"create database {TEMPLATE} owner xunge_owner"))
    inside = _superuser_engine(TEMPLATE)
    with inside.connect() as connection:
        connection.execute(text("grant create, usage on schema public to xunge_owner"))
        connection.execute(text("grant usage on schema public to xunge_app"))
    # Nobody may be connected to a template while it is copied, a pool included.
    inside.dispose()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XUNGE_OWNER_DATABASE_URL", _url_of("XUNGE_OWNER_DATABASE_URL", TEMPLATE))
        from server import migrate

        migrate.apply()
    yield TEMPLATE
    with superuser.connect() as connection:
        connection.execute(text(f"drop database {TEMPLATE} with (force)"))


@pytest.fixture(scope="session")
def settled_towns(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SettledTowns]:
    """Settles a town as asked for, once in a run, in a database to be copied."""
    with ExitStack() as closing:
        made: dict[tuple[tuple[str, int], ...], SettledTown] = {}

        def settled(**asked: int) -> SettledTown:
            key = tuple(sorted(asked.items()))
            if key not in made:
                name = closing.enter_context(own_database(superuser, template_database))
                kernel = compose(settings_for(name, tmp_path_factory.mktemp("settled")))
                made[key] = name, settle_town(kernel, **asked)
                kernel.close()
            return made[key]

        yield settled


@pytest.fixture
def settled_town(settled_towns: SettledTowns) -> SettledTown:
    """The database of the usual town; who needs another one puts a fixture of this name in its place."""
    return settled_towns()


@pytest.fixture
def town(settled_town: SettledTown) -> Town:
    """The town of this test's own database, settled on ``MONDAY``."""
    return deepcopy(settled_town[1])


@pytest.fixture
def database(request: pytest.FixtureRequest, superuser: Engine, template_database: str) -> Iterator[str]:
    """A database of this test's own, with the town in it if the test has one.

    Tests really commit, for what reads the feed must.
    """
    template = template_database
    if "settled_town" in request.fixturenames:
        template, _ = request.getfixturevalue("settled_town")
    with own_database(superuser, template) as name:
        yield name


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Settings over this test's database."""
    return settings_for(database, tmp_path)


@pytest.fixture
def kernel(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Kernel]:
    """The composed house over this test's database: the application's own where the test has one."""
    if "app" in request.fixturenames:
        yield request.getfixturevalue("app").extensions["xunge"]
    else:
        composed = compose(settings)
        yield composed
        composed.close()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The web application over this test's database."""
    made = create_app(settings)
    yield made
    made.extensions["xunge"].close()
