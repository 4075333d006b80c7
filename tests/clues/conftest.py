"""A small town that hears of clues."""

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
from server.demo.documents import Document
from server.kernel.work import Kernel
from tests.fieldwork import push_at, visit_of
from tests.one_house import app, kernel, settings
from tests.town import Town, client_of, settle_town

__all__ = ["app", "kernel", "settings"]


@dataclass(slots=True)
class Watch:
    """The town, and whoever of it asks."""

    app: Flask
    kernel: Kernel
    town: Town
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def client(self, name: str) -> FlaskClient:
        """Somebody of the town at a desk."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def get(self, path: str, name: str = "ju", **query: Any) -> Any:
        """An answer of the API that has to be one."""
        answer = self.client(name).get(f"/api/v1{path}", query_string=query)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    def post(self, path: str, body: Any, name: str = "ju", status: int = 201) -> Any:
        """An answer to something that is written down."""
        answer = self.client(name).post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    def record(
        self, kind: str, began: datetime, *, by: tuple[str, ...] = ("li",), outlet: int = 0, **answers: Any
    ) -> Document:
        """A record of a kind that inspects nothing, of nobody in the registers."""
        record = documents.attempt(visit_of(self.town, outlet, began, by=by), Random(0))
        told = {"kind": kind, "form_code": kind, "form_version": 1, "photos": [], "answers": answers}
        return record | told | {"subject_kind": None, "subject_id": None}

    def push(self, record: Document, *, by: str = "li", received: datetime | None = None) -> uuid.UUID:
        """Push a record two hours after it began, or when told; its id."""
        began = datetime.fromisoformat(record["started_at"])
        answer = push_at(self.kernel, self.town, by, received or began + timedelta(hours=2), record)
        assert [one.get("review") for one in answer] == []
        return uuid.UUID(record["id"])


@pytest.fixture(scope="module")
def watch(app: Flask, kernel: Kernel) -> Watch:
    """One town for a file; each test works on days and plates of its own."""
    return Watch(app, kernel, settle_town(kernel))
