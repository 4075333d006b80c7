"""Plan and deed beside one another: a day reckoned by hand, who may see it, sums, and as known by a moment."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from server.cli import main
from server.demo import documents
from server.kernel.actor import house
from server.patrols.models import PatrolStop
from server.patrols.stops import edit_stops
from server.replication import reader_of
from sync.collection import Outcome, Row
from tests.api.conftest import problem_of
from tests.fieldwork import field_actor, visit_of
from tests.patrols.conftest import Days, at
from tests.patrols.plans import BASE, Planned, Team, withdraw
from tests.reports.shapes import read_csv

TEAM = Team(("li", "wang"), (0, 1, 2, 3), metres=30_000)
EVERYBODY_MAY = ("li", "wang", "fu", "ju", "fa", "wu")


def deed(days: Days, patrol: uuid.UUID, name: str = "ju", **query: Any) -> dict[str, Any]:
    answer = days.roads.get(f"/patrols/{patrol}/deed", name, **query)
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, Any] = answer.get_json()
    return told


def listed(days: Days, first: int, last: int, name: str = "ju", **query: Any) -> dict[str, Any]:
    span = {"from": f"2026-07-{first:02}", "to": f"2026-07-{last:02}"}
    answer = days.roads.get("/patrol-deeds", name, **span, **query)
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, Any] = answer.get_json()
    return told


def say(days: Days, stop: uuid.UUID, moment: datetime, *, by: str = "li", **said: Any) -> None:
    """A word on a stop, as a handheld pushes it."""
    with days.roads.kernel.work(field_actor(days.town, by), moment) as work:
        present = work.session.get_one(PatrolStop, stop)
        document = {"status": "planned", "skip_reason": None, "note": None, "record_id": None, **said}
        document |= {"field_ordinal": said.get("field_ordinal", present.field_ordinal)}
        row = Row(stop, uuid.uuid4(), present.edit_id, document, 0)
        (result,) = edit_stops(work, reader_of(work), [row])
        assert result.outcome is Outcome.APPLIED, result


@pytest.fixture(scope="module")
def golden(days: Days) -> tuple[Planned, dict[str, str]]:
    """Tuesday 7 July. Planned: shops 0, 1, 2, 3 in thirty kilometres. Done:

    08:40 off from the base; 09:00–09:15 shop 0 inspected; 09:30–09:45 shop 1 closed, an attempt; shop 2 skipped, for the
    road is closed; 11:00–11:15 a depot that was not planned; 13:00–14:00 a road check that names the patrol, by two who are
    not of it; shop 3 not reached; 16:40 back at the base.
    """
    plan = days.plan(7, TEAM)
    (patrol,) = plan.patrols
    depot = visit_of(
        days.town, 0, at(7, 11), subject_kind="site", subject_id=days.roads.sites["depot"], by=("li", "wang")
    )
    records = {
        "start": days.run("start", patrol, at(7, 8, 40), place=BASE),
        "check": days.check(0, at(7, 9)),
        "attempt": days.attempt(1, at(7, 9, 30)),
        "depot": documents.depot_check(depot, Random(7)),
        "road": days.roads.session(at(7, 13), by=("zhao", "qian"), dispatch_id=str(patrol)),
        "end": days.run("end", patrol, at(7, 8, 40), at(7, 16, 40), place=BASE),
        # At the same shop, by others who were not out on it; and by one of the team on the evening after.
        "others": days.check(3, at(7, 10), by=("zhao", "qian")),
        "evening": days.check(2, at(7, 19)),
    }
    for name, record in records.items():
        by = record["officers"][0]["person_id"]
        pusher = next(one for one, person in days.town.people.items() if str(person) == by)
        received = {"end": at(7, 17), "evening": at(7, 20)}.get(name, at(7, 15))
        days.push(record, by=pusher, received=received)
    say(
        days,
        plan.stops[0][2],
        at(7, 12),
        status="skipped",
        skip_reason="road_closed",
        note="桥断了，13800000000",
    )
    return plan, {name: record["id"] for name, record in records.items()}


def test_the_day_by_hand(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    plan, ids = golden
    told = deed(days, plan.patrols[0])
    assert told["figures"] == {
        "patrols": 1,
        "started": 1,
        "ended": 1,
        "planned": 4,
        "done": 1,
        "attempted": 1,
        "skipped": 1,
        "unproved": 0,
        "not_reached": 1,
        "withdrawn": 0,
        "added": 2,
        "metres_planned": 30_000,
        # From the base to shop 0 are 3,335.9 m, to shop 1 8,635.3 m more; then back: depot and session lie at shop 0.
        # Twice their sum is 23,942.3 m, times 1.35.
        "metres_done": 32_322,
        "measured": 0,
        "inspections_s": 900,
        "road_checks_s": 3_600,
        "depot_checks_s": 900,
        "other_s": 900,
        "way_s": 28_800 - 6_300,
        "run_s": 28_800,
    }
    assert [(one["ordinal"], one["outcome"], one["record_ids"]) for one in told["stops"]] == [
        (1, "done", [ids["check"]]),
        (2, "attempted", [ids["attempt"]]),
        (3, "skipped", []),
        (4, "not_reached", []),
    ]
    assert [one["name"] for one in told["stops"]] == [f"试样{number}号便利店" for number in range(4)]
    # What somebody wrote may tell of persons.
    assert (told["stops"][2]["skip_reason"], told["stops"][2]["note"]) == (
        "road_closed",
        "桥断了，138****0000",
    )
    assert told["skipped_for"] == [{"reason": "road_closed", "reason_zh": "道路不通", "count": 1}]
    assert [(one["name"], one["record_ids"]) for one in told["added"]] == [
        ("丙快递网点", [ids["depot"]]),
        ("甲收费站", [ids["road"]]),
    ]
    assert told["run"] == {
        "started_at": at(7, 8, 40).isoformat(),
        "ended_at": at(7, 16, 40).isoformat(),
        "record_ids": [ids["start"], ids["end"]],
        "other_record_ids": [],
    }
    assert (told["planned_start_at"], told["planned_end_at"]) == (
        at(7, 8, 30).isoformat(),
        at(7, 16, 30).isoformat(),
    )
    assert (told["metres_by"], told["metres_record_ids"]) == (
        "positions",
        [ids[name] for name in ("start", "check", "attempt", "depot", "road", "end")],
    )
    assert [(one["purpose"], one["seconds"], one["record_ids"]) for one in told["purposes"]] == [
        ("inspections", 900, [ids["check"]]),
        ("road_checks", 3_600, [ids["road"]]),
        ("depot_checks", 900, [ids["depot"]]),
        ("other", 900, [ids["attempt"]]),
        ("way", 22_500, [ids["start"], ids["end"]]),
    ]
    assert [(one["name"], one["part"]) for one in told["team"]] == [("li", "lead"), ("wang", "second")]


def test_every_figure_leads_to_records_that_can_be_read(
    days: Days, golden: tuple[Planned, dict[str, str]]
) -> None:
    told = deed(days, golden[0].patrols[0])
    named = [
        *(one for stop in told["stops"] for one in stop["record_ids"]),
        *(one for added in told["added"] for one in added["record_ids"]),
        *(one for purpose in told["purposes"] for one in purpose["record_ids"]),
        *told["metres_record_ids"],
    ]
    for record_id in set(named):
        assert days.roads.get(f"/records/{record_id}").status_code == 200


def test_as_known_by_a_moment(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    plan, ids = golden
    (patrol,) = plan.patrols

    def known(hour: int, minute: int = 0) -> dict[str, Any]:
        return deed(days, patrol, as_of=at(7, hour, minute).isoformat())

    problem_of(
        days.roads.get(f"/patrols/{patrol}/deed", as_of=at(6, 17, 59).isoformat()),
        status=404,
        code="not_found",
    )
    assert known(10)["figures"]["not_reached"] == 4
    # At half past twelve the word was there, and no record yet.
    noon = known(12, 30)
    assert [one["outcome"] for one in noon["stops"]] == ["not_reached"] * 2 + ["skipped", "not_reached"]
    afternoon = known(15, 30)
    assert (afternoon["run"]["ended_at"], afternoon["figures"]["run_s"]) == (None, 0)
    assert afternoon["purposes"][-1]["seconds"] is None
    assert afternoon["figures"]["done"] == 1
    before = known(18)
    # What is said of it later changes nothing of what was known.
    say(days, plan.stops[0][2], at(8, 9), status="done", record_id=ids["evening"])
    say(days, plan.stops[0][3], at(8, 9), status="done")
    assert known(18) == before
    after = deed(days, patrol)
    assert [one["outcome"] for one in after["stops"]] == ["done", "attempted", "done", "unproved"]
    assert after["stops"][2]["record_ids"] == [ids["evening"]]
    problem_of(
        days.roads.get(f"/patrols/{patrol}/deed", as_of="2199-01-01T00:00:00+08:00"),
        status=422,
        code="invalid",
    )


def test_where_no_run_is_known_the_day_counts(days: Days) -> None:
    plan = days.plan(8, Team(("li", "wang"), (0, 1)))
    days.push(days.check(0, at(8, 22)), received=at(8, 23))
    # Long after the day; and before it.
    days.push(days.check(1, at(9, 0, 10)), received=at(9, 8))
    told = deed(days, plan.patrols[0])
    assert [one["outcome"] for one in told["stops"]] == ["done", "not_reached"]
    assert (told["run"], told["figures"]["started"], told["figures"]["way_s"]) == (None, 0, 0)
    assert told["figures"]["inspections_s"] == 900
    # One place is no way.
    assert (told["metres_by"], told["figures"]["metres_done"]) == (None, 0)


def test_what_the_handheld_measured_comes_first_and_a_second_end_counts_nothing(days: Days) -> None:
    plan = days.plan(9, Team(("li", "wang"), (0,)))
    (patrol,) = plan.patrols
    first = days.push(
        days.run("end", patrol, at(9, 8, 30), at(9, 16, 30), told={"metres": 28_000}), received=at(9, 17)
    )
    second = days.push(
        days.run("end", patrol, at(9, 8, 40), at(9, 18), by=("wang",), told={"metres": 90_000}),
        by="wang",
        received=at(9, 19),
    )
    told = deed(days, patrol)
    assert (told["metres_by"], told["figures"]["metres_done"]) == ("device", 28_000)
    assert told["metres_record_ids"] == [str(first)]
    assert (told["run"]["record_ids"], told["run"]["other_record_ids"]) == ([str(first)], [str(second)])
    # An amendment of the first speaks for it.
    amended = days.run("end", patrol, at(9, 8, 30), at(9, 16), told={"metres": 27_000})
    days.push(amended | {"amends_id": str(first), "amend_reason": "里程填错"}, received=at(9, 20))
    told = deed(days, patrol)
    assert (told["figures"]["metres_done"], told["figures"]["run_s"]) == (27_000, 27_000)


def test_somebody_who_came_instead_is_of_the_patrol_and_what_is_amended_counts_as_amended(days: Days) -> None:
    plan = days.plan(10, Team(("li", "wang"), (0, 1)))
    (patrol,) = plan.patrols
    # Wang is ill, and Qian comes instead.
    days.push(days.run("end", patrol, at(10, 8, 30), at(10, 12), people=("li", "qian")), received=at(10, 13))
    by_qian = days.attempt(0, at(10, 9), by=("qian",))
    days.push(by_qian, by="qian", received=at(10, 13))
    assert [one["outcome"] for one in deed(days, patrol)["stops"]] == ["attempted", "not_reached"]
    # It was shop 1.
    again = days.attempt(1, at(10, 9), by=("qian",))
    amended = again | {"amends_id": by_qian["id"], "amend_reason": "选错店"}
    days.push(amended, by="qian", received=at(10, 14))
    told = deed(days, patrol)
    assert [one["outcome"] for one in told["stops"]] == ["not_reached", "attempted"]
    assert told["stops"][1]["record_ids"] == [again["id"]]


def test_two_patrols_of_one_team_on_a_day_share_their_records_out(days: Days) -> None:
    plan = days.plan(11, Team(("li", "wang"), (0,)), Team(("li", "wang"), (1,)))
    days.push(days.run("end", plan.patrols[0], at(11, 8), at(11, 12), by=("li", "wang")), received=at(11, 13))
    for record in (days.check(0, at(11, 9)), days.check(1, at(11, 10)), days.check(2, at(11, 11))):
        days.push(record, received=at(11, 13))
    first, second = (deed(days, patrol) for patrol in plan.patrols)
    # Shop 1 is a stop of the second, of which no run is known; shop 2 is none of either, and lies in the first one's run.
    assert ([one["outcome"] for one in second["stops"]], second["figures"]["added"]) == (["done"], 0)
    assert ([one["outcome"] for one in first["stops"]], first["figures"]["added"]) == (["done"], 1)
    assert listed(days, 11, 11)["total"]["inspections_s"] == 2_700


def test_a_withdrawn_plan_counts_only_where_a_team_went_out_all_the_same(days: Days) -> None:
    plan = days.plan(14, Team(("li", "wang"), (0,)))
    days.push(days.check(0, at(14, 9)), received=at(14, 10))
    with days.roads.kernel.work(house(days.town.bureau_id), at(14, 11)) as work:
        withdraw(work, plan)
    assert listed(days, 14, 14)["items"] == []
    problem_of(days.roads.get(f"/patrols/{plan.patrols[0]}/deed"), status=404, code="not_found")
    # As known before it was withdrawn it is there.
    assert len(listed(days, 14, 14, as_of=at(14, 10, 30).isoformat())["items"]) == 1
    days.push(days.run("start", plan.patrols[0], at(14, 8)), received=at(14, 12))
    assert listed(days, 14, 14)["total"]["done"] == 1


def test_a_stop_that_was_taken_out_is_not_planned_and_a_visit_there_is_added(days: Days) -> None:
    plan = days.plan(15, Team(("li", "wang"), (0, 1)))
    with days.roads.kernel.work(house(days.town.bureau_id), at(15, 8)) as work:
        work.session.execute(
            update(PatrolStop).where(PatrolStop.id == plan.stops[0][1]).values(status="withdrawn")
        )
    days.push(days.check(1, at(15, 9)), received=at(15, 10))
    figures = deed(days, plan.patrols[0])["figures"]
    assert [figures[name] for name in ("planned", "not_reached", "withdrawn", "added")] == [1, 1, 1, 1]


def test_who_may_see_it(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    (patrol,) = golden[0].patrols
    path = f"/patrols/{patrol}/deed"
    for name in EVERYBODY_MAY:
        assert days.roads.get(path, name).status_code == 200, name
    for name in ("zhao", "qian"):
        problem_of(days.roads.get(path, name), status=404, code="not_found")
    for name in ("gis", "admin"):
        problem_of(days.roads.get(path, name), status=403, code="forbidden")
    problem_of(days.roads.get(f"/patrols/{uuid.uuid4()}/deed"), status=404, code="not_found")
    # A member of another squad sees his own patrol and no other of that squad.
    joint = days.plan(20, Team(("li", "zhao"), (0,)), Team(("wang", "fu"), (1,)))
    assert days.roads.get(f"/patrols/{joint.patrols[0]}/deed", "zhao").status_code == 200
    problem_of(days.roads.get(f"/patrols/{joint.patrols[1]}/deed", "zhao"), status=404, code="not_found")
    assert [one["patrol_id"] for one in listed(days, 20, 20, "zhao")["items"]] == [str(joint.patrols[0])]
    problem_of(
        days.roads.get("/patrol-deeds", "fu", **{"from": "2026-07-20", "to": "2026-07-20"}),
        status=403,
        code="forbidden",
    )


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_there_is_no_figure_of_a_person(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    days.plan(21, Team(("zhao", "qian"), (2, 3)), squad=1)
    of_people = {"person_id", "officer_id", "people", "team", "members", "lead", "told_by", "person_times"}
    several = [
        listed(days, 1, 31),
        *(
            days.roads.get("/reports/patrols", period="2026-07", by=by).get_json()
            for by in ("squad", "day", "patrol")
        ),
    ]
    for told in several:
        assert told["items" if "items" in told else "rows"]
        assert not of_people & set(keys(told))
        text = json.dumps(told)
        assert not [name for name, person in days.town.people.items() if str(person) in text]
        assert "rank" not in text
    # Of one patrol the team is named, and no figure stands at anybody's name.
    one = deed(days, golden[0].patrols[0])
    assert of_people & set(keys(one)) == {"team", "person_id"}
    assert [sorted(member) for member in one["team"]] == [["name", "part", "person_id"]] * 2


def test_the_list_adds_up_and_is_bounded(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    told = listed(days, 1, 31)
    assert [one["day"] for one in told["items"]] == sorted(one["day"] for one in told["items"])
    for figure, total in told["total"].items():
        assert total == sum(one[figure] for one in told["items"]), figure
    own = listed(days, 1, 31, squad_id=str(days.town.squads[1]))["items"]
    assert {one["squad"] for one in own} <= {"试样2中队"}
    assert told["skipped_for"] == [] or told["skipped_for"][0]["reason"] == "road_closed"
    for span in ({"from": "2026-07-02", "to": "2026-07-01"}, {"from": "2026-01-01", "to": "2026-04-03"}):
        problem_of(days.roads.get("/patrol-deeds", **span), status=422, code="invalid")
    problem_of(days.roads.get("/patrol-deeds", **{"from": "2026-07-02"}), status=422, code="invalid")


def test_the_report_tells_the_same_in_every_shape(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    query = {"period": "2026-07", "as_of": at(7, 17, 30).isoformat(), "by": "patrol"}
    told = days.roads.get("/reports/patrols", **query).get_json()
    (row,) = told["rows"]
    assert row["group"] == "2026-07-07 试样1中队 第1组"
    assert {name: row[name] for name in row if name.startswith("kilo") or name.endswith("minutes")} == {
        "kilometres_planned": "30.0",
        "kilometres_done": "32.3",
        "inspections_minutes": 15,
        "road_checks_minutes": 60,
        "depot_checks_minutes": 15,
        "other_minutes": 15,
        "way_minutes": 375,
        "run_minutes": 480,
    }
    assert [row[name] for name in ("planned", "done", "done_rate", "not_reached", "added")] == [
        4,
        1,
        "25.00",
        1,
        2,
    ]
    assert told["total"] == row | {"group": "合计", "group_id": None}
    csv = read_csv(days.roads.get("/reports/patrols", **query, format="csv").get_data(as_text=True))
    assert [line["kilometres_done"] for line in csv] == ["32.3"]
    for shape, mark in (("pdf", b"%PDF"), ("xlsx", b"PK")):
        assert days.roads.get("/reports/patrols", **query, format=shape).data.startswith(mark)
    by_day = days.roads.get("/reports/patrols", **(query | {"by": "day"})).get_json()
    assert [line["group"] for line in by_day["rows"]] == [date(2026, 7, 7).isoformat()]


def test_on_the_command_line(days: Days, golden: tuple[Planned, dict[str, str]]) -> None:
    settings = days.settings
    environment = {"XUNGE_DATABASE_URL": settings.database_url, "XUNGE_REDIS_URL": settings.redis_url}
    asked = ["report", "patrols", "--period", "2026-07", "--as-of", at(7, 17, 30).isoformat()]
    for given in (["--squad", "试样1中队", "--format", "csv"], ["--squad", str(days.town.squads[0])]):
        result = CliRunner().invoke(main, [*asked, *given], env=environment)
        assert result.exit_code == 0, result.output
        assert "32.3" in result.stdout
    nobody = CliRunner().invoke(main, [*asked, "--squad", "没有的中队"], env=environment)
    assert nobody.exit_code != 0
    assert "没有的中队" in str(nobody.exception)
