"""Official numbers: in the order of commit, without gap and without double, and told to the devices."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from queue import Queue
from random import Random
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import select, text

from schemas.record import KINDS
from server import worker
from server.demo import documents
from server.demo.documents import Document
from server.house import compose
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.papers.models import OfficialNumber
from server.papers.numbering import NUMBER_JOB, number_records, set_style, want_numbers
from server.papers.rules import own_paper, read_style, written_day
from server.records.models import Record
from server.records.queries import document
from server.replication import COLLECTIONS, reader_of
from server.upkeep import UPKEEP
from sync.push import push
from sync.tables import feed
from tests.fieldwork import attempt_at, check_of, field_actor, push_at, visit_of
from tests.papers.conftest import Numbering
from tests.town import MONDAY, ZONE, Town

LATER = MONDAY + timedelta(hours=2)


def numbers_of(kernel: Kernel, record_id: str) -> dict[str, str]:
    """The stamp of a record, as a device pulls it."""
    with kernel.sessions() as session:
        text = session.scalars(select(document()).where(Record.id == uuid.UUID(record_id))).one()
    told: dict[str, str] = json.loads(text)["stamp"]["numbers"]
    return told


def ordered_check(town: Town, at: datetime, **given: Any) -> Document:
    """A check that ended with an order to put something right."""
    record = check_of(town, 0, at, **given)
    record["answers"] |= {
        "result": "abnormal",
        "cause": "no_minors_sign",
        "disposal": "rectify",
        "rectify": {"demand": "张贴不向未成年人销售标志", "due_on": "2026-07-20"},
        "party_opinion": "agree",
    }
    return record


def test_each_kind_of_paper_has_its_register(kernel: Kernel, town: Town, number: Numbering) -> None:
    checks = [check_of(town, 0, MONDAY - timedelta(hours=hours)) for hours in (4, 3)]
    closed = attempt_at(town, 1, MONDAY - timedelta(hours=2))
    service = documents.service_visit(visit_of(town, 1, MONDAY - timedelta(hours=1)), Random(0))
    order = ordered_check(town, MONDAY - timedelta(minutes=30))
    for record in (*checks, closed, service, order):
        assert push_at(kernel, town, "li", MONDAY, record) == []
    assert numbers_of(kernel, checks[0]["id"]) == {}
    assert number(LATER) == 6
    assert [numbers_of(kernel, record["id"]) for record in (*checks, closed, service, order)] == [
        {"inspection_record": "样烟检〔2026〕1号"},
        {"inspection_record": "样烟检〔2026〕2号"},
        {"scene_record": "样烟现〔2026〕1号"},
        {"scene_record": "样烟现〔2026〕2号"},
        {"inspection_record": "样烟检〔2026〕3号", "rectification_order": "样烟改〔2026〕1号"},
    ]
    assert number(LATER) == 0


def test_the_number_reaches_the_devices_as_a_new_edit(kernel: Kernel, town: Town, number: Numbering) -> None:
    record = check_of(town, 0, MONDAY - timedelta(hours=1))
    push_at(kernel, town, "li", MONDAY, record)
    record_id = uuid.UUID(record["id"])

    def edit_and_feed() -> tuple[uuid.UUID, set[tuple[str, str, int]]]:
        with kernel.sessions() as session:
            edit = session.scalars(select(Record.edit_id).filter_by(id=record_id)).one()
            rows = select(feed.c.principal, feed.c.xid, feed.c.seq).where(feed.c.id == record_id)
            return edit, {tuple(row) for row in session.execute(rows)}

    before = edit_and_feed()
    number(LATER)
    after = edit_and_feed()
    assert before[0] != after[0]
    assert {row[0] for row in before[1]} == {row[0] for row in after[1]}
    assert min(row[2] for row in after[1]) > max(row[2] for row in before[1])
    # What the device pushed stays what it was: the same edit again is a replay, told with its number.
    (told,) = push_at(kernel, town, "li", LATER, record)
    assert told["stamp"]["numbers"] == {"inspection_record": "样烟检〔2026〕1号"}


def test_what_is_not_valid_is_numbered_and_an_amendment_keeps_the_number(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    alone = check_of(town, 0, MONDAY - timedelta(hours=3), by=("li",))
    push_at(kernel, town, "li", MONDAY, alone)
    number(LATER)
    amendment = ordered_check(
        town, MONDAY - timedelta(hours=3), amends_id=uuid.UUID(alone["id"]), amend_reason="补记第二名执法人员"
    )
    again = check_of(
        town,
        0,
        MONDAY - timedelta(hours=3),
        amends_id=uuid.UUID(amendment["id"]),
        amend_reason="再次更正",
    )
    orphan = check_of(town, 0, MONDAY - timedelta(hours=2), amends_id=uuid.uuid4(), amend_reason="更正")
    for record in (amendment, again, orphan):
        push_at(kernel, town, "li", LATER, record)
    with kernel.sessions() as session:
        assert session.get_one(Record, uuid.UUID(alone["id"])).valid is False
    number(LATER)
    assert [numbers_of(kernel, record["id"]) for record in (alone, amendment, again, orphan)] == [
        {"inspection_record": "样烟检〔2026〕1号"},
        {"inspection_record": "样烟检〔2026〕1号", "rectification_order": "样烟改〔2026〕1号"},
        {"inspection_record": "样烟检〔2026〕1号"},
        {"inspection_record": "样烟检〔2026〕2号"},
    ]


def test_records_that_amend_one_another_in_a_circle_are_numbered_once(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    ids = [uuid.uuid4(), uuid.uuid4()]
    circle = [
        check_of(town, 0, MONDAY, record_id=one, amends_id=other, amend_reason="更正")
        for one, other in (ids, reversed(ids))
    ]
    push_at(kernel, town, "li", LATER, *circle)
    assert number(LATER) == 2
    assert {json.dumps(numbers_of(kernel, record["id"])) for record in circle} == {
        json.dumps({"inspection_record": "样烟检〔2026〕1号"})
    }


def test_a_new_year_begins_at_one_by_the_day_of_numbering(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    # Shanghai's new year; in UTC both moments lie in 2026.
    eve = datetime(2026, 12, 31, 23, 50, tzinfo=ZONE)
    before, late = (check_of(town, 0, eve - timedelta(hours=hours)) for hours in (9, 8))
    push_at(kernel, town, "li", eve, before)
    assert number(eve) == 1
    push_at(kernel, town, "li", eve + timedelta(minutes=20), late)
    assert number(eve + timedelta(minutes=20)) == 1
    assert numbers_of(kernel, before["id"]) == {"inspection_record": "样烟检〔2026〕1号"}
    assert numbers_of(kernel, late["id"]) == {"inspection_record": "样烟检〔2027〕1号"}


def test_nothing_is_numbered_that_an_open_transaction_may_still_precede(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    first, second = (check_of(town, 0, MONDAY - timedelta(hours=hours)) for hours in (3, 2))
    wrote, may_end = Event(), Event()

    def write_slowly() -> None:
        with kernel.work(field_actor(town, "wang"), MONDAY) as work:
            body = json.dumps([{"newDocumentState": first}]).encode()
            push(work, reader_of(work), COLLECTIONS["records"], body)
            wrote.set()
            assert may_end.wait(30)

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(write_slowly)
        assert wrote.wait(30)
        push_at(kernel, town, "li", MONDAY, second)
        assert number(LATER) == 0
        may_end.set()
        slow.result()
    assert number(LATER) == 2
    assert numbers_of(kernel, first["id"]) == {"inspection_record": "样烟检〔2026〕1号"}
    assert numbers_of(kernel, second["id"]) == {"inspection_record": "样烟检〔2026〕2号"}


def test_records_are_held_in_one_order_for_their_numbers(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    lesser, greater = sorted((uuid.uuid4(), uuid.uuid4()))
    for record_id in (greater, lesser):
        push_at(
            kernel, town, "li", MONDAY, check_of(town, 0, MONDAY - timedelta(hours=1), record_id=record_id)
        )
    hold = select(Record.id).with_for_update(nowait=True, key_share=True)
    waiting = text("select exists (select from pg_stat_activity where wait_event = 'transactionid')")
    with ThreadPoolExecutor(1) as threads, kernel.sessions() as other, kernel.sessions() as watcher:
        # Whoever flags both by a photo has the first already and takes the second while the numbers are given.
        other.execute(hold.where(Record.id == lesser))
        numbering = threads.submit(number, LATER)
        while not watcher.scalar(waiting):
            watcher.rollback()
            assert not numbering.done()
        other.execute(hold.where(Record.id == greater))
        other.commit()
        assert numbering.result(30) == 2


def test_two_hundred_at_once_leave_no_gap_and_no_double(
    kernel: Kernel, town: Town, number: Numbering
) -> None:
    pushers, workers = 200, 4
    jobs: Queue[str | None] = Queue()
    # Others' jobs are enqueued by a push as well.
    told = replace(kernel, enqueue=lambda job, _: jobs.put(job) if job == NUMBER_JOB else None)
    kernels = [compose(kernel.settings) for _ in range(workers)]
    start = Barrier(pushers)
    # Of nobody known, so that nothing but the registers makes them wait for one another.
    nobody = {"subject_kind": None, "subject_id": None}
    at = MONDAY - timedelta(hours=1)
    records = [
        (attempt_at if ordinal % 4 == 0 else check_of)(town, ordinal % 2, at, **nobody)
        for ordinal in range(pushers)
    ]

    def push_one(one: Document) -> list[Any]:
        start.wait(60)
        return push_at(told, town, "li", MONDAY, one)

    def work_on(own: Kernel) -> None:
        while jobs.get() is not None:
            with own.work(house(town.bureau_id), LATER) as work:
                number_records(work)

    with ThreadPoolExecutor(pushers + workers) as threads:
        working = [threads.submit(work_on, own) for own in kernels]
        try:
            pushing = [threads.submit(push_one, one) for one in records]
            assert [one.result(120) for one in pushing] == [[]] * pushers
        finally:
            for _ in kernels:
                jobs.put(None)
        for one in working:
            one.result(120)
    for own in kernels:
        own.close()
    # As the schedule does every minute: what was above the horizon when its job ran.
    number(LATER)

    with kernel.sessions() as session:
        given = session.scalars(select(OfficialNumber).filter_by(bureau_id=town.bureau_id)).all()
    serials: dict[str, list[int]] = defaultdict(list)
    for row in given:
        serials[row.series].append(row.serial)
    assert {series: sorted(found) for series, found in serials.items()} == {
        "样烟检": list(range(1, 151)),
        "样烟现": list(range(1, 51)),
    }
    written = {str(row.record_id): row.serial for row in given}
    for record in records[::20]:
        (stamped,) = numbers_of(kernel, record["id"]).values()
        assert stamped.endswith(f"〕{written[record['id']]}号")


def test_the_worker_numbers_after_a_push_and_what_was_left_every_minute(
    kernel: Kernel, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_kernel", lambda: kernel)
    assert worker.number_waiting in {job for job, _ in worker.JOBS}
    assert f"{worker.__name__}.{worker.number_records.__name__}" == NUMBER_JOB
    year = datetime.now(ZONE).year
    for ordinal, job in enumerate(
        (lambda: worker.number_records(str(town.bureau_id)), worker.number_waiting), start=1
    ):
        record = check_of(town, 0, MONDAY - timedelta(hours=ordinal))
        push_at(kernel, town, "li", MONDAY, record)
        job()
        assert numbers_of(kernel, record["id"]) == {"inspection_record": f"样烟检〔{year}〕{ordinal}号"}


def test_a_bureau_says_what_its_numbers_begin_with(kernel: Kernel, town: Town, number: Numbering) -> None:
    def push_and_number(at: datetime) -> dict[str, str]:
        record = ordered_check(town, at - timedelta(hours=1))
        push_at(kernel, town, "li", at, record)
        number(at)
        return numbers_of(kernel, record["id"])

    push_and_number(LATER)
    tomorrow = LATER + timedelta(days=1)
    with kernel.work(house(town.bureau_id), LATER) as work:
        set_style(work, "样烟", {"inspection_record": "立", "rectification_order": "立"}, tomorrow.date())
        with pytest.raises(Problem) as refused:
            set_style(work, "样烟", {}, date(2026, 7, 5))
    assert refused.value.errors[0]["code"] == "in_past"
    assert push_and_number(LATER) == {
        "inspection_record": "样烟检〔2026〕2号",
        "rectification_order": "样烟改〔2026〕2号",
    }
    # Two kinds under one word share its register, and nothing that was given changes.
    assert push_and_number(tomorrow) == {
        "inspection_record": "样烟立〔2026〕1号",
        "rectification_order": "样烟立〔2026〕2号",
    }


@pytest.mark.parametrize("word", ["", "检 ", "1", "〔检〕", "检" * 13])
def test_what_is_no_word_is_refused(word: str) -> None:
    with pytest.raises(Problem) as refused:
        read_style("样烟", {"inspection_record": word})
    assert (refused.value.code, refused.value.errors[0]["path"]) == ("invalid", "/words/inspection_record")


def test_every_kind_of_record_that_gives_a_paper_wants_its_number() -> None:
    giving = {f"record.{kind}" for kind in KINDS if own_paper(kind, kind, "routine")}
    assert giving == {table for table, statements in UPKEEP.items() if want_numbers in statements}


def test_days_are_written_without_zeros() -> None:
    assert written_day(date(2026, 7, 1)) == "2026年7月1日"
    assert written_day(date(2026, 12, 31)) == "2026年12月31日"
