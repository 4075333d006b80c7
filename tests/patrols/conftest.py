"""The town with two vehicles, plans of its days, and the records of patrols."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from sqlalchemy import Engine, select

from server.demo import documents
from server.demo.documents import Document
from server.kernel.actor import house
from server.patrols.models import PatrolRun
from tests.conftest import own_database, settings_for
from tests.dispatches.conftest import Roads, at, roads_of
from tests.fieldwork import attempt_at, check_of, visit_of
from tests.patrols.plans import Planned, Team, a_plan
from tests.town import Town

__all__ = ["at"]


@dataclass(slots=True)
class Days:
    """Days of the town: what is planned for them and what its people record."""

    roads: Roads
    settings: Any

    @property
    def town(self) -> Town:
        return self.roads.town

    def plan(self, day: int, *teams: Team, **given: Any) -> Planned:
        """A plan of a day in July, given out on the evening before."""
        with self.roads.kernel.work(house(self.town.bureau_id), at(day, 0) - timedelta(hours=6)) as work:
            return a_plan(work, self.town, date(2026, 7, day), *teams, **given)

    def run(
        self,
        act: Literal["start", "end"],
        patrol_id: uuid.UUID,
        began: datetime,
        ended: datetime | None = None,
        *,
        by: Sequence[str] = ("li",),
        people: Sequence[str] = (),
        place: tuple[float, float] | None = None,
        told: dict[str, Any] | None = None,
        **given: Any,
    ) -> Document:
        """A record of a beginning, or of an end with the whole patrol; ``told`` are further answers."""
        lon, lat = place or (None, None)
        visit = visit_of(
            self.town, 0, began, by=tuple(by), ended_at=ended or began, lon=lon, lat=lat, **given
        )
        out = [self.town.people[name] for name in people]
        record = documents.patrol(visit, Random(str(began)), act, patrol_id, people=out)
        record["answers"] |= told or {}
        return record

    def check(self, outlet: int, began: datetime, **given: Any) -> Document:
        """A weekly check of a quarter of an hour."""
        return check_of(self.town, outlet, began, **given)

    def attempt(self, outlet: int, began: datetime, **given: Any) -> Document:
        """An attempt at a closed door, of a quarter of an hour."""
        return attempt_at(self.town, outlet, began, **given)

    def push(self, record: Document, **given: Any) -> uuid.UUID:
        """Push a record; its id."""
        return self.roads.push(record, **given)

    def flags(self, record_id: uuid.UUID) -> set[str]:
        """The flags of a stored record, but that no clock was measured here."""
        return set(self.roads.get(f"/records/{record_id}").get_json()["flags"]) - {"clock_unmeasured"}

    def runs(self, patrol_id: uuid.UUID) -> list[PatrolRun]:
        """What was drawn out of records about a patrol."""
        with self.roads.kernel.sessions() as session:
            found = select(PatrolRun).where(PatrolRun.patrol_id == patrol_id).order_by(PatrolRun.known_at)
            return list(session.scalars(found))

    def dispatches(self, day: int, **query: Any) -> list[dict[str, Any]]:
        """The dispatches of a day in July."""
        span = {"since": at(day, 0).isoformat(), "until": at(day + 1, 0).isoformat()}
        return self.roads.all("/dispatches", **span, **query)


@pytest.fixture(scope="module")
def days(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Days]:
    """One town for a file; each test works on days of its own."""
    with own_database(superuser, template_database) as name:
        settings = settings_for(name, Path(tmp_path_factory.mktemp("files")))
        for roads in roads_of(settings):
            yield Days(roads, settings)
