"""The town in one database for a whole file: every test registers goods of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.custody import CustodyActIn, CustodyDecisionIn, StoreIn
from server.custody import deciding, ops, stores
from server.custody.showing import stores_told, whole_list
from server.demo import documents
from server.demo.documents import Document
from server.demo.registered import RegisteredGoods
from server.house import compose
from server.kernel.actor import Actor, house
from server.kernel.permissions import Role
from server.kernel.work import Kernel, Work
from tests.conftest import own_database, settings_for
from tests.fieldwork import push_at, visit_of
from tests.town import MONDAY, ROLE_ACCOUNTS, ZONE, Town, settle_town

GOODS = (
    RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton"),
    RegisteredGoods("leaf", "烤烟", 40, "kilogram"),
    RegisteredGoods("ecig_device", "样例烟具", 5, "piece"),
)


@dataclass(slots=True)
class Room:
    """Goods registered in the town, and who deals with them."""

    kernel: Kernel
    town: Town
    roles: dict[str, set[Role]] = field(default_factory=lambda: dict(ROLE_ACCOUNTS))

    def at(self, name: str | None = None, now: datetime = MONDAY) -> AbstractContextManager[Work]:
        """A unit of work of somebody of the town, or of the house."""
        if name is None:
            return self.kernel.work(house(self.town.bureau_id), now)
        actor = Actor(
            bureau_id=self.town.bureau_id,
            account_id=self.town.accounts[name],
            roles=frozenset(self.roles[name]),
            person_id=self.town.people.get(name),
        )
        return self.kernel.work(actor, now)

    def list_of(
        self,
        at: datetime = MONDAY,
        goods: tuple[RegisteredGoods, ...] = GOODS,
        *,
        by: tuple[str, ...] = ("li", "wang"),
        answers: dict[str, Any] | None = None,
        **given: Any,
    ) -> Document:
        """A list signed at ``at`` by two officers, after an inspection that is not pushed."""
        wanted = {name: given.pop(name) for name in ("channel", "taken", "inspection_id") if name in given}
        visit = visit_of(self.town, 0, at - timedelta(minutes=15), by=by, **given)
        document = documents.registration_list(
            visit, Random(str(visit.record_id)), goods, **{"inspection_id": uuid.uuid4(), **wanted}
        )
        document["answers"] |= answers or {}
        return document

    def push(self, *records: Document, by: str = "li", now: datetime = MONDAY + timedelta(hours=1)) -> None:
        """Push them as a handheld does."""
        assert push_at(self.kernel, self.town, by, now, *records) == []

    def registered(self, at: datetime = MONDAY, *goods: RegisteredGoods, **given: Any) -> uuid.UUID:
        """A list that is pushed an hour after it was signed, by its id."""
        document = self.list_of(at, goods or GOODS, **given)
        self.push(document, now=at + timedelta(hours=1))
        return uuid.UUID(document["id"])

    def store(self, keeper: str = "wu", now: datetime = MONDAY) -> uuid.UUID:
        """A store that its keeper has acknowledged."""
        body = {
            "code": uuid.uuid4().hex[:8],
            "name": "试样证物库",
            "keeper_id": str(self.town.accounts[keeper]),
        }
        with self.at("ju", now) as work:
            store_id = stores.open_store(work, StoreIn().load(body)).id
        self.acknowledge(store_id, keeper, now)
        return store_id

    def acknowledge(self, store_id: uuid.UUID, keeper: str, now: datetime = MONDAY) -> None:
        """The keeper takes over what was offered last."""
        with self.at(keeper, now) as work:
            (told,) = [one for one in stores_told(work) if one["id"] == store_id]
            stores.acknowledge_store(work, told["offered_id"])

    def act(self, kind: str, *lines: Any, by: str = "wu", now: datetime, **given: Any) -> uuid.UUID:
        """An act of a keeper; a line is a list, or a list with a line, or with a quantity too."""
        rows = [
            dict(
                zip(
                    ("list_id", "seq", "quantity", "unit"),
                    line if isinstance(line, tuple) else (line,),
                    strict=False,
                )
            )
            for line in lines
        ]
        needed = {
            "take_in": {"person_id": self.town.people["li"]},
            "send_out": {"to_unit": "样例质检站", "document_no": "样送1号"},
            "use_up": {"document_no": "样检1号"},
            "hand_back": {"document_no": "样退1号"},
            "transfer": {"to_unit": "样例县公安局", "document_no": "样移1号"},
            "destroy": {
                "document_no": f"样销{uuid.uuid4().hex[:6]}号",
                "place": "样例垃圾处理场",
                "witness_ids": [self.town.people["zhao"], self.town.people["qian"]],
            },
        }.get(kind, {})
        body = {"kind": kind, "lines": rows, **needed, **given}
        with self.at(by, now) as work:
            return ops.write_act(work, CustodyActIn().load(_plain(body))).id

    def decide(self, list_id: uuid.UUID, outcome: str, now: datetime, *seqs: int, **given: Any) -> None:
        """A decision of the bureau's leader, of that day."""
        day = now.astimezone(ZONE).date().isoformat()
        body = {
            "outcome": outcome,
            "decided_on": day,
            "document_no": "样处1号",
            "reason": "依法处理",
            "seqs": list(seqs),
            "case_closed_on": day if outcome == "destroy" else None,
            **given,
        }
        with self.at("ju", now) as work:
            deciding.decide(work, list_id, CustodyDecisionIn().load(_plain(body)))

    def whole(self, list_id: uuid.UUID, now: datetime = MONDAY) -> dict[str, Any]:
        """The list as the keeper sees it."""
        with self.at("wu", now) as work:
            return whole_list(work, list_id)


def _plain(value: Any) -> Any:
    """A body as JSON would bring it."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.fixture(scope="module")
def room(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    """The town of this file."""
    folder: Path = tmp_path_factory.mktemp("custody")
    with own_database(superuser, template_database) as name:
        kernel = compose(settings_for(name, folder))
        yield Room(kernel, settle_town(kernel))
        kernel.close()
