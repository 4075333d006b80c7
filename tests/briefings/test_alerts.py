"""What a squad is alerted to on a morning: each from what really happened in the town, and only for whom it is."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from server.access.models import Device, DeviceContact
from server.approvals.ops import give, withdraw, write_up
from server.briefings.content import contents
from server.cadence.cap_policies import publish_cap
from server.clues.ops import register
from server.demo import documents
from server.demo.documents import Document
from server.demo.registered import RegisteredGoods
from server.kernel.actor import house
from server.kernel.ids import new_id
from tests.briefings.conftest import Room, at
from tests.fieldwork import check_of, push_at, visit_of
from tests.patrols.given_out import Team, give_out
from tests.town import Town

FRIDAY = at(7, 10)


def plan_for_friday(room: Room, **given: Any) -> None:
    with room.kernel.work(house(room.town.bureau_id), at(7, 9, 16)) as work:
        team = Team(("li", "wang"), (0,), "测A00001")
        give_out(work, room.town, 0, date(2026, 7, 10), team, **given)


def approval(
    room: Room, *, by: str = "ju", channel: str = "desk", last_day: date = date(2026, 7, 12)
) -> uuid.UUID:
    """Leave to inspect from Monday on; one by phone is entered by the squad's leader."""
    given = {
        "approval_no": None,
        "kind": "batch",
        "title": "试样周计划",
        "plan": "试样",
        "record_kinds": [],
        "subject_ids": [],
        "cell_ids": [],
        "first_day": date(2026, 7, 6),
        "last_day": last_day,
        "approver_id": None if channel == "desk" else room.town.accounts["ju"],
        "approved_at": None if channel == "desk" else at(7, 9, 12),
        "channel": channel,
    }
    with room.kernel.work(room.actor(by), at(7, 9, 14)) as work:
        return give(work, given).id


def test_without_a_plan_that_is_said_and_of_a_plan_what_its_approval_lacks(room: Room) -> None:
    assert "plan_missing" in room.codes(FRIDAY)
    plan_for_friday(room)
    assert room.codes(FRIDAY)[0] == "approval_missing"
    assert "plan_missing" in room.codes(FRIDAY, 1)


def test_an_approval_that_stands_is_no_alert(room: Room) -> None:
    approved = approval(room)
    plan_for_friday(room, approval_id=approved, warnings=[{"code": "odd", "zh": "试样提示", "en": "odd"}])
    told = room.told(FRIDAY)
    assert told["plan"]["approval_no"].endswith("号")
    assert [(one["code"], one["zh"]) for one in told["alerts"]] == [("plan_warning", "计划提示：试样提示")]
    with room.kernel.work(room.actor("ju"), at(7, 9, 20)) as work:
        withdraw(work, approved, "试样理由")
    assert room.codes(FRIDAY)[0] == "approval_withdrawn"


def test_an_approval_of_other_days_and_one_by_phone(room: Room) -> None:
    plan_for_friday(room, approval_id=approval(room, last_day=date(2026, 7, 9)))
    assert room.codes(FRIDAY)[0] == "approval_other_days"
    by_phone = approval(room, by="li", channel="phone")
    with room.kernel.work(house(room.town.bureau_id), at(7, 9, 16)) as work:
        give_out(work, room.town, 1, date(2026, 7, 10), Team(("zhao", "qian"), (2,)), approval_id=by_phone)
    assert room.codes(FRIDAY, 1)[0] == "approval_to_write_up"
    with room.kernel.work(room.actor("ju"), at(7, 9, 18)) as work:
        write_up(work, by_phone, "试样补签")
    assert "approval_to_write_up" not in room.codes(FRIDAY, 1)


def test_whoever_inspects_holds_a_certificate_on_the_day(room: Room) -> None:
    with room.kernel.work(house(room.town.bureau_id), at(7, 9, 16)) as work:
        team = Team(("li", "fu", "wang"), (0,), "测A00001")
        give_out(work, room.town, 0, date(2026, 7, 10), team)
    (alert,) = [one for one in room.told(FRIDAY)["alerts"] if one["code"] == "certificate_missing"]
    assert alert["person_id"] == room.town.people["fu"]
    assert "fu今日没有有效的执法证" in alert["zh"]


