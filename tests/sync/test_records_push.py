"""Pushing records from the town's handhelds: evidence is stored whatever is wrong with it, once, and explained."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from server.access.models import Device
from server.cadence.models import VisitFact
from server.kernel.work import Kernel
from server.records.models import RecordOfficer, Rectification
from sync.tables import push_log, quarantine
from tests.records import documents
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, an_order_to_rectify, at_outlet, push_lines, stored_records
from tests.sync.handheld import Document, Handheld, new_edit
from tests.town import Town


def counted(kernel: Kernel) -> tuple[int, int, int]:
    """How many records, signatures and visit facts there are."""
    with kernel.sessions() as session:
        tables = (stored_records(kernel), RecordOfficer, VisitFact)
        return (
            len(tables[0]),
            *(session.scalar(select(func.count()).select_from(t)) or 0 for t in tables[1:]),
        )


def revoke(kernel: Kernel, town: Town, name: str, state: str) -> None:
    with kernel.sessions.begin() as session:
        session.execute(update(Device).where(Device.id == town.devices[name]).values(state=state))


# ── once, and answered ────────────────────────────────────────────────────────────────────────────


def test_a_record_is_stored_as_sent_and_comes_back_with_its_stamp(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now)

    assert li.push("records", record) == []
    li.pull("records")

    held = li.held["records"][record["id"]]
    stamp = held.pop("stamp")
    assert held.pop("edit_id") != record["edit_id"]
    assert held == {name: value for name, value in record.items() if name != "edit_id"}
    assert (stamp["valid"], stamp["findings"], stamp["flags"]) == (True, [], [])
    assert (stamp["cell_id"], stamp["distance_m"]) == (str(town.cells[0]), pytest.approx(0.0, abs=0.1))


def test_a_batch_sent_again_doubles_nothing_and_is_answered_with_what_is_stored(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    batch = [a_check(town, n % 2, clock.now, seed=n) for n in range(3)]
    li.push("records", *batch)
    before = counted(kernel)

    answered = li.push("records", *batch)

    assert counted(kernel) == before == (3, 6, 3)
    assert [master["id"] for master in answered] == [record["id"] for record in batch]
    assert all(master["stamp"]["valid"] for master in answered)
    li.pull("records")
    assert {master["id"]: master for master in answered} == li.held["records"]


def test_what_is_answered_is_there_for_everybody(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    """Looked up on another connection, as soon as the answer is here."""
    record = a_check(town, 0, clock.now)

    assert handheld("li").push("records", record) == []

    assert set(stored_records(kernel)) == {record["id"]}
    assert push_lines(kernel, record["id"]) == [("accepted", False)]


def test_a_record_twice_in_a_batch_is_stored_once(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    record = a_check(town, 0, clock.now)

    handheld("li").push("records", record, record)

    assert counted(kernel) == (1, 2, 1)


def test_a_record_cannot_be_edited(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now)
    li.push("records", record)
    li.pull("records")
    stored = li.held["records"][record["id"]]

    (answered,) = li.push("records", new_edit(stored, narrative="改写"), assumed=[stored])

    assert answered == stored
    assert stored_records(kernel)[record["id"]].document["narrative"] == record["narrative"]
    assert push_lines(kernel, record["id"]) == [("accepted", False), ("conflict", True)]


def test_a_record_cannot_be_deleted(town: Town, clock: Clock, handheld: MakeHandheld) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now)
    li.push("records", record)

    (answered,) = li.push("records", new_edit(record, _deleted=True), assumed=[record])

    assert answered["_deleted"] is False
    assert [fault["code"] for fault in answered["review"]] == ["record_not_deletable"]


# ── never refused ─────────────────────────────────────────────────────────────────────────────────


def test_a_record_out_of_scope_is_stored_and_flagged(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li, zhao = handheld("li"), handheld("zhao")
    record = a_check(town, 2, clock.now)

    assert li.push("records", record) == []
    li.pull("records")
    zhao.pull("records")

    assert li.held["records"][record["id"]]["stamp"]["flags"] == ["out_of_scope"]
    assert set(zhao.held["records"]) == {record["id"]}


def test_a_record_of_nowhere_and_of_nobody_known_is_stored_and_explained(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    record = a_check(town, 0, clock.now, subject_id=uuid.uuid4(), lon=85.9, lat=39.9, squad_id=uuid.uuid4())
    record["officers"][1]["person_id"] = str(uuid.uuid4())
    li = handheld("li")

    assert li.push("records", record) == []
    li.pull("records")

    stamp = li.held["records"][record["id"]]["stamp"]
    assert (stamp["valid"], stamp["flags"]) == (False, ["subject_unlocated", "cell_unknown"])
    assert {"subject_unknown"} <= {finding["code"] for finding in stamp["findings"]}


def test_a_form_version_that_the_bureau_does_not_have_is_stored_and_explained(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now) | {"form_version": 999, "answers": {"from": {"the": ["future"]}}}

    assert li.push("records", record) == []
    li.pull("records")

    held = li.held["records"][record["id"]]
    assert held["answers"] == record["answers"]
    assert not held["stamp"]["valid"]
    assert counted(kernel)[0] == 1


def test_an_amendment_is_stored_before_what_it_amends(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    first = a_check(town, 0, clock.now)
    amendment = a_check(town, 0, clock.now, amends_id=first["id"], amend_reason="照片补充")
    li = handheld("li")

    assert li.push("records", amendment) == []
    assert li.push("records", first) == []
    assert set(stored_records(kernel)) == {first["id"], amendment["id"]}


def test_malformed_records_are_quarantined_and_the_others_stored(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    good = a_check(town, 0, clock.now)
    no_kind = a_check(town, 0, clock.now)
    del no_kind["kind"]
    odd_answers = a_check(town, 0, clock.now)
    odd_answers["answers"] = {**odd_answers["answers"], "access": "through the window"}

    answered = li.push("records", no_kind, good, odd_answers)

    assert set(stored_records(kernel)) == {good["id"]}
    assert [(one["id"], bool(one["review"])) for one in answered] == [
        (no_kind["id"], True),
        (odd_answers["id"], True),
    ]
    assert "/answers/access" in {fault["path"] for fault in answered[1]["review"]}
    with kernel.sessions() as session:
        kept = set(session.scalars(select(quarantine.c.document_id)))
    assert kept == {uuid.UUID(no_kind["id"]), uuid.UUID(odd_answers["id"])}
    assert push_lines(kernel, no_kind["id"]) == [("quarantined", False)]


def test_a_quarantined_record_put_right_is_stored(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    record = a_check(town, 0, clock.now)
    (answered,) = li.push("records", {**record, "started_at": "yesterday"})

    assert li.push("records", new_edit(answered, started_at=record["started_at"]), assumed=[answered]) == []
    stored = stored_records(kernel)[record["id"]]
    assert "review" not in stored.document
    assert stored.valid


# ── two devices, two officers ─────────────────────────────────────────────────────────────────────


def test_two_devices_at_one_outlet_both_keep_their_record_and_one_meets_the_debt(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li, wang = handheld("li"), handheld("wang")
    early = a_check(town, 0, clock.now - timedelta(minutes=30), "li", "wang")
    late = a_check(town, 0, clock.now, "wang", "li")

    assert wang.push("records", late) == []
    assert li.push("records", early) == []
    for device in (li, wang):
        device.pull("records", "obligations")

    assert set(li.held["records"]) == set(wang.held["records"]) == {early["id"], late["id"]}
    # The debt of last week is still in grace, so the earlier visit pays it; the later one is too close to it.
    met = {one["key"]: one["met_by"] for one in li.held["obligations"].values() if one["met_by"]}
    assert met == {"2026-W27": early["id"]}


def test_an_officer_of_another_squad_who_signed_keeps_the_record(
    town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li, zhao, qian = handheld("li"), handheld("zhao"), handheld("qian")
    record = a_check(town, 0, clock.now, "li", "zhao")
    li.push("records", record)
    for device in (zhao, qian):
        device.pull("records")

    assert set(zhao.held["records"]) == {record["id"]}
    assert qian.held["records"] == {}


# ── devices that were taken back ──────────────────────────────────────────────────────────────────


def test_a_revoked_device_lands_its_records_and_is_sent_nothing(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    revoke(kernel, town, "li", "push_only")
    record = a_check(town, 0, clock.now)

    assert li.push("records", record) == []
    answer = li.client.get("/sync/v1/records/pull")

    assert (answer.status_code, answer.get_json().get("code")) == (403, "device_revoked")
    assert answer.mimetype == "application/problem+json"
    assert stored_records(kernel)[record["id"]].flags == ["device_revoked"]


def test_a_dead_device_is_nobody(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> None:
    li = handheld("li")
    revoke(kernel, town, "li", "dead")

    pull = li.client.get("/sync/v1/records/pull")
    push = li.client.post("/sync/v1/records/push", json=[{"newDocumentState": a_check(town, 0, clock.now)}])

    assert (pull.status_code, push.status_code) == (401, 401)
    assert push.get_json()["code"] == "sign_in_needed"
    assert stored_records(kernel) == {}


def test_every_well_formed_row_has_a_line_in_the_log(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    records = [a_check(town, 0, clock.now, seed=n) for n in range(2)]
    li.push("records", *records)

    with kernel.sessions() as session:
        lines = session.execute(select(push_log).order_by(push_log.c.seq)).all()
    assert [(str(line.document_id), str(line.edit_id)) for line in lines] == [
        (record["id"], record["edit_id"]) for record in records
    ]
    assert {
        (line.outcome, line.collection, line.bureau_id, line.reader_id, line.device_id) for line in lines
    } == {("accepted", "records", town.bureau_id, town.people["li"], town.devices["li"])}
    assert {(line.at, line.state) for line in lines} == {(clock.now, None)}


# ── rectifications ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ordered(town: Town, clock: Clock, handheld: MakeHandheld) -> tuple[Handheld, Handheld, Document]:
    """Two devices of one squad that hold the same open rectification."""
    li, wang = handheld("li"), handheld("wang")
    li.push("records", an_order_to_rectify(town, 0, clock.now))
    for device in (li, wang):
        device.pull("rectifications")
    (order,) = li.held["rectifications"].values()
    assert wang.held["rectifications"] == {order["id"]: order}
    return li, wang, order


def test_a_record_that_orders_to_rectify_makes_a_rectification(
    town: Town, ordered: tuple[Handheld, Handheld, Document]
) -> None:
    _li, _wang, order = ordered

    assert (order["status"], order["cell_id"], order["subject_id"]) == (
        "open",
        str(town.cells[0]),
        str(town.outlets[0]),
    )
    assert order["demand"]


def test_an_order_sent_twice_makes_one_rectification(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li, order = handheld("li"), an_order_to_rectify(town, 0, clock.now)
    li.push("records", order)
    li.push("records", order)

    with kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Rectification)) == 1


def test_an_edit_of_a_rectification_reaches_the_other_device(
    ordered: tuple[Handheld, Handheld, Document],
) -> None:
    li, wang, order = ordered
    done = new_edit(order, status="done", done_on="2026-07-08", note="标志已张贴")

    assert li.push("rectifications", done, assumed=[order]) == []
    assert li.push("rectifications", done, assumed=[order]) == []
    wang.pull("rectifications")

    assert wang.held["rectifications"][order["id"]] == done


def test_edits_of_one_rectification_on_two_devices_conflict_by_edit(
    kernel: Kernel, ordered: tuple[Handheld, Handheld, Document]
) -> None:
    li, wang, order = ordered
    done, note = new_edit(order, status="done", done_on="2026-07-08"), new_edit(order, note="电话催办")
    li.push("rectifications", done, assumed=[order])

    assert wang.push("rectifications", note, assumed=[order]) == [done]
    assert push_lines(kernel, order["id"]) == [("applied", False), ("conflict", True)]

    merged = new_edit(done, note="电话催办")
    assert wang.push("rectifications", merged, assumed=[done]) == []
    li.pull("rectifications")
    assert li.held["rectifications"][order["id"]] == merged


def test_an_edit_that_says_nonsense_is_quarantined(ordered: tuple[Handheld, Handheld, Document]) -> None:
    li, wang, order = ordered

    (answered,) = li.push("rectifications", new_edit(order, status="gone", done_on="8 July"), assumed=[order])

    assert {fault["path"] for fault in answered["review"]} == {"/status", "/done_on"}
    assert wang.pull("rectifications") == []


def test_a_rectification_out_of_scope_is_answered_with_a_tombstone_and_the_edit_is_kept(
    kernel: Kernel, ordered: tuple[Handheld, Handheld, Document], handheld: MakeHandheld
) -> None:
    _li, _wang, order = ordered
    zhao = handheld("zhao")

    answered = zhao.push("rectifications", new_edit(order, note="不在辖区"), assumed=[order])

    assert answered == [{"id": order["id"], "_deleted": True}]
    assert push_lines(kernel, order["id"]) == [("conflict", True)]


def test_every_form_is_taken(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> None:
    li = handheld("li")
    given = at_outlet(town, 0, clock.now, "li", "wang")
    every = [{**one, "id": str(uuid.uuid4())} for one in documents.every_form()]
    every += [documents.service_visit(**given), documents.site_visit(**given | {"record_id": uuid.uuid4()})]

    assert li.push("records", *every) == []
    assert set(stored_records(kernel)) == {record["id"] for record in every}
