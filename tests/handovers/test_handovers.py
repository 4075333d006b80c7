"""Sheets are made when duty moves, say what is open, are signed over and taken, and nothing of it is rewritten."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import ProgrammingError

from server.handovers.models import HandoverContent, HandoverSheet, HandoverStep
from server.handovers.queries import find
from server.kernel.actor import house
from server.kernel.events import Event
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from tests.api.conftest import problem_of
from tests.handovers.conftest import Change
from tests.town import MONDAY, settle_town

DAY = timedelta(days=1)


def sides(sheet: dict[str, Any]) -> tuple[str, str]:
    return sheet["giving"]["lead"], sheet["taking"]["lead"]


def test_a_sheet_is_made_for_each_pair_and_day_when_duty_moves_and_for_no_first_assignment(
    change: Change,
) -> None:
    assert change.listed() == []
    later = change.today + 7 * DAY
    change.assign([0], "zhao")
    change.assign([1], "zhao")
    change.assign([2], "qian", later)
    change.assign([3], "zhao", later)
    found = change.listed()
    assert [(sides(one), one["from_day"], one["cells"], one["state"], one["origin"]) for one in found] == [
        (("zhao", "qian"), later.isoformat(), 1, "open", "duty"),
        (("li", "zhao"), change.today.isoformat(), 2, "open", "duty"),
    ]
    # Nobody answered for a cell before: there is nobody to hand it over.
    with change.kernel.sessions.begin() as session:
        session.execute(
            text(
                "insert into grid_cell select (jsonb_populate_record(g, jsonb_build_object("
                "'id', gen_random_uuid(), 'code', '9902-9'))).* from grid_cell g where code = '9902-3'"
            )
        )
        (fresh,) = session.scalars(text("select id from grid_cell where code = '9902-9'"))
    change.town.cells.append(fresh)
    change.assign([4], "li")
    assert len(change.listed()) == 2


def test_it_says_what_is_open_in_its_cells_and_nothing_of_others(change: Change) -> None:
    town = change.town
    for outlet, by in ((0, "li"), (2, "zhao")):
        pair = ("li", "wang") if by == "li" else ("zhao", "qian")
        change.push(change.found(outlet, "smuggled_goods", by=pair), by)
        change.push(change.registered(outlet, pair), by)
    order = change.found(1, "licence_irregular")
    order["answers"] |= {
        "rectify": {"demand": "联系13800138000", "due_on": "2026-07-20"},
        "disposal": "rectify",
    }
    change.push(order)
    clue = change.tell_clue(0)
    change.tell_clue(3)
    change.assign([0, 1], "wang", change.today + DAY)
    whole = change.show(change.only())
    content = whole["content"]
    assert (whole["frozen"], whole["sha256"], content["outlets"]) == (False, None, 2)
    assert [cell["code"] for cell in content["cells"]] == ["9902-0", "9902-1"]
    assert {one["cell_code"] for one in content["obligations"]} == {"9902-0", "9902-1"}
    week = [
        one for one in content["obligations"] if one["key"] == "2026-W28" and one["cell_code"] == "9902-0"
    ]
    assert [(one["duty_zh"], one["last_day"], one["number"], one["state"]) for one in week] == [
        ("周复查", "2026-07-12", "990281100000", "open")
    ]
    chain = [one for one in content["chains"] if one["rule"] == "triple_recheck"]
    assert [(one["cell_code"], one["checks"], one["left"], one["last_day"]) for one in chain] == [
        ("9902-0", 3, 3, "2026-07-13")
    ]
    assert [(one["cell_code"], one["due_on"], one["state"]) for one in content["rectifications"]] == [
        ("9902-1", "2026-07-20", "open")
    ]
    assert "13800138000" not in json.dumps(whole)
    (goods,) = content["goods"]
    assert (goods["cell_code"], goods["undecided"], goods["lines"], goods["kept"], goods["of_giver"]) == (
        "9902-0",
        1,
        1,
        False,
        True,
    )
    assert goods["decide_by"] == "2026-07-15"
    assert [(one["clue_id"], one["status"]) for one in content["clues"]] == [(clue, "open")]
    assert "夜间" not in json.dumps(whole, ensure_ascii=False)
    assert str(town.outlets[2]) not in json.dumps(whole)


def test_goods_that_are_kept_go_along_after_it_was_decided_on_them(change: Change) -> None:
    town = change.town

    def post(by: str, path: str, **body: Any) -> Any:
        answer = change.client(by).post(f"/api/v1{path}", json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.get_json()

    list_id = change.push(change.registered(0))
    keeper = str(town.accounts["wu"])
    (store,) = post("ju", "/custody/stores", code="K1", name="试样证物库", keeper_id=keeper)["items"]
    post("wu", f"/custody/hand-overs/{store['offered_id']}/acknowledgement")
    change.clock.pass_by(hours=1)
    line = {"list_id": str(list_id), "seq": 1, "quantity": 12, "unit": "carton"}
    post(
        "wu",
        "/custody/acts",
        kind="take_in",
        lines=[line],
        store_id=store["id"],
        person_id=str(town.people["li"]),
    )
    post(
        "ju",
        f"/registration-lists/{list_id}/decisions",
        outcome="return",
        decided_on=change.today.isoformat(),
        document_no="试决1号",
        reason="证据不足",
        seqs=[1],
    )
    change.assign([0], "zhao")
    (goods,) = change.show(change.only())["content"]["goods"]
    assert (goods["undecided"], goods["kept"], goods["of_giver"]) == (0, True, True)


def test_while_it_is_open_it_follows_what_is_done_and_once_signed_it_does_not(change: Change) -> None:
    change.assign([0], "zhao", change.today + DAY)
    sheet = change.only()
    weeks = [one["key"] for one in change.show(sheet)["content"]["obligations"] if one["duty"] == "WEEKLY"]
    # The week before is in grace still, and a check meets the oldest debt first.
    assert weeks == ["2026-W27", "2026-W28"]
    change.push(change.checked(0))
    weeks = [one["key"] for one in change.show(sheet)["content"]["obligations"] if one["duty"] == "WEEKLY"]
    assert weeks == ["2026-W28"]
    change.push(change.found(0, "smuggled_goods"))
    signed = change.taken("li", sheet, "signing")
    assert (signed["state"], signed["frozen"]) == ("signed", True)
    assert len(signed["content"]["chains"]) == 1
    change.tell_clue(0)
    change.clock.pass_by(days=9)
    again = change.show(sheet)
    assert again["content"] == signed["content"]
    answer = change.client("zhao").get(f"/api/v1/handovers/{sheet}/content")
    assert hashlib.sha256(answer.data).hexdigest() == signed["sha256"]
    assert answer.headers["ETag"] == f'"{signed["sha256"]}"'
    told = json.loads(answer.data)
    assert told["giving"]["lead_id"] == str(change.town.people["li"])
    assert told["chains"] == signed["content"]["chains"]
    cached = change.client("zhao").get(
        f"/api/v1/handovers/{sheet}/content", headers={"If-None-Match": f'"{signed["sha256"]}"'}
    )
    assert cached.status_code == 304


def test_an_objection_sends_it_back_and_both_are_kept(change: Change) -> None:
    change.assign([0], "zhao")
    sheet = change.only()
    first = change.taken("li", sheet, "signing", note="清单见附件")
    change.taken("zhao", sheet, "objection", note="漏了一条线索")
    assert change.show(sheet)["state"] == "objected"
    change.tell_clue(0)
    # What waits to be signed anew is what is open now.
    assert len(change.show(sheet)["content"]["clues"]) == 1
    second = change.taken("li", sheet, "signing")
    assert second["sha256"] != first["sha256"]
    problem_of(
        change.step("zhao", sheet, "acknowledgement", sha256=first["sha256"]), status=409, code="conflict"
    )
    done = change.taken("zhao", sheet, "acknowledgement", note="已核对")
    assert done["state"] == "acknowledged"
    assert [(step["act"], step["person"], step["note"], step["sha256"]) for step in done["steps"]] == [
        ("signed", "li", "清单见附件", first["sha256"]),
        ("objected", "zhao", "漏了一条线索", first["sha256"]),
        ("signed", "li", None, second["sha256"]),
        ("acknowledged", "zhao", "已核对", second["sha256"]),
    ]
    for by, step, given in (
        ("li", "signing", {}),
        ("zhao", "acknowledgement", {}),
        ("zhao", "objection", {"note": "晚了"}),
        ("ju", "withdrawal", {"reason": "晚了"}),
    ):
        problem_of(change.step(by, sheet, step, **given), status=409, code="handover_state")
    with change.kernel.sessions() as session:
        assert len(session.scalars(select(HandoverContent.id)).all()) == 2
        names = session.scalars(select(Event.name).where(Event.name.like("handover.%")).order_by(Event.seq))
        assert names.all() == [
            "handover.opened",
            "handover.signed",
            "handover.objected",
            "handover.signed",
            "handover.acknowledged",
        ]
    for table in ("handover_sheet", "handover_cell", "handover_content", "handover_step"):
        for statement in (f"update {table} set bureau_id = bureau_id", f"delete from {table}"):
            with change.kernel.sessions() as session, pytest.raises(ProgrammingError, match="denied"):
                session.execute(text(statement))


def test_each_side_takes_its_own_steps_and_nobody_both(change: Change) -> None:
    # Within a squad: Li, who leads it, gives his cell to Wang.
    change.assign([0], "wang")
    sheet = change.only()
    problem_of(change.step("wang", sheet, "signing"), status=403, code="forbidden")
    problem_of(change.step("zhao", sheet, "signing"), status=404, code="not_found")
    problem_of(change.step("ju", sheet, "signing"), status=403, code="forbidden")
    problem_of(change.step("li", sheet, "acknowledgement"), status=409, code="handover_state")
    assert change.show(sheet, "li")["you_may"] == ["signed"]
    assert change.show(sheet, "wang")["you_may"] == []
    assert change.show(sheet, "ju")["you_may"] == ["withdrawn"]
    change.taken("li", sheet, "signing")
    # He leads the receiving squad as well, and does not take what he gave.
    refused = problem_of(change.step("li", sheet, "acknowledgement"), status=403, code="forbidden")
    assert "同一人" in refused["detail"]
    assert change.show(sheet, "li")["you_may"] == []
    assert change.show(sheet, "wang")["you_may"] == ["acknowledged", "objected"]
    assert change.taken("wang", sheet, "acknowledgement")["state"] == "acknowledged"


def test_whoever_leads_a_squad_signs_and_takes_for_its_lead(change: Change) -> None:
    change.assign([0], "wang")
    change.taken("li", change.only(), "signing")
    change.assign([1], "qian")
    (sheet,) = [one["id"] for one in change.listed() if one["taking"]["lead"] == "qian"]
    problem_of(change.step("wang", sheet, "signing"), status=403, code="forbidden")
    change.taken("li", sheet, "signing")
    problem_of(change.step("wang", sheet, "acknowledgement"), status=403, code="forbidden")
    assert change.taken("zhao", sheet, "acknowledgement")["state"] == "acknowledged"


def test_duty_that_goes_otherwise_before_its_day_takes_the_cell_off_the_sheet(change: Change) -> None:
    later = change.today + 7 * DAY
    change.assign([0, 1], "zhao", later)
    sheet = change.only()
    # One cell goes to somebody else from that day, and then stays where it is.
    change.assign([1], "qian", later)
    assert {(sides(one), one["cells"]) for one in change.listed()} == {
        (("li", "zhao"), 1),
        (("li", "qian"), 1),
    }
    assert [cell["code"] for cell in change.show(sheet)["content"]["cells"]] == ["9902-0"]
    change.assign([1], "li", later)
    states = {sides(one): (one["state"], one["cells"]) for one in change.listed()}
    assert states == {("li", "zhao"): ("open", 1), ("li", "qian"): ("void", 0)}
    (void,) = change.listed(state="void")
    assert change.show(void["id"])["content"] is None
    problem_of(change.client("ju").get(f"/api/v1/handovers/{void['id']}/paper"), status=404)
    problem_of(change.step("li", void["id"], "signing"), status=409, code="handover_state")
    # What was signed already is void as well, and still says what was signed.
    change.taken("li", sheet, "signing")
    change.assign([0], "li", later)
    ended = change.show(sheet)
    assert (ended["state"], ended["frozen"], len(ended["content"]["cells"])) == ("void", True, 1)
    problem_of(change.step("zhao", sheet, "acknowledgement"), status=409, code="handover_state")


def test_a_sheet_that_was_taken_stays_taken_when_duty_moves_on(change: Change) -> None:
    change.assign([0], "zhao")
    sheet = change.only()
    change.taken("li", sheet, "signing")
    change.taken("zhao", sheet, "acknowledgement")
    change.clock.pass_by(days=1)
    change.assign([0], "li")
    assert {(sides(one), one["state"]) for one in change.listed()} == {
        (("li", "zhao"), "acknowledged"),
        (("zhao", "li"), "open"),
    }


def test_cells_join_a_sheet_until_somebody_signs_it(change: Change) -> None:
    change.assign([0], "zhao")
    change.taken("li", change.only(), "signing")
    change.assign([1], "zhao")
    assert sorted((one["state"], one["cells"]) for one in change.listed()) == [("open", 1), ("signed", 1)]


def test_what_waits_for_whom_and_what_nobody_took_in_time(change: Change) -> None:
    change.assign([0], "zhao", change.today + 2 * DAY)
    sheet = change.only()

    def waits() -> set[str]:
        names = ("li", "wang", "zhao", "qian", "ju")
        return {name for name in names if change.listed(name, waiting="true")}

    def overdue() -> bool:
        return [one["id"] for one in change.listed(overdue="true")] == [sheet]

    assert waits() == {"li"}
    change.taken("li", sheet, "signing")
    assert waits() == {"zhao"}
    change.taken("zhao", sheet, "objection", note="再核对")
    assert waits() == {"li"}
    assert change.listed()[0]["overdue_after"] == (change.today + 5 * DAY).isoformat()
    change.clock.now = MONDAY.replace(hour=23, minute=59) + 5 * DAY
    assert not overdue()
    assert not change.show(sheet)["overdue"]
    change.clock.pass_by(minutes=1)
    assert overdue()
    assert change.show(sheet)["overdue"]
    change.taken("li", sheet, "signing")
    assert overdue()
    change.taken("zhao", sheet, "acknowledgement")
    assert not overdue()
    assert waits() == set()
    # Of what became known late the days count from then.
    change.learn([1], "zhao", change.today - 30 * DAY)
    (late,) = change.listed(state="open")
    assert (late["overdue"], late["overdue_after"]) == (False, (change.today + 3 * DAY).isoformat())


def test_a_sheet_by_hand_is_given_by_whoever_answers_for_the_cells(change: Change) -> None:
    town = change.town
    body = {
        "cell_ids": [str(town.cells[0]), str(town.cells[1])],
        "to_squad_id": str(town.squads[0]),
        "to_lead_id": str(town.people["wang"]),
        "from_day": change.today.isoformat(),
        "reason": "休假期间代管",
    }

    def write(by: str = "li", **given: Any) -> Any:
        return change.client(by).post("/api/v1/handovers", json={**body, **given})

    answer = write()
    assert answer.status_code == 201, answer.text
    sheet = answer.get_json()
    assert (sheet["origin"], sheet["reason"], sheet["cells"], sides(sheet)) == (
        "desk",
        "休假期间代管",
        2,
        ("li", "wang"),
    )
    change.taken("li", sheet["id"], "signing")
    assert change.taken("li", sheet["id"], "withdrawal", reason="不休了")["state"] == "withdrawn"
    problem_of(write("wang"), status=403, code="forbidden")
    problem_of(write(cell_ids=[str(town.cells[2])]), status=404, code="not_found")
    problem_of(write("ju", to_squad_id=str(uuid.uuid4())), status=404, code="not_found")
    problem_of(write("ju", cell_ids=[str(uuid.uuid4())]), status=404, code="not_found")
    elsewhere = settle_town(change.kernel, MONDAY, bureau="别处局")
    problem_of(write("ju", cell_ids=[str(elsewhere.cells[0])]), status=404, code="not_found")
    change.assign([1], "wang", change.today + DAY)
    for given, fault in (
        ({"to_lead_id": str(town.people["li"])}, ("/to_lead_id", "same_side")),
        ({"to_lead_id": str(town.people["fu"])}, ("/to_lead_id", "not_an_officer")),
        ({"to_lead_id": str(elsewhere.people["li"])}, ("/to_lead_id", "not_an_officer")),
        ({"from_day": "2028-01-01"}, ("/from_day", "day_out_of_range")),
        ({"cell_ids": [str(town.cells[0]), str(town.cells[2])]}, ("/cell_ids", "several_sides")),
        ({"reason": ""}, ("/reason", "wrong_length")),
    ):
        errors = problem_of(write("ju", **given), status=422, code="invalid")["errors"]
        assert [(one["path"], one["code"]) for one in errors] == [fault]


def test_a_sheet_that_duty_made_is_withdrawn_for_the_bureau_only(change: Change) -> None:
    change.assign([0], "zhao")
    sheet = change.only()
    problem_of(change.step("li", sheet, "withdrawal", reason="不必"), status=403, code="forbidden")
    ended = change.taken("ju", sheet, "withdrawal", reason="机构调整，另行移交")
    assert (ended["state"], ended["content"]) == ("withdrawn", None)
    problem_of(change.client("li").get(f"/api/v1/handovers/{sheet}/content"), status=404)


def test_another_squad_and_another_bureau_see_nothing_of_it(change: Change) -> None:
    change.assign([0], "wang")
    sheet = change.only()
    assert change.listed("zhao") == []
    assert [one["id"] for one in change.listed("wang")] == [sheet]
    for path in ("", "/content", "/paper"):
        problem_of(change.client("zhao").get(f"/api/v1/handovers/{sheet}{path}"), status=404)
    for path in ("signing", "acknowledgement", "objection"):
        answer = change.step("zhao", sheet, path, note="试样", sha256="0" * 64)
        problem_of(answer, status=422 if path == "signing" else 404)
    elsewhere = settle_town(change.kernel, MONDAY, bureau="别处局")
    with (
        change.kernel.work(house(elsewhere.bureau_id), change.clock.now) as work,
        pytest.raises(Problem, match="not_found"),
    ):
        find(work, uuid.UUID(sheet))


def test_of_two_steps_at_once_the_second_is_refused(change: Change) -> None:
    change.assign([0], "zhao")
    sheet = uuid.UUID(change.only())
    change.taken("li", str(sheet), "signing")
    with change.kernel.sessions() as session:
        content = session.scalars(select(HandoverContent.id)).one()
        bureau = session.scalars(select(HandoverSheet.bureau_id)).one()

    def acknowledge_late() -> None:
        with change.kernel.work(house(bureau), change.clock.now) as work:
            row = {"bureau_id": bureau, "sheet_id": sheet, "seq": 1, "act": "acknowledged", "at": work.now}
            work.session.execute(insert(HandoverStep).values(id=new_id(work.now), content_id=content, **row))

    with pytest.raises(Problem, match="handover_state"):
        acknowledge_late()


def test_what_is_missing_or_malformed_is_refused_by_its_field(change: Change) -> None:
    change.assign([0], "zhao")
    sheet = change.only()
    change.taken("li", sheet, "signing")
    for step, given, fault in (
        ("acknowledgement", {"sha256": "x"}, ("/sha256", "wrong_pattern")),
        ("objection", {"note": ""}, ("/note", "wrong_length")),
        ("objection", {"note": None}, ("/note", "null")),
    ):
        errors = problem_of(change.step("zhao", sheet, step, **given), status=422)["errors"]
        assert fault in [(one["path"], one["code"]) for one in errors]
    answer = change.client("ju").get("/api/v1/handovers?state=lost")
    assert problem_of(answer, status=422)["errors"][0]["path"] in ("/state", "/query/state")
