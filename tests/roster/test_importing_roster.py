"""A month's roster as a sheet: good rows are taken, bad ones named, and a second run changes nothing."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from server.kernel.settings import Settings
from server.roster.models import RosterEntry
from tests.command_line import refused, said, xunge
from tests.roster.conftest import Desk
from tests.town import PASSWORD, ZONE, today

HEADINGS = ("工号", "姓名", "类别", "开始日期", "结束日期", "时段", "借调到", "备注")


@pytest.fixture
def shell(desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The environment of somebody who types at the server, whose clock is the real one."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "240")
    return desk


def sheet(folder: Path, *rows: tuple[Any, ...]) -> str:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(HEADINGS)
    for row in rows:
        page.append(row)
    path = folder / "排班.xlsx"
    book.save(path)
    return str(path)


def outcome(*words: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(said("roster", "import", *words, "--format", "json"))
    return told


def entries(desk: Desk) -> list[RosterEntry]:
    with desk.kernel.sessions() as session:
        return list(session.scalars(select(RosterEntry).order_by(RosterEntry.begins, RosterEntry.kind)))


def test_a_month_is_taken_in_once(shell: Desk, tmp_path: Path) -> None:
    day = today().replace(day=15)
    file = sheet(
        tmp_path,
        ("S000", "li", "年休假", day, day.replace(day=17), None, None, None),
        (None, "wang", "培训", day.isoformat(), None, "下午", None, "执法证培训"),
        ("S002", None, "借调", day, day.replace(day=20), "全天", "试样1中队", None),
        ("S003", None, "借调", f"{day:%Y.%m.%d}", day.replace(day=18), None, "试样市局", None),
    )
    told = outcome(file, "--dry-run")
    assert (told["new"], told["applied"], told["bad"]) == (4, False, [])
    assert entries(shell) == []
    told = outcome(file)
    assert (told["good"], told["new"], told["unchanged"], told["applied"]) == (4, 4, 0, True)
    assert [one["code"] for one in told["warnings"]] == ["date_repaired"]
    people, squads = shell.town.people, shell.town.squads
    begins = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    assert {(one.person_id, one.kind, one.squad_id, one.unit, one.note) for one in entries(shell)} == {
        (people["li"], "leave", None, None, "年休假"),
        (people["wang"], "training", None, None, "执法证培训"),
        (people["zhao"], "secondment", squads[0], None, None),
        (people["qian"], "secondment", None, "试样市局", None),
    }
    assert {one.begins for one in entries(shell)} == {begins, begins.replace(hour=12)}
    again = outcome(file)
    assert (again["new"], again["unchanged"], again["bad"]) == (0, 4, [])
    assert len(entries(shell)) == 4


def test_every_bad_row_is_named_and_the_good_ones_are_taken(shell: Desk, tmp_path: Path) -> None:
    day = today().isoformat()
    file = sheet(
        tmp_path,
        ("S000", None, "休假", day, None, None, None, None),
        ("S000", None, "培训", day, None, "上午", None, None),
        (None, None, "休假", day, None, None, None, "谁"),
        ("S099", None, "休假", day, None, None, None, None),
        ("S001", "li", "休假", day, None, None, None, None),
        ("S001", None, "旷工", day, None, None, None, None),
        ("S001", None, "休假", None, "x", None, None, None),
        ("S001", None, "休假", day, "2020-01-01", None, None, None),
        ("S001", None, "休假", day, None, "夜里", None, None),
        ("S001", None, "休假", "2026-07-01", "2026-07-02", "上午", None, None),
        ("S001", None, "休假", "2020-01-01", None, None, None, None),
        ("S001", None, "休假", day, None, None, "试样2中队", None),
    )
    told = outcome(file)
    assert (told["rows"], told["new"]) == (12, 1)
    assert [(one["row"], one["code"]) for one in told["bad"]] == [
        (3, "rows_overlap"),
        (4, "person_missing"),
        (5, "person_unknown"),
        (6, "person_differs"),
        (7, "kind_unknown"),
        (8, "date_missing"),
        (9, "dates_reversed"),
        (10, "half_unknown"),
        (11, "half_of_days"),
        (12, "day_out_of_range"),
        (13, "secondment_only"),
    ]
    # What is in the way of an entry that is written down already is told as well.
    again = outcome(sheet(tmp_path, ("S000", None, "培训", day, None, None, None, None)))
    assert [one["code"] for one in again["bad"]] == ["roster_overlap"]
    strict = xunge("roster", "import", file, "--strict")
    assert strict.exit_code == 1
    assert len(entries(shell)) == 1


def test_a_squad_leader_takes_his_own_squads_month_in(shell: Desk, tmp_path: Path) -> None:
    day = today().isoformat()
    file = sheet(
        tmp_path,
        ("S001", None, "休假", day, None, None, None, None),
        ("S002", None, "休假", day, None, None, None, None),
        ("S004", None, "借调", day, None, None, "试样2中队", None),
    )
    suffix = shell.town.bureau_id.hex[-6:]
    told = outcome(file, "--as", f"li-{suffix}")
    assert [(one["row"], one["code"]) for one in told["bad"]] == [(3, "person_unknown"), (4, "forbidden")]
    assert [one.entered_by for one in entries(shell)] == [shell.town.accounts["li"]]
    assert refused("roster", "import", file, "--as", f"wang-{suffix}").code == "forbidden"


def test_the_commands_write_list_and_take_back(shell: Desk) -> None:
    day = today()
    first, last = day.isoformat(), day.fromordinal(day.toordinal() + 3).isoformat()
    assert "已登记" in said("roster", "add", "S001", "leave", first, last, "--note", "探亲")
    said("roster", "add", "S002", "secondment", first, last, "--squad", "试样1中队")
    table = said("roster", "list", "--squad", "试样1中队", "--from", first)
    assert "休假" in table
    assert "试样1中队" in table
    listed = json.loads(said("roster", "list", "--staff-no", "S001", "--format", "json"))["items"]
    assert [one["note"] for one in listed] == ["探亲"]
    assert f"至 {first} 止" in said(
        "roster", "withdraw", listed[0]["id"], "--reason", "提前回来", "--last-day", first
    )
    left = json.loads(said("roster", "list", "--staff-no", "S001", "--format", "json"))["items"]
    assert [(one["first_day"], one["last_day"]) for one in left] == [(first, first)]
    assert "已撤销" in said("roster", "withdraw", left[0]["id"], "--reason", "没有休")
    assert "没有数据" in said("roster", "list", "--staff-no", "S001")
    assert "已撤销" in said("roster", "list", "--staff-no", "S001", "--all")
    assert refused("roster", "add", "S999", "leave", first, last).code == "not_found"
    assert refused("roster", "list", "--squad", "没有中队").code == "not_found"
    wrong = refused("roster", "add", "S001", "leave", first, last, "--from-time", "25:00")
    assert wrong.errors[0]["path"] == "/from_time"
    assert refused("roster", "withdraw", str(uuid.uuid4()), "--reason", "没有").code == "not_found"
    assert date.fromisoformat(first) == day
