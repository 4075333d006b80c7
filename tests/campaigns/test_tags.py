"""Places are listed and delisted; every fact stays, and the places' own rows follow."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from server.campaigns.tag_queries import tags_on
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.outlets.models import Site
from tests.api.conftest import problem_of
from tests.campaigns.conftest import Drive, at
from tests.town import MONDAY, settle_town


def faults(answer: Any) -> list[tuple[str, str]]:
    problem = problem_of(answer, status=422, code="invalid")
    return [(one["path"], one["code"]) for one in problem["errors"]]


def on(drive: Drive, day: int) -> dict[uuid.UUID, set[str]]:
    with drive.kernel.work(house(drive.town.bureau_id), drive.clock.now) as work:
        return tags_on(work, date(2026, 7, day))


def held_by(drive: Drive, outlet: int) -> list[tuple[str, str, str | None]]:
    told = drive.get(f"/outlets/{drive.town.outlets[outlet]}")["tags"]
    return [(one["tag"], one["from_day"], one["to_day"]) for one in told]


def test_places_are_listed_by_licence_by_cell_and_one_by_one_and_twice_is_once(drive: Drive) -> None:
    town = drive.town
    answer = drive.put("hotel", licence_nos=[drive.licence(0), drive.licence(1), drive.licence(0)])
    assert answer.get_json() == {"new": 2, "unchanged": 0}
    again = drive.put("hotel", licence_nos=[drive.licence(0), drive.licence(2)], from_day="2026-07-03")
    assert again.get_json() == {"new": 1, "unchanged": 1}
    # It held from later on only, so this is news.
    assert drive.put("hotel", licence_nos=[drive.licence(2)]).get_json()["new"] == 1
    of_cell = drive.put("near_school", outlets_of_cells=[str(town.cells[3])], to_day="2026-07-31")
    assert of_cell.get_json() == {"new": 1, "unchanged": 0}
    own = drive.put("key_area", subjects=[{"kind": "cell", "id": str(town.cells[2])}])
    assert own.get_json() == {"new": 1, "unchanged": 0}
    assert on(drive, 2) == {
        town.outlets[0]: {"hotel"},
        town.outlets[1]: {"hotel"},
        town.outlets[2]: {"hotel"},
        town.outlets[3]: {"near_school"},
        town.cells[2]: {"key_area"},
    }
    assert held_by(drive, 3) == [("near_school", "2026-07-01", "2026-07-31")]
    (cell,) = [one for one in drive.get("/cells")["items"] if one["id"] == str(town.cells[2])]
    assert [one["tag"] for one in cell["tags"]] == ["key_area"]
    told = drive.get("/tags", tag="near_school")["items"]
    assert [(one["tag_zh"], one["number"], one["name"], one["subject_kind"]) for one in told] == [
        ("学校周边", drive.licence(3), "试样3号便利店", "outlet")
    ]


def test_delisting_keeps_what_was_and_says_from_when_it_is_no_more(drive: Drive) -> None:
    town = drive.town
    drive.tagged("hotel", 0, 1)
    drive.tagged("teahouse", 0, to_day="2026-07-10")
    first, second = (drive.tag_ids(tag="hotel", subject_id=town.outlets[one])[0] for one in (0, 1))
    assert drive.end([first], last_day="2026-07-15").status_code == 201
    assert drive.end([second]).status_code == 201
    assert on(drive, 15) == {town.outlets[0]: {"hotel"}}
    assert on(drive, 16) == {}
    assert on(drive, 10) == {town.outlets[0]: {"hotel", "teahouse"}}
    # What is over is not on the row, and what never held neither.
    assert held_by(drive, 0) == []
    assert held_by(drive, 1) == []
    problem_of(drive.end([first]), status=409, code="tag_ended")
    (teahouse,) = drive.tag_ids()
    for day in ("2026-06-30", "2026-07-11"):
        assert faults(drive.end([teahouse], last_day=day)) == [("/last_day", "day_out_of_range")]
    assert len(drive.tag_ids(all="true")) == 3
    assert drive.tag_ids(on="2026-07-15") == [first]
    told = {one["id"]: one for one in drive.get("/tags", all="true")["items"]}
    assert (told[first]["ended"], told[first]["last_day"], told[first]["end_reason"]) == (
        True,
        "2026-07-15",
        "试样理由",
    )
    for table in ("place_tag", "place_tag_end", "tag_kind", "campaign_withdrawal"):
        for statement in (f"update {table} set bureau_id = bureau_id", f"delete from {table}"):
            with drive.kernel.sessions() as session, pytest.raises(ProgrammingError, match="denied"):
                session.execute(text(statement))


def test_a_bureau_defines_tags_of_its_own(drive: Drive) -> None:
    problem_of(drive.client("li").post("/api/v1/tag-kinds", json={"code": "x1", "name": "夜市"}), status=403)
    body = {"code": "night_market", "name": "夜市"}
    assert faults(drive.put("night_market", licence_nos=[drive.licence(0)])) == [("/tag", "tag_unknown")]
    assert drive.client("ju").post("/api/v1/tag-kinds", json=body).get_json() == body
    drive.tagged("night_market", 0)
    for code in ("night_market", "hotel"):
        answer = drive.client("ju").post("/api/v1/tag-kinds", json={"code": code, "name": "又一个"})
        problem_of(answer, status=409, code="tag_taken")
    names = {one["code"]: one["name"] for one in drive.get("/tag-kinds", "wang")["items"]}
    assert (names["night_market"], names["hotel"]) == ("夜市", "酒店")
    elsewhere = settle_town(drive.kernel, MONDAY, bureau="别处局")
    with drive.kernel.work(house(elsewhere.bureau_id), MONDAY) as work:
        assert tags_on(work, date(2026, 7, 6)) == {}


def test_a_squad_leader_lists_what_lies_in_his_cells_and_sees_no_others(drive: Drive) -> None:
    town = drive.town
    drive.tagged("hotel", 0, 2)
    with drive.kernel.work(house(town.bureau_id), MONDAY) as work:
        site = Site(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            kind="school",
            code="S1",
            name="试样小学",
            facts={},
            geom=from_shape(Point(84.35, 39.05), srid=4326),
            cell_id=town.cells[3],
            edit_id=new_edit_id(),
        )
        work.session.add(site)
    assert drive.put("key_outlet", "li", licence_nos=[drive.licence(1)]).status_code == 201
    problem_of(drive.put("hotel", "wang", licence_nos=[drive.licence(1)]), status=403, code="forbidden")
    told = drive.put("hotel", "li", licence_nos=[drive.licence(1), drive.licence(3), "990281199999"])
    assert faults(told) == [("/licence_nos/1", "outlet_unknown"), ("/licence_nos/2", "outlet_unknown")]
    site_id = str(site.id)
    for given in (
        {"outlets_of_cells": [str(town.cells[2])]},
        {"subjects": [{"kind": "cell", "id": str(town.cells[3])}]},
        {"subjects": [{"kind": "outlet", "id": str(town.outlets[2])}]},
        {"subjects": [{"kind": "site", "id": site_id}]},
        {"subjects": [{"kind": "unlicensed", "id": str(uuid.uuid4())}]},
    ):
        problem_of(drive.put("hotel", "li", **given), status=404, code="not_found")
    assert drive.put("near_school", "zhao", subjects=[{"kind": "site", "id": site_id}]).status_code == 201
    mine = drive.get("/tags", "li")["items"]
    # A site is everybody's in the bureau.
    assert {one["name"] for one in mine} == {"试样0号便利店", "试样1号便利店", "试样小学"}
    theirs = [one["id"] for one in drive.get("/tags", tag="hotel")["items"] if one["name"] == "试样2号便利店"]
    problem_of(drive.end(theirs, "li"), status=404, code="not_found")
    elsewhere = settle_town(drive.kernel, MONDAY, bureau="别处局")
    stranger = {"subjects": [{"kind": "outlet", "id": str(elsewhere.outlets[0])}]}
    problem_of(drive.put("hotel", **stranger), status=404, code="not_found")


def test_what_cannot_be_listed_is_refused_by_its_field(drive: Drive) -> None:
    licences = {"licence_nos": [drive.licence(0)]}
    for given, fault in (
        ({"to_day": "2026-06-30", **licences}, ("/to_day", "dates_reversed")),
        ({"from_day": "2010-01-01", **licences}, ("/from_day", "day_out_of_range")),
        ({"to_day": "2099-01-01", **licences}, ("/to_day", "day_out_of_range")),
        ({}, ("/licence_nos", "not_exactly_one")),
        (
            {"outlets_of_cells": [str(drive.town.cells[0])], **licences},
            ("/licence_nos", "not_exactly_one"),
        ),
        ({"licence_nos": ["1234"]}, ("/licence_nos/0", "wrong_pattern")),
        ({"subjects": [{"kind": "street", "id": str(uuid.uuid4())}]}, ("/subjects/0/kind", "not_a_choice")),
        ({"ground": "x", **licences}, ("/ground", "wrong_length")),
    ):
        assert faults(drive.put("hotel", **given)) == [fault], given
    assert faults(drive.put("Hotel!", **licences)) == [("/tag", "wrong_pattern")]
    problem_of(drive.end([str(uuid.uuid4())]), status=404, code="not_found")


def test_a_tag_moves_the_edit_of_the_places_document(drive: Drive) -> None:
    with drive.kernel.sessions() as session:
        query = text("select edit_id from outlet where id = :id")
        before = session.scalar(query, {"id": drive.town.outlets[0]})
    drive.tagged("hotel", 0)
    drive.tagged("hotel", 0)
    with drive.kernel.sessions() as session:
        after = session.scalar(query, {"id": drive.town.outlets[0]})
    assert before != after
    drive.clock.now = at(21)
    drive.tagged("hotel", 0)
    with drive.kernel.sessions() as session:
        assert session.scalar(query, {"id": drive.town.outlets[0]}) == after
