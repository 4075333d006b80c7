"""A small town with vehicles, a checkpoint and a depot, and records of its roads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import Engine

from server.app import create_app
from server.demo import documents
from server.demo.documents import Document
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel
from server.org.models import Vehicle
from server.outlets.models import Site
from tests.conftest import own_database, settings_for
from tests.fieldwork import push_at, visit_of
from tests.town import MONDAY, ZONE, Town, client_of, settle_town

PLATES = ("测A00001", "测A00002")


def at(day: int, hour: int = 10, minute: int = 0, month: int = 7) -> datetime:
    """A moment of 2026 in the bureau's own time."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


@dataclass(slots=True)
class Roads:
    """The town with two vehicles, two checkpoints and a depot."""

    app: Flask
    kernel: Kernel
    town: Town
    sites: dict[str, uuid.UUID]
    clients: dict[str, FlaskClient]

    def client(self, name: str) -> FlaskClient:
        """Somebody of the town at a desk."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app, self.kernel, self.town, name)
        return self.clients[name]

    def get(self, path: str, name: str = "ju", **query: Any) -> Any:
        """An answer of the API."""
        return self.client(name).get(f"/api/v1{path}", query_string=query)

    def all(self, path: str, name: str = "ju", **query: Any) -> list[dict[str, Any]]:
        """The items of a list."""
        answer = self.get(path, name, **query)
        assert answer.status_code == 200, answer.get_json()
        items: list[dict[str, Any]] = answer.get_json()["items"]
        return items

    def push(self, record: Document, *, by: str = "li", received: datetime | None = None) -> uuid.UUID:
        """Push a record two hours after it began, or when told; its id."""
        began = datetime.fromisoformat(record["started_at"])
        assert push_at(self.kernel, self.town, by, received or began + timedelta(hours=2), record) == []
        return uuid.UUID(record["id"])

    def session(
        self,
        began: datetime,
        stops: list[tuple[datetime, bool]] | None = None,
        *,
        site: str | None = "toll",
        by: tuple[str, ...] = ("li", "wang"),
        hours: float = 1,
        version: int = 2,
        answers: dict[str, Any] | None = None,
        **given: Any,
    ) -> Document:
        """A road-check session; ``stops`` are moments with whether goods were found."""
        visit = visit_of(
            self.town,
            0,
            began,
            by=by,
            ended_at=began + timedelta(hours=hours),
            subject_kind="site" if site else None,
            subject_id=self.sites[site] if site else None,
        )
        record = documents.road_check(
            visit,
            Random(str(began)),
            stops=[] if stops is None else stops,
            mode="fixed" if site else "mobile",
        )
        record["form_version"] = version
        for stop in record["answers"]["stops"] if version > 1 else ():
            stop["party_opinion"] = "agree"
        record["answers"] |= answers or {}
        return record | given

    def dispatch(
        self, began: datetime, *, by: tuple[str, ...] = ("li", "wang"), hours: float = 4, **answers: Any
    ) -> Document:
        """A record about a dispatch."""
        visit = visit_of(self.town, 0, began, by=by, ended_at=began + timedelta(hours=hours))
        record = documents.attempt(visit, Random(0))
        return record | {
            "kind": "dispatch",
            "form_code": "dispatch",
            "form_version": 1,
            "photos": [],
            "subject_kind": None,
            "subject_id": None,
            "answers": {"task": "夜查", **answers},
        }


@pytest.fixture(scope="module")
def roads(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Roads]:
    """One town for a file; each test works on days of its own."""
    with own_database(superuser, template_database) as name:
        yield from roads_of(settings_for(name, Path(tmp_path_factory.mktemp("files"))))


def roads_of(settings: Any) -> Iterator[Roads]:
    """The town over a database of its own."""
    app = create_app(settings)
    kernel: Kernel = app.extensions["xunge"]
    town = settle_town(kernel)
    roads = Roads(app, kernel, town, {}, {})
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        for plate in PLATES:
            vehicle = Vehicle(id=new_id(work.now), bureau_id=town.bureau_id, plate=plate)
            work.session.add(vehicle)
        lon, lat = town.positions[0]
        for code, (kind, title) in {
            "toll": ("checkpoint", "甲收费站"),
            "bridge": ("checkpoint", "乙桥头"),
            "depot": ("depot", "丙快递网点"),
        }.items():
            site = Site(
                id=new_id(work.now),
                bureau_id=town.bureau_id,
                kind=kind,
                code=code,
                name=title,
                facts={},
                geom=from_shape(Point(lon, lat), srid=4326),
                cell_id=town.cells[0],
                edit_id=new_edit_id(),
            )
            work.session.add(site)
            roads.sites[code] = site.id
    yield roads
    kernel.close()
