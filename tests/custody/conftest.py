"""The town in one database for a whole file: every test registers goods of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from server.demo import documents
from server.demo.documents import Document
from server.demo.registered import RegisteredGoods
from server.house import compose
from server.kernel.actor import Actor, house
from server.kernel.work import Kernel, Work
from tests.conftest import own_database, settings_for
from tests.fieldwork import push_at, visit_of
from tests.town import MONDAY, ROLE_ACCOUNTS, Town, settle_town

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

    def at(self, name: str | None = None, now: datetime = MONDAY) -> AbstractContextManager[Work]:
        """A unit of work of somebody of the town, or of the house."""
        if name is None:
            return self.kernel.work(house(self.town.bureau_id), now)
        actor = Actor(
            bureau_id=self.town.bureau_id,
            account_id=self.town.accounts[name],
            roles=frozenset(ROLE_ACCOUNTS[name]),
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
