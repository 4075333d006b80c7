"""Who may sign what, in which order; what is refused; and that nothing written can be rewritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.issuing import ops
from server.issuing.rules import Act
from server.kernel.actor import house
from server.kernel.problems import Problem
from tests.issuing.conftest import FIRST_MOMENT, REMARK, draft, issued, step
from tests.reports.conftest import Quarter, at

TODAY = at(8, 10)


def refused(act: Callable[[], Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    ("given", "when", "code"),
    [
        ({"period": "2026-W30"}, TODAY, "bad_period"),
        ({"period": "2026"}, TODAY, "bad_period"),
        ({"period": "July"}, TODAY, "bad_period"),
        # The week of 30 July ends with 2 August, the last grace with 5 August, and what was under way must have ended.
        ({}, at(8, 1), "issue_too_early"),
        ({}, at(8, 6, 0, 4), "issue_too_early"),
        ({"as_of": at(8, 1, 0)}, TODAY, "issue_too_early"),
        ({"as_of": at(8, 2, 23, 59)}, TODAY, "issue_too_early"),
        ({"as_of": at(8, 10, 9, 56)}, TODAY, "issue_too_early"),
        ({"unsynced_remark": None}, TODAY, "issue_unsynced"),
        ({"period": "2026-08"}, TODAY, "issue_too_early"),
    ],
)
def test_a_draft_that_cannot_be(
    july_to_read: Quarter, given: dict[str, Any], when: datetime, code: str
) -> None:
    problem = refused(lambda: draft(july_to_read, when, **given))
    assert problem.code == code, problem
    assert code == "issue_unsynced" or problem.errors[0]["detail"]


def test_the_earliest_moments(july: Quarter) -> None:
    assert draft(july, at(8, 6, 0, 5)).snapshot.as_of == FIRST_MOMENT
    # Before grace is over it is drafted on purpose, and tells what is pending.
    early = draft(july, at(8, 7), as_of=at(8, 3, 0))
    assert (early.snapshot.as_of, early.snapshot.summary["pending"] > 0) == (at(8, 3, 0), True)


def test_the_devices_that_have_not_synced_are_named(july: Quarter) -> None:
    problem = refused(lambda: draft(july, TODAY, unsynced_remark=None))
    assert [fault["path"] for fault in problem.errors] == ["/unsynced_remark"]
    assert "li 的手持机" in problem.errors[0]["detail"]
    assert draft(july, TODAY).snapshot.summary["unsynced_remark"] == REMARK


def test_two_steps_are_never_one_persons(july: Quarter) -> None:
    first = draft(july, TODAY, name="ju")
    issue_id = first.issue.id
    # The bureau's leader drafted it: he may not issue it, and there is no other.
    step(july, issue_id, Act.SUBMITTED, "ju", TODAY)
    step(july, issue_id, Act.REVIEWED, "fa", TODAY)
    for act in (Act.ISSUED, Act.RETURNED):
        assert refused(lambda act=act: step(july, issue_id, act, "ju", TODAY)).code == "issue_same_person"  # type: ignore[misc]


def test_a_step_out_of_turn_or_without_the_permission(july: Quarter) -> None:
    issue_id = draft(july, TODAY).issue.id
    for act, name in ((Act.REVIEWED, "fa"), (Act.ISSUED, "ju"), (Act.RETURNED, "fa")):
        assert (
            refused(lambda act=act, name=name: step(july, issue_id, act, name, TODAY)).code == "issue_state"
        )  # type: ignore[misc]
    step(july, issue_id, Act.SUBMITTED, "li", TODAY)
    assert refused(lambda: draft(july, TODAY)).code == "issue_state"
    for act, name in (
        (Act.REVIEWED, "ju"),
        (Act.RETURNED, "ju"),
        (Act.REVIEWED, "li"),
        (Act.REVIEWED, "wang"),
    ):
        problem = refused(lambda act=act, name=name: step(july, issue_id, act, name, TODAY))  # type: ignore[misc]
        # An officer does not even learn of what is not issued.
        assert problem.code == ("not_found" if name == "wang" else "forbidden")
    with july.kernel.work(house(july.town.bureau_id), TODAY) as work:
        problem = refused(lambda: ops.take_step(work, issue_id, Act.REVIEWED, None))
    assert (problem.code, "本人" in problem.detail) == ("forbidden", True)


def test_what_was_issued_takes_no_further_step(july: Quarter) -> None:
    issue_id = issued(july, TODAY).issue.id
    for act, name in ((Act.RETURNED, "fa"), (Act.ISSUED, "ju"), (Act.SUBMITTED, "li"), (Act.REVIEWED, "fa")):
        assert (
            refused(lambda act=act, name=name: step(july, issue_id, act, name, TODAY)).code == "issue_state"
        )  # type: ignore[misc]
    assert refused(lambda: draft(july, TODAY)).code == "issue_unchanged"
    late = refused(lambda: draft(july, TODAY, as_of=FIRST_MOMENT))
    assert late.errors[0]["code"] == "not_after_version"


def test_of_two_who_issue_at_once_one_wins(july: Quarter) -> None:
    issue_id = draft(july, TODAY).issue.id
    step(july, issue_id, Act.SUBMITTED, "li", TODAY)
    step(july, issue_id, Act.REVIEWED, "fa", TODAY)
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def issue() -> None:
        together.wait(30)
        try:
            step(july, issue_id, Act.ISSUED, "ju", TODAY)
            outcomes.append("issued")
        except Problem as problem:
            outcomes.append(f"{problem.kind.status} {problem.code}")

    both = [threading.Thread(target=issue) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(outcomes) == ["409 issue_state", "issued"]
    with july.kernel.sessions() as session:
        acts = session.execute(text("select act, count(*) from report_step group by act")).all()
    assert dict(acts)["issued"] == 1  # type: ignore[arg-type]


def test_of_two_who_draft_at_once_nobody_makes_a_second_version(july: Quarter) -> None:
    together = threading.Barrier(2)

    def begin() -> None:
        together.wait(30)
        draft(july, TODAY)

    both = [threading.Thread(target=begin) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    with july.kernel.sessions() as session:
        assert session.execute(text("select version from report_issue")).scalars().all() == [1]
        assert session.execute(text("select seq from report_step order by seq")).scalars().all() == [1, 2]


@pytest.mark.parametrize(
    "statement",
    [
        f"{verb}"
        for table, column in (
            ("report_issue", "period"),
            ("report_snapshot", "summary"),
            ("report_step", "remark"),
        )
        for verb in (f"update {table} set {column} = {column}", f"delete from {table}")
    ],
)
def test_the_application_cannot_rewrite_what_was_signed(july_to_read: Quarter, statement: str) -> None:
    with july_to_read.kernel.sessions() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(statement))


def test_the_database_takes_no_bytes_with_another_sha256(july: Quarter) -> None:
    snapshot = draft(july, TODAY).snapshot
    forged = text(
        "insert into report_snapshot (id, bureau_id, issue_id, as_of, sha256, content, summary, created_at) "
        "select gen_random_uuid(), bureau_id, issue_id, as_of, sha256, content || 'x', summary, created_at "
        "from report_snapshot where id = :id"
    )
    with july.kernel.sessions() as session, pytest.raises(DBAPIError, match="ck_report_snapshot_sha256"):
        session.execute(forged, {"id": snapshot.id})


def test_figures_that_no_longer_come_out_are_not_issued(july: Quarter) -> None:
    """Somebody changes what has no ``known_at``, such as a day of the workday table, between draft and issue."""
    issue_id = draft(july, TODAY).issue.id
    step(july, issue_id, Act.SUBMITTED, "li", TODAY)
    step(july, issue_id, Act.REVIEWED, "fa", TODAY)
    with july.kernel.sessions() as session:
        session.execute(
            text("insert into workday (bureau_id, day, kind) values (:bureau, '2026-07-20', 'off')"),
            {"bureau": july.town.bureau_id},
        )
        session.commit()
    assert refused(lambda: step(july, issue_id, Act.ISSUED, "ju", TODAY)).code == "issue_stale"
    step(july, issue_id, Act.RETURNED, "ju", TODAY, "工作日已调整")
    draft(july, TODAY)
    for act, name in ((Act.SUBMITTED, "li"), (Act.REVIEWED, "fa"), (Act.ISSUED, "ju")):
        standing = step(july, issue_id, act, name, TODAY)
    assert standing.state is Act.ISSUED
