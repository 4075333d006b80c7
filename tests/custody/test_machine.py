"""Random acts of custody against the real database: nothing is lost, doubled or below nothing, and history adds up."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from server.custody import ops
from server.custody.models import CustodyAct, CustodyEntry, CustodyHolding
from server.custody.queries import load_lines
from server.demo.registered import RegisteredGoods
from server.kernel.problems import Problem
from tests.custody.conftest import Room
from tests.town import MONDAY

GOODS = (
    RegisteredGoods("cigarette", "样例牌", 2, "carton"),
    RegisteredGoods("ecig_pod", "样例烟弹", 6, "piece"),
)
KINDS = ("take_in", "move", "send_out", "bring_back", "use_up", "hand_back", "transfer", "destroy")
REFUSED = {
    "custody_short", "custody_over_registered", "custody_not_decided", "custody_settled", "custody_corrected", "invalid",
}  # fmt: skip


class _Custody(RuleBasedStateMachine):
    """One list in two stores; whatever is refused leaves everything as it was."""

    room: Room
    stores: list[uuid.UUID]

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = MONDAY + timedelta(hours=2)
        self.list_id = self.room.registered(MONDAY, *GOODS)
        self.acts: list[uuid.UUID] = []
        self.refused: list[str] = []

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    @rule(
        kind=st.sampled_from(KINDS),
        seq=st.sampled_from([1, 2, None]),
        quantity=st.one_of(st.none(), st.integers(1, 500)),
        to=st.integers(0, 1),
        source=st.one_of(st.none(), st.integers(0, 1)),
    )
    def act(self, kind: str, seq: int | None, quantity: int | None, to: int, source: int | None) -> None:
        given: dict[str, object] = {"from_store_id": None if source is None else self.stores[source]}
        if kind in ("take_in", "move"):
            given["store_id"] = self.stores[to]
        try:
            self.acts.append(self.room.act(kind, (self.list_id, seq, quantity), now=self.tick(), **given))
        except Problem as problem:
            self.refused.append(problem.code)

    @rule(outcome=st.sampled_from(["return", "transfer", "destroy", "confiscate"]))
    def decide(self, outcome: str) -> None:
        try:
            self.room.decide(self.list_id, outcome, self.tick())
        except Problem as problem:
            self.refused.append(problem.code)

    @precondition(lambda self: self.acts)
    @rule(which=st.integers(0, 50))
    def correct(self, which: int) -> None:
        try:
            with self.room.at("wu", self.tick()) as work:
                ops.correct_act(work, self.acts[which % len(self.acts)], "登记有误")
        except Problem as problem:
            self.refused.append(problem.code)

    @invariant()
    def only_the_rules_refuse(self) -> None:
        assert set(self.refused) <= REFUSED

    @invariant()
    def everything_is_somewhere_once(self) -> None:
        with self.room.at("wu", self.now) as work:
            held: Counter[tuple[int, str, uuid.UUID | None]] = Counter()
            for row in work.session.scalars(
                select(CustodyHolding).where(CustodyHolding.list_id == self.list_id)
            ):
                assert row.quantity >= 0
                held[row.seq, row.place, row.store_id] += row.quantity
            history: Counter[tuple[int, str, uuid.UUID | None]] = Counter()
            rows = work.session.execute(
                select(CustodyEntry).join(CustodyAct).where(CustodyEntry.list_id == self.list_id)
            ).scalars()
            for entry in rows:
                history[entry.seq, entry.from_place, entry.from_store_id] -= entry.quantity
                history[entry.seq, entry.to_place, entry.to_store_id] += entry.quantity
            for (_, seq), known in load_lines(work, [self.list_id]).items():
                book = known.book
                assert sum(book.places.values()) == book.registered == known.line.base_quantity
                assert all(quantity >= 0 for quantity in book.places.values())
                for place, quantity in book.places.items():
                    if place.name == "field":
                        assert quantity == book.registered + history[seq, "field", None]
                    else:
                        assert quantity == history[seq, *place]
                        assert place.store_id is None or quantity == held[seq, *place]
                assert book.held == sum(count for (line, _, _), count in held.items() if line == seq)


def test_no_sequence_of_acts_breaks_the_balance(room: Room) -> None:
    class Custody(_Custody):
        pass

    Custody.room, Custody.stores = room, [room.store(), room.store()]
    run_state_machine_as_test(
        Custody,
        settings=settings(
            max_examples=5, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
