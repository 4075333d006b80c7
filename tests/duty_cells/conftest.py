"""The town's desk for duty: its bureau leader and squad leaders at the console, on a Monday that tests move."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, box
from sqlalchemy import insert, select, update

from server.grids.models import Duty, GridCell
from server.grids.queries import on_duty
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel, Work
from server.org.models import Certificate, Person
from server.org.ops import join_squad
from tests.sync.conftest import Clock, clock
from tests.town import ZONE, Town, client_of

__all__ = ["clock"]


@dataclass(slots=True)
class Desk:
    """The town, and whoever decides about duty in it. Cells, squads and people are named as in the town."""

    app: Flask
    kernel: Kernel
    town: Town
    clock: Clock

    @property
    def today(self) -> date:
        """The day in the town."""
        return self.clock.now.astimezone(ZONE).date()

    def day(self, later: int) -> str:
        """So many days from today, as it stands in a body."""
        return (self.today + timedelta(days=later)).isoformat()

    def client(self, name: str) -> FlaskClient:
        """Somebody of the town at the console."""
        return client_of(self.app, self.kernel, self.town, name)

    def work(self) -> AbstractContextManager[Work]:
        """A unit of work of the house."""
        return self.kernel.work(house(self.town.bureau_id), self.clock.now)

    def line(
        self, cells: Sequence[int] | dict[str, Any], squad: int, lead: str, later: int = 0
    ) -> dict[str, Any]:
        """An assignment; cells by their numbers, or chosen otherwise."""
        return {
            "cells": cells if isinstance(cells, dict) else self.cells(*cells),
            "squad_id": str(self.town.squads[squad]),
            "lead_person_id": str(self.town.people[lead]),
            "from_day": self.day(later),
        }

    def ending(self, cells: Sequence[int], later: int = 0) -> dict[str, Any]:
        """An ending without a successor."""
        return {"cells": self.cells(*cells), "from_day": self.day(later)}

    def cells(self, *numbers: int) -> dict[str, Any]:
        """Cells by their ids, as a body names them."""
        return {"cell_ids": [str(self.town.cells[number]) for number in numbers]}

    def post(self, *assignments: dict[str, Any], by: str = "ju", **given: Any) -> Any:
        """Ask for a change; the answer."""
        if given.get("endings"):
            given = {"reason": "试样：网格调整", **given}
        return self.client(by).post("/api/v1/duty-changes", json={"assignments": assignments, **given})

    def change(self, *assignments: dict[str, Any], by: str = "ju", **given: Any) -> dict[str, Any]:
        """Make a change; what it tells."""
        answer = self.post(*assignments, by=by, **given)
        assert answer.status_code == 200, answer.get_json()
        told: dict[str, Any] = answer.get_json()
        return told

    def withdraw(self, change_id: str, by: str = "ju", **given: Any) -> Any:
        """Ask to take a change back; the answer."""
        body = {"reason": "试样：选错网格", **given}
        return self.client(by).post(f"/api/v1/duty-changes/{change_id}/withdrawal", json=body)

    def held(self, later: int = 0) -> list[str | None]:
        """Who leads each cell of the town on a day by ``duty``, which the facts must say too; None where it is vacant."""
        day = self.today + timedelta(days=later)
        with self.work() as work:
            names = dict(work.session.execute(select(Person.id, Person.name)).all())
            view = select(Duty.cell_id, Duty.lead_person_id, Duty.valid).where(Duty.valid.op("@>")(day))
            by_view = {cell: (lead, valid.lower) for cell, lead, valid in work.session.execute(view)}
            duty = on_duty(GridCell.id, day, work.now)
            facts = select(GridCell.id, duty.c.lead_person_id, duty.c.from_day).join(
                duty, duty.c.squad_id.is_not(None)
            )
            by_facts = {cell: (lead, since) for cell, lead, since in work.session.execute(facts)}
        assert by_view == by_facts
        return [names[by_view[cell][0]] if cell in by_view else None for cell in self.town.cells]

    def add_cell(self, code: str, place: int, **given: Any) -> uuid.UUID:
        """A further cell of the town, on the ground of a number; a leaf of duty without outlets, unless told otherwise."""
        west = 84.0 + place * 0.1
        with self.work() as work:
            cell = {
                "id": new_id(work.now),
                "bureau_id": self.town.bureau_id,
                "code": code,
                "name": f"试样{code}",
                "cell_level": 4,
                "cell_type": "rural",
                "control_mode": "both",
                "purpose": "both",
                "existing_count": 0,
                "geom": from_shape(MultiPolygon([box(west, 39.0, west + 0.1, 39.1)]), srid=4326),
                "edit_id": new_edit_id(),
                **given,
            }
            work.session.execute(insert(GridCell).values(**cell))
            if cell["cell_level"] == 4:
                self.town.cells.append(cell["id"])
        return uuid.UUID(str(cell["id"]))

    def below(self, parent_id: uuid.UUID, *numbers: int) -> None:
        """Put cells below another one."""
        with self.work() as work:
            for number in numbers:
                cell = GridCell.id == self.town.cells[number]
                work.session.execute(update(GridCell).where(cell).values(parent_id=parent_id))

    def hire(
        self, name: str, squad: int, *, kind: str = "officer", certified_until: date | None = None
    ) -> None:
        """Somebody more in a squad from now on, with a certificate until a day or with none."""
        with self.work() as work:
            own = {"bureau_id": self.town.bureau_id}
            person = Person(
                id=new_id(work.now), name=name, staff_no=f"H{name}", kind=kind, edit_id=new_edit_id(), **own
            )
            work.session.add(person)
            work.session.flush()
            self.town.people[name] = person.id
            join_squad(work, person.id, self.town.squads[squad], date(2026, 1, 1), leads=False)
            if certified_until is not None:
                work.session.add(
                    Certificate(
                        id=new_id(work.now),
                        person_id=person.id,
                        cert_no=f"样执{name}",
                        valid_from=date(2025, 1, 1),
                        valid_to=certified_until,
                        known_at=work.now,
                        **own,
                    )
                )

    def move(self, name: str, squad: int | None, later: int = 0) -> None:
        """Have somebody change squads, or leave all of them."""
        with self.work() as work:
            to = None if squad is None else self.town.squads[squad]
            join_squad(work, self.town.people[name], to, self.today + timedelta(days=later), leads=False)


@pytest.fixture
def desk(app: Flask, kernel: Kernel, town: Town, clock: Clock) -> Desk:
    """The desk in a town of this test's own."""
    return Desk(app, kernel, town, clock)
