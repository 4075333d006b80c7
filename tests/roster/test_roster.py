"""The roster over HTTP: who may write and see what, what overlaps, and what is kept when it is taken back."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from schemas.vocabulary import RosterKind
from server.kernel.actor import house
from server.kernel.events import Event
from server.kernel.problems import Problem
from server.org.models import Secondment
from server.roster.ops import Wanted, write
from server.roster.queries import Absence, absences, squad_on
from server.roster.rules import Days
from tests.api.conftest import problem_of
from tests.roster.conftest import Desk
from tests.town import MONDAY, ZONE, settle_town

TODAY = MONDAY.date()


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


def at(offset: int, hour: int = 0) -> datetime:
    return datetime(TODAY.year, TODAY.month, TODAY.day, hour, tzinfo=ZONE) + timedelta(days=offset)


def faults(answer: Any) -> list[tuple[str, str]]:
    problem = problem_of(answer, status=422, code="invalid")
    return [(one["path"], one["code"]) for one in problem["errors"]]


def planned(desk: Desk, first: int, last: int) -> dict[uuid.UUID, list[Absence]]:
    with desk.kernel.work(house(desk.town.bureau_id), desk.clock.now) as work:
        return absences(work, day(first), day(last))


def works_with(desk: Desk, offset: int) -> dict[uuid.UUID, uuid.UUID]:
    with desk.kernel.work(house(desk.town.bureau_id), desk.clock.now) as work:
        return squad_on(work, day(offset))


def test_days_become_moments_of_the_bureaus_zone(desk: Desk) -> None:
    whole = desk.entered("li", "wang", "leave", day(1), day(2))
    assert (whole["begins"], whole["ends"]) == (
        "2026-07-07T00:00:00+08:00",
        "2026-07-09T00:00:00+08:00",
    )
    assert (whole["from_time"], whole["to_time"], whole["kind_zh"]) == (None, None, "休假")
    half = desk.entered("li", "wang", "training", day(3), from_time="13:30")
    assert (half["begins"], half["ends"]) == ("2026-07-09T13:30:00+08:00", "2026-07-10T00:00:00+08:00")
    morning = desk.entered("li", "wang", "other_duty", day(4), to_time="12:00")
    assert (morning["last_day"], morning["to_time"]) == ("2026-07-10", "12:00")

    told = planned(desk, 0, 10)[desk.town.people["wang"]]
    assert [(one.kind, one.begins, one.ends) for one in told] == [
        (RosterKind.LEAVE, at(1), at(3)),
        (RosterKind.TRAINING, at(3, 13) + timedelta(minutes=30), at(4)),
        (RosterKind.OTHER_DUTY, at(4), at(4, 12)),
    ]
    # Spans that only touch the days asked for are not among them.
    assert planned(desk, 0, 0) == {}
    assert len(planned(desk, 2, 2)[desk.town.people["wang"]]) == 1
    assert planned(desk, 5, 9) == {}


def test_the_absences_of_a_person_do_not_overlap_to_the_minute(desk: Desk) -> None:
    desk.entered("li", "wang", "leave", day(1), to_time="12:00")
    entry = desk.entered("li", "wang", "training", day(1), from_time="12:00")
    answer = desk.enter("li", "wang", "other_duty", day(1), from_time="11:59", to_time="12:30")
    problem = problem_of(answer, status=409, code="roster_overlap")
    assert "2026-07-07" in problem["detail"]
    # Somebody else may be away too, and what was taken back is not in the way.
    assert desk.enter("li", "li", "leave", day(1)).status_code == 201
    assert desk.withdraw("li", entry["id"]).status_code == 201
    assert desk.enter("li", "wang", "other_duty", day(1), from_time="12:00").status_code == 201


def test_leave_may_fall_into_a_secondment_and_two_secondments_do_not_overlap(desk: Desk) -> None:
    squad = str(desk.town.squads[1])
    desk.entered("ju", "wang", "secondment", day(1), day(9), squad_id=squad)
    assert desk.enter("li", "wang", "leave", day(3), to_time="12:00").status_code == 201
    answer = desk.enter("ju", "wang", "secondment", day(9), day(12), unit="试样市局")
    problem_of(answer, status=409, code="roster_overlap")


def test_the_database_lets_no_overlap_in_that_two_wrote_at_once(desk: Desk) -> None:
    town = desk.town
    for kind, squad in (("leave", None), ("secondment", town.squads[1])):
        wanted = Wanted(town.people["wang"], kind, Days(day(1), day(1)), squad)
        with desk.kernel.work(house(town.bureau_id), desk.clock.now) as work:
            write(work, [wanted])
        with (
            pytest.raises(Problem, match="roster_overlap"),
            desk.kernel.work(house(town.bureau_id), desk.clock.now) as work,
        ):
            write(work, [wanted])


def test_where_somebody_works_follows_secondment(desk: Desk) -> None:
    town = desk.town
    desk.entered("ju", "wang", "secondment", day(1), day(2), squad_id=str(town.squads[1]))
    desk.entered("ju", "wang", "secondment", day(3), unit="试样市局")
    wang = town.people["wang"]
    assert [works_with(desk, offset).get(wang) for offset in range(5)] == [
        town.squads[0],
        town.squads[1],
        town.squads[1],
        None,
        town.squads[0],
    ]
    (seconded, outside) = planned(desk, 0, 9)[wang]
    assert seconded.is_from(town.squads[0])
    assert not seconded.is_from(town.squads[1])
    assert outside.is_from(town.squads[1])
    assert works_with(desk, 1)[town.people["li"]] == town.squads[0]


def test_nothing_is_overwritten_when_an_entry_ends_earlier_or_never_was(desk: Desk) -> None:
    first = desk.entered("li", "wang", "leave", day(0), day(6), note="探亲")
    desk.clock.pass_by(days=2)
    shorter = desk.withdraw("li", first["id"], last_day=day(2).isoformat()).get_json()
    assert (shorter["first_day"], shorter["last_day"]) == ("2026-07-06", "2026-07-08")
    assert (shorter["replaces_id"], shorter["note"]) == (first["id"], "探亲")
    problem_of(desk.withdraw("li", first["id"]), status=409, code="roster_withdrawn")
    assert [one["id"] for one in desk.listed("li")] == [shorter["id"]]
    assert desk.withdraw("li", shorter["id"]).get_json()["withdrawn_at"] is not None
    assert desk.listed("li") == []
    kept = desk.listed("li", all="true")
    assert {(one["first_day"], one["last_day"], one["withdraw_reason"]) for one in kept} == {
        ("2026-07-06", "2026-07-12", "试样理由"),
        ("2026-07-06", "2026-07-08", "试样理由"),
    }
    with desk.kernel.sessions() as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("update roster_entry set note = null"))
    with desk.kernel.sessions() as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("delete from roster_entry"))


def test_why_somebody_is_on_leave_is_told_to_himself_and_to_who_writes_his_roster(desk: Desk) -> None:
    town = desk.town
    desk.entered("li", "wang", "leave", day(3), note="住院")
    desk.entered("ju", "wang", "secondment", day(1), day(9), squad_id=str(town.squads[1]), note="专班")
    assert {one["note"] for one in desk.listed("wang")} == {"住院", "专班"}
    assert {one["note"] for one in desk.listed("li")} == {"住院", "专班"}
    assert {one["note"] for one in desk.listed("ju")} == {"住院", "专班"}
    # The leader whom he is seconded to plans with him: kind and days.
    seen = desk.listed("zhao")
    assert [(one["kind"], one["first_day"], one["note"]) for one in seen] == [
        ("secondment", "2026-07-07", None),
        ("leave", "2026-07-09", None),
    ]
    assert desk.listed("qian") == []
    with desk.kernel.sessions() as session:
        told = session.scalars(select(Event.facts).where(Event.name.like("roster.%"))).all()
    assert len(told) == 2
    assert "住院" not in str(told)


def test_who_may_write_for_whom(desk: Desk) -> None:
    town = desk.town
    problem_of(desk.enter("wang", "wang", "leave", day(1)), status=403, code="forbidden")
    problem_of(desk.enter("li", "zhao", "leave", day(1)), status=404, code="not_found")
    problem_of(desk.enter("fa", "zhao", "leave", day(1)), status=403, code="forbidden")
    assert desk.enter("admin", "zhao", "leave", day(1)).status_code == 201
    assert desk.enter("li", "fu", "leave", day(1)).status_code == 201
    # To lend somebody to a squad opens that squad's cells to him, which is not for one squad to do.
    squad = str(town.squads[1])
    problem_of(desk.enter("li", "wang", "secondment", day(1), squad_id=squad), status=403, code="forbidden")
    assert desk.enter("li", "wang", "secondment", day(1), unit="试样市局").status_code == 201
    lent = desk.entered("ju", "li", "secondment", day(1), squad_id=squad)
    problem_of(desk.withdraw("li", lent["id"]), status=403, code="forbidden")
    # Whom he is lent to reads the entry and does not take it back.
    problem_of(desk.withdraw("zhao", lent["id"]), status=404, code="not_found")
    assert desk.withdraw("ju", lent["id"]).status_code == 201


def test_an_entry_that_cannot_be_is_refused_by_its_field(desk: Desk) -> None:
    squad = str(desk.town.squads[1])
    for whom, kind, first, last, given, fault in (
        ("wang", "leave", 2, 1, {}, ("/last_day", "dates_reversed")),
        ("wang", "leave", -367, 0, {}, ("/first_day", "day_out_of_range")),
        ("wang", "leave", 0, 732, {}, ("/last_day", "day_out_of_range")),
        ("wang", "leave", 0, 0, {"to_time": "24:00"}, ("/to_time", "wrong_pattern")),
        ("wang", "leave", 0, 0, {"to_time": "00:00"}, ("/to_time", "ends_before_it_begins")),
        (
            "wang",
            "leave",
            0,
            0,
            {"from_time": "12:00", "to_time": "12:00"},
            ("/to_time", "ends_before_it_begins"),
        ),
        ("wang", "leave", 0, 0, {"squad_id": squad}, ("/squad_id", "secondment_only")),
        ("wang", "training", 0, 0, {"unit": "试样市局"}, ("/unit", "secondment_only")),
        ("wang", "secondment", 0, 0, {"squad_id": squad, "unit": "市局"}, ("/unit", "not_exactly_one")),
        ("wang", "secondment", 0, 0, {"from_time": "12:00", "squad_id": squad}, ("/from_time", "whole_days")),
        ("wang", "secondment", 0, 0, {"squad_id": str(uuid.uuid4())}, ("/squad_id", "unknown")),
        ("zhao", "secondment", 0, 0, {"squad_id": squad}, ("/squad_id", "own_squad")),
        ("wang", "holiday", 0, 0, {}, ("/kind", "not_a_choice")),
    ):
        answer = desk.enter("ju", whom, kind, day(first), day(last), **given)
        assert faults(answer) == [fault], (kind, given)
    assert desk.enter("ju", "wang", "leave", day(-366), day(0)).status_code == 201
    assert desk.enter("ju", "li", "leave", day(0), day(731)).status_code == 201
    entry = desk.entered("li", "fu", "leave", day(1), day(3))
    for last in (0, 3):
        answer = desk.withdraw("li", entry["id"], last_day=day(last).isoformat())
        assert faults(answer) == [("/last_day", "day_out_of_range")]
    answer = desk.client("li").get("/api/v1/roster?from_day=2026-07-02&to_day=2026-07-01")
    assert faults(answer) == [("/to_day", "dates_reversed")]


def test_a_list_by_squad_has_who_is_seconded_to_it(desk: Desk) -> None:
    town = desk.town
    desk.entered("ju", "wang", "secondment", day(1), day(2), squad_id=str(town.squads[1]))
    desk.entered("ju", "zhao", "leave", day(5))
    desk.entered("ju", "li", "leave", day(4))

    def people(**query: Any) -> list[str]:
        return [one["person"] for one in desk.listed("ju", **query)]

    assert people(squad_id=town.squads[1]) == ["wang", "zhao"]
    assert people(squad_id=town.squads[1], from_day=day(3).isoformat()) == ["zhao"]
    assert people(squad_id=town.squads[0]) == ["wang", "li"]
    assert people(person_id=town.people["li"]) == ["li"]
    assert people(kind="leave", to_day=day(3).isoformat()) == []
    page = desk.client("ju").get("/api/v1/roster?limit=2").get_json()
    rest = desk.client("ju").get("/api/v1/roster", query_string={"after": page["after"]}).get_json()
    assert [one["person"] for one in page["items"] + rest["items"]] == ["wang", "li", "zhao"]


def test_another_bureau_is_neither_written_nor_planned_with(desk: Desk) -> None:
    elsewhere = settle_town(desk.kernel, MONDAY, bureau="别处局")
    body = {
        "person_id": str(elsewhere.people["wang"]),
        "kind": "leave",
        "first_day": TODAY.isoformat(),
        "last_day": TODAY.isoformat(),
    }
    problem_of(desk.client("ju").post("/api/v1/roster", json=body), status=404, code="not_found")
    theirs = str(elsewhere.squads[0])
    assert faults(desk.enter("ju", "wang", "secondment", day(0), squad_id=theirs)) == [
        ("/squad_id", "unknown")
    ]
    desk.entered("ju", "wang", "leave", day(0))
    with desk.kernel.work(house(elsewhere.bureau_id), MONDAY) as work:
        assert absences(work, TODAY, TODAY) == {}
        assert set(squad_on(work, TODAY)) == set(elsewhere.people.values())


def test_what_is_seconded_is_the_view_of_what_holds(desk: Desk) -> None:
    """The table that scope is carried out from has a row for each secondment to a squad that holds, and no other."""
    squad = str(desk.town.squads[1])
    one = desk.entered("ju", "wang", "secondment", day(1), day(4), squad_id=squad)
    desk.entered("ju", "li", "secondment", day(1), unit="试样市局")
    left = desk.withdraw("ju", one["id"], last_day=day(2).isoformat()).get_json()
    with desk.kernel.sessions() as session:
        rows = session.execute(select(Secondment.id, Secondment.valid)).all()
        assert [(str(row), valid.lower, valid.upper) for row, valid in rows] == [(left["id"], day(1), day(3))]
    desk.withdraw("ju", left["id"])
    with desk.kernel.sessions() as session:
        assert session.execute(select(Secondment)).all() == []
