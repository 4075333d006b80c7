"""Packs as they are made, kept and read: by the schedule once, by whoever leads once more, and by nobody from outside."""

from __future__ import annotations

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import ProgrammingError

from server.briefings import ops
from server.briefings.models import Briefing
from server.issuing.freezing import canonical
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.kernel.settings import Settings, read_settings
from server.notices.models import Notice
from server.notices.wording import body
from server.patrols.models import PatrolPlan
from server.worker import jobs_of, make_briefings
from tests.api.conftest import problem_of
from tests.briefings.conftest import Room, at
from tests.command_line import refused, said, xunge
from tests.patrols.given_out import Team, give_out, owed_of
from tests.town import client_of, settle_town, today

FRIDAY = at(7, 10)
URL = "/api/v1/briefings"


def kept(room: Room) -> list[Briefing]:
    own = select(Briefing).where(Briefing.bureau_id == room.town.bureau_id)
    with room.kernel.sessions() as session:
        return list(session.scalars(own.order_by(Briefing.made_at, Briefing.id)))


def test_the_schedule_makes_the_pack_of_every_squad_once_at_the_time_of_the_meeting(room: Room) -> None:
    assert room.morning(at(7, 10, 7, 29)) == []
    made = room.morning(FRIDAY)
    assert {pack.squad_id for pack in made} == set(room.town.squads)
    assert {(pack.version, pack.scheduled, pack.made_by) for pack in made} == {(1, True, None)}
    assert room.morning(at(7, 10, 9)) == []
    # Nobody meets on a Sunday, and on the day on which a Saturday is worked everybody does.
    assert room.morning(at(7, 12)) == []
    assert len(room.morning(at(10, 10))) == 2
    assert room.morning(at(10, 2)) == []


def test_two_schedules_at_once_make_them_once(room: Room) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(room.morning, [FRIDAY, FRIDAY]))
    assert sorted(map(len, made)) == [0, 2]
    assert len(kept(room)) == 2


def test_a_pack_asked_for_early_does_not_take_the_mornings_place(room: Room) -> None:
    early = room.make(at(7, 10, 6, 50))
    (own,) = [pack for pack in room.morning(FRIDAY) if pack.squad_id == room.town.squads[0]]
    late = room.make(at(7, 10, 10))
    assert [(pack.version, pack.scheduled) for pack in (early, own, late)] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert early.made_by == room.town.accounts["li"]


def test_what_was_told_can_be_proved_and_is_never_rewritten(room: Room) -> None:
    pack = room.make(FRIDAY)
    assert hashlib.sha256(pack.content).hexdigest() == pack.sha256
    content = json.loads(pack.content)
    assert canonical(content) == pack.content
    assert (content["squad"], content["day"], content["maker"]) == ("试样1中队", "2026-07-10", "li")
    assert content["judged_at"] == content["made_at"] == "2026-07-10T07:30:00+08:00"
    assert content["news_since"] == "2026-07-09T07:30:00+08:00"
    for statement in (
        "update briefing set summary = '{}'",
        "delete from briefing",
        f"update briefing set content = '\\x7b7d' where id = '{pack.id}'",
    ):
        with room.kernel.sessions() as session, pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text(statement))


def test_a_pack_is_of_today_or_of_a_day_soon(room: Room) -> None:
    # On Wednesday nothing of the week is due soon; seen from there, Friday has all of it.
    ahead = json.loads(room.make(at(7, 8, 15), day=date(2026, 7, 10)).content)
    assert ahead["judged_at"] == "2026-07-10T07:30:00+08:00"
    assert len(ahead["due"]) == 2
    assert {row["state"] for row in ahead["due"]} == {"due"}
    for day, code in ((date(2026, 7, 7), "day_over"), (date(2026, 7, 16), "day_too_far")):
        with pytest.raises(Problem) as wrong:
            room.make(at(7, 8, 15), day=day)
        assert [(one["path"], one["code"]) for one in wrong.value.errors] == [("/day", code)]
    for name, squad in (("li", 1), ("wang", 0), ("fu", 0), ("fa", 0), ("admin", 0)):
        with pytest.raises(Problem) as refusal:
            room.make(FRIDAY, name, squad)
        assert refusal.value.code == ("not_found" if name == "li" else "forbidden")
    assert room.make(FRIDAY, "ju", 1).squad_id == room.town.squads[1]


