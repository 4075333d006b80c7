"""Amend, never overwrite: what amendments say counts from when they are known, once, and whoever came first stays."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from schemas.vocabulary import CadenceTier
from server.cadence.histories import load_histories
from server.cadence.models import Obligation, VisitFact
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.demo import documents
from server.demo.documents import Document
from server.house import compose
from server.kernel.actor import house
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from server.records.amending import link_waiting
from server.records.models import Amendment, GoodsLine, Record, Rectification
from server.records.superseding import stands
from server.replication import COLLECTIONS, reader_of
from server.reports.outlet_records import records_at_outlets
from sync.push import push
from tests.cadence.test_keeping import assert_kept_as_judged
from tests.conftest import own_database, settings_for
from tests.fieldwork import check_of, field_actor, push_at, visit_of
from tests.town import MONDAY, Town, settle_town

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def house_of(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    folder: Path = tmp_path_factory.mktemp("amending")
    with own_database(superuser, template_database) as name:
        kernel = compose(settings_for(name, folder))
        yield kernel
        kernel.close()


@pytest.fixture(scope="module")
def town(house_of: Kernel) -> Town:
    """Many outlets: each test takes its own, so that one town serves them all."""
    return settle_town(house_of, outlets=40, ecig=40)


@pytest.fixture(scope="module")
def outlets() -> Iterator[int]:
    return iter(range(40))


@pytest.fixture
def outlet(outlets: Iterator[int]) -> int:
    """An outlet that no other test uses; those of cells 0 and 1 are squad 0's, li's and wang's."""
    return next(one for one in outlets if one % 4 < 2)


def amending(first: Document, **said: Any) -> Document:
    """The whole again, with what was wrong put right."""
    return {
        **first,
        "id": str(uuid.uuid4()),
        "edit_id": str(uuid.uuid4()),
        "amends_id": first["id"],
        "amend_reason": "原记录有误",
        **said,
    }


def states(kernel: Kernel, town: Town, outlet: int, as_of: datetime) -> dict[str, str]:
    """The weekly obligations of an outlet, as judged at and known by a moment."""
    subject = town.outlets[outlet]
    with kernel.work(house(town.bureau_id), as_of) as work:
        loaded = load_histories(work, [subject])[subject]
        found = judge(loaded.history, load_timeline(work).rulebook, as_of)
        return {
            one.obligation.key: one.state.value for one in found if one.obligation.tier is CadenceTier.WEEKLY
        }


def linked(kernel: Kernel, first: Document) -> list[tuple[str, bool, bool]]:
    """The amendments of a record in their order: id, whether it stands, whether it is contested."""
    with kernel.sessions() as session:
        rows = session.execute(
            select(Amendment.record_id, Amendment.stands, Amendment.contested)
            .where(Amendment.original_id == uuid.UUID(first["id"]))
            .order_by(Amendment.ordinal)
        )
        return [(str(one), standing, contested) for one, standing, contested in rows]


def stored(kernel: Kernel, document: Document) -> Record:
    with kernel.sessions() as session:
        return session.get_one(Record, uuid.UUID(document["id"]))


def standing(kernel: Kernel, town: Town, as_of: datetime, *which: Document) -> list[str]:
    ids = [uuid.UUID(one["id"]) for one in which]
    with kernel.work(house(town.bureau_id), as_of) as work:
        found = work.session.scalars(select(Record.id).where(stands(work, as_of), Record.id.in_(ids)))
        return sorted(map(str, found))


# ── what an amendment means to the visit ──────────────────────────────────────────────────────────


