"""What was issued stays; what becomes known later is a restatement, and a version that lists it."""

from __future__ import annotations

import hashlib

import orjson
import pytest

from server.issuing.restating import restated
from server.issuing.rules import Act, signable_period
from server.kernel.problems import Problem
from tests.fieldwork import check_of, push_at
from tests.issuing.conftest import FIRST_MOMENT, content, draft, issued, signer, step, verified
from tests.reports.conftest import Quarter, at

LATE = at(9, 1)


def late_sync(quarter: Quarter) -> tuple[str, str]:
    """A check of week 30 that reaches the server a month after the lock; what it met and its id."""
    # By the 23rd the grace of week 29 is over, so that the check meets its own week.
    record = check_of(quarter.town, 1, at(7, 23), by=("li", "wang"))
    assert push_at(quarter.kernel, quarter.town, "li", LATE, record) == []
    return str(quarter.obligation(1, "2026-W30")), str(record["id"])


def test_a_late_sync_changes_nothing_that_was_issued_and_is_restated(july: Quarter) -> None:
    first = issued(july, at(8, 10))
    before = content(july, first)
    frozen = orjson.loads(before)
    assert first.snapshot.as_of == FIRST_MOMENT
    assert hashlib.sha256(before).hexdigest() == first.snapshot.sha256
    assert verified(july, first).agrees

    with pytest.raises(Problem, match="issue_unchanged"):
        draft(july, at(8, 31))
    met, record_id = late_sync(july)

    assert content(july, first) == before
    again = verified(july, first)
    assert (again.intact, again.found.obligations, again.found.figures) == (True, [], [])

    with july.kernel.work(signer(july, "ju"), at(10, 1)) as work:
        found = restated(work, signable_period("2026-07"), FIRST_MOMENT, at(9, 30))
    assert [one["id"] for one in found.obligations] == [met]
    (change,) = found.obligations
    assert (change["before"]["state"], change["after"]["state"]) == ("missed", "met")
    assert change["after"]["record_id"] == record_id
    assert [(fact["what"], fact["record_id"]) for fact in change["learned"]] == [("visit", record_id)]
    assert change["learned"][0]["received_at"] == LATE.isoformat()
    totals = {
        one["column"]: (one["before"], one["after"])
        for one in found.figures
        if one["by"] == "total" and one["tier"] == "WEEKLY"
    }
    line = next(one for one in frozen["lines"] if (one["by"], one["tier"]) == ("total", "WEEKLY"))
    assert totals["on_time"] == (line["on_time"], line["on_time"] + 1)
    assert totals["missed"] == (line["missed"], line["missed"] - 1)

    second = issued(july, at(10, 1))
    assert second.issue.version == 2
    told = orjson.loads(content(july, second))
    assert told["differences"]["version"] == 1
    assert told["differences"]["sha256"] == first.snapshot.sha256
    assert [one["id"] for one in told["differences"]["obligations"]] == [met]
    assert content(july, first) == before
    assert verified(july, first).agrees
    assert verified(july, second).agrees


def test_a_snapshot_holds_what_stands_behind_every_figure(july: Quarter) -> None:
    frozen = orjson.loads(content(july, draft(july, at(8, 10))))
    assert {line["by"] for line in frozen["lines"]} >= {"total", "squad", "officer", "cell"}
    assert frozen["periods"]["WEEKLY"] == ["2026-W27", "2026-W28", "2026-W29", "2026-W30", "2026-W31"]
    assert frozen["workdays"] == {
        "notices": {"2026": "国务院办公厅 2025-11-04 通知（节选）"},
        "not_loaded": [],
    }
    assert [policy["version"] for policy in frozen["policies"]] == [1]
    for by in ("total", "squad", "officer", "cell"):
        for tier in ("WEEKLY", "MONTHLY"):
            lines = [line for line in frozen["lines"] if (line["by"], line["tier"]) == (by, tier)]
            counted = [one for one in frozen["obligations"] if one["tier"] == tier and one["state"] != "void"]
            assert sum(line["obligations"] for line in lines) == len(counted)
            met = [one for one in counted if one["state"] == "met"]
            assert sum(line["on_time"] for line in lines) == len(met)
            assert all(one["record_id"] for one in met)
    assert frozen["subjects"].keys() == {one["subject_id"] for one in frozen["obligations"]}
    assert [device["person"] for device in frozen["unsynced"]] == ["li"]


def test_what_was_returned_is_frozen_anew_and_the_first_draft_stays(july: Quarter) -> None:
    drafted = draft(july, at(8, 10))
    issue_id = drafted.issue.id
    step(july, issue_id, Act.SUBMITTED, "li", at(8, 10))
    returned = step(july, issue_id, Act.RETURNED, "fa", at(8, 11), "请核实第二中队")
    assert (returned.state, returned.steps[-1].remark) == (Act.RETURNED, "请核实第二中队")
    again = draft(july, at(8, 12), as_of=at(8, 11, 12))
    assert (again.issue.id, again.issue.version) == (issue_id, 1)
    assert again.snapshot.id != drafted.snapshot.id
    assert [one.act for one in again.steps] == ["drafted", "submitted", "returned", "drafted"]
