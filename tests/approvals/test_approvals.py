"""An inspection needs leave: given at the desk, by phone and then written up, or afterwards for what could not wait."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.approvals.ops import give, write_up
from server.approvals.queries import told
from server.approvals.rules import number_as_written
from server.demo.documents import BATCH_APPROVAL, approval_of_week
from server.kernel.actor import Actor
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.records.approval_standing import standing_of, unapproved
from tests.api.conftest import problem_of
from tests.fieldwork import attempt_at, check_of, field_actor, push_at
from tests.one_house import Client, app, client, kernel, settings, town
from tests.town import MONDAY, ROLE_ACCOUNTS, Town

__all__ = ["app", "client", "kernel", "settings", "town"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
Standing = Callable[..., str | None]


def asked(**given: Any) -> dict[str, Any]:
    """A plan for the week of the Monday, as the desk sends it."""
    return {
        "kind": "batch",
        "title": "第28周日常检查计划",
        "plan": "按周计划检查电子烟零售点",
        "first_day": "2026-07-06",
        "last_day": "2026-07-12",
        "channel": "desk",
        **given,
    }


def entered(kernel: Kernel, town: Town, by: str, at: datetime, **given: Any) -> uuid.UUID:
    """An approval entered by somebody at a moment."""
    whole = {
        "approval_no": f"试批〔2026〕{uuid.uuid4().hex[:8]}号",
        "kind": "batch",
        "title": "计划",
        "plan": "方案",
        "record_kinds": [],
        "subject_ids": [],
        "cell_ids": [],
        "first_day": MONDAY.date(),
        "last_day": MONDAY.date() + 6 * DAY,
        "approver_id": None,
        "approved_at": None,
        "channel": "desk",
        **given,
    }
    with kernel.work(field_actor(town, by) if by in town.people else desk_of(town, by), at) as work:
        return give(work, whole).id


def desk_of(town: Town, name: str) -> Actor:
    """Somebody who is nobody in the field."""
    return Actor(
        bureau_id=town.bureau_id, account_id=town.accounts[name], roles=frozenset(ROLE_ACCOUNTS[name])
    )


@pytest.fixture
def standing(kernel: Kernel, town: Town) -> Standing:
    """Pushes a check that names a number, and tells how its approval stands at a moment."""

    def of(
        number: str | None, at: datetime = MONDAY + HOUR, *, asked_at: datetime | None = None, **given: Any
    ) -> Any:
        document = check_of(town, given.pop("outlet", 0), at, approval_no=number, **given)
        push_at(kernel, town, "li", at + HOUR, document)
        with kernel.work(desk_of(town, "ju"), asked_at or at + HOUR) as work:
            return standing_of(work, uuid.UUID(document["id"]))

    return of


def number_of(kernel: Kernel, town: Town, approval_id: uuid.UUID) -> str:
    with kernel.work(desk_of(town, "ju"), MONDAY) as work:
        return str(told(work, approval_id).approval_no)


def test_a_plan_approved_at_the_desk_covers_the_week(kernel: Kernel, town: Town, standing: Standing) -> None:
    number = number_of(kernel, town, entered(kernel, town, "ju", MONDAY - 3 * DAY))
    assert standing(number) == "approved"
    # As a handheld's keyboard writes it.
    assert standing(number.replace("〔", " [").replace("〕", "] ")) == "approved"
    assert standing(number, MONDAY + 7 * DAY) == "not_covering"
    assert standing(number, MONDAY - DAY) == "not_covering"
    assert standing(None) == "missing"
    assert standing("试批〔2026〕没有号") == "unknown"


def test_an_approval_covers_what_it_names(kernel: Kernel, town: Town, standing: Standing) -> None:
    def number(**given: Any) -> str:
        return number_of(kernel, town, entered(kernel, town, "ju", MONDAY - DAY, **given))

    subject = number(subject_ids=[town.outlets[0]])
    assert (standing(subject, outlet=0), standing(subject, outlet=1)) == ("approved", "not_covering")
    cell = number(cell_ids=[town.cells[1]])
    assert (standing(cell, outlet=0), standing(cell, outlet=1)) == ("not_covering", "approved")
    either = number(subject_ids=[town.outlets[0]], cell_ids=[town.cells[1]])
    assert {standing(either, outlet=0), standing(either, outlet=1)} == {"approved"}
    roads = number(record_kinds=["road_check"])
    assert standing(roads) == "not_covering"


def test_leave_comes_before_the_check_unless_it_could_not_wait(
    kernel: Kernel, town: Town, standing: Standing
) -> None:
    at = MONDAY + HOUR
    late = number_of(kernel, town, entered(kernel, town, "ju", at + HOUR))
    assert standing(late, at) == "after_the_fact"
    urgent = {"channel": "urgent", "approver_id": town.accounts["ju"]}
    soon = number_of(kernel, town, entered(kernel, town, "li", at + 23 * HOUR, **urgent))
    assert standing(soon, at) == "approved"
    days_later = number_of(kernel, town, entered(kernel, town, "li", at + 25 * HOUR, **urgent))
    assert standing(days_later, at) == "after_the_fact"


def test_an_approval_by_phone_is_written_up_in_time(kernel: Kernel, town: Town, standing: Standing) -> None:
    phone = {"channel": "phone", "approver_id": town.accounts["ju"]}
    given_at = MONDAY
    approval = entered(kernel, town, "li", given_at + HOUR, approved_at=given_at, **phone)
    number = number_of(kernel, town, approval)
    assert standing(number, asked_at=given_at + 23 * HOUR) == "awaiting_write_up"
    assert standing(number, asked_at=given_at + 25 * HOUR) == "not_written_up"
    for name in ("li", "fa"):
        with pytest.raises(Problem, match="forbidden"), kernel.work(desk_of(town, name), given_at) as work:
            write_up(work, approval, "补签")
    with kernel.work(desk_of(town, "ju"), given_at + 23 * HOUR) as work:
        write_up(work, approval, "同意，情况属实")
    assert standing(number, asked_at=given_at + 25 * HOUR) == "approved"
    with (
        pytest.raises(Problem, match="written_up_already"),
        kernel.work(desk_of(town, "ju"), given_at) as work,
    ):
        write_up(work, approval, "再签")

    forgotten = entered(kernel, town, "li", given_at + HOUR, approved_at=given_at, **phone)
    with kernel.work(desk_of(town, "ju"), given_at + 30 * HOUR) as work:
        write_up(work, forgotten, "同意")
    assert standing(number_of(kernel, town, forgotten), asked_at=given_at + 31 * HOUR) == "written_up_late"


def test_what_does_not_stand_is_listed_and_attempts_need_no_leave(
    client: Client, kernel: Kernel, town: Town
) -> None:
    at = MONDAY + 30 * DAY
    week = number_of(
        kernel, town, entered(kernel, town, "ju", at - DAY, first_day=at.date(), last_day=at.date())
    )
    sound = check_of(town, 2, at, approval_no=week, by=("zhao", "qian"))
    strange = check_of(town, 2, at, approval_no="试批〔2026〕生号", by=("zhao", "qian"))
    door = attempt_at(town, 2, at, by=("zhao", "qian"))
    push_at(kernel, town, "zhao", at + HOUR, sound, strange, door)
    period = {"since": at.isoformat(), "until": (at + DAY).isoformat()}
    shown = client("ju").get("/api/v1/records/unapproved", query_string=period).get_json()["items"]
    assert [(one["id"], one["standing"]) for one in shown] == [(strange["id"], "unknown")]
    # Another squad's leader does not see it.
    assert client("li").get("/api/v1/records/unapproved", query_string=period).get_json()["items"] == []
    assert client("ju").get(f"/api/v1/records/{sound['id']}").get_json()["approval"] == "approved"
    assert client("ju").get(f"/api/v1/records/{door['id']}").get_json()["approval"] is None
    with kernel.work(desk_of(town, "ju"), at + HOUR) as work:
        assert len(work.session.execute(unapproved(work)).all()) >= 1
    too_long = {**period, "until": (at + 400 * DAY).isoformat()}
    problem_of(client("ju").get("/api/v1/records/unapproved", query_string=too_long), code="invalid")


def test_the_desk_gives_lists_and_withdraws(client: Client) -> None:
    answer = client("ju").post("/api/v1/approvals", json=asked())
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    assert made["approval_no"].startswith("检审〔")
    following = client("ju").post("/api/v1/approvals", json=asked()).get_json()
    numbers = [int(one["approval_no"].split("自")[1].removesuffix("号")) for one in (made, following)]
    assert numbers[1] == numbers[0] + 1
    problem_of(
        client("ju").post("/api/v1/approvals", json=asked(approval_no=made["approval_no"])),
        code="number_taken",
    )

    listed = client("wang").get("/api/v1/approvals", query_string={"on": "2026-07-08"}).get_json()["items"]
    assert [one["id"] for one in listed][:2] == [following["id"], made["id"]]
    where = f"/api/v1/approvals/{made['id']}"
    problem_of(client("li").post(f"{where}/withdrawal", json={"reason": "计划调整"}), code="forbidden")
    withdrawn = client("ju").post(f"{where}/withdrawal", json={"reason": "计划调整"}).get_json()
    assert (withdrawn["withdrawn_at"] is not None, withdrawn["withdraw_reason"]) == (True, "计划调整")
    problem_of(client("ju").post(f"{where}/withdrawal", json={"reason": "再撤"}), code="approval_withdrawn")
    problem_of(client("ju").post(f"{where}/write-up", json={"note": "补签"}), code="not_by_phone")
    still = client("wang").get("/api/v1/approvals", query_string={"on": "2026-07-08"}).get_json()["items"]
    assert made["id"] not in [one["id"] for one in still]


def test_a_number_of_ones_own_does_not_stop_the_series(client: Client) -> None:
    for number in ("检审〔2026〕自补1号", "检审〔2026〕自²号"):
        answer = client("ju").post("/api/v1/approvals", json=asked(approval_no=number))
        assert (answer.status_code, answer.get_json()["approval_no"]) == (201, number)
    assert client("ju").post("/api/v1/approvals", json=asked()).status_code == 201


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"first_day": "2026-07-13"}, "/last_day"),
        ({"kind": "single"}, "/subject_ids"),
        ({"channel": "phone"}, "/approver_id"),
        ({"cell_ids": [str(uuid.uuid4())]}, "/cell_ids"),
        ({"approved_at": "2100-01-01T00:00:00+08:00"}, "/approved_at"),
        ({"record_kinds": ["party"]}, "/record_kinds/0"),
        ({"plan": ""}, "/plan"),
    ],
)
def test_what_makes_no_sense_is_told(client: Client, given: dict[str, Any], path: str) -> None:
    answer = client("ju").post("/api/v1/approvals", json=asked(**given))
    assert {fault["path"] for fault in problem_of(answer, code="invalid")["errors"]} == {path}


def test_who_may_approve(client: Client, town: Town) -> None:
    problem_of(client("li").post("/api/v1/approvals", json=asked()), code="forbidden")
    problem_of(client("wang").post("/api/v1/approvals", json=asked(channel="phone")), code="forbidden")
    for name in ("li", "fa"):
        answer = client("li").post(
            "/api/v1/approvals", json=asked(channel="phone", approver_id=str(town.accounts[name]))
        )
        assert problem_of(answer, code="invalid")["errors"][0]["code"] == "may_not_approve"
    named = asked(channel="phone", approver_id=str(town.accounts["ju"]))
    assert client("li").post("/api/v1/approvals", json=named).status_code == 201


def test_the_demo_writes_the_number_of_its_week(town: Town) -> None:
    assert check_of(town, 0, MONDAY, approval_no=BATCH_APPROVAL)["approval_no"] == approval_of_week(MONDAY)


@given(st.text(alphabet="样烟检审0123456789 []（）〔〕【】()", max_size=30))
def test_a_number_is_written_one_way(number: str) -> None:
    written = number_as_written(number)
    assert number_as_written(written) == written
    assert written is None or not set(written) & set(" []（）【】()")
