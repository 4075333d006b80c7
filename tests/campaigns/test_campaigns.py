"""A campaign marks the special checks in its scope and window by rule; its figures lead back to the records."""

from __future__ import annotations

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from server.campaigns.models import Campaign
from server.campaigns.queries import campaigns_on, subjects_of
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.outlets.models import OutletStatus
from server.records.models import Record
from tests.api.conftest import problem_of
from tests.campaigns.conftest import Drive, at
from tests.command_line import refused, said
from tests.fieldwork import push_at
from tests.sync.bureau import Bureau
from tests.town import MONDAY, PASSWORD, settle_town


def test_what_is_checked_at_23_59_is_in_and_at_midnight_out(drive: Drive) -> None:
    campaign = drive.campaign(cell_ids=[str(drive.town.cells[0])])
    early = drive.check(0, at(5, 23, 59, 59))
    first = drive.check(0, at(6, 0, 0))
    last = drive.check(0, at(14, 23, 59, 59))
    late = drive.check(0, at(15, 0, 0))
    routine = drive.check(0, at(10), visit_kind="routine")
    elsewhere = drive.check(2, at(10), by="zhao")
    found = drive.records(campaign)
    assert found == [first, last]
    assert not {early, late, routine, elsewhere} & set(found)
    # It is told by rule: nothing of it is written to the records.
    with drive.kernel.sessions() as session:
        documents = session.scalars(select(Record.document)).all()
    assert "campaign" not in json.dumps(documents)


def test_a_tag_counts_on_the_day_of_the_check(drive: Drive) -> None:
    campaign = drive.campaign(tags=["hotel"])
    drive.tagged("hotel", 0, from_day="2026-07-08", to_day="2026-07-10")
    before, on, after = (drive.check(0, at(day)) for day in (7, 10, 11))
    assert drive.records(campaign) == [on]
    # Whatever lies in a cell that is tagged is under its tag.
    answer = drive.put("hotel", subjects=[{"kind": "cell", "id": str(drive.town.cells[0])}])
    assert answer.status_code == 201
    assert drive.records(campaign) == [before, on, after]


def test_coverage_is_of_distinct_outlets_in_scope_that_were_in_business(drive: Drive) -> None:
    town = drive.town
    drive.tagged("hotel", 0, 1)
    drive.tagged("hotel", 2, from_day="2026-07-15")
    drive.tagged("hotel", 3, to_day="2026-07-31")
    campaign = drive.campaign(tags=["hotel", "teahouse"])
    assert (drive.figures(campaign)["outlets"], drive.figures(campaign)["coverage"]) == (3, 0.0)
    with drive.kernel.work(house(town.bureau_id), at(1)) as work:
        for outlet, status in ((1, "active"), (3, "closed")):
            work.session.add(
                OutletStatus(
                    id=new_id(work.now),
                    bureau_id=town.bureau_id,
                    outlet_id=town.outlets[outlet],
                    from_day=date(2026, 7, 6) if status == "closed" else date(2026, 7, 14),
                    status=status,
                    known_at=work.now,
                )
            )
    drive.check(0, at(7), cause="smuggled_goods")
    drive.check(0, at(8))
    far = drive.check(1, at(9), lon=84.9, lat=39.09)
    told = drive.figures(campaign)
    # One that is closed when it begins is none of its outlets; a record that is not valid visits nobody.
    assert {name: told[name] for name in ("outlets", "visited", "coverage", "outlets_with_findings")} == {
        "outlets": 2,
        "visited": 1,
        "coverage": 0.5,
        "outlets_with_findings": 1,
    }
    assert (told["records"], told["valid_records"], told["findings"]) == (3, 2, 1)
    assert [(one["tag"], one["name"], one["outlets"], one["visited"]) for one in told["by_tag"]] == [
        ("hotel", "酒店", 2, 1),
        ("teahouse", "茶楼", 0, 0),
    ]
    assert told["by_tag"][1]["coverage"] is None
    assert [(one["code"], one["coverage"]) for one in told["by_cell"]] == [("9902-0", 1.0), ("9902-1", 0.0)]
    lines = drive.get(f"/campaigns/{campaign}/outlets")["items"]
    assert [(one["licence_no"], one["visited"], one["tags"]) for one in lines] == [
        (drive.licence(0), True, ["hotel"]),
        (drive.licence(1), False, ["hotel"]),
    ]
    assert (len(lines[0]["record_ids"]), lines[1]["record_ids"], lines[1]["invalid_record_ids"]) == (
        2,
        [],
        [far],
    )
    unvisited = drive.get(f"/campaigns/{campaign}/outlets", visited="false")["items"]
    assert [one["licence_no"] for one in unvisited] == [drive.licence(1)]