def test_packs_over_http(room: Room) -> None:
    """Made today, whatever day it is."""
    made = room.client("li").post(URL, json={"squad_id": str(room.town.squads[0])})
    assert made.status_code == 201
    whole = made.get_json()
    assert (whole["version"], whole["scheduled"], whole["made_by"]) == (1, False, "li")
    assert whole["content"]["squad_id"] == str(room.town.squads[0])
    assert whole["counts"]["due"] == len(whole["content"]["due"])
    room.client("ju").post(URL, json={"squad_id": str(room.town.squads[0])})
    room.client("ju").post(URL, json={"squad_id": str(room.town.squads[1])})

    listed = room.client("wang").get(URL).get_json()["items"]
    assert [(one["version"], one["made_by"]) for one in listed] == [(2, listed[0]["made_by"]), (1, "li")]
    assert listed[0]["made_by"].startswith("ju-")
    first = room.client("fu").get(URL, query_string={"limit": 1}).get_json()
    second = room.client("fu").get(URL, query_string={"limit": 1, "after": first["after"]}).get_json()
    assert [page["items"][0]["version"] for page in (first, second)] == [2, 1]
    everyones = room.client("ju").get(URL, query_string={"day": today().isoformat()}).get_json()["items"]
    assert len(everyones) == 3
    of_squad = {"squad_id": str(room.town.squads[1])}
    assert len(room.client("ju").get(URL, query_string=of_squad).get_json()["items"]) == 1
    assert room.client("wang").get(URL, query_string=of_squad).get_json()["items"] == []

    address = f"{URL}/{whole['id']}"
    assert room.client("wang").get(address).get_json() == whole
    frozen = room.client("wang").get(f"{address}/frozen")
    assert hashlib.sha256(frozen.data).hexdigest() == whole["sha256"]
    assert frozen.headers["ETag"] == f'"{whole["sha256"]}"'
    again = room.client("wang").get(f"{address}/frozen", headers={"If-None-Match": frozen.headers["ETag"]})
    assert again.status_code == 304
    paper = room.client("fu").get(f"{address}/pdf")
    assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
    assert paper.headers["Cache-Control"] == "private, no-cache"


def test_a_pack_is_for_the_squads_own_people_and_the_bureaus_leaders(room: Room) -> None:
    pack = room.make(FRIDAY)
    elsewhere = settle_town(room.kernel, bureau="他样局")
    for ending in ("", "/frozen", "/pdf"):
        address = f"{URL}/{pack.id}{ending}"
        for name in ("li", "wang", "fu", "ju"):
            assert room.client(name).get(address).status_code == 200
        for name in ("zhao", "qian"):
            problem_of(room.client(name).get(address), status=404, code="not_found")
        for name in ("fa", "wu", "gis", "admin"):
            problem_of(room.client(name).get(address), status=403, code="forbidden")
        for name in ("li", "ju"):
            stranger = client_of(room.app, room.kernel, elsewhere, name)
            problem_of(stranger.get(address), status=404, code="not_found")
    stranger = client_of(room.app, room.kernel, elsewhere, "ju")
    problem_of(stranger.post(URL, json={"squad_id": str(room.town.squads[0])}), status=404)
    problem_of(room.client("ju").post(URL, json={"squad_id": str(uuid.uuid4())}), status=404)
    assert stranger.get(URL).get_json()["items"] == []


