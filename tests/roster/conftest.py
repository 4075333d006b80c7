"""The town on a Monday that tests move, and its roster over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.kernel.work import Kernel
from tests.sync.conftest import Clock, clock
from tests.town import Town, client_of

__all__ = ["clock"]


@dataclass(slots=True)
class Desk:
    """Somebody of the town writes and reads the roster."""

    app: Flask
    kernel: Kernel
    town: Town
    clock: Clock
    clients: dict[str, FlaskClient]

    def client(self, name: str) -> FlaskClient:
        """Somebody at a desk."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def enter(
        self, by: str, whom: str, kind: str, first_day: date, last_day: date | None = None, **given: Any
    ) -> Any:
        """Ask for an entry; the answer."""
        body = {
            "person_id": str(self.town.people[whom]),
            "kind": kind,
            "first_day": first_day.isoformat(),
            "last_day": (last_day or first_day).isoformat(),
            **given,
        }
        return self.client(by).post("/api/v1/roster", json=body)

    def entered(self, *given: Any, **more: Any) -> dict[str, Any]:
        """The entry as it was written down."""
        answer = self.enter(*given, **more)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def withdraw(self, by: str, entry_id: str, **given: Any) -> Any:
        """Take an entry back; the answer."""
        body = {"reason": "试样理由", **given}
        return self.client(by).post(f"/api/v1/roster/{entry_id}/withdrawal", json=body)

    def listed(self, by: str, **query: Any) -> list[dict[str, Any]]:
        """The entries that somebody sees."""
        answer = self.client(by).get("/api/v1/roster", query_string=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items


@pytest.fixture
def desk(app: Flask, kernel: Kernel, town: Town, clock: Clock) -> Desk:
    """The town, and nobody is away yet."""
    return Desk(app, kernel, town, clock, {})
