"""The town on a Monday that tests move, with its tags and campaigns over HTTP."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.demo import documents
from server.kernel.work import Kernel
from tests.fieldwork import push_at, visit_of
from tests.sync.conftest import Clock, clock
from tests.town import SQUAD_OF, ZONE, Town, client_of

__all__ = ["clock"]


def at(day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    """A moment of July 2026 in the bureau's own time."""
    return datetime(2026, 7, day, hour, minute, second, tzinfo=ZONE)


@dataclass(slots=True)
class Drive:
    """The town, and whoever of it lists places and sets campaigns up."""

    app: Flask
    kernel: Kernel
    town: Town
    clock: Clock
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def client(self, name: str) -> FlaskClient:
        """Somebody of the town at a desk."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def get(self, path: str, by: str = "ju", **query: Any) -> Any:
        """An answer that has to be one."""
        answer = self.client(by).get(f"/api/v1{path}", query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def licence(self, outlet: int) -> str:
        """The licence number of an outlet."""
        return f"9902811{outlet:05d}"

    def put(self, tag: str, by: str = "ju", **given: Any) -> Any:
        """List places; the answer."""
        body = {"tag": tag, "from_day": "2026-07-01", "ground": "试样依据", **given}
        return self.client(by).post("/api/v1/tags", json=body)

    def tagged(self, tag: str, *outlets: int, **given: Any) -> None:
        """List outlets."""
        answer = self.put(tag, licence_nos=[self.licence(one) for one in outlets], **given)
        assert answer.status_code == 201, answer.text

    def tag_ids(self, **query: Any) -> list[str]:
        """The ids of tags."""
        return [one["id"] for one in self.get("/tags", **query)["items"]]

    def end(self, tag_ids: list[str], by: str = "ju", **given: Any) -> Any:
        """Delist; the answer."""
        body = {"tag_ids": tag_ids, "reason": "试样理由", **given}
        return self.client(by).post("/api/v1/tags/endings", json=body)

    def ask(self, by: str = "ju", **given: Any) -> Any:
        """Ask for a campaign; the answer."""
        body = {
            "number": f"试专{uuid.uuid4().hex[:6]}",
            "name": "试样专项行动",
            "basis": "试样文〔2026〕1号",
            "first_day": "2026-07-06",
            "last_day": "2026-07-14",
            **given,
        }
        return self.client(by).post("/api/v1/campaigns", json=body)

    def campaign(self, **given: Any) -> str:
        """A campaign that is set up; its id."""
        answer = self.ask(**given)
        assert answer.status_code == 201, answer.text
        campaign_id: str = answer.get_json()["id"]
        return campaign_id

    def check(
        self,
        outlet: int,
        began: datetime,
        *,
        by: str = "li",
        cause: str | None = None,
        visit_kind: str = "special",
        received: datetime | None = None,
        **given: Any,
    ) -> str:
        """A check of an outlet that is pushed two hours later; its id."""
        second = next(name for name in ("wang", "qian") if SQUAD_OF[name] == SQUAD_OF[by])
        visit = visit_of(self.town, outlet, began, by=(by, second), visit_kind=visit_kind, **given)
        record = documents.site_visit(visit, Random(str(visit.record_id)), cause=cause)
        moment = received or began + timedelta(hours=2)
        assert push_at(self.kernel, self.town, by, moment, record) == []
        return str(record["id"])

    def figures(self, campaign_id: str, by: str = "ju") -> dict[str, Any]:
        """How far it reached."""
        told: dict[str, Any] = self.get(f"/campaigns/{campaign_id}/figures", by)
        return told

    def records(self, campaign_id: str, by: str = "ju") -> list[str]:
        """The ids of the records that belong to it."""
        return [one["id"] for one in self.get(f"/campaigns/{campaign_id}/records", by)["items"]]


@pytest.fixture
def drive(app: Flask, kernel: Kernel, town: Town, clock: Clock) -> Drive:
    """The town, where nothing is tagged yet."""
    clock.now = at(20)
    return Drive(app, kernel, town, clock)
