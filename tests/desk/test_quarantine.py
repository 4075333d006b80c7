"""Rows that could not be taken, at the desk: shown byte for byte, tried again as their sender, or put aside."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from server.access.models import Account, Device
from server.kernel.work import Kernel
from sync.receipts import verify_receipt
from sync.tables import quarantine
from tests.api.conftest import problem_of
from tests.desk.conftest import MakeDesk, Quarrel, events
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, push_lines, stored_records
from tests.sync.handheld import Document, Handheld, new_edit
from tests.town import Town

KEPT = "/api/v1/sync/quarantine"


@pytest.fixture
def bad(town: Town, clock: Clock, devices: tuple[Handheld, Handheld]) -> Document:
    """A record of Wang's that could not be stored, for its kind is none."""
    record = {**a_check(town, 0, clock.now, "wang", "li"), "kind": "spell"}
    devices[1].push("records", record)
    return record


def the_row(client: Any, **query: str) -> dict[str, Any]:
    (row,) = client.get(KEPT, query_string=query).get_json()["items"]
    found: dict[str, Any] = row
    return found


def retry(client: Any, kept_id: str, document: Document | None = None) -> Any:
    return client.post(f"{KEPT}/{kept_id}/retry", json={"document": document, "reason": "种类填错"})


def test_a_kept_row_is_shown_byte_for_byte(desk: MakeDesk, bad: Document, town: Town, kernel: Kernel) -> None:
    li = desk("li").client
    listed = the_row(li)
    assert (listed["collection"], listed["document_id"], listed["person_name"]) == (
        "records",
        bad["id"],
        "wang",
    )
    assert [fault["code"] for fault in listed["review"]] == ["value_unknown"]
    assert (listed["resolution"], listed["resolved_at"]) == (None, None)
    assert "raw" not in listed

    shown = li.get(f"{KEPT}/{listed['id']}").get_json()

    raw = base64.b64decode(shown["raw"])
    assert json.loads(raw)["newDocumentState"] == json.loads(shown["text"])["newDocumentState"] == bad
    (event,) = events(kernel, "sync.quarantine_opened")
    assert (event.account_id, event.subject_ids) == (town.accounts["li"], [bad["id"]])


def test_bytes_that_are_no_text_are_shown_as_bytes(desk: MakeDesk, handheld: MakeHandheld) -> None:
    row = b'{"newDocumentState": "\xff"}'
    assert handheld("li").client.post("/sync/v1/records/push", data=b"[" + row + b"]").get_json() == []
    li = desk("li").client
    shown = li.get(f"{KEPT}/{the_row(li)['id']}").get_json()
    assert (base64.b64decode(shown["raw"]), shown["text"], shown["document_id"]) == (row, None, None)


def test_a_row_put_right_is_stored_as_its_sender_s_and_reaches_his_device(
    desk: MakeDesk,
    bad: Document,
    devices: tuple[Handheld, Handheld],
    town: Town,
    clock: Clock,
    kernel: Kernel,
) -> None:
    wang = devices[1]
    assert wang.held["records"][bad["id"]]["review"]
    sent_at = clock.now
    # It waits at the desk for longer than a record may be on its way, which is no lateness of Wang's.
    clock.pass_by(days=5)
    li = desk("li").client

    answer = retry(li, the_row(li)["id"], {**bad, "kind": "ecig_check"})

    assert (answer.status_code, answer.get_json()) == (
        200,
        {"outcome": "accepted", "document_id": bad["id"], "review": []},
    )
    stored = stored_records(kernel)[bad["id"]]
    assert (stored.pushed_by, stored.valid, stored.flags) == (
        town.people["wang"],
        True,
        ["corrected_at_desk"],
    )
    wang.pull("records")
    held = wang.held["records"][bad["id"]]
    assert (held["kind"], "review" in held, held["edit_id"]) == ("ecig_check", False, str(stored.edit_id))
    row = the_row(li, state="settled")
    assert (row["resolution"], row["id"]) == ("retried", the_row(li)["id"])
    assert li.get(KEPT, query_string={"state": "open"}).get_json()["items"] == []
    (event,) = events(kernel, "sync.quarantine_retried")
    assert (event.account_id, event.facts["corrected"], event.facts["reason"]) == (
        town.accounts["li"],
        True,
        "种类填错",
    )
    # What was sent stays what was sent, and the device that sends it again is answered by what was stored.
    shown = li.get(f"{KEPT}/{row['id']}").get_json()
    assert json.loads(shown["text"])["newDocumentState"] == bad
    assert datetime.fromisoformat(row["at"]) == sent_at
    assert wang.push("records", bad) == [held]
    assert push_lines(kernel, bad["id"]) == [
        ("quarantined", False),
        ("accepted", False),
        ("quarantined", False),
    ]
    problem_of(retry(li, row["id"]), status=409, code="already_resolved")