def test_an_amended_time_moves_the_visit_from_then_on_and_past_reports_stay(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    """The visit was on Monday of the week before: it was in time, and not late."""
    first = check_of(town, outlet, MONDAY + HOUR)
    push_at(house_of, town, "li", MONDAY + 2 * HOUR, first)
    assert states(house_of, town, outlet, MONDAY + 3 * HOUR)["2026-W27"] == "met_late"

    week_before = {
        name: (datetime.fromisoformat(first[name]) - 7 * DAY).isoformat()
        for name in ("started_at", "ended_at")
    }
    push_at(house_of, town, "li", MONDAY + DAY, amending(first, **week_before))
    assert states(house_of, town, outlet, MONDAY + DAY)["2026-W27"] == "met"
    # As known then, it was late; nothing that was told is told otherwise now.
    assert states(house_of, town, outlet, MONDAY + 3 * HOUR)["2026-W27"] == "met_late"
    assert_kept_as_judged(house_of, town, MONDAY + DAY)


def test_an_amended_outlet_moves_the_visit_to_it(
    house_of: Kernel, town: Town, outlets: Iterator[int]
) -> None:
    wrong, right = (next(one for one in outlets if one % 4 < 2) for _ in range(2))
    first = check_of(town, wrong, MONDAY + HOUR)
    push_at(house_of, town, "li", MONDAY + 2 * HOUR, first)
    there = check_of(town, right, MONDAY + HOUR)
    moved = amending(first, **{name: there[name] for name in ("subject_id", "position", "cell_id")})
    push_at(house_of, town, "li", MONDAY + 5 * HOUR, moved)
    assert stored(house_of, moved).valid, stored(house_of, moved).findings
    assert states(house_of, town, wrong, MONDAY + 6 * HOUR)["2026-W27"] == "due"
    assert states(house_of, town, right, MONDAY + 6 * HOUR)["2026-W27"] == "met_late"
    assert states(house_of, town, wrong, MONDAY + 3 * HOUR)["2026-W27"] == "met_late"


def test_an_amendment_that_owns_up_takes_the_visit_back_and_one_that_completes_makes_it_count(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    both = check_of(town, outlet, MONDAY + HOUR)
    push_at(house_of, town, "li", MONDAY + 2 * HOUR, both)
    alone = amending(both, officers=both["officers"][:1])
    push_at(house_of, town, "li", MONDAY + 3 * HOUR, alone)
    assert states(house_of, town, outlet, MONDAY + 4 * HOUR)["2026-W27"] == "due"
    again = amending(both, amends_id=alone["id"])
    push_at(house_of, town, "wang", MONDAY + 5 * HOUR, again)
    assert states(house_of, town, outlet, MONDAY + 6 * HOUR)["2026-W27"] == "met_late"
    assert [one for one, _, _ in linked(house_of, both)] == [alone["id"], again["id"]]


def test_an_amended_checklist_meets_what_the_other_one_asks_for(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    first = check_of(town, outlet, MONDAY + HOUR, "MONTHLY")
    push_at(house_of, town, "li", MONDAY + 2 * HOUR, first)
    weekly = check_of(town, outlet, MONDAY + HOUR)
    push_at(
        house_of,
        town,
        "li",
        MONDAY + 3 * HOUR,
        amending(first, **{name: weekly[name] for name in ("form_code", "form_version", "answers")}),
    )
    with house_of.sessions() as session:
        facts = session.execute(
            select(VisitFact.tier, VisitFact.valid)
            .where(VisitFact.record_id == uuid.UUID(first["id"]))
            .order_by(VisitFact.known_at, VisitFact.tier)
        ).all()
    assert [tuple(fact) for fact in facts] == [("MONTHLY", True), ("MONTHLY", False), ("WEEKLY", True)]


# ── the order in which they come ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_in_whatever_order_they_come_a_chain_ends_alike(
    house_of: Kernel, town: Town, order: tuple[int, ...], together: bool
) -> None:
    """An amendment that comes before what it amends waits, and is linked when that comes."""
    outlet = 4 * order[0] + order[1]
    at = MONDAY + (10 + 3 * outlet + together) * DAY
    first = check_of(town, outlet % 2, at)
    second = amending(first, narrative="第一次更正")
    third = amending(second, narrative="第二次更正")
    said = [(first, second, third)[one] for one in order]
    if together:
        push_at(house_of, town, "li", at + HOUR, *said)
    else:
        for number, one in enumerate(said, start=1):
            push_at(house_of, town, "li", at + number * HOUR, one)
    assert linked(house_of, first) == [(second["id"], True, False), (third["id"], True, False)]
    assert standing(house_of, town, at + DAY, first, second, third) == [third["id"]]
    with house_of.sessions() as session:
        visits = session.scalar(
            select(func.count()).where(
                VisitFact.record_id.in_([uuid.UUID(one["id"]) for one in (first, second, third)])
            )
        )
    assert visits == 1


def test_two_that_could_not_see_each_other_are_linked_by_night(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    at = MONDAY + 20 * DAY
    pairs = [(first, amending(first)) for first in (check_of(town, outlet, at + n * HOUR) for n in range(2))]
    for first, second in pairs:
        body = json.dumps([{"newDocumentState": first}]).encode()
        with house_of.work(field_actor(town, "li"), at + 3 * HOUR) as work:
            push(work, reader_of(work), COLLECTIONS["records"], body)
            push_at(house_of, town, "wang", at + 3 * HOUR, second)
        assert linked(house_of, first) == []
        assert standing(house_of, town, at + DAY, first, second) == [first["id"]]
    told = []
    for _ in range(3):
        with house_of.work(house(town.bureau_id), at + DAY) as work:
            told.append(link_waiting(work, most=1))
    assert told == [1, 1, 0]
    for first, second in pairs:
        assert linked(house_of, first) == [(second["id"], True, False)]


def test_both_outlets_of_a_visit_that_moves_are_held_in_one_order(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    at = MONDAY + 21 * DAY
    lesser, greater = sorted((outlet, outlet + 2), key=lambda one: town.outlets[one])
    first = check_of(town, lesser, at)
    push_at(house_of, town, "li", at + HOUR, first)
    moved = amending(first, subject_id=str(town.outlets[greater]))
    hold = select(Outlet.id).with_for_update(nowait=True, key_share=True)
    waiting = text("select exists (select from pg_stat_activity where wait_event = 'transactionid')")
    with ThreadPoolExecutor(1) as threads, house_of.sessions() as other, house_of.sessions() as watcher:
        # Whoever settles both has the first already and takes the second while the amendment comes.
        other.execute(hold.where(Outlet.id == town.outlets[lesser]))
        pushing = threads.submit(push_at, house_of, town, "li", at + 2 * HOUR, moved)
        while not watcher.scalar(waiting):
            watcher.rollback()
            assert not pushing.done()
        other.execute(hold.where(Outlet.id == town.outlets[greater]))
        other.commit()
        assert pushing.result(30) == []


# ── who may, and two at once ──────────────────────────────────────────────────────────────────────


def test_somebody_else_may_not_and_the_leader_may(house_of: Kernel, town: Town, outlet: int) -> None:
    first = check_of(town, outlet, MONDAY + 30 * DAY, by=("wang", "li"))
    at = MONDAY + 30 * DAY + HOUR
    push_at(house_of, town, "wang", at, first)
    strangers = amending(first, narrative="旁人的话")
    push_at(house_of, town, "qian", at + HOUR, strangers)
    record = stored(house_of, strangers)
    assert not record.valid
    assert "amender_not_entitled" in {one["code"] for one in record.findings}
    assert standing(house_of, town, at + DAY, first, strangers) == [first["id"]]
    leaders = amending(first, narrative="队长核对")
    push_at(house_of, town, "li", at + 2 * HOUR, leaders)
    assert standing(house_of, town, at + DAY, first, strangers, leaders) == [leaders["id"]]


def test_two_who_amend_at_once_are_both_kept_and_the_leader_is_told(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    first = check_of(town, outlet, MONDAY + 31 * DAY)
    at = MONDAY + 31 * DAY + HOUR
    push_at(house_of, town, "li", at, first)
    one, other = amending(first, narrative="甲"), amending(first, narrative="乙")
    push_at(house_of, town, "li", at + HOUR, one)
    push_at(house_of, town, "wang", at + 2 * HOUR, other)
    assert linked(house_of, first) == [(one["id"], True, False), (other["id"], True, True)]
    assert "amendment_contested" in stored(house_of, other).flags
    assert stored(house_of, other).valid
    assert standing(house_of, town, at + HOUR, first, one, other) == [one["id"]]
    assert standing(house_of, town, at + DAY, first, one, other) == [other["id"]]
    settled = amending(first, amends_id=other["id"])
    push_at(house_of, town, "li", at + 3 * HOUR, settled)
    # He had seen the last one; that it stood beside his own former one is told already.
    assert linked(house_of, first)[-1] == (settled["id"], True, False)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"amend_reason": None}, "amend_reason_missing"),
        ({"form_version": 99}, "form_unknown"),
    ],
)
def test_what_says_no_reason_or_cannot_be_read_changes_nothing(
    house_of: Kernel, town: Town, outlet: int, said: dict[str, Any], code: str
) -> None:
    at = MONDAY + 32 * DAY
    first = check_of(town, outlet, at)
    push_at(house_of, town, "li", at + HOUR, first)
    bad = amending(first, **said)
    push_at(house_of, town, "li", at + 2 * HOUR, bad)
    assert code in {one["code"] for one in stored(house_of, bad).findings}
    assert linked(house_of, first) == [(bad["id"], False, False)]
    assert standing(house_of, town, at + DAY, first, bad) == [first["id"]]


def test_an_amendment_of_another_kind_changes_nothing(house_of: Kernel, town: Town, outlet: int) -> None:
    at = MONDAY + 33 * DAY
    first = check_of(town, outlet, at)
    push_at(house_of, town, "li", at + HOUR, first)
    visit = visit_of(town, outlet, at, amends_id=uuid.UUID(first["id"]), amend_reason="换表")
    other = documents.site_visit(visit, Random(1))
    push_at(house_of, town, "li", at + 2 * HOUR, other)
    assert "amends_other_kind" in {one["code"] for one in stored(house_of, other).findings}
    assert linked(house_of, first) == [(other["id"], False, False)]


def test_another_place_or_time_is_pointed_out(house_of: Kernel, town: Town, outlet: int) -> None:
    at = MONDAY + 34 * DAY
    first = check_of(town, outlet, at)
    later = amending(first, ended_at=(datetime.fromisoformat(first["ended_at"]) + HOUR).isoformat())
    push_at(house_of, town, "li", at + 3 * HOUR, first, later)
    assert "amends_place_or_time" in stored(house_of, later).flags


def test_records_that_amend_themselves_or_one_another_wait_for_ever(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    at = MONDAY + 35 * DAY
    one, other = (check_of(town, outlet, at + number * HOUR) for number in range(2))
    one |= {"amends_id": other["id"], "amend_reason": "互指"}
    other |= {"amends_id": one["id"], "amend_reason": "互指"}
    own = check_of(town, outlet, at)
    own |= {"amends_id": own["id"], "amend_reason": "自指"}
    push_at(house_of, town, "li", at + 3 * HOUR, one, other, own)
    assert standing(house_of, town, at + DAY, one, other, own) == []
    with house_of.work(house(town.bureau_id), at + DAY) as work:
        assert link_waiting(work) == 0


def test_an_order_that_an_amendment_repeats_stands_once_and_one_it_drops_is_withdrawn(
    house_of: Kernel, town: Town, outlet: int
) -> None:
    at = MONDAY + 37 * DAY
    visit = visit_of(town, outlet, at)
    first = documents.ecig_check("WEEKLY", visit, Random(2), cause="no_minors_sign")

    def orders(as_of: datetime) -> list[tuple[str, str]]:
        with house_of.work(house(town.bureau_id), as_of) as work:
            rows = work.session.execute(
                select(Rectification.record_id, Rectification.status)
                .where(Rectification.subject_id == town.outlets[outlet])
                .order_by(Rectification.status)
            )
            return [(str(record_id), status) for record_id, status in rows]

    def due(as_of: datetime) -> set[uuid.UUID | None]:
        """What re-checks hang on: the orders that are not taken back."""
        with house_of.work(house(town.bureau_id), as_of) as work:
            return set(
                work.session.scalars(
                    select(Obligation.trigger_id).where(
                        Obligation.subject_id == town.outlets[outlet],
                        Obligation.rule == "rectification_recheck",
                        Obligation.withdrawn_at.is_(None),
                    )
                )
            )

    push_at(house_of, town, "li", at + HOUR, first)
    before = due(at + HOUR)
    assert len(before) == 1
    again = amending(first, narrative="补充说明")
    push_at(house_of, town, "li", at + 2 * HOUR, again)
    assert orders(at + 3 * HOUR) == [(first["id"], "open"), (again["id"], "withdrawn")]
    assert due(at + 3 * HOUR) == before
    without = {name: value for name, value in first["answers"].items() if name != "rectify"}
    dropped = amending(again, answers={**without, "disposal": "educate"})
    push_at(house_of, town, "li", at + 4 * HOUR, dropped)
    assert {status for _, status in orders(at + 5 * HOUR)} == {"withdrawn"}
    assert due(at + 5 * HOUR) == set()


# ── reports ───────────────────────────────────────────────────────────────────────────────────────


def test_what_was_amended_is_counted_once_and_as_amended(house_of: Kernel, town: Town, outlet: int) -> None:
    at = MONDAY + 36 * DAY
    visit = visit_of(town, outlet, at)
    first = documents.site_visit(visit, Random(3), cause="not_from_local_wholesaler")
    push_at(house_of, town, "li", at + HOUR, first)
    second = amending(first)
    second["answers"] = {**first["answers"], "result": "normal"}
    push_at(house_of, town, "li", at + 2 * HOUR, second)

    def told(as_of: datetime) -> tuple[list[Any], int | None]:
        with house_of.work(house(town.bureau_id), as_of) as work:
            lines = select(func.count()).select_from(GoodsLine).join(Record, Record.id == GoodsLine.record_id)
            rows = [
                (str(row.id), row.result)
                for row in records_at_outlets(work, at.date(), at.date(), as_of)
                if row.subject_id == town.outlets[outlet]
            ]
            return rows, work.session.scalar(
                lines.where(stands(work, as_of), Record.subject_id == town.outlets[outlet])
            )

    before, after = told(at + HOUR), told(at + DAY)
    assert before[0] == [(first["id"], first["answers"]["result"])]
    assert after[0] == [(first["id"], "normal")]
    assert before[1] == after[1]