def test_the_mornings_job_tells_the_squads_leaders(
    room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server import worker

    monkeypatch.setattr(worker, "_kernel", lambda: room.kernel)
    make_briefings(FRIDAY.isoformat())
    make_briefings(at(7, 10, 8).isoformat())
    with room.kernel.sessions() as session:
        notices = session.scalars(
            select(Notice).where(Notice.kind == "briefing", Notice.bureau_id == room.town.bureau_id)
        ).all()
    people = room.town.people
    assert {notice.person_id for notice in notices} == {people["li"], people["zhao"]}
    assert len(notices) == 2
    (own,) = [notice for notice in notices if notice.person_id == people["li"]]
    (item,) = own.content["items"]
    assert {pack.id for pack in kept(room)} >= {uuid.UUID(item["briefing_id"])}
    mail = body(own_kind(own), own.day, own.content)
    assert "例会材料已生成（2026-07-10（周五））" in mail
    assert "试样1中队 第 1 版：今日应完成 2 项，未排入 2 项" in mail
    listed = room.client("li").get("/api/v1/notices", query_string={"kind": "briefing"}).get_json()["items"]
    assert len(listed) == 1
    assert dict(jobs_of(read_settings()))[make_briefings] == "30 7 * * *"
    other = replace(read_settings(), briefing_time=at(1, 1, 6, 5).timetz())
    assert dict(jobs_of(other))[make_briefings] == "5 6 * * *"


def own_kind(notice: Notice) -> Any:
    from schemas.vocabulary import NoticeKind

    return NoticeKind(notice.kind)


@pytest.mark.parametrize("text", ["7:30", "24:00", "07:30:00", "morning", ""])
def test_the_time_of_the_meeting_is_hour_and_minute(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_BRIEFING_TIME", text)
    with pytest.raises(Exception, match="XUNGE_BRIEFING_TIME"):
        read_settings()


def test_the_command_shows_makes_and_writes_packs(
    room: Room, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    squad = ("--bureau", room.bureau, "--squad", "试样1中队")
    assert refused("briefing", "show", *squad).code == "not_found"
    assert refused("briefing", "show", "--bureau", room.bureau, "--squad", "无此中队").code == "not_found"
    assert "第 1 版" in said("briefing", "make", *squad)
    told = json.loads(said("briefing", "show", *squad, "--format", "json"))
    assert (told["version"], told["made_by"]) == (1, None)
    file = tmp_path / "pack.json"
    said("briefing", "show", *squad, "--format", "json", "--output", str(file))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == told["sha256"]
    paper = tmp_path / "pack.pdf"
    ahead = (today() + timedelta(days=1)).isoformat()
    printed = said("briefing", "make", *squad, "--date", ahead, "--format", "pdf", "--output", str(paper))
    assert "SHA-256" in printed
    assert paper.read_bytes()[:5] == b"%PDF-"
    assert xunge("briefing", "show", *squad, "--format", "pdf").exit_code == 2
    assert xunge("briefing", "show", *squad, "--output", str(file)).exit_code == 2


def test_the_routes_of_the_day_stand_in_the_pack(room: Room) -> None:
    town = room.town
    with room.kernel.work(house(town.bureau_id), at(7, 9, 16)) as work:
        first, second = owed_of(work, town, 0, "2026-W28"), owed_of(work, town, 1, "2026-W28")
        plan = give_out(
            work,
            town,
            0,
            date(2026, 7, 10),
            Team(("li", "wang", "fu"), (0,), "测A00001", obligations={0: [first]}),
            unfitted=[(1, "no_time", [second])],
        )
    told = room.told(FRIDAY)
    assert told["plan"]["plan_id"] == plan.id
    (patrol,) = told["plan"]["patrols"]
    assert (patrol["vehicle"], patrol["start"]["name"]) == ("测A00001", "试样中队驻地")
    assert [(one["name"], one["part"], one["cert_no"]) for one in patrol["members"]] == [
        ("li", "lead", "样执00000"),
        ("wang", "second", "样执00001"),
        ("fu", "extra", None),
    ]
    (stop,) = patrol["stops"]
    assert (stop["number"], stop["name"], stop["form"]) == ("990281100000", "试样0号便利店", "电子烟周复查表")
    assert stop["begins_at"].isoformat() == "2026-07-10T09:00:00+08:00"
    assert stop["reasons"] == [{"code": "duty", "zh": "周复查，7月12日（周日）截止"}]
    assert stop["place"] == [84_050_000, 39_050_000]
    by_outlet = {row["subject_id"]: row for row in told["due"]}
    assert by_outlet[town.outlets[0]]["planned"] == {"squad": "试样1中队", "ordinal": 1}
    assert by_outlet[town.outlets[1]]["planned"] is None
    assert by_outlet[town.outlets[1]]["left_out_zh"] == "当天排不下"
    assert [one["late_on"] for one in told["plan"]["unfitted"]] == [date(2026, 7, 11)]
    # Another squad's plan may have it as well; a draft and another day count for nothing.
    with room.kernel.work(house(town.bureau_id), at(7, 9, 17)) as work:
        give_out(work, town, 1, date(2026, 7, 10), Team(("zhao", "qian"), (1,), obligations={1: [second]}))
        give_out(work, town, 1, date(2026, 7, 11), Team(("zhao", "qian"), (2,)))
    by_outlet = {row["subject_id"]: row for row in room.told(FRIDAY)["due"]}
    assert by_outlet[town.outlets[1]]["planned"] == {"squad": "试样2中队", "ordinal": 1}
    with room.kernel.work(house(town.bureau_id), FRIDAY) as work:
        work.session.execute(
            update(PatrolPlan).where(PatrolPlan.id == plan.id).values(state="draft", published_at=None)
        )
    assert room.told(FRIDAY)["plan"] is None


def test_a_house_that_is_no_schedule_is_told_as_nobody(room: Room) -> None:
    with room.kernel.work(house(room.town.bureau_id), FRIDAY) as work:
        pack = ops.make(work, room.town.squads[0], None)
    assert (pack.scheduled, pack.made_by) == (False, None)
