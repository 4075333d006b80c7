"""One application over one database for all tests of a module; a conftest or a module takes these fixtures over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from server.app import create_app
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.conftest import own_database, settings_for
from tests.town import MONDAY, Town, client_of, settle_town

Client = Callable[[str], FlaskClient]


@pytest.fixture(scope="module")
def settings(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Settings over a database and a folder of files that the tests of one module share."""
    with own_database(superuser, template_database) as name:
        yield settings_for(name, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[Flask]:
    """The web application over them."""
    made = create_app(settings)
    yield made
    made.extensions["xunge"].close()


@pytest.fixture(scope="module")
def kernel(app: Flask) -> Kernel:
    """The composed house of the application."""
    composed: Kernel = app.extensions["xunge"]
    return composed


@pytest.fixture(scope="module")
def town(kernel: Kernel) -> Town:
    """The town, on a Monday."""
    return settle_town(kernel, MONDAY)


@pytest.fixture(scope="module")
def client(app: Flask, kernel: Kernel, town: Town) -> Client:
    """A client for each of the town's people."""
    made: dict[str, FlaskClient] = {}

    def of(name: str) -> FlaskClient:
        return made.setdefault(name, client_of(app, kernel, town, name))

    return of
