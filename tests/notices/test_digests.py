"""The day's digests as people see them: in the app, on the handheld, on the command line."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from server.cadence.duty_models import DutyRuleVersion, DutySubject
from server.cadence.models import Obligation
from server.cli import main
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.notices.ops import plan, retire_notices
from tests.fieldwork import attempt_at, check_of, push_at
from tests.notices.conftest import Place, moment


def titles(place: Place, name: str) -> list[str]:
    """What somebody's list says, the oldest first."""
    page = place.client(name).get("/api/v1/notices").get_json()
    return [item["title"] for item in reversed(page["items"])]


def test_a_week_goes_up_step_by_step_and_each_is_told_once(place: Place) -> None:
    town = place.town
    # The week before ended on Sunday, and its grace lasts until Tuesday.
    assert place.morning(7, 6, hour=10) == 2
    assert titles(place, "zhao") == ["2 项应查到期未完成（2026-07-06（周一））"]
    assert place.morning(7, 7) == 0
    assert place.morning(7, 8) == 1
    assert titles(place, "ju") == ["4 项应查宽限期满未完成（2026-07-08（周三））"]
    # li does one of his two, and finds the other closed, which asks for another try; zhao and qian do nothing.
    record, attempt = check_of(town, 0, moment(7, 8, 10)), attempt_at(town, 1, moment(7, 8, 11))
    push_at(place.kernel, town, "li", moment(7, 8, 12), record, attempt)

    assert place.morning(7, 9) == 2
    assert place.morning(7, 9, hour=15) == 0
    assert titles(place, "li")[1:] == ["2 项应查即将到期（2026-07-09（周四））"]
    assert titles(place, "zhao")[1:] == ["2 项应查即将到期（2026-07-09（周四））"]
    assert titles(place, "wang") == []

    assert place.morning(7, 10) == 2
    assert titles(place, "li")[2:] == ["1 项应查到期未完成（2026-07-10（周五））"]
    assert place.morning(7, 11) == place.morning(7, 12) == 0
    # The other try is due on Monday, and missed on Tuesday.
    assert place.morning(7, 13) == place.morning(7, 14) == 1
    assert titles(place, "ju")[1:] == ["1 项应查宽限期满未完成（2026-07-14（周二））"]

    # The week's grace ends on Tuesday the 14th.
    assert place.morning(7, 15) == 1
    assert titles(place, "ju")[2:] == ["3 项应查宽限期满未完成（2026-07-15（周三））"]


