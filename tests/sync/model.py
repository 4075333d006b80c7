"""What leaders decided and officers recorded, in plain Python, and who may see what of it: no database, no feed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from tests.town import SQUAD_OF, ZONE, Town

WINDOW = timedelta(days=90)
# What the model tells by itself; obligations follow rules of their own and are asked of the tables.
TOLD = ("cells", "outlets", "records", "rectifications")
T = TypeVar("T")


@dataclass(slots=True)
class Landed:
    """A record that the server took: who was on it, the cell where its subject lay then, its true time."""

    id: str
    people: frozenset[str]
    cell: int
    performed_at: datetime
    orders: bool


@dataclass(slots=True)
class Model:
    """Cells, outlets, squads by their number; people by name. Duty and membership are lists of (from day, squad)."""

    duty: dict[int, list[tuple[date, int]]] = field(
        default_factory=lambda: {cell: [(date.min, cell // 2)] for cell in range(4)}
    )
    members: dict[str, list[tuple[date, int]]] = field(
        default_factory=lambda: {name: [(date.min, squad)] for name, squad in SQUAD_OF.items()}
    )
    # Where the borders of each cell are drawn, and on which ground each outlet stands: both change.
    ground_of: list[int] = field(default_factory=lambda: [0, 1, 2, 3])
    outlet_on: list[int] = field(default_factory=lambda: [0, 1, 2, 3])
    landed: dict[str, Landed] = field(default_factory=dict)

    def assign(self, cell: int, squad: int, from_day: date) -> None:
        """Duty that would begin on or after the day is replaced."""
        self.duty[cell] = [one for one in self.duty[cell] if one[0] < from_day] + [(from_day, squad)]

    def transfer(self, name: str, squad: int, today: date) -> None:
        self.members[name] = [one for one in self.members[name] if one[0] < today] + [(today, squad)]

    def swap_borders(self, one: int, other: int) -> None:
        """Two cells change places; the outlets stay where they are."""
        ground = self.ground_of
        ground[one], ground[other] = ground[other], ground[one]

    def cell_of(self, outlet: int) -> int:
        """The cell whose borders hold the outlet now."""
        return self.ground_of.index(self.outlet_on[outlet])

    def land(
        self, record: str, people: Iterable[str], outlet: int, performed_at: datetime, orders: bool
    ) -> None:
        """A record lands once; it lies where its outlet lies at that moment."""
        if record not in self.landed:
            self.landed[record] = Landed(
                record, frozenset(people), self.cell_of(outlet), performed_at, orders
            )

    def may_see(self, town: Town, name: str, now: datetime) -> dict[str, set[str]]:
        """Ids by collection; rectifications by the record that ordered them."""
        today = now.astimezone(ZONE).date()
        squad = _at(self.members[name], today)
        cells = {cell for cell, spans in self.duty.items() if _at(spans, today) == squad}
        window = datetime.combine(today, datetime.min.time(), ZONE) - WINDOW
        return {
            "cells": _text(town.cells[cell] for cell in cells),
            "outlets": _text(town.outlets[outlet] for outlet in range(4) if self.cell_of(outlet) in cells),
            "records": {
                one.id
                for one in self.landed.values()
                if one.performed_at >= window and (one.cell in cells or name in one.people)
            },
            "rectifications": {one.id for one in self.landed.values() if one.orders and one.cell in cells},
        }


def _at(spans: list[tuple[date, T]], day: date) -> T:
    return next(value for begins, value in reversed(spans) if begins <= day)


def _text(ids: Iterable[uuid.UUID]) -> set[str]:
    return {str(one) for one in ids}
