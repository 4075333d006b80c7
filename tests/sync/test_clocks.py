"""The clock of a handheld is measured at each push, and the time of a visit is corrected by what was measured."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from server.access.models import DeviceContact
from server.kernel.work import Kernel
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, stored_records
from tests.sync.handheld import Document, Handheld
from tests.town import Town

NINE_MINUTES = timedelta(minutes=9)


def contacts(kernel: Kernel) -> list[DeviceContact]:
    """Every contact kept, in order."""
    with kernel.sessions() as session:
        return list(session.scalars(select(DeviceContact).order_by(DeviceContact.heard_at)))


def send(device: Handheld, document: Document | None, **headers: str) -> Any:
    """Push one record, or none, with headers and nothing else."""
    body = [{"newDocumentState": document}] if document else []
    named = {f"Xunge-{name.replace('_', '-').title()}": value for name, value in headers.items()}
    answer = device.client.post("/sync/v1/records/push", json=body, headers=named)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def stored(kernel: Kernel, document: Document) -> tuple[datetime, int, list[str], bool]:
    """Of one record: when it was performed, by which offset, its flags, whether it is valid."""
    record = stored_records(kernel)[document["id"]]
    return record.performed_at, record.clock_offset_s, record.flags, record.valid


def test_a_fast_clock_is_corrected_by_what_the_push_measures_guard(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    li.clock_off = NINE_MINUTES
    # The device says nothing of its clock, and shows a quarter past what is nine minutes earlier.
    record = a_check(town, 0, clock.now + NINE_MINUTES)
    del record["clock_offset_s"]

    li.push("records", record)

    true = clock.now - timedelta(hours=1)
    assert stored(kernel, record) == (true, 540, ["clock_skewed"], True)
    li.pull("records")
    assert li.held["records"][record["id"]]["stamp"]["clock_offset_s"] == 540
    (contact,) = contacts(kernel)
    assert (contact.clock_offset_s, contact.queue_length, contact.unread) == (540, None, [])


def test_an_offset_that_an_earlier_contact_measured_still_counts_for_its_visits(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    li.clock_off = NINE_MINUTES
    li.push("records")
    clock.pass_by(hours=3)
    # Somebody has set the clock right since.
    li.clock_off = timedelta(0)
    before = a_check(town, 0, clock.now + NINE_MINUTES, clock_offset_s=540)
    after = a_check(town, 1, clock.now, clock_offset_s=0)

    li.push("records", before, after)

    true = clock.now - timedelta(hours=1)
    assert stored(kernel, before) == (true, 540, ["clock_skewed"], True)
    assert stored(kernel, after) == (true, 0, [], True)


def test_a_claim_that_nothing_ever_measured_is_not_believed_guard(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    # Made this morning, and dated into last week by a claim.
    record = a_check(town, 0, clock.now, clock_offset_s=7 * 86_400)

    li.push("records", record)

    assert stored(kernel, record) == (clock.now - timedelta(hours=1), 0, ["clock_disputed"], True)


def test_another_devices_measurement_proves_nothing_guard(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    wang = handheld("wang")
    wang.clock_off = NINE_MINUTES
    wang.push("records")
    record = a_check(town, 0, clock.now, clock_offset_s=540)

    handheld("li").push("records", record)

    assert stored(kernel, record)[1:3] == (0, ["clock_disputed"])


def test_the_last_contact_counts_where_a_push_tells_no_time(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    told = {"queue_length": 1, "device_time": (clock.now + NINE_MINUTES).isoformat()}
    assert li.client.post("/api/v1/devices/contact", json=told).get_json()["clock_offset_s"] == 540
    record = a_check(town, 0, clock.now + NINE_MINUTES)
    del record["clock_offset_s"]

    send(li, record)

    assert stored(kernel, record)[:3] == (clock.now - timedelta(hours=1), 540, ["clock_skewed"])


def test_a_clock_that_was_never_measured_is_flagged(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    record = a_check(town, 0, clock.now, clock_offset_s=60)

    send(handheld("li"), record)

    assert stored(kernel, record)[1:] == (60, ["clock_unmeasured"], True)
    assert contacts(kernel) == []


def test_what_is_dated_ahead_is_not_believed_guard(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    # A fast clock that tells nothing of itself: the visit would be next Monday's.
    record = a_check(town, 0, clock.now + timedelta(days=7))

    send(handheld("li"), record)

    at, _, flags, valid = stored(kernel, record)
    assert (at > clock.now, flags, valid) == (True, ["clock_unmeasured"], False)
    assert [one["code"] for one in stored_records(kernel)[record["id"]].findings] == ["in_future"]
    with kernel.sessions() as session:
        assert session.scalars(text("select valid from visit_fact")).all() == [False]


UNREADABLE = [
    ("Xunge-Device-Time", "yesterday"),
    ("Xunge-Device-Time", ""),
    ("Xunge-Device-Time", "2026-07-06T09:00:00"),
    ("Xunge-Device-Time", "9999-12-31T23:59:59Z"),
    ("Xunge-Device-Time", "0001-01-01T00:00:00+14:00"),
    ("Xunge-Device-Time", "2026-07-06T09:00:00Z" * 500),
    ("Xunge-Queue-Length", "-1"),
    ("Xunge-Queue-Length", "1_0"),
    ("Xunge-Queue-Length", "9" * 4000),
    ("Xunge-Queue-Oldest", "10000-01-01T00:00:00Z"),
    ("Xunge-Client", "'; drop table device; --"),
    ("Xunge-Client", "\x7f\xe9"),
]


def test_a_header_that_cannot_be_read_stops_no_push(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")
    for number, (name, value) in enumerate(UNREADABLE, start=1):
        clock.pass_by(minutes=20)
        record = a_check(town, 0, clock.now)
        short = name.removeprefix("Xunge-").replace("-", "_").lower()

        assert send(li, record, **{short: value}) == []

        heard = contacts(kernel)
        assert len(heard) == number
        assert (heard[-1].unread, heard[-1].clock_offset_s) == ([name], None)
        unread = {"clock_unread"} if name == "Xunge-Device-Time" else set()
        assert stored(kernel, record)[2] == sorted({"clock_unmeasured"} | unread), (name, value)


@pytest.mark.parametrize("shown", ["1970-01-01T00:00:12Z", "2199-12-30T00:00:00Z"])
def test_a_clock_that_lost_its_battery_is_measured_like_any_other(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld, shown: str
) -> None:
    li = handheld("li")
    at = datetime.fromisoformat(shown)
    started = at - timedelta(hours=1) if at.year > 1970 else at
    record = a_check(town, 0, clock.now)
    record["started_at"] = started.replace(year=min(started.year, 2099)).isoformat()
    record["ended_at"] = (datetime.fromisoformat(record["started_at"]) + timedelta(minutes=15)).isoformat()
    del record["clock_offset_s"]

    assert send(li, record, device_time=shown, queue_oldest=shown, queue_length="1") == []

    performed, offset, flags, _ = stored(kernel, record)
    assert performed == datetime.fromisoformat(record["started_at"]) - timedelta(seconds=offset)
    assert abs(at - timedelta(seconds=offset) - clock.now) < timedelta(seconds=2)
    assert "clock_skewed" in flags
    assert contacts(kernel)[0].queue_oldest_at == at - timedelta(seconds=offset)
    li.client.get("/sync/v1/records/pull")


def test_contacts_are_kept_when_they_are_news(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    li = handheld("li")

    def push(queue: int, **span: float) -> int:
        clock.pass_by(**span)
        send(li, None, device_time=clock.now.isoformat(), queue_length=str(queue), client="field/1.0")
        return len(contacts(kernel))

    assert push(3) == 1
    assert [push(queue, seconds=20) for queue in (2, 1)] == [1, 1]
    # The queue is empty: what "to be synced" waits for.
    assert push(0, seconds=20) == 2
    assert push(0, seconds=20) == 2
    assert push(0, minutes=10) == 3
    assert push(4, seconds=1) == 4
    # A period ends at midnight, and a contact after it is news however short ago the last one was.
    clock.now = clock.now.replace(hour=23, minute=59, second=50)
    assert push(0) == 5
    assert push(0, seconds=20) == 6
    li.client.get("/sync/v1/outlets/pull", headers={"Xunge-Queue-Length": "9"})
    assert len(contacts(kernel)) == 6
    assert {contact.app_version for contact in contacts(kernel)} == {"field/1.0"}
    # A clock that was set meanwhile is news as well.
    send(li, None, device_time=(clock.now + NINE_MINUTES).isoformat())
    assert [contact.clock_offset_s for contact in contacts(kernel)] == [0] * 6 + [540]


def test_a_push_that_fails_keeps_no_contact(
    kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld
) -> None:
    answer = handheld("li").client.post(
        "/sync/v1/records/push", data=b"{", headers={"Xunge-Queue-Length": "0"}
    )
    assert answer.status_code == 400
    assert contacts(kernel) == []
