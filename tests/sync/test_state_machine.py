"""Any order of pushes, pulls, moves, hand-overs and edits: no record lost, none doubled, held is what may be seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from server.app import create_app
from server.records.models import Rectification
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, copy_of_the_town, settings_over
from tests.sync.fieldwork import a_check, an_order_to_rectify, stored_records
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.oracle import MOVING, may_see
from tests.town import MONDAY, Town, client_of

OFFICERS = ("li", "wang", "zhao")
officers = st.sampled_from(OFFICERS)
outlets = cells = st.integers(0, 3)
squads = st.integers(0, 1)
picks = st.integers(0, 99)

OpenBureau = Callable[[ExitStack], tuple[Bureau, Clock]]


@dataclass(slots=True)
class Pushed:
    """A record as it was first sent, and by whom."""

    document: Document
    by: str


class Fieldwork(RuleBasedStateMachine):
    """Three officers and their leaders. ``open_bureau`` is set by the test that runs it."""

    open_bureau: OpenBureau

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.bureau, self.clock = type(self).open_bureau(self.closing)
        self.queues: dict[str, list[Document]] = {name: [] for name in OFFICERS}
        self.pushed: list[Pushed] = []
        # The model of what is edited: by record that ordered it, the document as last applied.
        self.orders: dict[str, Document] = {}

    @property
    def town(self) -> Town:
        return self.bureau.town

    # ── records ──────────────────────────────────────────────────────────────────────────────────

    @rule(name=officers, outlet=outlets, with_order=st.booleans())
    def record(self, name: str, outlet: int, with_order: bool) -> None:
        """An officer makes a record, online or not: it waits in the queue."""
        make = an_order_to_rectify if with_order else a_check
        self.queues[name].append(make(self.town, outlet, self.clock.now, name, "qian"))

    @precondition(lambda self: any(self.queues.values()))
    @rule(name=officers)
    def push_queue(self, name: str) -> None:
        """The queue goes out, perhaps days later, and every record in it is taken."""
        self._push_queue(name)

    def _push_queue(self, name: str) -> None:
        queue, self.queues[name] = self.queues[name], []
        if queue:
            assert self.bureau.devices[name].push("records", *queue) == []
            self.pushed += [Pushed(document, name) for document in queue]

    @precondition(lambda self: self.pushed)
    @rule(pick=picks)
    def push_again(self, pick: int) -> None:
        """An answer was lost, so a record goes out again: it is answered with what is stored."""
        again = self.pushed[pick % len(self.pushed)]

        (answered,) = self.bureau.devices[again.by].push("records", again.document)

        assert (answered["id"], answered["answers"]) == (again.document["id"], again.document["answers"])
        assert answered["stamp"]

    # ── rectifications ───────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.pushed)
    @rule(name=officers, pick=picks, note=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
    def edit_order(self, name: str, pick: int, note: str) -> None:
        """An officer edits a rectification as his device holds it; only who held the present one wins."""
        device = self.bureau.devices[name]
        held = {one["record_id"]: one for one in device.held.get("rectifications", {}).values()}
        source = self.pushed[pick % len(self.pushed)].document["id"]
        if source not in held:
            return
        assumed, master = held[source], self.orders.get(source, held[source])
        edited = new_edit(assumed, note=note)

        answered = device.push("rectifications", edited, assumed=[assumed])

        if not self._may_see_order(name, source):
            assert answered == [{"id": edited["id"], "_deleted": True}]
        elif assumed["edit_id"] == master["edit_id"]:
            assert answered == []
            self.orders[source] = edited
        else:
            assert answered == [master]

    def _may_see_order(self, name: str, source: str) -> bool:
        with self.bureau.kernel.sessions() as session:
            order = session.scalar(
                select(Rectification.id).where(Rectification.record_id == uuid.UUID(source))
            )
        return (
            str(order)
            in may_see(self.bureau.kernel, self.town, name, self.clock.now, ("rectifications",))[
                "rectifications"
            ]
        )

    # ── leaders ──────────────────────────────────────────────────────────────────────────────────

    @rule(outlet=outlets, cell=cells)
    def move_outlet(self, outlet: int, cell: int) -> None:
        self.bureau.move_outlet(outlet, cell)

    @rule(cell=cells, squad=squads)
    def assign(self, cell: int, squad: int) -> None:
        self.bureau.assign([cell], squad)

    @rule(squad=squads)
    def transfer_wang(self, squad: int) -> None:
        self.bureau.transfer("wang", squad)

    @rule()
    def pass_a_day(self) -> None:
        self.clock.pass_by(days=1)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    @rule(name=officers)
    def pull(self, name: str) -> None:
        """After a pull to the end the device holds exactly what its officer may see, as it is now."""
        self.bureau.check(name, collections=MOVING)

    def teardown(self) -> None:
        try:
            for name in OFFICERS:
                self._push_queue(name)
            self.bureau.check()
            self.bureau.check_reconciled()
            self._check_records()
            self._check_orders()
        finally:
            self.closing.close()

    def _check_records(self) -> None:
        stored = stored_records(self.bureau.kernel)
        assert set(stored) == {one.document["id"] for one in self.pushed}
        for one in self.pushed:
            assert stored[one.document["id"]].document["answers"] == one.document["answers"]

    def _check_orders(self) -> None:
        with self.bureau.kernel.sessions() as session:
            orders = {str(order.record_id): order for order in session.scalars(select(Rectification))}
        ordering = {
            one.document["id"] for one in self.pushed if one.document["answers"].get("disposal") == "rectify"
        }
        assert set(orders) == ordering
        for source, expected in self.orders.items():
            assert (str(orders[source].edit_id), orders[source].note) == (
                expected["edit_id"],
                expected["note"],
            )


@pytest.fixture
def opener(superuser: Engine, settled_town: tuple[str, Town], clock: Clock) -> OpenBureau:
    template, settled = settled_town

    def open_bureau(closing: ExitStack) -> tuple[Bureau, Clock]:
        clock.now = MONDAY
        database = closing.enter_context(copy_of_the_town(superuser, template))
        app = create_app(settings_over(database))
        kernel = app.extensions["xunge"]
        closing.callback(kernel.close)
        town = deepcopy(settled)
        devices = {
            name: Handheld(client_of(app, kernel, town, name, device=True), kernel.sessions, limit=40)
            for name in OFFICERS
        }
        return Bureau(kernel, town, lambda: clock.now, devices), clock

    return open_bureau


def test_any_order_of_events_loses_nothing_and_leaks_nothing(
    opener: OpenBureau,
) -> None:
    class InTown(Fieldwork):
        open_bureau = staticmethod(opener)

    run_state_machine_as_test(
        InTown,
        settings=settings(
            max_examples=32,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