def test_an_outlet_that_moved_away_in_its_days_stays_one_of_its_outlets(drive: Drive) -> None:
    bureau = Bureau(drive.kernel, drive.town, lambda: drive.clock.now, {})
    campaign = drive.campaign(cell_ids=[str(drive.town.cells[1])])
    drive.clock.now = at(10)
    drive.check(1, at(9))
    bureau.move_outlet(1, cell=0)
    # And one that comes after its days never was.
    drive.clock.now = at(16)
    bureau.move_outlet(2, cell=1)
    drive.clock.now = at(20)
    told = drive.figures(campaign)
    assert (told["outlets"], told["visited"]) == (1, 1)
    assert [one["licence_no"] for one in drive.get(f"/campaigns/{campaign}/outlets")["items"]] == [
        drive.licence(1)
    ]


def test_an_amended_check_counts_once_by_its_last_word(drive: Drive) -> None:
    campaign = drive.campaign(subject_ids=[str(drive.town.outlets[0])])
    first = drive.check(0, at(7))
    with drive.kernel.sessions() as session:
        document = session.scalars(select(Record.document).where(Record.id == uuid.UUID(first))).one()
    amended = document | {
        "id": str(uuid.uuid4()),
        "edit_id": str(uuid.uuid4()),
        "amends_id": first,
        "amend_reason": "检查类别填错",
        "visit_kind": "routine",
    }
    assert drive.records(campaign) == [first]
    assert push_at(drive.kernel, drive.town, "li", at(8), amended) == []
    assert drive.records(campaign) == []


def test_withdrawn_it_ends_and_what_was_checked_before_counts(drive: Drive) -> None:
    campaign = drive.campaign(subject_ids=[str(drive.town.outlets[0])])
    before = drive.check(0, at(7))
    drive.check(0, at(9))
    drive.clock.now = at(8)
    path = f"/api/v1/campaigns/{campaign}/withdrawal"
    told = drive.client("ju").post(path, json={"reason": "另有部署"}).get_json()
    assert (told["state"], told["withdraw_reason"]) == ("withdrawn", "另有部署")
    problem_of(drive.client("ju").post(path, json={"reason": "再来"}), status=409, code="campaign_withdrawn")
    drive.clock.now = at(20)
    assert drive.records(campaign) == [before]
    with drive.kernel.work(house(drive.town.bureau_id), at(7)) as work:
        assert campaigns_on(work, date(2026, 7, 7)) == []


def test_a_squad_sees_its_own_part_and_another_bureau_none(drive: Drive) -> None:
    campaign = drive.campaign(cell_ids=[str(cell) for cell in drive.town.cells])
    own, other = drive.check(0, at(7)), drive.check(2, at(7, 11), by="zhao")
    assert set(drive.records(campaign)) == {own, other}
    assert drive.records(campaign, "wang") == [own]
    assert (drive.figures(campaign)["outlets"], drive.figures(campaign, "zhao")["outlets"]) == (4, 2)
    elsewhere = settle_town(drive.kernel, MONDAY, bureau="别处局")
    with drive.kernel.work(house(elsewhere.bureau_id), MONDAY) as work:
        assert work.session.scalars(select(Campaign.bureau_id)).all() == [drive.town.bureau_id]
        assert campaigns_on(work, date(2026, 7, 7)) == []
    problem_of(drive.ask("li", tags=["hotel"]), status=403, code="forbidden")


def test_planners_ask_which_campaigns_last_and_whom_they_are_about(drive: Drive) -> None:
    town = drive.town
    drive.tagged("hotel", 0, from_day="2026-07-08")
    assert drive.put("key_area", subjects=[{"kind": "cell", "id": str(town.cells[3])}]).status_code == 201
    drive.campaign(tags=["hotel", "key_area"], subject_ids=[str(town.outlets[2])])
    with drive.kernel.work(house(town.bureau_id), at(20)) as work:
        (campaign,) = campaigns_on(work, date(2026, 7, 14))
        assert campaigns_on(work, date(2026, 7, 15)) == campaigns_on(work, date(2026, 7, 5)) == []
        assert subjects_of(work, campaign, date(2026, 7, 7)) == {town.outlets[2], town.outlets[3]}
        assert subjects_of(work, campaign, date(2026, 7, 8)) == {
            town.outlets[0],
            town.outlets[2],
            town.outlets[3],
        }


def test_a_cell_of_a_higher_level_brings_all_below_it(drive: Drive) -> None:
    with drive.kernel.sessions.begin() as session:
        town_cell = session.scalars(
            text(
                "insert into grid_cell select (jsonb_populate_record(g, jsonb_build_object('id',"
                " gen_random_uuid(), 'code', '9902', 'cell_level', 3))).* from grid_cell g"
                " where code = '9902-0' returning id"
            )
        ).one()
        session.execute(
            text("update grid_cell set parent_id = :id where code in ('9902-0', '9902-1')"),
            {"id": town_cell},
        )
    campaign = drive.campaign(cell_ids=[str(town_cell)])
    assert drive.figures(campaign)["outlets"] == 2


