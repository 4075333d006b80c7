"""What the log keeps of people goes after its time; what waits for a decision stays."""

from __future__ import annotations

import uuid

from sqlalchemy import select, text

from server.desk.retention import forget_kept_rows, forget_states
from server.kernel.actor import house
from server.kernel.work import Kernel
from sync.tables import push_log, quarantine
from tests.api.conftest import problem_of
from tests.desk.conftest import MakeDesk, Quarrel, events
from tests.sync.conftest import Clock
from tests.sync.fieldwork import a_check
from tests.sync.handheld import Handheld, new_edit
from tests.town import Town


def forget(kernel: Kernel, town: Town, clock: Clock) -> int:
    with kernel.work(house(town.bureau_id), clock.now) as work:
        return forget_states(work)


def test_the_sides_of_a_settled_edit_go_after_their_time_and_the_line_stays(
    desk: MakeDesk,
    quarrel: Quarrel,
    devices: tuple[Handheld, Handheld],
    kernel: Kernel,
    town: Town,
    clock: Clock,
) -> None:
    days = kernel.settings.push_state_days
    # A second edit that lost, which nobody settles, and one that says what the master says.
    devices[1].push("rectifications", new_edit(quarrel[0], note="另一次"), assumed=[quarrel[0]])
    devices[1].push("rectifications", new_edit(quarrel[1]))
    li = desk("li")
    first, second = (one["id"] for one in li.list())
    clock.pass_by(days=1)
    now = li.settle(first, "ours", quarrel[1]).get_json()["now"]

    clock.pass_by(days=days - 1, hours=1)
    assert forget(kernel, town, clock) == 1
    clock.pass_by(days=1)
    assert forget(kernel, town, clock) == 1
    assert forget(kernel, town, clock) == 0

    with kernel.sessions() as session:
        lines = session.execute(
            select(push_log).where(push_log.c.outcome == "conflict").order_by(push_log.c.seq)
        ).all()
    assert [(line.state is None, line.base is None, line.theirs is None) for line in lines] == [
        (True, True, True),
        (False, False, False),
        (True, True, True),
    ]
    assert (lines[0].seq, lines[1].seq) == (first, second)
    shown = li.show(first)
    (decision,) = shown["settlements"]
    assert (shown["ours"], shown["differing"]) == (None, [])
    assert (decision["choice"], decision["fields"], decision["reason"]) == ("ours", {}, "两人都去过")
    problem_of(li.settle(first, "ours", now), status=409, code="already_resolved")
    assert li.settle(first, "theirs", now).status_code == 201
    assert li.show(second)["ours"]["note"] == "另一次"
    assert [event.facts["lines"] for event in events(kernel, "sync.states_forgotten")] == [1, 1]


def test_another_bureau_s_lines_are_not_ours_to_forget(
    quarrel: Quarrel, kernel: Kernel, town: Town, clock: Clock
) -> None:
    forgotten = text("select forget_push_states(gen_random_uuid(), timestamptz '2999-01-01')")
    with kernel.sessions.begin() as session:
        assert session.scalar(forgotten) == 0


def test_the_bytes_of_a_settled_row_go_after_their_time_and_the_row_stays(
    desk: MakeDesk, devices: tuple[Handheld, Handheld], kernel: Kernel, town: Town, clock: Clock
) -> None:
    waiting, settled = ({**a_check(town, 0, clock.now), "kind": "spell"} for _ in range(2))
    devices[0].push("records", waiting)
    devices[0].push("records", settled)
    with kernel.sessions() as session:
        kept = {row.document_id: row.id for row in session.execute(select(quarantine))}
    li = desk("li").client
    put_aside = f"/api/v1/sync/quarantine/{kept[uuid.UUID(settled['id'])]}/dismissal"
    assert li.post(put_aside, json={"reason": "重复上传"}).status_code == 200

    def forget() -> int:
        with kernel.work(house(town.bureau_id), clock.now) as work:
            return forget_kept_rows(work)

    clock.pass_by(days=kernel.settings.push_state_days - 1)
    assert forget() == 0
    clock.pass_by(days=2)
    assert (forget(), forget()) == (1, 0)
    with kernel.sessions() as session:
        left = {
            row.document_id: (bool(row.raw), bool(row.sha256)) for row in session.execute(select(quarantine))
        }
    assert left == {uuid.UUID(waiting["id"]): (True, True), uuid.UUID(settled["id"]): (False, True)}
