"""The state machine: officers and leaders in any order, and a model of what each may hold."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import select, update

from server.access.models import Device
from server.access.ops import revoke_device
from server.kernel.ids import new_edit_id
from server.org.models import Person
from server.records.models import Rectification
from sync import feed
from sync.tables import quarantine
from tests.cadence.test_keeping import assert_kept_as_judged
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock
from tests.sync.fieldwork import a_check, an_order_to_rectify, stored_records
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.model import TOLD, Model
from tests.sync.oracle import MOVING, may_see, pulled
from tests.town import Town

OFFICERS = ("li", "wang", "zhao")
officers = st.sampled_from(OFFICERS)
outlets = cells = st.integers(0, 3)
squads = st.integers(0, 1)
picks = st.integers(0, 99)


@dataclass(slots=True)
class Queued:
    """A record that waits on a device."""

    document: Document
    outlet: int


@dataclass(slots=True)
class Sent:
    """A record as it was first sent, by whom, and whether his device was revoked by then."""

    document: Document
    by: str
    revoked: bool


@dataclass(slots=True)
class Playground:
    """What an example starts from: a town as settled this Monday, with its devices, its clock, and a clean end."""

    bureau: Bureau
    clock: Clock
    enrol: Callable[[str], Handheld]
    closing: ExitStack = field(default_factory=ExitStack)


class Fieldwork(RuleBasedStateMachine):
    """Three officers and their leaders. ``open_town`` is set by the test that runs it."""

    open_town: Callable[[], Playground]

    def __init__(self) -> None:
        super().__init__()
        self.playground = type(self).open_town()
        self.bureau, self.clock = self.playground.bureau, self.playground.clock
        self.model = Model()
        self.queues: dict[str, list[Queued]] = {name: [] for name in OFFICERS}
        self.sent: dict[str, Sent] = {}
        self.malformed: dict[str, Document] = {}
        self.revoked: dict[str, datetime] = {}
        # The model of what is edited: by record that ordered it, the document as last applied.
        self.orders: dict[str, Document] = {}
        self.diverged: set[str] = set()
        self.slow = ExitStack()
        self.is_slow = False

    @property
    def town(self) -> Town:
        return self.bureau.town

    # ── records ──────────────────────────────────────────────────────────────────────────────────

    @rule(
        name=officers, outlet=outlets, with_order=st.booleans(), skew_s=st.sampled_from([0, 0, -420, 86_400])
    )
    def record(self, name: str, outlet: int, with_order: bool, skew_s: int) -> None:
        """An officer makes a record, online or not, by a clock that may be wrong: it waits in the queue."""
        make = an_order_to_rectify if with_order else a_check
        shown = self.clock.now + timedelta(seconds=skew_s)
        document = make(self.town, outlet, shown, name, "qian", clock_offset_s=skew_s)
        self.queues[name].append(Queued(document, outlet))

    @precondition(lambda self: any(self.queues.values()))
    @rule(name=officers, malformed=st.booleans())
    def push_queue(self, name: str, malformed: bool) -> None:
        """The queue goes out, perhaps days later; a row that cannot be stored in its midst stops nobody."""
        queue, self.queues[name] = self.queues[name], []
        rows = [one.document for one in queue]
        spoilt: set[str] = set()
        if malformed and rows:
            bad = {**rows[0], "id": str(uuid.uuid4()), "edit_id": str(uuid.uuid4()), "officers": 7}
            rows.insert(len(rows) // 2, bad)
            self.malformed[bad["id"]] = bad
            spoilt = {bad["id"]}
        if not rows:
            return
        known = {one["id"] for one in rows} & self.sent.keys()

        answered = self.bureau.devices[name].push("records", *rows)

        # What had landed already comes back stamped, to a device that may still be told; the bad row with its review.
        expected = spoilt | (known if name not in self.revoked else set())
        assert {one["id"] for one in answered} == expected
        assert all(one["review"] for one in answered if one["id"] in spoilt)
        self._land(name, queue)

    @precondition(lambda self: any(self.queues.values()))
    @rule(name=officers, pick=picks)
    def push_unheard(self, name: str, pick: int) -> None:
        """Part of the queue lands, in another order, and its answer is lost: it stays in the queue."""
        some = list(reversed(self.queues[name]))[: pick % 3 + 1]
        if some:
            self.bureau.devices[name].push_unheard("records", *(one.document for one in some))
            self._land(name, some)

    def _land(self, name: str, queue: list[Queued]) -> None:
        for one in queue:
            document = one.document
            if document["id"] not in self.sent:
                self.sent[document["id"]] = Sent(document, name, name in self.revoked)
            skew = timedelta(seconds=document["clock_offset_s"])
            performed_at = type(self.clock.now).fromisoformat(document["started_at"]) - skew
            self.model.land(
                document["id"],
                {name, "qian"},
                one.outlet,
                performed_at,
                "rectify" in json.dumps(document["answers"]),
            )

    @precondition(lambda self: self.sent)
    @rule(pick=picks, delete=st.booleans())
    def push_again(self, pick: int, delete: bool) -> None:
        """A record goes out again, or is deleted on the device: it stays, and the answer says what is stored."""
        again = list(self.sent.values())[pick % len(self.sent)]
        document = new_edit(again.document, _deleted=True) if delete else again.document
        if delete:
            self.malformed[document["id"]] = document

        answered = self.bureau.devices[again.by].push("records", document)

        if delete:
            assert [one["review"][0]["code"] for one in answered] == ["record_not_deletable"]
        elif again.by in self.revoked:
            assert answered == []
        else:
            assert [one["id"] for one in answered] == [document["id"]]
            assert answered[0].get("_deleted") or (
                answered[0]["answers"] == document["answers"] and answered[0]["stamp"]
            )

    # ── rectifications ───────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.sent)
    @rule(
        name=officers,
        pick=picks,
        note=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
        delete=st.booleans(),
    )
    def edit_order(self, name: str, pick: int, note: str, delete: bool) -> None:
        """An officer edits or deletes a rectification as his device holds it; only who held the present one wins."""
        device = self.bureau.devices[name]
        held = {one["record_id"]: one for one in device.held.get("rectifications", {}).values()}
        if not held or name in self.diverged:
            return
        source = sorted(held)[pick % len(held)]
        assumed, master = held[source], self.orders.get(source, held[source])
        edited = new_edit(assumed, note=note, _deleted=delete)

        answered = device.push("rectifications", edited, assumed=[assumed])

        seen = source in self.model.may_see(self.town, name, self.clock.now)["rectifications"]
        if seen and not delete and assumed["edit_id"] == master["edit_id"]:
            assert answered == []
            self.orders[source] = edited
        elif name in self.revoked:
            assert answered == []
        elif seen:
            assert answered == [master]
        else:
            assert answered == [{"id": edited["id"], "_deleted": True}]

    # ── leaders ──────────────────────────────────────────────────────────────────────────────────

    @rule(outlet=outlets, cell=cells)
    def move_outlet(self, outlet: int, cell: int) -> None:
        self.bureau.move_outlet(outlet, cell)
        self.model.outlet_on[outlet] = self.model.ground_of[cell]

    @rule(one=cells, other=cells)
    def edit_cells(self, one: int, other: int) -> None:
        """The borders of cells are drawn anew; what stands on the ground changes hands."""
        self.bureau.swap_borders(one, other)
        self.model.swap_borders(one, other)

    @rule(cell=cells, squad=squads, in_days=st.sampled_from([0, 0, 0, 1, 3]))
    def assign(self, cell: int, squad: int, in_days: int) -> None:
        """A grant to one squad and a revoke from the other, from today or a later day on."""
        from_day = self.bureau.today + timedelta(days=in_days)
        self.bureau.assign([cell], squad, from_day)
        self.model.assign(cell, squad, from_day)

    @rule(name=officers, squad=squads)
    def transfer(self, name: str, squad: int) -> None:
        self.bureau.transfer(name, squad)
        self.model.transfer(name, squad, self.bureau.today)

    @rule(name=officers)
    def revoke(self, name: str) -> None:
        """The device is lost: it keeps what it holds, may land its queue, and gets nothing more."""
        with self.bureau.work() as work:
            revoke_device(work, work.session.get_one(Device, self.town.devices[name]), at_once=False)
        self.revoked.setdefault(name, self.clock.now)

    @rule(name=officers)
    def enrol(self, name: str) -> None:
        """Another device for the officer, which starts from nothing; the queue of the first is carried over by hand."""
        self.bureau.devices[name] = self.playground.enrol(name)
        self.revoked.pop(name, None)
        self.diverged.discard(name)

    @rule(days=st.sampled_from([1, 1, 2, 44]))
    def pass_days(self, days: int) -> None:
        # What was revoked is dead after 90 days, which is tried elsewhere; all hours together are fewer than 10 days.
        last = min(
            (at + timedelta(days=80) for at in self.revoked.values()), default=self.clock.now + timedelta(99)
        )
        if self.clock.now.month < 11 and self.clock.now + timedelta(days=days) < last:
            self.clock.pass_by(days=days)

    @rule()
    def pass_hours(self) -> None:
        self.clock.pass_by(hours=7)

    @precondition(lambda self: not self.is_slow)
    @rule()
    def begin_slow_write(self) -> None:
        """A writer begins and stays open while everybody goes on."""
        self.slow.enter_context(self._rename("fu"))
        self.is_slow = True

    @precondition(lambda self: self.is_slow)
    @rule()
    def end_slow_write(self) -> None:
        self._end_slow_write()

    def _end_slow_write(self) -> None:
        self.slow.close()
        self.is_slow = False

    @rule(name=officers)
    def rename(self, name: str) -> None:
        """A quick write to the same feed as the slow one's."""
        with self._rename(name):
            pass

    def _rename(self, name: str) -> Any:
        closing = ExitStack()
        work = closing.enter_context(self.bureau.work())
        person = self.town.people[name]
        work.session.execute(update(Person).where(Person.id == person).values(edit_id=new_edit_id()))
        feed.touch(work.session, work.bureau_id, "people", [(f"bureau:{work.bureau_id}", person)])
        return closing

    @rule(name=officers, collection=st.sampled_from(MOVING), pick=picks, forgets=st.booleans())
    def diverge(self, name: str, collection: str, pick: int, forgets: bool) -> None:
        """A client loses a document, or misses a change of it: its checkpoint is past it, so only reconciling heals."""
        held = self.bureau.devices[name].held.get(collection, {})
        if held and name not in self.revoked:
            one = sorted(held)[pick % len(held)]
            if forgets:
                del held[one]
            else:
                held[one] = new_edit(held[one])
            self.diverged.add(name)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    @rule(name=officers, collection=st.sampled_from((*MOVING, "people")), limit=st.integers(1, 5))
    def glance(self, name: str, collection: str, limit: int) -> None:
        """One page and no more, perhaps beside an open writer: every document in it may be seen as it is now."""
        device = self.bureau.devices[name]
        if name in self.revoked:
            return self._refused(device, collection)
        seen = may_see(self.bureau.kernel, self.town, name, self.clock.now, (collection,))[collection]
        if collection in TOLD:
            self._agrees(name, {collection: seen})
        usual, device.limit = device.limit, limit
        page = device.pull_page(collection)
        device.limit = usual
        # The first request of a day carries the day out, and this page may be it.
        if self.bureau.is_carried_out():
            shown = {one["id"]: one["edit_id"] for one in page if not one["_deleted"]}
            assert shown.items() <= seen.items()
        return None

    @rule(name=officers)
    def pull(self, name: str) -> None:
        """After a pull to the end the device holds exactly what its officer may see, as it is now."""
        if self.is_slow:
            self._end_slow_write()
        self._check(name, MOVING)

    def _check(self, name: str, collections: tuple[str, ...]) -> None:
        device = self.bureau.devices[name]
        if name in self.revoked:
            return self._refused(device, "records")
        if not self.bureau.is_carried_out():
            # What the first request of a day carries out comes with the next one.
            device.pull_page("cells")
        if name in self.diverged:
            device.pull(*MOVING)
            for collection in MOVING:
                assert device.reconcile(collection)["push"] == []
            self.diverged.remove(name)
        expected = may_see(self.bureau.kernel, self.town, name, self.clock.now, collections)
        self._agrees(name, expected)
        held = pulled(device, collections)
        # What was answered with a review is the officer's to put right, until the server touches it again.
        for one in [one["id"] for one in device.held.get("records", {}).values() if "review" in one]:
            held["records"].pop(one)
            expected["records"].pop(one, None)
        assert held == expected, name
        return None

    def _agrees(self, name: str, told_by_tables: dict[str, dict[str, str]]) -> None:
        """The tables say what the model says; the model knows nothing of how they are kept."""
        by_model = self.model.may_see(self.town, name, self.clock.now)
        found = {one: set(ids) for one, ids in told_by_tables.items() if one in TOLD}
        if "rectifications" in found:
            with self.bureau.kernel.sessions() as session:
                sources = dict(session.execute(select(Rectification.id, Rectification.record_id)).all())
            found["rectifications"] = {str(sources[uuid.UUID(one)]) for one in found["rectifications"]}
        assert found == {one: by_model[one] for one in found}, name

    def _refused(self, device: Handheld, collection: str) -> None:
        answer = device.client.get(f"/sync/v1/{collection}/pull")
        assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")

    def teardown(self) -> None:
        try:
            self.slow.close()
            for name in OFFICERS:
                if self.queues[name]:
                    queue, self.queues[name] = self.queues[name], []
                    self.bureau.devices[name].push("records", *(one.document for one in queue))
                    self._land(name, queue)
            for name in OFFICERS:
                self._check(name, (*MOVING, "people"))
                self._check_reconciled(name)
            self._check_records()
            self._check_orders()
            assert_kept_as_judged(self.bureau.kernel, self.town, self.clock.now)
        finally:
            self.playground.closing.close()

    def _check_reconciled(self, name: str) -> None:
        """What holds all is told nothing; what holds nothing lacks all that may be seen, so the feed is complete."""
        if name in self.revoked:
            return
        device = self.bureau.devices[name]
        for collection in ("records", "outlets"):
            assert device.reconcile(collection)["touched"] == 0
            visible = may_see(self.bureau.kernel, self.town, name, self.clock.now, (collection,))[collection]
            device.held[collection] = {}
            assert device.reconcile(collection)["touched"] == len(visible)

    def _check_records(self) -> None:
        """No record is lost, none is doubled, none is changed, and what a revoked device sent is marked."""
        stored = stored_records(self.bureau.kernel)
        assert set(stored) == set(self.sent)
        for one, sent in self.sent.items():
            assert stored[one].document["answers"] == sent.document["answers"]
            assert ("device_revoked" in stored[one].flags) == sent.revoked
        with self.bureau.kernel.sessions() as session:
            kept = {str(one) for one in session.scalars(select(quarantine.c.document_id))}
        assert kept == set(self.malformed)

    def _check_orders(self) -> None:
        with self.bureau.kernel.sessions() as session:
            orders = {str(order.record_id): order for order in session.scalars(select(Rectification))}
        assert set(orders) == {one.id for one in self.model.landed.values() if one.orders}
        for source, expected in self.orders.items():
            assert (str(orders[source].edit_id), orders[source].note) == (
                expected["edit_id"],
                expected["note"],
            )
