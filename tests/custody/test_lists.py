"""Registration lists drawn out of records: lines in base units, totals, the seven working days, amendments."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from server.custody.models import RegistrationDeadline, RegistrationLine, RegistrationList
from server.custody.queries import lists_known
from server.demo.registered import RegisteredGoods
from server.kernel.calendar import import_workdays
from server.records.models import Record
from tests.custody.conftest import Room
from tests.town import CALENDAR, MONDAY, ZONE


def known(room: Room, list_id: uuid.UUID, as_of: datetime | None = None) -> Any:
    with room.at() as work:
        lists = lists_known(work.actor, as_of)
        return work.session.execute(select(lists).where(lists.c.id == list_id)).one_or_none()


def findings(room: Room, record_id: uuid.UUID) -> dict[str, str]:
    with room.at() as work:
        record = work.session.get_one(Record, record_id)
        return {finding["code"]: finding["detail"] for finding in record.findings}


def test_a_list_made_in_the_field_is_drawn_out_when_it_comes(room: Room) -> None:
    inspection = uuid.uuid4()
    list_id = room.registered(inspection_id=inspection)
    told = known(room, list_id)
    assert (told.record_id, told.inspection_id, told.valid) == (list_id, inspection, True)
    assert (told.lines, told.undecided, told.decide_by, told.provisional) == (3, 3, date(2026, 7, 15), False)
    assert told.squad_id == room.town.squads[0]
    assert told.cell_id == room.town.cells[0]
    with room.at() as work:
        lines = work.session.execute(
            select(RegistrationLine.seq, RegistrationLine.base_quantity, RegistrationLine.base_unit)
            .where(RegistrationLine.list_id == list_id)
            .order_by(RegistrationLine.seq)
        ).all()
    assert [tuple(line) for line in lines] == [(1, 2400, "stick"), (2, 40_000, "gram"), (3, 5, "piece")]


@pytest.mark.parametrize(
    ("registered_on", "decide_by"),
    [(date(2026, 2, 13), date(2026, 3, 2)), (date(2026, 9, 28), date(2026, 10, 13))],
)
def test_the_seven_days_are_working_days(room: Room, registered_on: date, decide_by: date) -> None:
    spring = {date(2026, 2, day) for day in (16, 17, 18, 19, 20, 23)}
    off, make_up, sources = CALENDAR
    with room.at() as work:
        import_workdays(work, off | spring, make_up | {date(2026, 2, 14), date(2026, 2, 28)}, sources)
    # Half past midnight in Shanghai is still the day before in UTC.
    at = datetime.combine(registered_on, datetime.min.time(), ZONE) + timedelta(minutes=30)
    list_id = room.registered(at)
    assert known(room, list_id).decide_by == decide_by


def test_a_year_that_is_not_loaded_is_provisional_until_it_is(room: Room) -> None:
    list_id = room.registered(datetime(2026, 12, 29, 10, tzinfo=ZONE))
    told = known(room, list_id)
    assert (told.decide_by, told.provisional) == (date(2027, 1, 7), True)
    loaded_at = datetime(2026, 12, 30, 9, tzinfo=ZONE)
    with room.at(now=loaded_at) as work:
        import_workdays(work, {date(2027, 1, 1)}, set(), {2027: "国务院办公厅通知（节选）"})
    told = known(room, list_id)
    assert (told.decide_by, told.provisional) == (date(2027, 1, 8), False)
    before = known(room, list_id, loaded_at - timedelta(hours=1))
    assert (before.decide_by, before.provisional) == (date(2027, 1, 7), True)


def test_totals_that_differ_are_told_with_both_numbers(room: Room) -> None:
    totals = {
        "lines": 2,
        "quantities": [{"unit": "carton", "quantity": 21}, {"unit": "kilogram", "quantity": 40}],
    }
    list_id = room.registered(answers={"totals": totals})
    with room.at() as work:
        found = work.session.get_one(Record, list_id).findings
    assert {finding["code"] for finding in found} == {"goods_total_mismatch"}
    sentences = " ".join(finding["detail"] for finding in found)
    assert "写为2种，按明细计算为3种" in sentences
    assert "写为21条，按明细计算为12条" in sentences
    assert "写为0个，按明细计算为5个" in sentences
    assert "公斤" not in sentences
    # What was registered is what the lines say, and the goods are there whether or not the list is valid.
    assert known(room, list_id).valid is False
    assert known(room, list_id).lines == 3


def test_lines_out_of_order_empty_or_in_a_wrong_unit_are_told(room: Room) -> None:
    document = room.list_of(goods=(*room_goods(), RegisteredGoods("leaf", "烤烟", 3, "carton")))
    document["answers"]["lines"][0]["quantity"] = 0
    document["answers"]["lines"][1]["seq"] = 7
    room.push(document)
    told = findings(room, uuid.UUID(document["id"]))
    assert set(told) == {"goods_total_mismatch", "line_empty", "line_out_of_order", "unit_not_of_category"}


def room_goods() -> tuple[RegisteredGoods, ...]:
    return (
        RegisteredGoods("cigarette", "样例牌", 1, "carton"),
        RegisteredGoods("cigarette", "样例牌", 2, "carton"),
    )


def test_one_officer_is_not_enough_and_the_goods_are_known_nevertheless(room: Room) -> None:
    list_id = room.registered(by=("li",))
    assert set(findings(room, list_id)) == {"too_few_officers"}
    assert known(room, list_id).lines == 3


@pytest.mark.parametrize(
    ("channel", "missing", "due"),
    [("desk", None, None), ("phone", None, MONDAY + timedelta(hours=24)),
     ("urgent_later", None, MONDAY + timedelta(hours=24))],
)  # fmt: skip
def test_an_approval_that_was_not_in_writing_must_be_written_up(
    room: Room, channel: str, missing: None, due: datetime | None
) -> None:
    list_id = room.registered(channel=channel)
    assert findings(room, list_id) == {}
    assert known(room, list_id).write_up_due == due


def test_an_amendment_says_what_was_registered_and_the_list_keeps_its_lines(room: Room) -> None:
    list_id = room.registered()
    first = known(room, list_id)
    amendment = room.list_of(
        MONDAY,
        (RegisteredGoods("cigarette", "样例牌（硬）", 11, "carton"),),
        amends_id=list_id,
        amend_reason="清点有误",
    )
    amended_at = MONDAY + timedelta(hours=5)
    room.push(amendment, now=amended_at)
    told = known(room, list_id)
    assert (told.record_id, told.lines) == (uuid.UUID(amendment["id"]), 1)
    assert known(room, list_id, amended_at - timedelta(minutes=1)) == first
    assert known(room, uuid.UUID(amendment["id"])) is None
    with room.at() as work:
        frozen = select(RegistrationLine).where(RegistrationLine.list_id == list_id)
        assert len(work.session.scalars(frozen).all()) == 3


def test_an_amendment_that_is_not_valid_says_nothing_while_a_valid_list_stands(room: Room) -> None:
    list_id = room.registered()
    one_officer = room.list_of(by=("li",), amends_id=list_id, amend_reason="清点有误")
    room.push(one_officer, now=MONDAY + timedelta(hours=5))
    assert known(room, list_id).record_id == list_id


def test_an_amendment_by_somebody_else_never_holds_whichever_comes_first(room: Room) -> None:
    first = room.list_of()
    strange = room.list_of(amends_id=uuid.UUID(first["id"]), amend_reason="清点有误")
    room.push(strange, by="qian")
    room.push(first, now=MONDAY + timedelta(hours=2))
    assert "amender_not_entitled" in findings(room, uuid.UUID(strange["id"]))
    assert known(room, uuid.UUID(first["id"])).record_id == uuid.UUID(first["id"])


def test_amendments_may_come_before_what_they_amend(room: Room) -> None:
    first = room.list_of()
    second = room.list_of(amends_id=uuid.UUID(first["id"]), amend_reason="清点有误")
    later = MONDAY + timedelta(minutes=20)
    third = room.list_of(later, amends_id=uuid.UUID(second["id"]), amend_reason="再次清点")
    for hour, document in enumerate((third, second, first), start=1):
        room.push(document, now=MONDAY + timedelta(hours=hour))
    with room.at() as work:
        ids = [uuid.UUID(document["id"]) for document in (first, second, third)]
        roots = set(
            work.session.scalars(select(RegistrationList.root_id).where(RegistrationList.id.in_(ids)))
        )
    assert roots == {ids[0]}
    assert known(room, ids[0]).record_id == ids[2]


def test_an_amendment_in_a_ring_or_of_another_kind_is_a_list_of_its_own(room: Room) -> None:
    first = room.list_of()
    own = room.list_of(amends_id=uuid.UUID(first["id"]), amend_reason="误指")
    first["amends_id"] = own["id"]
    first["amend_reason"] = "误指"
    room.push(first, own)
    with room.at() as work:
        ids = [uuid.UUID(document["id"]) for document in (first, own)]
        assert work.session.scalars(
            select(RegistrationDeadline).where(RegistrationDeadline.list_id.in_(ids))
        ).all()


@pytest.mark.parametrize(
    "answers",
    [
        {"lines": "many", "totals": 3, "registered_at": "soon", "approval": []},
        {"registered_at": "9999-12-31T23:59:59Z", "approval": {"approved_at": "0001-01-01T00:00:00+14:00"}},
        {"lines": [{"category": 1}, {"category": "leaf", "quantity": 10**30, "unit": "gram"}, None], "record_id": "x"},
        {"lines": [{"category": "leaf", "quantity": 2, "unit": "gram", "seq": "a"}], "registered_at": "2026-07-06"},
    ],
)  # fmt: skip
def test_a_list_of_a_form_that_nobody_knows_is_kept_with_what_can_be_read(
    room: Room, answers: dict[str, Any]
) -> None:
    document = room.list_of() | {"form_version": 99, "answers": answers}
    room.push(document)
    list_id = uuid.UUID(document["id"])
    assert "form_unknown" in findings(room, list_id)
    assert known(room, list_id).lines == (1 if "seq" in str(answers) else 0)
