"""The town in one database for a whole file: every test makes draws of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.draws import DrawIn, RecusalIn, ReplacementIn, SeedIn
from server.draws import ops
from server.draws.freezing import freeze_draw
from server.draws.queries import Progress, find_draw, progress_of
from server.draws.recusing import recuse
from server.house import compose
from server.kernel.actor import Actor
from server.kernel.work import Kernel, Work
from tests.conftest import own_database, settings_for
from tests.town import MONDAY, ROLE_ACCOUNTS, Town, settle_town

TODAY = MONDAY.date()


@dataclass(slots=True)
class Office:
    """The bureau leader's desk: draws in the town, at any moment, in bodies as they come over HTTP."""

    kernel: Kernel
    town: Town

    def at(self, now: datetime = MONDAY) -> AbstractContextManager[Work]:
        """A unit of work of the bureau's leader."""
        leader = Actor(
            bureau_id=self.town.bureau_id,
            account_id=self.town.accounts["ju"],
            roles=frozenset(ROLE_ACCOUNTS["ju"]),
        )
        return self.kernel.work(leader, now)

    def freeze(self, now: datetime = MONDAY, **given: Any) -> uuid.UUID:
        """A frozen draw: of two of the town's outlets within a week, unless told otherwise."""
        body = {
            "name": "试样抽查",
            "basis": "试样检查计划",
            "purpose": "special",
            "outlets": {},
            "from_day": TODAY.isoformat(),
            "to_day": (TODAY + timedelta(days=6)).isoformat(),
            "count": 2,
            **given,
        }
        with self.at(now) as work:
            return freeze_draw(work, DrawIn().load(body)).id

    def draw(self, draw_id: uuid.UUID, now: datetime = MONDAY, **seed: Any) -> Progress:
        """Carry a draw out."""
        with self.at(now) as work:
            return ops.carry_out_draw(work, draw_id, SeedIn().load(seed))

    def publish(self, draw_id: uuid.UUID, now: datetime = MONDAY) -> Progress:
        """Publish a draw."""
        with self.at(now) as work:
            return ops.publish_draw(work, draw_id)

    def replace(self, draw_id: uuid.UUID, name: str, now: datetime = MONDAY, **given: Any) -> Progress:
        """Have somebody of the town drop out."""
        body = {"person_id": str(self.town.people[name]), "reason": "试样：病假", **given}
        with self.at(now) as work:
            return ops.replace_officer(work, draw_id, ReplacementIn().load(body))

    def recuse(self, name: str, outlet: int | None = None, now: datetime = MONDAY, **given: Any) -> uuid.UUID:
        """Recuse somebody of the town from an outlet or altogether."""
        body = {
            "person_id": str(self.town.people[name]),
            "outlet_id": str(self.town.outlets[outlet]) if outlet is not None else None,
            "from_day": TODAY.isoformat(),
            "reason": "试样：近亲属经营",
            **given,
        }
        with self.at(now) as work:
            return recuse(work, RecusalIn().load(body)).id

    def found(self, draw_id: uuid.UUID, now: datetime = MONDAY) -> Progress:
        """What has become of a draw."""
        with self.at(now) as work:
            return progress_of(work, [find_draw(work, draw_id)])[0]

    def team_of(self, progress: Progress, outlet: int) -> set[str]:
        """The names of an outlet's team."""
        licence = f"9902811{outlet:05d}"
        names = {cert_no: name for name, cert_no in self.town.cert_nos.items()}
        return {names[one] for team in progress.teams if team.licence_no == licence for one in team.cert_nos}


@pytest.fixture(scope="module")
def office(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """The town, settled this Monday."""
    with own_database(superuser, template_database) as name:
        kernel = compose(settings_for(name, Path(tmp_path_factory.mktemp("files"))))
        yield Office(kernel, settle_town(kernel))
        kernel.close()