def test_a_receipt_follows_a_kept_row_to_where_it_was_stored(
    desk: MakeDesk, bad: Document, devices: tuple[Handheld, Handheld], clock: Clock, kernel: Kernel
) -> None:
    """In quarantine under the edit of the answer; then stored, under the edit that the sender's device gets."""
    wang = devices[1]

    def on_receipt() -> list[dict[str, Any]]:
        clock.pass_by(minutes=1)
        text = wang.client.post("/sync/v1/receipts", json=[bad["id"]]).text
        rows: list[dict[str, Any]] = verify_receipt(text, wang.client.get("/sync/v1/keys").get_json())["rows"]
        return rows

    (kept,) = on_receipt()
    assert (kept["state"], kept["edit_id"]) == ("quarantined", wang.held["records"][bad["id"]]["edit_id"])
    li, tried_at = desk("li").client, clock.now
    retry(li, the_row(li)["id"], {**bad, "kind": "ecig_check"})
    edit_id = stored_records(kernel)[bad["id"]].device_edit_id

    # Whatever the device sends again of what it was sent back, the document is where it is.
    for _ in range(2):
        (row,) = on_receipt()
        assert (row["id"], row["state"], row["edit_id"]) == (bad["id"], "stored", str(edit_id))
        assert edit_id not in (uuid.UUID(bad["edit_id"]), uuid.UUID(kept["edit_id"]))
        assert datetime.fromisoformat(row["received_at"]) == tried_at
        assert row["missing_files"] != []
        wang.push("records", bad)


def test_a_sender_who_may_no_longer_sign_in_does_not_matter(
    desk: MakeDesk, bad: Document, town: Town, clock: Clock, kernel: Kernel
) -> None:
    """His device was revoked and his account closed after he had sent the row: it is as good as it was."""
    clock.pass_by(hours=1)
    with kernel.sessions.begin() as session:
        account = update(Account).where(Account.person_id == town.people["wang"])
        device = update(Device).where(Device.id == town.devices["wang"])
        session.execute(device.values(state="push_only", revoked_at=clock.now))
        session.execute(account.values(disabled_at=clock.now, roles=[]))
    ju = desk("ju").client

    assert retry(ju, the_row(ju)["id"], {**bad, "kind": "ecig_check"}).get_json()["outcome"] == "accepted"
    assert stored_records(kernel)[bad["id"]].flags == ["corrected_at_desk"]


def test_a_row_that_still_cannot_be_taken_says_why(desk: MakeDesk, bad: Document, kernel: Kernel) -> None:
    li = desk("li").client
    kept_id = the_row(li)["id"]

    answers = [retry(li, kept_id), retry(li, kept_id, {**bad, "kind": "ecig_check", "officers": []})]

    assert [answer.get_json()["outcome"] for answer in answers] == ["quarantined"] * 2
    assert [answer.get_json()["review"][0]["path"] for answer in answers] == ["/kind", "/officers"]
    assert the_row(li)["resolved_at"] is None
    assert stored_records(kernel) == {}
    other = retry(li, kept_id, {**bad, "id": str(uuid.uuid4()), "kind": "ecig_check"})
    assert problem_of(other, status=422)["errors"][0]["code"] == "id_differs"


def test_a_row_is_put_aside_with_a_reason_and_its_copy_stays_on_the_device(
    desk: MakeDesk, bad: Document, devices: tuple[Handheld, Handheld], kernel: Kernel
) -> None:
    li, wang = desk("li").client, devices[1]
    wang.pull("records")
    kept_id = the_row(li)["id"]

    answer = li.post(f"{KEPT}/{kept_id}/dismissal", json={"reason": "演练数据"})

    assert (answer.status_code, answer.get_json()["resolution"]) == (200, "dismissed")
    assert li.get(f"{KEPT}/{kept_id}").get_json()["reason"] == "演练数据"
    assert wang.pull("records") == []
    assert wang.held["records"][bad["id"]]["review"]
    assert wang.reconcile("records")["push"] == []
    assert [event.facts["reason"] for event in events(kernel, "sync.quarantine_dismissed")] == ["演练数据"]
    problem_of(
        li.post(f"{KEPT}/{kept_id}/dismissal", json={"reason": "再次"}), status=409, code="already_resolved"
    )