def test_a_notice_lists_everything_by_cell_and_says_what_to_do(place: Place) -> None:
    town = place.town
    push_at(
        place.kernel,
        town,
        "zhao",
        moment(7, 7, 12),
        attempt_at(town, 2, moment(7, 7, 11), by=("zhao", "qian")),
    )
    place.morning(7, 10)
    client = place.client("zhao")
    page = client.get("/api/v1/notices?kind=due_today").get_json()
    (listed,) = page["items"]
    whole = client.get(f"/api/v1/notices/{listed['id']}").get_json()
    # Whoever found a shop closed owes it another try besides.
    assert whole["counts"] == {"total": 3, "WEEKLY": 2, "attempt_retry": 1}
    assert [(cell["name"], cell["count"]) for cell in whole["cells"]] == [("试样2格", 2), ("试样3格", 1)]
    names = [item["name"] for item in whole["items"]]
    assert names == ["试样2号便利店", "试样2号便利店", "试样3号便利店"]
    assert [item["key"] for item in whole["items"] if item["key"]] == ["2026-W28"] * 2
    assert whole["items"][0]["subject_id"] == str(town.outlets[2])
    assert "督促" in whole["advice"]
    assert "done" in whole["advice_en"]
    # Nobody reads what others were told.
    answer = place.client("li").get(f"/api/v1/notices/{listed['id']}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_reading_is_noted_and_counted(place: Place) -> None:
    place.morning(7, 9)
    place.morning(7, 10)
    client = place.client("zhao")
    page = client.get("/api/v1/notices").get_json()
    assert page["unread"] == len(page["items"]) == 2
    newest, oldest = page["items"]
    assert newest["day"] > oldest["day"]

    first = client.get("/api/v1/notices?limit=1").get_json()
    rest = client.get("/api/v1/notices", query_string={"after": first["after"], "limit": 1}).get_json()
    assert [first["items"][0]["id"], rest["items"][0]["id"]] == [newest["id"], oldest["id"]]
    assert rest["after"] is None

    answer = client.post("/api/v1/notices/read", json={"notice_ids": [oldest["id"]]}).get_json()
    assert answer == {"read": 1, "unread": 1}
    again = client.post("/api/v1/notices/read", json={"notice_ids": [oldest["id"]]}).get_json()
    assert again == {"read": 0, "unread": 1}
    unread = client.get("/api/v1/notices?unread=true").get_json()["items"]
    assert [item["id"] for item in unread] == [newest["id"]]
    foreign = place.client("li").get("/api/v1/notices").get_json()["items"][0]["id"]
    refused = client.post("/api/v1/notices/read", json={"notice_ids": [newest["id"], foreign]})
    assert refused.status_code == 404
    assert client.get("/api/v1/notices").get_json()["unread"] == 1


def pulled(place: Place, client: Any, checkpoint: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """A handheld's next page of notices, and where it stands then."""
    query = {"limit": "100"} | ({"checkpoint": checkpoint} if checkpoint else {})
    answer = client.get("/sync/v1/notices/pull", query_string=query)
    body = answer.get_json()
    return body["documents"], place.app.json.dumps(body["checkpoint"])


def test_a_handheld_gets_its_own_and_old_ones_leave_it_as_tombstones(place: Place) -> None:
    place.morning(7, 9)
    handheld = place.client("zhao", device=True)
    (document,), checkpoint = pulled(place, handheld)
    assert (document["kind"], document["counts"]["total"], len(document["items"])) == ("due_soon", 2, 2)
    assert document["read_at"] is None
    assert str(place.town.people["zhao"]) not in place.app.json.dumps(document)

    place.client("zhao").post("/api/v1/notices/read", json={"notice_ids": [document["id"]]})
    (read,), checkpoint = pulled(place, handheld, checkpoint)
    assert read["read_at"] is not None
    assert read["edit_id"] != document["edit_id"]

    with place.kernel.work(house(place.town.bureau_id), moment(8, 8)) as work:
        assert retire_notices(work) == 0
    with place.kernel.work(house(place.town.bureau_id), moment(8, 9)) as work:
        assert retire_notices(work) == 3
    (gone,), _ = pulled(place, handheld, checkpoint)
    assert (gone["id"], gone["_deleted"]) == (document["id"], True)
    # In the account's list it stays.
    assert place.client("zhao").get("/api/v1/notices").get_json()["items"][0]["id"] == document["id"]


def test_whoever_takes_a_cell_over_is_told_though_somebody_else_was(place: Place) -> None:
    town = place.town
    place.morning(7, 9)
    with place.kernel.work(house(town.bureau_id), moment(7, 9, 18)) as work:
        assign_duty(work, [town.cells[2]], town.squads[1], town.people["qian"], date(2026, 7, 10))
    place.morning(7, 10)
    assert titles(place, "qian") == ["1 项应查即将到期（2026-07-10（周五））"]
    assert [title[:3] for title in titles(place, "zhao")] == ["2 项", "2 项"]


def test_what_something_triggered_goes_up_by_the_same_steps(place: Place) -> None:
    """A clue of Wednesday is to be passed on within three working days, Monday: told of on Thursday, Monday and Tuesday."""
    town, own = place.town, {"bureau_id": place.town.bureau_id}
    with place.kernel.work(house(town.bureau_id), moment(7, 8, 15)) as work:
        clue = DutySubject(
            id=uuid.uuid4(),
            kind="clue",
            number="样线索1",
            name="外地来货",
            cell_id=town.cells[3],
            known_at=work.now,
            **own,
        )
        rule = DutyRuleVersion(
            id=uuid.uuid4(),
            code="clue_notice",
            version=99,
            name="线索通报",
            legal_basis="试样依据",
            effective_from=date(2026, 1, 1),
            checks=1,
            days=3,
            day_kind="working",
            grace_working_days=0,
            due_soon_working_days=1,
            accepts=["NOTICE"],
            threshold={},
            counts_to_cap=False,
            known_at=work.now,
            **own,
        )
        work.session.add_all([clue, rule])
        work.session.flush()
        trigger = uuid.uuid4()
        work.session.add(
            Obligation(
                id=uuid.uuid4(),
                subject_kind="clue",
                subject_id=clue.id,
                rule="clue_notice",
                key=f"{trigger}/1",
                trigger_id=trigger,
                triggered_at=work.now,
                rule_version_id=rule.id,
                due_from=date(2026, 7, 10),
                accepts=["NOTICE"],
                min_gap_days=0,
                known_at=work.now,
                first_day=date(2026, 7, 8),
                last_day=date(2026, 7, 13),
                grace_last_day=date(2026, 7, 13),
                provisional=False,
                cell_id=town.cells[3],
                edit_id=uuid.uuid4(),
                **own,
            )
        )
    told: list[tuple[int, str, str]] = []
    for day in range(8, 16):
        place.morning(7, day)
    for notice in place.notices():
        told += [
            (notice.day.day, notice.kind, item["name"])
            for item in notice.content["items"]
            if item["duty"] == "clue_notice"
        ]
    assert told == [(9, "due_soon", "外地来货"), (13, "due_today", "外地来货"), (14, "missed", "外地来货")]


def test_handhelds_that_may_hold_records_are_told_of_before_the_lock(place: Place) -> None:
    place.client("wang", device=True)
    with place.kernel.work(house(place.town.bureau_id), moment(7, 31)) as work:
        # The device of the town is enrolled now, which lies after July: it is set back.
        work.session.execute(text("update device set enrolled_at = '2026-07-01T00:00+08:00'"))
    with place.kernel.work(house(place.town.bureau_id), moment(7, 31)) as work:
        drafts = [draft for draft in plan(work) if draft.digest.kind == "unsynced"]
    assert [draft.digest.recipient.person_id for draft in drafts if draft.digest.recipient.person_id] == [
        place.town.people["li"]
    ]
    assert len(drafts) == 2
    assert drafts[0].content["items"][0]["period"] == "2026-07"


def test_the_command_shows_who_would_be_told_and_sends_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = run(place, monkeypatch, "send", "--day", "2026-07-10", "--dry-run")
    assert code == 0
    assert "2 项应查到期未完成" in output
    assert "squad_leader" in output
    assert place.notices() == []
    code, output = run(place, monkeypatch, "send", "--day", "2026-07-10")
    assert code == 2
    assert "--dry-run" in output
    place.morning(7, 10)
    code, output = run(place, monkeypatch, "list")
    assert code == 0
    assert output.count("到期未完成") == 2


def run(place: Place, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """``xunge notices`` over the place's database: exit code and what it printed."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", place.settings.database_url)
    ran = CliRunner().invoke(main, ["notices", *arguments])
    return ran.exit_code, ran.output
