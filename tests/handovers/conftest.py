"""The town on a Monday that tests move, with work under way in its cells, and its hand-over sheets over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.demo import documents
from server.demo.documents import Document
from server.demo.registered import RegisteredGoods
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.kernel.work import Kernel
from tests.fieldwork import push_at, visit_of
from tests.sync.conftest import Clock, clock
from tests.town import Town, client_of

__all__ = ["clock"]


@dataclass(slots=True)
class Change:
    """Duty in the town changes hands."""

    app: Flask
    kernel: Kernel
    town: Town
    clock: Clock
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The day in the town."""
        return self.clock.now.date()

    def client(self, name: str) -> FlaskClient:
        """Somebody of the town at a desk."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def assign(self, cells: Sequence[int], lead: str, from_day: date | None = None) -> None:
        """Give cells to an officer and his squad, from today if no day is given."""
        body = {
            "cell_ids": [str(self.town.cells[cell]) for cell in cells],
            "squad_id": str(self.town.squads[0 if lead in ("li", "wang") else 1]),
            "lead_person_id": str(self.town.people[lead]),
            "from_day": (from_day or self.today).isoformat(),
        }
        # What is known later decides, so no two assignments are of one moment.
        self.clock.pass_by(seconds=1)
        answer = self.client("ju").post("/api/v1/duties", json=body)
        assert answer.status_code == 200, answer.text

    def learn(self, cells: Sequence[int], lead: str, from_day: date) -> None:
        """Write down late who has answered for cells since a day, as a register does; at a desk nobody may."""
        self.clock.pass_by(seconds=1)
        squad = self.town.squads[0 if lead in ("li", "wang") else 1]
        with self.kernel.work(house(self.town.bureau_id), self.clock.now) as work:
            assign_duty(
                work, [self.town.cells[cell] for cell in cells], squad, self.town.people[lead], from_day
            )

    def listed(self, by: str = "ju", **query: Any) -> list[dict[str, Any]]:
        """The sheets that somebody sees."""
        answer = self.client(by).get("/api/v1/handovers", query_string=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items

    def only(self) -> str:
        """The id of the one sheet that there is."""
        (sheet,) = self.listed()
        sheet_id: str = sheet["id"]
        return sheet_id

    def show(self, sheet_id: str, by: str = "ju") -> dict[str, Any]:
        """One sheet."""
        answer = self.client(by).get(f"/api/v1/handovers/{sheet_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def step(self, by: str, sheet_id: str, step: str, **given: Any) -> Any:
        """Take a step of a sheet; the answer. What was signed last is what he saw, unless told otherwise."""
        if step in ("acknowledgement", "objection") and "sha256" not in given:
            given["sha256"] = self.show(sheet_id)["sha256"] or "0" * 64
        return self.client(by).post(f"/api/v1/handovers/{sheet_id}/{step}", json=given)

    def taken(self, by: str, sheet_id: str, step: str, **given: Any) -> dict[str, Any]:
        """The sheet after a step that was taken."""
        answer = self.step(by, sheet_id, step, **given)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def push(self, record: Document, by: str = "li") -> uuid.UUID:
        """Push a record now; its id."""
        assert push_at(self.kernel, self.town, by, self.clock.now, record) == []
        return uuid.UUID(record["id"])

    def found(self, outlet: int, cause: str, *, by: tuple[str, ...] = ("li", "wang")) -> Document:
        """An inspection half an hour ago that found something."""
        visit = visit_of(self.town, outlet, self.clock.now - timedelta(minutes=30), by=by)
        return documents.site_visit(visit, Random(str(visit.record_id)), cause=cause)

    def checked(self, outlet: int, by: tuple[str, ...] = ("li", "wang")) -> Document:
        """A weekly check half an hour ago."""
        visit = visit_of(self.town, outlet, self.clock.now - timedelta(minutes=30), by=by)
        return documents.ecig_check("WEEKLY", visit, Random(str(visit.record_id)))

    def registered(self, outlet: int, by: tuple[str, ...] = ("li", "wang")) -> Document:
        """Goods registered half an hour ago."""
        goods = (RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton"),)
        visit = visit_of(self.town, outlet, self.clock.now - timedelta(minutes=30), by=by)
        return documents.registration_list(visit, Random(1), goods, inspection_id=uuid.uuid4())

    def tell_clue(self, cell: int, summary: str = "夜间有货车卸烟") -> str:
        """A clue written down at the desk; its id."""
        body = {
            "source": "12313",
            "matter": "smuggled",
            "summary": summary,
            "found_at": self.clock.now.isoformat(),
            "cell_id": str(self.town.cells[cell]),
        }
        answer = self.client("ju").post("/api/v1/clues", json=body)
        assert answer.status_code == 201, answer.text
        clue_id: str = answer.get_json()["id"]
        return clue_id


@pytest.fixture
def change(app: Flask, kernel: Kernel, town: Town, clock: Clock) -> Change:
    """The town, where nothing has changed hands yet."""
    return Change(app, kernel, town, clock)
