"""The desk's fixtures: somebody who sits at it, two handhelds, and an edit that lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from server.kernel.events import Event
from server.kernel.work import Kernel
from tests.sync.conftest import Clock, MakeHandheld, clock, database, handheld, settled_town, town
from tests.sync.fieldwork import an_order_to_rectify
from tests.sync.handheld import Document, Handheld, new_edit
from tests.town import Town, client_of

__all__ = ["clock", "database", "handheld", "settled_town", "town"]

URL = "/api/v1/sync/conflicts"
Quarrel = tuple[Document, Document, Document]


class Desk:
    """Somebody at the desk."""

    def __init__(self, app: Flask, kernel: Kernel, town: Town, name: str) -> None:
        self.client = client_of(app, kernel, town, name)

    def list(self, **query: str) -> list[dict[str, Any]]:
        """The conflicts that he sees."""
        items: list[dict[str, Any]] = self.client.get(URL, query_string=query).get_json()["items"]
        return items

    def show(self, conflict_id: int) -> dict[str, Any]:
        """One of them."""
        answer = self.client.get(f"{URL}/{conflict_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def settle(self, conflict_id: int, choice: str, seen: Document | None, **given: Any) -> Any:
        """Decide."""
        body = {"choice": choice, "reason": "两人都去过", "master_edit_id": seen and seen["edit_id"], **given}
        return self.client.post(f"{URL}/{conflict_id}/settlement", json=body)


MakeDesk = Callable[[str], Desk]


@pytest.fixture
def desk(app: Flask, kernel: Kernel, town: Town) -> MakeDesk:
    """Makes somebody of the town sit down at the desk."""
    return lambda name: Desk(app, kernel, town, name)


@pytest.fixture
def devices(handheld: MakeHandheld) -> tuple[Handheld, Handheld]:
    """Two handhelds of the first squad."""
    return handheld("li"), handheld("wang")


@pytest.fixture
def quarrel(town: Town, clock: Clock, devices: tuple[Handheld, Handheld]) -> Quarrel:
    """A rectification, Li's edit that was taken, and Wang's that lost: base, theirs, ours."""
    li, wang = devices
    li.push("records", an_order_to_rectify(town, 0, clock.now))
    for device in devices:
        device.pull("rectifications")
    (order,) = li.held["rectifications"].values()
    done = new_edit(order, status="done", done_on="2026-07-08", note="已张贴")
    note = new_edit(order, note="电话催办")
    li.push("rectifications", done, assumed=[order])
    wang.push("rectifications", note, assumed=[order])
    return order, done, note


def events(kernel: Kernel, name: str) -> list[Event]:
    with kernel.sessions() as session:
        return list(session.scalars(select(Event).where(Event.name == name).order_by(Event.seq)))