def test_an_outlet_at_its_cap_on_the_days_routes(room: Room) -> None:
    with room.kernel.work(house(room.town.bureau_id), at(7, 6)) as work:
        given = {
            "name": "试样上限",
            "legal_basis": "试样依据",
            "effective_from": date(2026, 7, 7),
            "limits": {"A": 1},
            "exemptions": [],
            "same_visit_minutes": 30,
        }
        publish_cap(work, given)
    plan_for_friday(room, approval_id=approval(room))
    assert "cap_reached" not in room.codes(FRIDAY)
    assert push_at(room.kernel, room.town, "li", at(7, 8, 12), check_of(room.town, 0, at(7, 8, 10))) == []
    told = room.told(FRIDAY)
    (alert,) = [one for one in told["alerts"] if one["code"] == "cap_reached"]
    assert alert["subject_ids"] == [room.town.outlets[0]]
    assert told["plan"]["patrols"][0]["stops"][0]["at_cap"] is True


def test_handhelds_that_nobody_heard_since_the_last_working_day(room: Room) -> None:
    hold_device(room, "li", heard=at(7, 8, 17), queue=0)
    hold_device(room, "wang", heard=at(7, 9, 17), queue=0)
    hold_device(room, "zhao", heard=at(7, 9, 17), queue=3)
    alerts = {one["device_id"]: one for one in room.told(FRIDAY)["alerts"] if one["code"] == "device_silent"}
    assert set(alerts) == {room.town.devices["li"]}
    assert "最近联系 2026-07-08 17:30，待传 0 条" in alerts[room.town.devices["li"]]["zh"]
    theirs = [one for one in room.told(FRIDAY, 1)["alerts"] if one["code"] == "device_silent"]
    assert [one["device_id"] for one in theirs] == [room.town.devices["zhao"]]
    # Of a day ahead nothing can have been heard yet.
    with room.kernel.work(house(room.town.bureau_id), FRIDAY) as work:
        ahead = contents(work, date(2026, 7, 15))[room.town.squads[0]]
    silent = [one["device_id"] for one in ahead["alerts"] if one["code"] == "device_silent"]
    assert silent == [room.town.devices["li"]]
    # On Monday a handheld that was heard on Friday has had its weekend.
    hold_device(room, "wang", heard=at(7, 10, 17), queue=0)
    monday = [one for one in room.told(at(7, 13))["alerts"] if one["code"] == "device_silent"]
    assert room.town.devices["wang"] not in {one["device_id"] for one in monday}


def hold_device(room: Room, name: str, *, heard: datetime, queue: int) -> None:
    """A handheld of somebody's that was heard once, in place of any other of his."""
    with room.kernel.work(house(room.town.bureau_id), at(7, 6)) as work:
        owner = room.town.people[name]
        work.session.execute(
            update(Device).where(Device.person_id == owner).values(state="dead", revoked_at=at(7, 6, 1))
        )
        device = Device(
            id=new_id(work.now),
            bureau_id=room.town.bureau_id,
            person_id=owner,
            label=f"{name} 的手持机",
            state="active",
            enrolled_at=work.now,
            expires_at=at(12, 31),
        )
        work.session.add(device)
        work.session.flush()
        work.session.add(
            DeviceContact(
                id=new_id(heard),
                bureau_id=room.town.bureau_id,
                device_id=device.id,
                heard_at=heard,
                queue_length=queue,
            )
        )
        room.town.devices[name] = device.id


