"""A town for a whole file of tests about notices; each test works on a week of its own or only reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.app import create_app
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.notices.models import Notice
from server.notices.ops import send_digests
from tests.conftest import settings_for
from tests.town import ZONE, Town, client_of, settle_town


@dataclass(slots=True)
class Place:
    """The application, its settings and the town."""

    app: Flask
    settings: Settings
    kernel: Kernel
    town: Town

    def client(self, name: str, *, device: bool = False) -> FlaskClient:
        return client_of(self.app, self.kernel, self.town, name, device=device)

    def morning(self, month: int, day: int, hour: int = 8) -> int:
        """Make the digests of a morning of 2026; how many there were."""
        with self.kernel.work(house(self.town.bureau_id), moment(month, day, hour)) as work:
            return send_digests(work)

    def notices(self) -> list[Notice]:
        with self.kernel.sessions() as session:
            return list(session.scalars(select(Notice).order_by(Notice.id)))


def moment(month: int, day: int, hour: int = 8) -> datetime:
    """An hour of 2026 in the bureau's time."""
    return datetime(2026, month, day, hour, tzinfo=ZONE)


def settled(name: str, folder: Path, **changed: object) -> Place:
    """A town in a database, with some settings changed."""
    settings = replace(settings_for(name, folder), **changed)  # type: ignore[arg-type]
    app = create_app(settings)
    kernel: Kernel = app.extensions["xunge"]
    return Place(app, settings, kernel, settle_town(kernel))


@pytest.fixture
def place(app: Flask, settings: Settings, kernel: Kernel, town: Town) -> Place:
    """A town without mail and webhooks, in a database of this test's own."""
    return Place(app, settings, kernel, town)