def test_what_cannot_be_set_up_is_refused_by_its_field(drive: Drive) -> None:
    def faults(answer: Any) -> list[tuple[str, str]]:
        return [(one["path"], one["code"]) for one in problem_of(answer, status=422)["errors"]]

    elsewhere = settle_town(drive.kernel, MONDAY, bureau="别处局")
    for given, fault in (
        ({}, ("/tags", "scope_empty")),
        ({"tags": ["nobody"]}, ("/tags", "tag_unknown")),
        ({"cell_ids": [str(elsewhere.cells[0])]}, ("/cell_ids", "cell_unknown")),
        ({"subject_ids": [str(elsewhere.outlets[0])]}, ("/subject_ids", "subject_unknown")),
        ({"tags": ["hotel"], "last_day": "2026-07-05"}, ("/last_day", "dates_reversed")),
        ({"tags": ["hotel"], "record_kinds": ["party"]}, ("/record_kinds/0", "not_a_choice")),
    ):
        assert faults(drive.ask(**given)) == [fault], given
    assert drive.ask(number="试专1号", tags=["hotel"]).status_code == 201
    problem_of(drive.ask(number="试专1号", tags=["hotel"]), status=409, code="number_taken")
    states = {"2026-07-05": "over", "2026-07-20": "running", "2026-07-21": "upcoming"}
    for last, state in states.items():
        first = last if state == "upcoming" else "2026-07-01"
        told = drive.ask(tags=["hotel"], first_day=first, last_day=last).get_json()
        assert told["state"] == state
        assert told["id"] in {one["id"] for one in drive.get("/campaigns", state=state)["items"]}
    assert len(drive.get("/campaigns", on="2026-07-20")["items"]) == 1


@pytest.fixture
def shell(drive: Drive, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Drive:
    """The environment of somebody who types at the server."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "240")
    return drive


def test_the_commands_list_places_and_tell_how_far_a_campaign_reached(shell: Drive, tmp_path: Path) -> None:
    licences = tmp_path / "名单.txt"
    licences.write_text(f"{shell.licence(0)}\n{shell.licence(1)}\n", encoding="utf-8")
    put = ("tag", "put", "hotel", "--from", "2026-07-01", "--ground", "年度名单")
    assert "新列管 2，已在列 0" in said(*put, "--file", str(licences))
    assert "新列管 0，已在列 2" in said(*put, "--file", str(licences))
    assert "新列管 1" in said(
        "tag", "put", "key_area", "--from", "2026-07-01", "--ground", "警示", "--cell", "9902-3"
    )
    assert "新列管 1" in said(
        "tag", "put", "hotel", "--from", "2026-07-01", "--ground", "街区", "--outlets-of", "9902-2"
    )
    assert refused(*put, "--licence", "990281199999").errors[0]["code"] == "outlet_unknown"
    assert refused(*put, "--cell", "9999-9").code == "not_found"
    licences.write_bytes("酒店".encode("gbk"))
    assert refused(*put, "--file", str(licences)).code == "bad_request"
    assert "夜市" in said("tag", "define", "night_market", "夜市")
    assert "夜市" in said("tag", "kinds")
    table = said("tag", "list", "--tag", "hotel", "--on", "2026-07-06")
    assert "试样0号便利店" in table
    assert "年度名单" in table
    body = tmp_path / "campaign.json"
    body.write_text(
        json.dumps(
            {
                "number": "试专〔2026〕1号",
                "name": "酒店专项整治",
                "basis": "试样文号",
                "first_day": "2026-07-06",
                "last_day": "2026-07-14",
                "tags": ["hotel"],
            }
        ),
        encoding="utf-8",
    )
    suffix = shell.town.bureau_id.hex[-6:]
    assert refused("campaign", "add", str(body), "--as", f"li-{suffix}").code == "forbidden"
    assert "已部署" in said("campaign", "add", str(body), "--as", f"ju-{suffix}")
    shell.check(0, at(7), cause="smuggled_goods")
    told = said("campaign", "figures", "试专〔2026〕1号")
    assert "33.3%" in told
    assert "其中发现问题 1 条" in told
    assert shell.licence(2) in said("campaign", "outlets", "试专〔2026〕1号", "--not-visited")
    listed = json.loads(said("campaign", "list", "--format", "json"))["items"]
    assert [one["name"] for one in listed] == ["酒店专项整治"]
    assert "酒店专项整治" in said("campaign", "list", "--state", "over")
    (tag,) = [
        one
        for one in json.loads(said("tag", "list", "--format", "json"))["items"]
        if one["tag"] == "key_area"
    ]
    assert "已撤下 1" in said("tag", "end", tag["id"], "--reason", "误列")
    assert "已撤销" in said("campaign", "withdraw", "试专〔2026〕1号", "--reason", "另有部署")
    assert refused("campaign", "figures", "没有").code == "not_found"