def test_a_leader_sees_the_rows_that_his_squad_sent(
    desk: MakeDesk, bad: Document, handheld: MakeHandheld, town: Town, clock: Clock
) -> None:
    handheld("qian").push("records", {**a_check(town, 2, clock.now, "qian", "zhao"), "kind": "spell"})

    rows = {
        name: {row["person_name"] for row in desk(name).client.get(KEPT).get_json()["items"]}
        for name in ("li", "zhao", "ju")
    }
    assert rows == {"li": {"wang"}, "zhao": {"qian"}, "ju": {"wang", "qian"}}
    ju = desk("ju").client
    assert the_row(ju, squad_id=str(town.squads[1]))["person_name"] == "qian"
    kept_id, zhao = the_row(desk("li").client)["id"], desk("zhao").client
    for one in (kept_id, uuid.uuid4()):
        problem_of(zhao.get(f"{KEPT}/{one}"), status=404, code="not_found")
        problem_of(retry(zhao, one), status=404, code="not_found")
        aside = zhao.post(f"{KEPT}/{one}/dismissal", json={"reason": "x"})
        problem_of(aside, status=404, code="not_found")


def test_an_edit_put_right_too_late_becomes_a_conflict(
    desk: MakeDesk, quarrel: Quarrel, devices: tuple[Handheld, Handheld]
) -> None:
    _, theirs, _ = quarrel
    devices[1].push("rectifications", new_edit(theirs, status="gone"), assumed=[theirs])
    later = new_edit(theirs, note="复查过")
    devices[0].push("rectifications", later, assumed=[theirs])
    li = desk("li")

    answer = retry(li.client, the_row(li.client)["id"], {**theirs, "note": "更正"})

    assert answer.get_json()["outcome"] == "conflict"
    shown = li.show(li.list()[-1]["id"])
    assert (shown["base"], shown["ours"]["note"], shown["now"]) == (theirs, "更正", later)
    devices[1].pull("rectifications")
    assert devices[1].held["rectifications"][theirs["id"]] == later


def test_a_record_that_comes_late_is_flagged_by_the_setting(
    town: Town, clock: Clock, devices: tuple[Handheld, Handheld], kernel: Kernel
) -> None:
    hours = kernel.settings.late_after_hours
    assert hours == 72
    in_time = a_check(town, 0, clock.now - timedelta(hours=hours - 2))
    late = a_check(town, 1, clock.now - timedelta(hours=hours), seed=1)

    devices[0].push("records", in_time, late)

    stored = stored_records(kernel)
    assert [stored[record["id"]].flags for record in (in_time, late)] == [[], ["late"]]


def test_the_trail_names_both_the_sender_and_the_desk(
    desk: MakeDesk, bad: Document, town: Town, kernel: Kernel
) -> None:
    ju = desk("ju").client
    retry(ju, the_row(ju)["id"], {**bad, "kind": "ecig_check"})

    received = events(kernel, "records.received")[-1]
    assert (received.account_id, received.device_id) == (town.accounts["wang"], town.devices["wang"])
    assert events(kernel, "sync.quarantine_retried")[-1].account_id == town.accounts["ju"]
    with kernel.sessions() as session:
        assert session.scalars(select(quarantine.c.resolved_by)).one() == town.accounts["ju"]


def test_guard_a_leader_of_another_squad_who_also_administers_has_no_more_cases_for_that(
    desk: MakeDesk, bad: Document, quarrel: Quarrel, kernel: Kernel, town: Town
) -> None:
    """Who administers sees the bureau's grid and no case; who leads a squad sees its cases: no more than either."""
    with kernel.sessions.begin() as session:
        session.execute(
            update(Account)
            .where(Account.id == town.accounts["zhao"])
            .values(roles=["admin", "gis", "officer", "squad_leader"])
        )
    zhao = desk("zhao")

    assert zhao.list() == zhao.client.get(KEPT).get_json()["items"] == []
    record = quarrel[0]["record_id"]
    problem_of(zhao.client.get(f"/api/v1/records/{record}/files"), status=404, code="not_found")
    assert desk("li").client.get(f"/api/v1/records/{record}/files").status_code == 200
