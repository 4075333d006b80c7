"""The town on mornings of its own, and what its packs say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.briefings import ops
from server.briefings.content import contents
from server.briefings.models import Briefing
from server.kernel.actor import Actor, house
from server.kernel.work import Kernel
from server.org.models import Bureau
from tests.fieldwork import field_actor
from tests.one_house import app, kernel, settings
from tests.town import ROLE_ACCOUNTS, ZONE, Town, client_of, settle_town

__all__ = ["app", "kernel", "settings"]


def at(month: int, day: int, hour: int = 7, minute: int = 30) -> datetime:
    """A moment of 2026 in the bureau's time, by default that of the meeting."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


@dataclass(slots=True)
class Room:
    """Where the squads meet: the application, the house behind it and the town."""

    app: Flask
    kernel: Kernel
    town: Town
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def client(self, name: str) -> FlaskClient:
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def actor(self, name: str) -> Actor:
        """Somebody of the town, in the field or at a desk."""
        if name in self.town.people:
            return field_actor(self.town, name)
        return Actor(self.town.bureau_id, self.town.accounts[name], frozenset(ROLE_ACCOUNTS[name]))

    def told(self, now: datetime, squad: int = 0) -> dict[str, Any]:
        """What a squad's pack of the day would say, made now and not kept."""
        with self.kernel.work(house(self.town.bureau_id), now) as work:
            return contents(work, now.astimezone(ZONE).date())[self.town.squads[squad]]

    @property
    def bureau(self) -> str:
        """What its bureau is called, for commands."""
        with self.kernel.sessions() as session:
            return session.get_one(Bureau, self.town.bureau_id).name

    def codes(self, now: datetime, squad: int = 0) -> list[str]:
        """The codes of the alerts of a squad's morning."""
        return [alert["code"] for alert in self.told(now, squad)["alerts"]]

    def morning(self, now: datetime) -> list[Briefing]:
        """What the schedule makes now."""
        with self.kernel.work(house(self.town.bureau_id), now) as work:
            return ops.make_due(work)

    def make(self, now: datetime, name: str = "li", squad: int = 0, **given: Any) -> Briefing:
        """A pack that somebody asks for."""
        with self.kernel.work(self.actor(name), now) as work:
            pack = ops.make(work, self.town.squads[squad], given.get("day"))
            # Read while there is a session to read it with.
            assert pack.content
            return pack


_towns = count(1)


@pytest.fixture
def room(app: Flask, kernel: Kernel) -> Room:
    """A town of this test's own, in a database that its file shares."""
    return Room(app, kernel, settle_town(kernel, bureau=f"试样{next(_towns)}局"))
