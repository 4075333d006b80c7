"""Edits that lost, at the desk: who sees which, what is shown, and what a leader's decision does."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select

from server.kernel.work import Kernel
from server.records.models import Rectification
from tests.api.conftest import problem_of
from tests.desk.conftest import URL, Desk, MakeDesk, Quarrel, events
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check
from tests.sync.handheld import Handheld, new_edit
from tests.sync.test_records_push import revoke
from tests.town import Town


def test_a_conflict_is_shown_from_three_sides(
    desk: MakeDesk, quarrel: Quarrel, town: Town, clock: Clock, kernel: Kernel
) -> None:
    base, theirs, ours = quarrel
    li = desk("li")
    (listed,) = li.list()
    assert (listed["collection"], listed["document_id"], listed["resolved_at"]) == (
        "rectifications",
        base["id"],
        None,
    )
    assert (listed["person_id"], listed["person_name"], listed["device_id"]) == (
        str(town.people["wang"]),
        "wang",
        str(town.devices["wang"]),
    )
    assert not {"base", "ours", "theirs", "now"} & set(listed)

    shown = li.show(listed["id"])

    assert [shown[side] for side in ("base", "ours", "theirs", "now")] == [base, ours, theirs, theirs]
    assert shown["master_edit_id"] == theirs["edit_id"] == shown["their_edit_id"]
    assert [(one["name"], one["clash"], one["changed_by"]) for one in shown["differing"]] == [
        ("done_on", "soft", "theirs"),
        ("note", "hard", "both"),
        ("status", "soft", "theirs"),
    ]
    note = shown["differing"][1]
    assert (note["base"], note["ours"], note["theirs"], note["now"]) == (None, "电话催办", "已张贴", "已张贴")
    # To open it is to look at people's data, and is on the trail; to list is not.
    (event,) = events(kernel, "sync.conflict_opened")
    assert (event.account_id, event.subject_ids, event.at) == (
        town.accounts["li"],
        [base["id"]],
        clock.now,
    )


def test_theirs_changes_nothing(desk: MakeDesk, quarrel: Quarrel, devices: tuple[Handheld, Handheld]) -> None:
    _, theirs, _ = quarrel
    li = desk("li")
    (conflict,) = li.list()
    devices[1].pull("rectifications")

    answer = li.settle(conflict["id"], "theirs", theirs)

    assert answer.status_code == 201
    assert answer.get_json()["now"] == theirs
    assert devices[1].pull("rectifications") == []
    assert li.list(state="open") == []
    assert [one["id"] for one in li.list(state="settled")] == [conflict["id"]]


def test_a_decision_reaches_both_devices_and_says_who_and_why(
    desk: MakeDesk,
    quarrel: Quarrel,
    devices: tuple[Handheld, Handheld],
    town: Town,
    clock: Clock,
    kernel: Kernel,
) -> None:
    _, theirs, _ = quarrel
    li = desk("li")
    (conflict,) = li.list()

    answer = li.settle(conflict["id"], "ours", theirs)
    body = answer.get_json()
    for device in devices:
        device.pull("rectifications")

    wanted = {**theirs, "note": "电话催办", "edit_id": body["now"]["edit_id"]}
    assert body["now"] == wanted
    assert [device.held["rectifications"][theirs["id"]] for device in devices] == [wanted, wanted]
    (settlement,) = body["settlements"]
    assert (settlement["choice"], settlement["reason"], settlement["fields"], settlement["edit_id"]) == (
        "ours",
        "两人都去过",
        {"note": "电话催办"},
        wanted["edit_id"],
    )
    assert (settlement["account_id"], settlement["username"][:2]) == (str(town.accounts["li"]), "li")
    (event,) = events(kernel, "sync.settled")
    assert (event.account_id, event.subject_ids, event.facts["reason"]) == (
        town.accounts["li"],
        [theirs["id"]],
        "两人都去过",
    )
    assert events(kernel, "rectification.edited")[-1].account_id == town.accounts["li"]


def test_a_bureau_leader_settles_and_settles_again(desk: MakeDesk, quarrel: Quarrel, kernel: Kernel) -> None:
    _, theirs, _ = quarrel
    ju = desk("ju")
    (conflict,) = ju.list()
    first = ju.settle(conflict["id"], "merged", theirs, fields={"note": "两人都去过", "status": "done"})
    assert first.status_code == 201, first.text

    again = ju.settle(conflict["id"], "merged", first.get_json()["now"], fields={"note": "已张贴"})

    assert [one["choice"] for one in again.get_json()["settlements"]] == ["merged", "merged"]
    with kernel.sessions() as session:
        order = session.scalars(select(Rectification)).one()
        assert (order.note, order.status) == ("已张贴", "done")


def test_a_document_that_moved_on_is_not_written_over(
    desk: MakeDesk,
    quarrel: Quarrel,
    devices: tuple[Handheld, Handheld],
    kernel: Kernel,
) -> None:
    _, theirs, _ = quarrel
    li = desk("li")
    (conflict,) = li.list()
    later = new_edit(theirs, note="复查过")
    devices[0].push("rectifications", later, assumed=[theirs])

    problem = problem_of(li.settle(conflict["id"], "ours", theirs), status=409, code="conflict")

    assert [(fault["path"], fault["code"]) for fault in problem["errors"]] == [("/now/note", "moved_on")]
    assert events(kernel, "sync.settled") == []
    assert li.show(conflict["id"])["now"] == later
    assert li.settle(conflict["id"], "ours", later).get_json()["now"]["note"] == "电话催办"


def test_what_the_operation_does_not_take_is_told_field_by_field(
    desk: MakeDesk, quarrel: Quarrel, kernel: Kernel
) -> None:
    li = desk("li")
    (conflict,) = li.list()
    for fields, path, code in (
        ({"demand": "另一项要求"}, "/fields/demand", "not_editable"),
        ({"colour": "red"}, "/fields/colour", "not_editable"),
        ({"status": "gone"}, "/fields/status", "status_unknown"),
        ({"done_on": "8 July"}, "/fields/done_on", "date_malformed"),
    ):
        answer = li.settle(conflict["id"], "merged", quarrel[1], fields=fields)
        problem = problem_of(answer, status=422, code="invalid")
        assert [(fault["path"], fault["code"]) for fault in problem["errors"]] == [(path, code)]
    assert li.show(conflict["id"])["now"] == quarrel[1]
    assert events(kernel, "sync.settled") == []


def test_a_decision_of_another_shape_is_refused(desk: MakeDesk, quarrel: Quarrel) -> None:
    li = desk("li")
    (conflict,) = li.list()
    bodies: list[dict[str, Any]] = [
        {"choice": "merged"},
        {"choice": "ours", "fields": {"note": "x"}},
        {"choice": "mine"},
        {"reason": ""},
        {"master_edit_id": "x"},
    ]
    for body in bodies:
        answer = li.settle(conflict["id"], **{"choice": "ours", "seen": quarrel[1], **body})
        problem_of(answer, status=422, code="invalid")


def test_a_record_can_only_be_amended(
    desk: MakeDesk, town: Town, clock: Clock, devices: tuple[Handheld, Handheld]
) -> None:
    record = a_check(town, 0, clock.now)
    devices[0].push("records", record)
    devices[0].push("records", new_edit(record, narrative="改写"))
    li = desk("li")
    (conflict,) = li.list(collection="records")
    shown = li.show(conflict["id"])
    assert [(one["name"], one["clash"]) for one in shown["differing"]] == [("narrative", "hard")]

    problem = problem_of(li.settle(conflict["id"], "ours", shown["now"]), status=422)
    assert problem["errors"][0]["path"] == "/fields/narrative"
    assert li.settle(conflict["id"], "theirs", shown["now"]).status_code == 201


def test_an_edit_of_what_devices_only_read_can_be_noted_and_no_more(
    desk: MakeDesk, town: Town, devices: tuple[Handheld, Handheld]
) -> None:
    li = devices[0]
    li.pull("outlets")
    outlet = li.held["outlets"][str(town.outlets[0])]
    assert li.push("outlets", new_edit(outlet, name="改名"), assumed=[outlet]) == [outlet]
    leader = desk("li")
    (conflict,) = leader.list(collection="outlets")
    assert leader.show(conflict["id"])["now"] == outlet

    problem = problem_of(leader.settle(conflict["id"], "ours", outlet), status=422)
    assert [(one["path"], one["code"]) for one in problem["errors"]] == [("/fields/name", "not_editable")]
    assert leader.settle(conflict["id"], "theirs", outlet).status_code == 201


def test_a_touch_of_a_record_that_is_stored_is_nobody_s_case(
    desk: MakeDesk, town: Town, clock: Clock, devices: tuple[Handheld, Handheld]
) -> None:
    li = devices[0]
    record = a_check(town, 0, clock.now)
    li.push("records", record)
    li.pull("records")
    stored = li.held["records"][record["id"]]

    # What a client does with a document that reconciling twice did not heal.
    assert li.push("records", new_edit(stored), assumed=[stored]) == [stored]
    assert desk("ju").list() == []


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────


def test_a_leader_sees_the_conflicts_of_his_scope_and_no_others(
    desk: MakeDesk,
    quarrel: Quarrel,
    handheld: MakeHandheld,
    town: Town,
    clock: Clock,
) -> None:
    base, _, _ = quarrel
    # Somebody of the other squad edits a document that is not his: the case is that of the document's squad.
    handheld("qian").push("rectifications", new_edit(base, note="不在辖区"), assumed=[base])
    assert [len(desk(name).list()) for name in ("li", "zhao", "ju")] == [2, 0, 2]
    # What no squad holds belongs to the squad of whoever sent it.
    handheld("qian").push("rectifications", {**new_edit(base), "id": str(uuid.uuid4())})
    assert [len(desk(name).list()) for name in ("li", "zhao", "ju")] == [2, 1, 3]
    squads = [{"squad_id": str(squad)} for squad in (*town.squads, uuid.uuid4())]
    assert [len(desk("ju").list(**squad)) for squad in squads] == [2, 1, 0]
    assert [len(desk("li").list(**squad)) for squad in squads] == [2, 0, 0]


def test_what_is_out_of_scope_is_not_found(desk: MakeDesk, quarrel: Quarrel) -> None:
    (conflict,) = desk("li").list()
    zhao = desk("zhao")
    for conflict_id in (conflict["id"], 0, conflict["id"] + 1, 2**63, 10**30):
        problem_of(zhao.client.get(f"{URL}/{conflict_id}"), status=404, code="not_found")
        problem_of(zhao.settle(conflict_id, "theirs", quarrel[1]), status=404, code="not_found")
    for name in ("wang", "fu", "fa", "wu", "gis", "admin"):
        problem_of(desk(name).client.get(URL), status=403, code="forbidden")


def test_lines_that_are_no_case_have_no_address(desk: MakeDesk, quarrel: Quarrel) -> None:
    ju = desk("ju")
    (conflict,) = ju.list()
    for conflict_id in range(1, conflict["id"]):
        problem_of(ju.client.get(f"{URL}/{conflict_id}"), status=404, code="not_found")


def pages(desk: Desk, limit: int) -> list[int]:
    found: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = desk.client.get(URL, query_string={"limit": limit, **after}).get_json()
        found += [item["id"] for item in page["items"]]
        if page["after"] is None:
            break
        after = {"after": page["after"]}
    return found


def test_pages_put_together_are_the_whole(
    desk: MakeDesk, quarrel: Quarrel, devices: tuple[Handheld, Handheld]
) -> None:
    for number in range(4):
        devices[1].push("rectifications", new_edit(quarrel[0], note=f"第{number}次"), assumed=[quarrel[0]])
    ju = desk("ju")
    whole = [item["id"] for item in ju.list()]
    assert len(whole) == 5
    for limit in (1, 2, 5):
        assert pages(ju, limit) == whole == sorted(whole)


def test_a_silenced_device_s_lost_edit_is_at_the_desk(
    desk: MakeDesk,
    quarrel: Quarrel,
    devices: tuple[Handheld, Handheld],
    kernel: Kernel,
    town: Town,
) -> None:
    revoke(kernel, town, "wang", "push_only")
    lost = new_edit(quarrel[0], note="停用前所写")

    assert devices[1].push("rectifications", lost, assumed=[quarrel[0]]) == []
    li = desk("li")
    assert [li.show(one["id"])["ours"]["note"] for one in li.list()] == ["电话催办", "停用前所写"]


def test_guard_a_revoked_device_is_told_nothing_of_what_it_pushes(
    town: Town, clock: Clock, devices: tuple[Handheld, Handheld], kernel: Kernel
) -> None:
    wang = devices[1]
    record = a_check(town, 0, clock.now)
    devices[0].push("records", record)
    revoke(kernel, town, "wang", "push_only")
    clock.pass_by(hours=1)
    fresh = a_check(town, 1, clock.now)

    # A record that is stored already, the same under another edit, and a new one.
    assert wang.push("records", record) == []
    assert wang.push("records", new_edit(record, narrative="改写")) == []
    assert wang.push("records", fresh) == []
    problem_of(wang.client.get("/sync/v1/records/pull"), status=403, code="device_revoked")


def test_times_are_those_of_the_acts(desk: MakeDesk, quarrel: Quarrel, clock: Clock) -> None:
    began = clock.now
    clock.pass_by(days=2)
    li = desk("li")
    (conflict,) = li.list()
    answer = li.settle(conflict["id"], "theirs", quarrel[1]).get_json()
    assert datetime.fromisoformat(answer["at"]) == began
    assert datetime.fromisoformat(answer["resolved_at"]) == clock.now