def test_goods_near_their_seventh_working_day(room: Room) -> None:
    visit = visit_of(room.town, 0, at(7, 6, 9))
    goods = [RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton")]
    document = documents.registration_list(visit, Random(1), goods, inspection_id=uuid.uuid4())
    assert push_at(room.kernel, room.town, "li", at(7, 6, 12), document) == []
    assert "goods_undecided" not in room.codes(FRIDAY)
    (near,) = [one for one in room.told(at(7, 13))["alerts"] if one["code"] == "goods_undecided"]
    assert near["zh"].endswith("1 行物品未作处理决定，期限 2026-07-15（周三）。")
    (late,) = [one for one in room.told(at(7, 16))["alerts"] if one["code"] == "goods_undecided"]
    assert late["zh"].endswith("，已逾期。")
    assert "goods_undecided" not in room.codes(at(7, 13), 1)


def a_record(town: Town, kind: str, began: datetime, outlet: int = 0, **answers: Any) -> Document:
    """A record of a kind that inspects nothing."""
    record = documents.attempt(visit_of(town, outlet, began, by=("li",)), Random(0))
    told = {"kind": kind, "form_code": kind, "form_version": 1, "photos": [], "answers": answers}
    return record | told | {"subject_kind": None, "subject_id": None}


def test_an_incident_since_the_last_meeting_and_nobody_in_it(room: Room) -> None:
    said = {"nature": "violent_resistance", "what_happened": "张三丰持械阻拦", "police_called": True}
    record = a_record(room.town, "incident", at(7, 9, 15), outlet=2, help_needed=True, **said)
    assert push_at(room.kernel, room.town, "li", at(7, 9, 16), record) == []
    for squad in (0, 1):
        first = room.told(FRIDAY, squad)["alerts"][0]
        assert first["code"] == "incident"
        assert first["zh"] == "突发情况：暴力抗法，2026-07-09 15:30，9902-2 试样2格，需要增援。"
        assert "张三丰" not in str(first)
    # On Monday it is no news any more.
    assert "incident" not in room.codes(at(7, 13))


def test_clues_that_are_new_and_clues_whose_clock_ends(room: Room) -> None:
    given = {
        "source": "12313",
        "source_unit": None,
        "from_record_id": None,
        "matter": "off_channel",
        "summary": "李四（13812345678）驾驶测A12345送货",
        "place": None,
        "lon": None,
        "lat": None,
        "plate": None,
        "confidence": None,
        "elsewhere_unit": "试样邻县局",
        "found_at": at(7, 9, 9),
        "cell_id": room.town.cells[0],
    }
    with room.kernel.work(room.actor("ju"), at(7, 9, 10)) as work:
        clue = register(work, given)
    told = room.told(FRIDAY)
    (new,) = [one for one in told["alerts"] if one["code"].startswith("clue")]
    assert (new["code"], new["clue_id"]) == ("clue_new", clue.id)
    assert clue.number in new["zh"]
    # Nothing of what was said, not even masked.
    for said in ("李四", "13812345678", "测A", "送货"):
        assert said not in json.dumps(told, default=str, ensure_ascii=False)
    # Another place has to be told within three working days (Tuesday), and it is verified within seven days.
    by_day = {
        day: [
            (one["step"], "已逾期" in one["zh"])
            for one in room.told(at(7, day))["alerts"]
            if one["code"] == "clue_due"
        ]
        for day in (13, 14, 15, 16)
    }
    assert by_day == {
        13: [],
        14: [("notice", False)],
        15: [("notice", True)],
        16: [("notice", True), ("verify", False)],
    }
    assert not [code for code in room.codes(FRIDAY, 1) if code.startswith("clue")]


def test_inspections_of_late_whose_approval_does_not_stand(room: Room) -> None:
    record = check_of(room.town, 0, at(7, 8, 10), approval_no=None)
    assert push_at(room.kernel, room.town, "li", at(7, 8, 12), record) == []
    (alert,) = [one for one in room.told(FRIDAY)["alerts"] if one["code"] == "record_unapproved"]
    assert alert["zh"] == "近一个月 1 次检查没有填写审批编号，请补办或说明。"
    assert alert["record_ids"] == [uuid.UUID(record["id"])]
    assert "record_unapproved" not in room.codes(FRIDAY, 1)


def test_a_year_without_holidays_is_a_guess(room: Room) -> None:
    new_year = datetime(2027, 1, 4, 7, 30, tzinfo=FRIDAY.tzinfo)
    told = room.told(new_year)
    assert told["provisional"] is True
    assert "workdays_missing" in {one["code"] for one in told["alerts"]}


@pytest.mark.parametrize("squad", [0, 1])
def test_every_alert_has_a_code_and_a_sentence_in_both_languages(room: Room, squad: int) -> None:
    plan_for_friday(room)
    for alert in room.told(FRIDAY + timedelta(days=3), squad)["alerts"]:
        assert alert["zh"].endswith("。")
        assert alert["en"].endswith(".")
        assert alert["code"].isidentifier()
