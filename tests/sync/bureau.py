"""What leaders do to the town: hand cells over, move officers between squads, have outlets placed elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime

from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Point, box
from sqlalchemy import select, update

from server.grids.models import GridCell
from server.grids.ops import announce, apply_due_scope, assign_duty, day_carried_out
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel, Work
from server.org.models import Squad
from server.org.ops import join_squad
from server.outlets.models import Outlet
from tests.sync.handheld import Handheld
from tests.sync.oracle import COLLECTIONS, may_see, pulled
from tests.town import ZONE, Town


class Bureau:
    """The town with what its leaders do to it, and devices that are checked against the oracle."""

    def __init__(
        self, kernel: Kernel, town: Town, now: Callable[[], datetime], devices: dict[str, Handheld]
    ) -> None:
        self.kernel, self.town, self.devices = kernel, town, devices
        self._now = now
        # By cell, the ground that its borders are drawn round: ground n is where cell n was settled.
        self.ground_of = list(range(len(town.cells)))

    @property
    def now(self) -> datetime:
        """The clock of the town."""
        return self._now()

    @property
    def today(self) -> date:
        """The day in the town."""
        return self.now.astimezone(ZONE).date()

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A unit of work of the house."""
        with self.kernel.work(house(self.town.bureau_id), self.now) as work:
            yield work

    def assign(self, cells: list[int], squad: int, from_day: date | None = None) -> None:
        """Hand cells over to a squad, from today if no day is given."""
        lead = self.town.people["li" if squad == 0 else "zhao"]
        with self.work() as work:
            wanted = [self.town.cells[cell] for cell in cells]
            assign_duty(work, wanted, self.town.squads[squad], lead, from_day or self.today)

    def move_outlet(self, outlet: int, cell: int) -> None:
        """Have an outlet placed in another cell."""
        with self.work() as work:
            self.write_move(work, outlet, cell)

    def write_move(self, work: Work, outlet: int, cell: int) -> None:
        """As the import of a register does: write the row, announce both cells, and name what was written."""
        moved, now_in = self.town.outlets[outlet], self.town.cells[cell]
        lon, lat = 84.05 + self.ground_of[cell] * 0.1, 39.05
        before = work.session.scalar(select(Outlet.cell_id).where(Outlet.id == moved))
        geom = from_shape(Point(lon, lat), srid=4326)
        work.session.execute(
            update(Outlet).where(Outlet.id == moved).values(cell_id=now_in, geom=geom, edit_id=new_edit_id())
        )
        announce(work, "outlets", [(moved, before), (moved, now_in)])
        work.wrote("outlet", [moved])
        self.town.positions[outlet] = (lon, lat)

    def swap_borders(self, one: int, other: int) -> None:
        """As the import of cells does: two cells are drawn anew, each where the other was."""
        ground = self.ground_of
        ground[one], ground[other] = ground[other], ground[one]
        with self.work() as work:
            for cell in {one, other}:
                west = 84.0 + ground[cell] * 0.1
                geom = from_shape(MultiPolygon([box(west, 39.0, west + 0.1, 39.1)]), srid=4326)
                work.session.execute(
                    update(GridCell)
                    .where(GridCell.id == self.town.cells[cell])
                    .values(geom=geom, edit_id=new_edit_id())
                )
            drawn = [self.town.cells[cell] for cell in (one, other)]
            announce(work, "cells", [(cell, cell) for cell in drawn])
            work.wrote("grid_cell", drawn)

    def found_squad(self) -> int:
        """A squad that nobody is in; its number."""
        with self.work() as work:
            squad = Squad(
                id=new_id(work.now), bureau_id=self.town.bureau_id, name="无人中队", edit_id=new_edit_id()
            )
            work.session.add(squad)
        self.town.squads.append(squad.id)
        return len(self.town.squads) - 1

    def transfer(self, name: str, squad: int) -> None:
        """Move somebody to another squad, from today."""
        with self.work() as work:
            self.write_transfer(work, name, squad)

    def write_transfer(self, work: Work, name: str, squad: int) -> None:
        """As the import of a register does: end the membership today, begin the other, carry it out."""
        join_squad(work, self.town.people[name], self.town.squads[squad], self.today, leads=False)
        apply_due_scope(work, changed=True)

    def is_carried_out(self) -> bool:
        """Whether what today brings is in scope already; the first request of a day sees to it."""
        with self.work() as work:
            return day_carried_out(work) == self.today

    def check(self, *names: str, collections: Sequence[str] = COLLECTIONS) -> None:
        """Every device named pulls to the end, and then holds exactly what its officer may see."""
        for name in names or self.devices:
            expected = may_see(self.kernel, self.town, name, self.now)
            assert pulled(self.devices[name], collections) == {one: expected[one] for one in collections}, (
                name
            )

    def check_reconciled(self) -> None:
        """Every device that holds what its officer may see agrees with the server; an empty one lacks all of it.

        That an empty one lacks all of it is what makes the feed complete: the server compares what the feeds of the
        officer's principals ever told of, and every document that he may see is among it.
        """
        for name, device in self.devices.items():
            expected = may_see(self.kernel, self.town, name, self.now)
            for collection in COLLECTIONS:
                told = device.reconcile(collection)
                assert told == {"touched": 0, "push": [], "differs": [], "malformed": 0}, (name, collection)
                held, device.held[collection] = device.held[collection], {}
                assert device.reconcile(collection)["touched"] == len(expected[collection]), (
                    name,
                    collection,
                )
                device.held[collection] = held
