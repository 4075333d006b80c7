"""Duties that people open, do and take back, over HTTP and on the command line."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from schemas.vocabulary import DutyRule
from server.cadence.duty_models import DutyAct, DutyRuleVersion
from server.cadence.models import Obligation
from server.cli import main
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.work import Kernel
from tests.api.conftest import problem_of
from tests.cadence.test_duties import finding_of
from tests.conftest import SettledTown, SettledTowns
from tests.fieldwork import push_at
from tests.town import CALENDAR, MONDAY, Town, client_of, today

DAY = timedelta(days=1)
Client = Callable[[str], FlaskClient]


@pytest.fixture
def settled_town(settled_towns: SettledTowns) -> SettledTown:
    """Outlets 0 and 1 sell e-cigarettes, 2 and 3 do not."""
    return settled_towns(ecig=2)


@pytest.fixture
def client(app: Flask, kernel: Kernel, town: Town) -> Client:
    return lambda name: client_of(app, kernel, town, name)


def complaint(**given: Any) -> dict[str, Any]:
    return {
        "rule": "complaint_callback",
        "subject_kind": "complaint",
        "subjects": [{"number": "12313-0001", "name": "消费者投诉"}],
        "day": "2026-09-29",
        **given,
    }


def listed(client: FlaskClient, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/obligations", query_string=query)
    assert answer.status_code == 200, answer.get_json()
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def test_a_callback_is_opened_once_and_done_at_the_desk(client: Client, kernel: Kernel, town: Town) -> None:
    leader = client("ju")
    answer = leader.post("/api/v1/obligations", json=complaint())
    assert answer.status_code == 201, answer.get_json()
    (owed,) = listed(leader, rule="complaint_callback")
    assert (owed["first_day"], owed["last_day"], owed["subject_kind"]) == (
        "2026-09-29",
        "2026-10-12",
        "complaint",
    )
    assert owed["id"] in answer.get_json()["obligation_ids"]
    # The same external number twice is one complaint, and the same day one duty.
    assert leader.post("/api/v1/obligations", json=complaint()).get_json()["opened"] == 0
    subjects = leader.get("/api/v1/duty-subjects", query_string={"kind": "complaint"}).get_json()["items"]
    assert [one["number"] for one in subjects] == ["12313-0001"]
    done = {
        "obligation_id": owed["id"],
        "deed": "CALLBACK",
        "performed_at": "2026-10-08T10:00:00+08:00",
        "note": "已回访，满意",
    }
    written = leader.post("/api/v1/obligations/acts", json=done)
    assert written.status_code == 201, written.get_json()
    (owed,) = listed(leader, rule="complaint_callback")
    assert owed["met_by"] == written.get_json()["id"]
    with kernel.sessions() as session:
        act = session.scalars(select(DutyAct).where(DutyAct.bureau_id == town.bureau_id)).one()
    assert (act.account_id, act.note) == (town.accounts["ju"], "已回访，满意")
    closed = leader.post(
        "/api/v1/obligations/withdrawals", json={"obligation_ids": [owed["id"]], "reason": "重复登记"}
    )
    problem_of(closed, code="obligation_closed")


def test_a_major_complaint_is_called_on_at_the_door(client: Client) -> None:
    leader = client("ju")
    leader.post("/api/v1/obligations", json=complaint(rule="complaint_visit", day="2026-09-30"))
    (owed,) = listed(leader, rule="complaint_visit")
    assert owed["last_day"] == "2026-10-09"
    phoned = {
        "obligation_id": owed["id"],
        "deed": "CALLBACK",
        "performed_at": "2026-10-08T10:00:00+08:00",
        "note": "电话",
    }
    fault = problem_of(leader.post("/api/v1/obligations/acts", json=phoned), code="invalid")["errors"][0]
    assert fault["code"] == "deed_not_accepted"
    ahead = {**phoned, "deed": "DOOR_CALLBACK", "performed_at": "2199-01-01T00:00:00+08:00"}
    assert problem_of(leader.post("/api/v1/obligations/acts", json=ahead))["errors"][0]["code"] == "in_future"


def test_overdue_lists_what_is_still_owed(client: Client, kernel: Kernel, town: Town) -> None:
    leader = client("ju")
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), finding_of(town, 2, MONDAY))
    push_at(kernel, town, "li", MONDAY + 4 * DAY, finding_of(town, 2, MONDAY + 3 * DAY))
    # What was superseded is owed no more; the second chain ends on the 16th.
    assert listed(leader, rule="triple_recheck", overdue_on="2026-07-16") == []
    late = listed(leader, rule="triple_recheck", overdue_on="2026-07-17")
    assert [(one["subject_kind"], one["last_day"]) for one in late] == [("outlet", "2026-07-16")] * 3
    withdrawn = client("li").post(
        "/api/v1/obligations/withdrawals",
        json={"obligation_ids": [late[0]["id"]], "reason": "条码核实为本店"},
    )
    # The outlet lies in the other squad's cell.
    problem_of(withdrawn, code="not_found")
    withdrawn = client("zhao").post(
        "/api/v1/obligations/withdrawals",
        json={"obligation_ids": [late[0]["id"]], "reason": "条码核实为本店"},
    )
    assert withdrawn.get_json() == {"withdrawn": 3}
    # The first chain is owed again, and was missed: a finding that was taken back ends nothing.
    late = listed(leader, rule="triple_recheck", overdue_on="2026-07-17")
    assert {one["last_day"] for one in late} == {"2026-07-13"}
    one = {"obligation_ids": [late[0]["id"]], "reason": "门店装修"}
    assert client("zhao").post("/api/v1/waivers", json=one).get_json() == {"waived": 1}
    assert len(listed(leader, rule="triple_recheck", overdue_on="2026-07-17")) == len(late) - 1


def test_households_are_called_on_every_whole_week_of_the_season(client: Client, town: Town) -> None:
    leader = client("li")
    household = {"number": "H-17-001", "name": "试样一组1号", "cell_id": str(town.cells[0])}
    season = {
        "rule": "household_visit",
        "subject_kind": "household",
        "subjects": [household],
        "first_day": "2026-09-02",
        "last_day": "2026-09-30",
    }
    assert leader.post("/api/v1/obligations", json=season).get_json()["opened"] == 3
    weeks = listed(leader, rule="household_visit")
    assert [(one["first_day"], one["last_day"]) for one in weeks] == [
        ("2026-09-07", "2026-09-13"),
        ("2026-09-14", "2026-09-20"),
        ("2026-09-21", "2026-09-27"),
    ]
    visit = {
        "obligation_id": weeks[0]["id"],
        "deed": "SERVICE",
        "performed_at": "2026-09-15T10:00:00+08:00",
        "note": "已入户",
    }
    written = client("wang").post("/api/v1/obligations/acts", json=visit)
    assert written.status_code == 201, written.get_json()
    # It is a fact of its own day, whichever week it was written down for.
    assert [one["met_by"] for one in listed(leader, rule="household_visit")] == [
        None,
        written.get_json()["id"],
        None,
    ]
    # Nobody opens a duty in a cell of another squad.
    elsewhere = {**season, "subjects": [{**household, "number": "H-2", "cell_id": str(town.cells[3])}]}
    problem_of(leader.post("/api/v1/obligations", json=elsewhere), code="not_found")
    # Nor takes somebody known away from another squad by naming a cell of his own for him.
    taken = {**season, "subjects": [{**household, "cell_id": str(town.cells[3])}]}
    problem_of(client("zhao").post("/api/v1/obligations", json=taken), code="not_found")
    assert {one["cell_id"] for one in listed(leader, rule="household_visit")} == {str(town.cells[0])}


def test_whoever_moves_takes_along_what_is_open_and_handhelds_hear_of_it(
    client: Client, kernel: Kernel, town: Town
) -> None:
    bureau = client("ju")
    at_home = {"number": "H-9", "name": "试样二组9号", "cell_id": str(town.cells[0])}
    season = {
        "rule": "household_visit",
        "subject_kind": "household",
        "subjects": [at_home],
        "first_day": "2099-09-07",
        "last_day": "2099-09-20",
    }
    assert bureau.post("/api/v1/obligations", json=season).get_json()["opened"] == 2

    def owed() -> dict[uuid.UUID, tuple[uuid.UUID | None, uuid.UUID]]:
        with kernel.sessions() as session:
            rows = select(Obligation).where(Obligation.rule == "household_visit")
            return {one.id: (one.cell_id, one.edit_id) for one in session.scalars(rows)}

    before = owed()
    for change in ({"name": "试样二组9号之一"}, {"cell_id": str(town.cells[3])}):
        again = {**season, "subjects": [{**at_home, **change}]}
        assert bureau.post("/api/v1/obligations", json=again).get_json()["opened"] == 0
        after = owed()
        assert all(after[one][1] != before[one][1] for one in before)
        before = after
    assert {cell for cell, _ in before.values()} == {town.cells[3]}


def test_a_round_is_over_a_set_of_outlets(client: Client, kernel: Kernel, town: Town) -> None:
    leader = client("ju")
    round_ = {
        "rule": "round",
        "subject_kind": "outlet",
        "subjects": [{"number": f"9902811{n:05d}"} for n in range(4)],
        "first_day": "2026-07-06",
        "last_day": "2026-07-31",
        "reference": "第2轮",
    }
    assert leader.post("/api/v1/obligations", json=round_).get_json()["opened"] == 4
    assert leader.post("/api/v1/obligations", json=round_).get_json()["opened"] == 0
    assert leader.post("/api/v1/obligations", json={**round_, "reference": "第3轮"}).get_json()["opened"] == 4
    push_at(kernel, town, "li", datetime.now(UTC), finding_of(town, 2, MONDAY))
    met = [one for one in listed(leader, rule="round") if one["met_by"]]
    assert {one["subject_id"] for one in met} == {str(town.outlets[2])}
    unknown = {**round_, "subjects": [{"number": "990281199999"}]}
    assert (
        problem_of(leader.post("/api/v1/obligations", json=unknown))["errors"][0]["code"] == "subject_unknown"
    )


def test_a_look_back_takes_the_cases_of_two_years(client: Client) -> None:
    legal = client("fa")
    cases = [
        {"number": "样烟立[2024]第1号", "name": "非渠道进货", "closed_on": "2024-07-19", "major": True},
        {"number": "样烟立[2024]第2号", "name": "无证运输", "closed_on": "2024-07-21", "major": True},
        {"number": "样烟立[2025]第3号", "name": "无证经营", "closed_on": "2025-05-06", "major": False},
    ]
    review = {
        "rule": "look_back_review",
        "subject_kind": "case",
        "subjects": cases,
        "first_day": "2026-07-20",
        "last_day": "2026-09-18",
    }
    assert legal.post("/api/v1/obligations", json=review).get_json()["opened"] == 1
    (owed,) = listed(legal, rule="look_back_review")
    subjects = legal.get("/api/v1/duty-subjects", query_string={"number": cases[1]["number"]}).get_json()[
        "items"
    ]
    assert owed["subject_id"] == subjects[0]["id"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rule": "triple_recheck", "subject_kind": "outlet"}, "rule_of_records"),
        ({"subject_kind": "clue"}, "subject_kind_of_rule"),
        ({"day": None}, "days_of_rule"),
        ({"rule": "round", "subject_kind": "outlet"}, "days_of_rule"),
        ({"day": "2026-06-01"}, "rule_not_in_force"),
        ({"day": "1989-06-01"}, "year_out_of_range"),
        ({"subjects": [{"number": ""}]}, "wrong_length"),
        ({"rule": "nothing"}, "not_a_choice"),
    ],
)
def test_what_makes_no_sense_is_told(client: Client, change: dict[str, Any], code: str) -> None:
    answer = client("ju").post("/api/v1/obligations", json=complaint(**change))
    assert code in {fault["code"] for fault in problem_of(answer, code="invalid")["errors"]}


def test_a_new_version_of_a_rule_begins_ahead_and_leaves_what_was_triggered(
    client: Client, kernel: Kernel, town: Town
) -> None:
    admin, leader = client("admin"), client("ju")
    day = today()
    version = {
        "code": "complaint_callback",
        "name": "举报投诉电话回访",
        "legal_basis": "本局新制度",
        "effective_from": (day + DAY).isoformat(),
        "checks": 1,
        "days": 3,
        "day_kind": "working",
        "accepts": ["CALLBACK"],
    }
    problem_of(
        admin.post("/api/v1/duty-rules", json={**version, "effective_from": day.isoformat()}),
        code="policy_backdated",
    )
    threshold = problem_of(admin.post("/api/v1/duty-rules", json={**version, "threshold": {"years": 2}}))
    assert threshold["errors"][0]["code"] == "threshold_of_rule"
    problem_of(leader.post("/api/v1/duty-rules", json=version), code="forbidden")
    assert admin.post("/api/v1/duty-rules", json=version).get_json()["version"] == 2
    leader.post("/api/v1/obligations", json=complaint())
    (owed,) = listed(leader, rule="complaint_callback")
    assert owed["last_day"] == "2026-10-12"
    rules = admin.get("/api/v1/duty-rules").get_json()["items"]
    assert {one["code"] for one in rules} == {rule.value for rule in DutyRule}


def test_days_follow_the_workdays_once_they_are_loaded(client: Client, kernel: Kernel, town: Town) -> None:
    leader = client("ju")
    clue = {
        "rule": "clue_notice",
        "subject_kind": "clue",
        "subjects": [{"number": "X-1", "name": "外地来货"}],
        "day": "2026-12-30",
    }
    assert leader.post("/api/v1/obligations", json=clue).status_code == 201
    (owed,) = listed(leader, rule="clue_notice")
    assert (owed["last_day"], owed["provisional"]) == ("2027-01-04", True)
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        off, make_up, sources = CALENDAR
        import_workdays(work, off | {date(2027, 1, 1)}, make_up, {**sources, 2027: "试样通知"})
    (owed,) = listed(leader, rule="clue_notice")
    assert (owed["last_day"], owed["provisional"]) == ("2027-01-05", False)


def test_the_command_line_opens_does_and_withdraws(
    kernel: Kernel, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", kernel.settings.database_url)
    run = CliRunner()
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps(complaint(day="2026-07-10")), encoding="utf-8")
    opened = run.invoke(main, ["duty", "open", str(file)], catch_exceptions=False)
    assert opened.exit_code == 0, opened.output
    obligation_id = opened.output.split()[-1]
    assert uuid.UUID(obligation_id)
    owed = run.invoke(main, ["duty", "list"]).output
    assert "举报投诉电话回访" in owed
    for needed in (obligation_id, "举报投诉 │ 12313-0001", "消费者投诉"):
        assert needed in owed, owed
    malformed = run.invoke(
        main, ["duty", "done", obligation_id, "--deed", "CALLBACK", "--at", "明天", "--note", "x"]
    )
    assert malformed.exit_code == 2
    assert "明天 不是时间" in malformed.output
    done = [
        "duty",
        "done",
        obligation_id,
        "--deed",
        "CALLBACK",
        "--at",
        "2026-07-13T10:00",
        "--note",
        "已回访",
    ]
    assert run.invoke(main, done, catch_exceptions=False).exit_code == 0
    with kernel.sessions() as session:
        assert session.get_one(Obligation, uuid.UUID(obligation_id)).met_by is not None
        before = session.scalars(select(DutyRuleVersion.id)).all()
    assert "查一补三" in run.invoke(main, ["duty", "rules"]).output
    assert run.invoke(main, ["duty", "rules", "--defaults", "2026-01-01"]).exit_code == 0
    with kernel.sessions() as session:
        assert session.scalars(select(DutyRuleVersion.id)).all() == before
    file.write_text(json.dumps(complaint(day="2026-07-20")), encoding="utf-8")
    again = run.invoke(main, ["duty", "open", str(file)]).output.split()[-1]
    withdrawn = run.invoke(main, ["duty", "withdraw", again, "--reason", "重复登记"], catch_exceptions=False)
    assert "1 项" in withdrawn.output
