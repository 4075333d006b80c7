"""``xunge duty-cells`` and ``xunge report workload``, from a rehearsal to a withdrawal."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.kernel.settings import Settings
from tests.command_line import refused, said, xunge
from tests.town import Town, today


@pytest.fixture
def town(town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The town, in the database that commands find."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    return town


def day(later: int) -> str:
    return (today() + timedelta(days=later)).isoformat()


def listed(*words: str) -> list[dict[str, str]]:
    """The rows of a list, as CSV tells them."""
    return list(csv.DictReader(io.StringIO(said("duty-cells", *words, "--format", "csv"))))


def told(*words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(said("duty-cells", *words, "--format", "json"))
    return answer


def test_cells_are_handed_over_rehearsed_listed_and_taken_back(town: Town) -> None:
    to = ("assign", "--squad", "试样2中队", "--lead", town.cert_nos["zhao"], "--from", day(2))
    rehearsed = said("duty-cells", *to, "--prefix", "9902-1", "--dry-run")
    assert "没有写入" in rehearsed
    assert "试样1中队 li" in rehearsed
    change = told(*to, "--cell", "9902-0", "--cell", "9902-1")
    assert [one["code"] for one in change["changed"]] == ["9902-0", "9902-1"]
    assert [row["lead"] for row in listed("list", "--day", day(2))] == ["zhao"] * 4
    assert [row["lead"] for row in listed("list", "--squad", "试样1中队")] == ["li", "li"]
    (row,) = listed("changes")
    assert (row["state_zh"], row["cells"], row["id"]) == ("未开始", "2", change["change_id"])
    assert "已写入" in said("duty-cells", "withdraw", change["change_id"], "--reason", "选错网格")
    assert [row["state_zh"] for row in listed("changes")] == ["撤回", "已撤回"]
    assert [row["lead"] for row in listed("list", "--day", day(2))] == ["li", "li", "zhao", "zhao"]


def test_cells_of_a_box_are_left_vacant_and_given_again_by_a_file(town: Town, tmp_path: Path) -> None:
    assert listed("vacancies") == []
    said("duty-cells", "end", "--bbox", "84.2,39,84.4,39.1", "--from", day(0), "--reason", "中队撤并")
    assert [(row["code"], row["vacant_since"]) for row in listed("vacancies")] == [
        ("9902-2", day(0)),
        ("9902-3", day(0)),
    ]
    assert "（未落实）" in said("report", "workload", "--by", "lead")
    body = {
        "assignments": [
            {
                "cells": {"code_prefix": "9902-2"},
                "squad_id": str(town.squads[0]),
                "lead_person_id": str(town.people["wang"]),
                "from_day": day(1),
            }
        ]
    }
    file = tmp_path / "change.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    assert "没有写入" in said("duty-cells", "change", str(file), "--dry-run")
    assert "已写入" in said("duty-cells", "change", str(file))
    assert [row["next_squad"] for row in listed("vacancies")] == ["试样1中队", "—"]
    assert listed("unfit") == []


def test_what_does_not_do_is_refused_as_over_http(town: Town) -> None:
    to = ("duty-cells", "assign", "--squad", "试样2中队", "--from", day(1))
    officer = ("--lead", town.cert_nos["zhao"])
    assert refused(*to, *officer).errors[0]["code"] == "not_exactly_one"
    assert refused(*to, *officer, "--bbox", "84,39,x").errors[0]["code"] == "bbox_malformed"
    assert refused(*to, *officer, "--cell", "没有").code == "not_found"
    assert refused(*to, "--lead", town.cert_nos["li"], "--cell", "9902-0").errors[0]["code"] == "not_in_squad"
    past = ("duty-cells", "end", "--prefix", "99", "--from", day(-1), "--reason", "试样")
    assert refused(*past).errors[0]["code"] == "in_past"


def test_an_officer_may_not(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNGE_PASSWORD", "one-password-for-tests")
    words = ("duty-cells", "end", "--prefix", "99", "--from", day(1), "--reason", "试样")
    wang = f"wang-{town.bureau_id.hex[-6:]}"
    assert refused(*words, "--as", wang).code == "forbidden"
    assert refused(*words, "--as", wang.replace("wang", "li")).code == "forbidden"


def test_the_workload_comes_in_every_shape(town: Town, tmp_path: Path) -> None:
    assert "试样1中队" in said("report", "workload")
    answer = json.loads(said("report", "workload", "--format", "json", "--days", "3"))
    assert answer["until"] == day(3)
    assert said("report", "workload", "--by", "lead", "--format", "csv").startswith("squad,lead,cells")
    file = tmp_path / "workload.pdf"
    said("report", "workload", "--format", "pdf", "--output", str(file))
    assert file.read_bytes().startswith(b"%PDF")


def test_a_region_code_is_that_of_one_bureau(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards are addressed by it."""
    monkeypatch.setenv("XUNGE_NEW_PASSWORD", "one-password-for-tests")
    found = ("bureau", "found", "--name", "他样局", "--admin", "other-admin", "--region")
    taken = xunge(*found, "990281")
    assert taken.exit_code == 1
    assert "990281 已由“试样局”使用" in taken.output
    assert "已建立" in said(*found, "990282")
