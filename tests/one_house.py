"""One application over one database for all tests of a module; a conftest or a module takes these fixtures over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine

from server.app import create_app
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.conftest import own_database, settings_for


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
