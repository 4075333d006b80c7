"""Handing cells over in bulk, leaving them vacant, taking it back: what is written, what is told, what is refused."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from server.grids.models import Duty, DutyChange, DutyFact
from server.kernel.events import Event
from server.org.models import Person
from tests.api.conftest import problem_of
from tests.duty_cells.conftest import Desk


def fault_of(answer: Any) -> tuple[str, str]:
    """The one field at fault and its code."""
    (fault,) = problem_of(answer, status=422)["errors"]
    return fault["path"], fault["code"]


def holder(told: dict[str, Any] | None) -> tuple[str, str, str] | None:
    return (told["squad"], told["lead"], told["from_day"]) if told else None


def cells_of(told: dict[str, Any]) -> list[str]:
    return [one["code"] for one in told["changed"]]


def test_one_request_hands_several_cells_over_and_tells_who_had_them(desk: Desk) -> None:
    told = desk.change(
        desk.line([0], 1, "zhao"), desk.line([2, 3], 0, "wang", later=5), endings=[desk.ending([1], 2)]
    )

    assert desk.held() == ["zhao", "li", "zhao", "zhao"]
    assert desk.held(2) == ["zhao", None, "zhao", "zhao"]
    assert desk.held(5) == ["zhao", None, "wang", "wang"]
    first = told["changed"][0]
    assert (first["cell_id"], first["code"], first["name"]) == (str(desk.town.cells[0]), "9902-0", "试样0格")
    assert holder(first["before"]) == ("试样1中队", "li", "2026-01-01")
    assert holder(first["after"]) == ("试样2中队", "zhao", desk.day(0))
    assert [holder(one["after"]) for one in told["changed"][1:]] == [
        None,
        *[("试样1中队", "wang", desk.day(5))] * 2,
    ]
    assert [one["from_day"] for one in told["changed"]] == [desk.day(n) for n in (0, 2, 5, 5)]
    # All of it holds on the last of the days, and that is the day of which the move is told.
    assert (told["day"], told["cells"], told["people"]) == (desk.day(5), 4, 5)
    assert told["warnings"] == []


def test_nothing_is_written_where_one_line_does_not_do(desk: Desk) -> None:
    lines = [desk.line([0], 1, "zhao"), desk.line([2], 0, "fu")]
    assert fault_of(desk.post(*lines)) == ("/assignments/1/lead_person_id", "not_an_officer")
    assert desk.held() == ["li", "li", "zhao", "zhao"]
    with desk.kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(DutyChange)) == 0


def test_a_rehearsal_writes_nothing_and_tells_what_the_act_then_tells(desk: Desk) -> None:
    asked = desk.line([0, 1], 1, "qian", later=1)
    rehearsed = desk.change(asked, endings=[desk.ending([3])], dry_run=True)
    assert desk.held(1) == ["li", "li", "zhao", "zhao"]
    assert rehearsed.pop("change_id") is None
    done = desk.change(asked, endings=[desk.ending([3])])
    assert done.pop("change_id")
    assert done == rehearsed
    assert desk.held(1) == ["qian", "qian", "zhao", None]


def test_a_box_chooses_the_cells_whose_inner_point_lies_in_it(desk: Desk) -> None:
    # The inner point of cell n is (84.05 + n/10, 39.05); the box cuts cells 0 and 3, and holds one point of them.
    box = {"bbox": [84.06, 39.0, 84.35, 39.1]}
    assert cells_of(desk.change(desk.line(box, 1, "qian", later=1), dry_run=True)) == [
        "9902-1",
        "9902-2",
        "9902-3",
    ]
    beside = {"bbox": [84.06, 39.06, 84.35, 39.1]}
    assert fault_of(desk.post(desk.line(beside, 1, "qian"))) == ("/assignments/0/cells", "no_cells")
    # Boxes side by side choose no cell twice, though the border between them runs along two.
    halves = ({"bbox": [83, 38, 84.2, 40]}, {"bbox": [84.2, 38, 85, 40]})
    chosen = [cells_of(desk.change(desk.line(one, 1, "qian", later=3), dry_run=True)) for one in halves]
    assert chosen == [["9902-0", "9902-1"], ["9902-2", "9902-3"]]


def test_a_town_chooses_all_below_it_and_a_prefix_all_of_such_codes(desk: Desk) -> None:
    county = desk.add_cell("9902", 0, cell_level=2, cell_type=None)
    township = desk.add_cell("9902-T", 0, cell_level=3, cell_type=None, parent_id=county)
    desk.add_cell("9902-L", 9, purpose="layout", parent_id=township)
    desk.below(township, 0, 2)
    for chosen in ({"parent_id": str(township)}, {"parent_id": str(county)}):
        told = desk.change(desk.line(chosen, 1, "qian", later=1), dry_run=True)
        assert cells_of(told) == ["9902-0", "9902-2"]
    # The layout cell has such a code too, and nobody answers for it; a percent sign is only a character.
    told = desk.change(desk.line({"code_prefix": "9902-"}, 1, "qian", later=1), dry_run=True)
    assert cells_of(told) == ["9902-0", "9902-1", "9902-2", "9902-3"]
    for nothing in ({"code_prefix": "99%"}, {"parent_id": str(desk.town.cells[0])}):
        assert fault_of(desk.post(desk.line(nothing, 1, "qian"))) == ("/assignments/0/cells", "no_cells")
    problem_of(desk.post(desk.line({"parent_id": str(uuid.uuid4())}, 1, "qian")), status=404)


@pytest.mark.parametrize(
    ("cells", "path", "code"),
    [
        ({}, "/assignments/0/cells", "not_exactly_one"),
        ({"code_prefix": "9", "bbox": [84, 39, 85, 40]}, "/assignments/0/cells", "not_exactly_one"),
        ({"bbox": [84, 39, 85]}, "/assignments/0/cells/bbox", "bbox_malformed"),
        ({"bbox": "84,39,85,40"}, "/assignments/0/cells/bbox", "bbox_malformed"),
        ({"bbox": [True, 39, 85, 40]}, "/assignments/0/cells/bbox", "bbox_malformed"),
        ({"bbox": [85, 39, 84, 40]}, "/assignments/0/cells/bbox", "bbox_out_of_range"),
        ({"bbox": [84, 39, 85, 10**400]}, "/assignments/0/cells/bbox", "bbox_malformed"),
        ({"cell_ids": []}, "/assignments/0/cells/cell_ids", "wrong_length"),
    ],
)
def test_how_cells_are_named_is_checked(desk: Desk, cells: dict[str, Any], path: str, code: str) -> None:
    found_path, found_code = fault_of(desk.post(desk.line(cells, 0, "li")))
    assert (found_path, found_code) in {(path, code), (path, "too_short")}


def test_cells_that_carry_no_duty_are_refused_by_name(desk: Desk) -> None:
    township = desk.add_cell("9902-T", 0, cell_level=3, cell_type=None)
    layout = desk.add_cell("9902-L", 9, purpose="layout")
    desk.town.cells.pop()
    first = str(desk.town.cells[0])
    for wrong, code in ((township, "not_a_leaf"), (layout, "layout_only")):
        line = desk.line({"cell_ids": [first, str(wrong)]}, 0, "li")
        assert fault_of(desk.post(line)) == ("/assignments/0/cells/cell_ids/1", code)
        duty = {**desk.line([], 0, "li"), "cell_ids": [str(wrong)]}
        del duty["cells"]
        assert fault_of(desk.client("ju").post("/api/v1/duties", json=duty)) == ("/cell_ids/0", code)
    problem_of(desk.post(desk.line({"cell_ids": [str(uuid.uuid4())]}, 0, "li")), status=404)


def test_a_cell_named_twice_is_refused_unless_both_say_the_same(desk: Desk) -> None:
    twice = [desk.line([0, 1], 1, "zhao"), desk.line({"code_prefix": "9902-1"}, 1, "qian")]
    answer = problem_of(desk.post(*twice), status=422)
    assert [(one["path"], one["code"]) for one in answer["errors"]] == [
        ("/assignments/1/cells", "cell_named_twice")
    ]
    assert "9902-1" in answer["errors"][0]["detail"]
    assert fault_of(desk.post(desk.line([0], 1, "zhao"), desk.line([0], 1, "zhao", later=1))) == (
        "/assignments/1/cells",
        "cell_named_twice",
    )
    assert fault_of(desk.post(desk.line([0], 1, "zhao"), endings=[desk.ending([0])])) == (
        "/endings/0/cells",
        "cell_named_twice",
    )
    assert cells_of(desk.change(desk.line([0, 1], 1, "zhao"), desk.line([1, 1], 1, "zhao"))) == [
        "9902-0",
        "9902-1",
    ]


def test_who_may_lead_is_checked_on_the_day_and_all_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    desk.hire("old", 0, certified_until=desk.today + timedelta(days=3))
    desk.hire("new", 0)
    path = "/assignments/0/lead_person_id"
    assert fault_of(desk.post(desk.line([0], 0, "fu"))) == (path, "not_an_officer")
    stranger = {**desk.line([0], 0, "li"), "lead_person_id": str(uuid.uuid4())}
    assert fault_of(desk.post(stranger)) == (path, "not_an_officer")
    assert fault_of(desk.post(desk.line([0], 0, "new"))) == (path, "certificate_missing")
    assert fault_of(desk.post(desk.line([0], 0, "old", later=4))) == (path, "certificate_expired")
    assert fault_of(desk.post(desk.line([0], 0, "zhao"))) == (path, "not_in_squad")
    # On its last day the certificate holds, and whoever comes to a squad may lead from that day on.
    desk.move("wang", 1, later=2)
    assert fault_of(desk.post(desk.line([3], 1, "wang", later=1))) == (path, "not_in_squad")
    desk.change(desk.line([0], 0, "old", later=3), desk.line([3], 1, "wang", later=2))
    answer = problem_of(
        desk.post(desk.line([0], 0, "new", later=-1), desk.line([1], 1, "old", later=9)), status=422
    )
    assert [(one["path"], one["code"]) for one in answer["errors"]] == [
        ("/assignments/0/from_day", "in_past"),
        ("/assignments/0/lead_person_id", "certificate_missing"),
        ("/assignments/1/lead_person_id", "certificate_expired"),
        ("/assignments/1/lead_person_id", "not_in_squad"),
    ]


def test_history_is_not_dated_back(desk: Desk) -> None:
    assert fault_of(desk.post(endings=[desk.ending([0], -1)])) == ("/endings/0/from_day", "in_past")
    duty = {**desk.line([], 0, "wang", later=-1), **desk.cells(0)}
    del duty["cells"]
    assert fault_of(desk.client("ju").post("/api/v1/duties", json=duty)) == ("/from_day", "in_past")


def test_a_squad_of_another_bureau_is_not_found(desk: Desk) -> None:
    problem_of(desk.post({**desk.line([0], 0, "li"), "squad_id": str(uuid.uuid4())}), status=404)


def test_what_a_body_must_say(desk: Desk) -> None:
    assert fault_of(desk.post()) == ("/assignments", "nothing_to_change")
    body = {"endings": [desk.ending([0])]}
    assert fault_of(desk.client("ju").post("/api/v1/duty-changes", json=body)) == ("/reason", "reason_needed")


def test_a_cell_without_outlets_is_given_with_a_warning(desk: Desk) -> None:
    desk.add_cell("9902-9", 9)
    told = desk.change(desk.line([4, 0], 1, "qian"))
    assert [(one["code"], one["cells"]) for one in told["warnings"]] == [("cell_without_outlets", ["9902-9"])]
    assert desk.held() == ["qian", "li", "zhao", "zhao", "qian"]


def test_what_is_so_already_is_left_as_it_is(desk: Desk) -> None:
    desk.change(desk.line([0], 1, "qian", later=9))
    told = desk.change(desk.line([0, 1], 0, "li"), endings=[])
    # Cell 0 changes: it was to go to another squad in nine days.
    assert cells_of(told) == ["9902-0"]
    assert [holder(one) for one in told["changed"][0]["replaced"]] == [("试样2中队", "qian", desk.day(9))]
    assert [(one["code"], one["cells"]) for one in told["warnings"]] == [("duty_unchanged", ["9902-1"])]
    again = desk.change(desk.line([0, 1], 0, "li"))
    assert (again["change_id"], again["changed"], again["cells"]) == (None, [], 0)
    assert desk.held(20) == ["li", "li", "zhao", "zhao"]
    with desk.kernel.sessions() as session:
        assert session.scalar(select(func.count()).select_from(DutyFact)) == 4 + 2


def test_ending_what_nobody_answers_for_changes_nothing(desk: Desk) -> None:
    desk.change(endings=[desk.ending([0])])
    told = desk.change(endings=[desk.ending([0], 3)])
    assert (told["change_id"], told["warnings"][0]["code"]) == (None, "duty_unchanged")


def test_a_change_that_has_not_begun_is_withdrawn_and_what_it_replaced_comes_back(desk: Desk) -> None:
    desk.change(desk.line([0], 1, "zhao", later=8))
    mistake = desk.change(desk.line([0, 1], 1, "qian", later=4), endings=[desk.ending([2], 4)])
    assert desk.held(9) == ["qian", "qian", None, "zhao"]

    rehearsed = desk.withdraw(mistake["change_id"], dry_run=True).get_json()
    assert desk.held(9) == ["qian", "qian", None, "zhao"]
    told = desk.withdraw(mistake["change_id"]).get_json()

    assert told.pop("change_id") != mistake["change_id"]
    assert rehearsed.pop("change_id") is None
    assert told == rehearsed
    assert [holder(one["before"]) for one in told["changed"]] == [
        *[("试样2中队", "qian", desk.day(4))] * 2,
        None,
    ]
    assert [(one["after"] or {}).get("lead") for one in told["changed"]] == ["li", "li", "zhao"]
    # Each with its own first day again, which ``held`` compares in both tables.
    assert desk.held(4) == desk.held(7) == ["li", "li", "zhao", "zhao"]
    assert desk.held(9) == ["zhao", "li", "zhao", "zhao"]
    with desk.kernel.sessions() as session:
        valid = session.scalars(select(Duty.valid).where(Duty.cell_id == desk.town.cells[1])).all()
    assert [(one.lower.isoformat(), one.upper) for one in valid] == [("2026-01-01", None)]


def test_what_came_later_than_a_withdrawn_change_stands(desk: Desk) -> None:
    first = desk.change(endings=[desk.ending([0], 4)])
    desk.change(desk.line([0], 1, "zhao", later=8))
    desk.withdraw(first["change_id"])
    assert (desk.held(4)[0], desk.held(8)[0]) == ("li", "zhao")


def test_changes_are_withdrawn_one_after_another(desk: Desk) -> None:
    changes = [
        desk.change(desk.line([0], 1, lead, later=later)) for lead, later in (("zhao", 6), ("qian", 3))
    ]
    assert desk.withdraw(changes[1]["change_id"]).status_code == 200
    assert desk.held(6)[0] == "zhao"
    assert desk.withdraw(changes[0]["change_id"]).status_code == 200
    assert desk.held(6)[0] == "li"


def test_what_cannot_be_withdrawn(desk: Desk) -> None:
    today = desk.change(desk.line([0], 1, "zhao"))
    problem_of(desk.withdraw(today["change_id"]), status=409, code="duty_begun")
    part = desk.change(desk.line([1], 1, "zhao", later=1), desk.line([2], 0, "li", later=4))
    replaced = desk.change(desk.line([3], 1, "qian", later=7))
    desk.change(desk.line([3], 0, "li", later=6))
    problem_of(desk.withdraw(replaced["change_id"]), status=409, code="duty_replaced")
    desk.clock.pass_by(days=1)
    problem_of(desk.withdraw(part["change_id"]), status=409, code="duty_begun")
    late = desk.change(desk.line([3], 0, "wang", later=9))
    withdrawal = desk.withdraw(late["change_id"]).get_json()["change_id"]
    for one in (late["change_id"], withdrawal):
        problem_of(desk.withdraw(one), status=409, code="duty_withdrawn")
    problem_of(desk.withdraw(str(uuid.uuid4())), status=404)


def test_a_squad_leader_decides_about_his_own_squads_cells_alone(desk: Desk) -> None:
    told = desk.change(desk.line([0], 0, "wang"), by="li")
    assert holder(told["changed"][0]["before"]) == ("试样1中队", "li", "2026-01-01")
    problem_of(desk.post(desk.line([0], 1, "zhao"), by="li"), status=404)
    problem_of(desk.post(desk.line([2], 0, "li"), by="li"), status=404)
    problem_of(desk.post(endings=[desk.ending([0])], by="li"), status=403)
    problem_of(desk.post(desk.line([0], 0, "li"), by="wang"), status=403)
    # A box chooses among his own.
    everywhere = {"bbox": [80, 30, 90, 50]}
    told = desk.change(desk.line(everywhere, 0, "wang", later=1), by="li", dry_run=True)
    assert cells_of(told) == ["9902-1"]
    # A cell that was only lent to his squad is not his to take, nor one that the bureau gives away later.
    body = {
        "squad_id": str(desk.town.squads[0]),
        "ground": "cover",
        "reason": "试样",
        "from_day": desk.day(0),
    }
    lent = {**body, **desk.cells(3), "to_day": desk.day(9)}
    assert desk.client("ju").post("/api/v1/scope-grants", json=lent).status_code == 201
    problem_of(desk.post(desk.line([3], 0, "li"), by="li"), status=404)
    desk.change(desk.line([1], 1, "zhao", later=5))
    problem_of(desk.post(desk.line([1], 0, "wang"), by="li"), status=404)


def test_a_squad_leader_sees_the_changes_of_his_squads_and_withdraws_his_own(desk: Desk) -> None:
    own = desk.change(desk.line([0], 0, "wang", later=2), by="li")["change_id"]
    of_bureau = desk.change(desk.line([1], 0, "wang", later=2))["change_id"]
    elsewhere = desk.change(desk.line([2], 1, "qian", later=2))["change_id"]
    seen = {one["id"] for one in desk.client("li").get("/api/v1/duty-changes").get_json()["items"]}
    assert seen == {own, of_bureau}
    problem_of(desk.withdraw(elsewhere, by="li"), status=404)
    problem_of(desk.withdraw(of_bureau, by="li"), status=403)
    assert desk.withdraw(own, by="li").status_code == 200


def test_changes_are_listed_the_newest_first_with_what_became_of_them(desk: Desk) -> None:
    made = []
    for step in (
        lambda: desk.change(desk.line([0, 1], 1, "zhao", later=1), reason="试样：换片"),
        lambda: desk.change(desk.line([2], 0, "li", later=5), endings=[desk.ending([3], 6)]),
        lambda: desk.withdraw(made[1]).get_json(),
    ):
        made.append(step()["change_id"])
        desk.clock.pass_by(hours=10)
    client = desk.client("ju")
    listed = client.get("/api/v1/duty-changes").get_json()["items"]
    assert [one["id"] for one in listed] == made[::-1]
    assert [one["state"] for one in listed] == ["withdrawal", "withdrawn", "begun"]
    assert [(one["cells"], one["vacated"]) for one in listed] == [(2, 0), (2, 1), (2, 0)]
    assert listed[2]["reason"] == "试样：换片"
    assert listed[0]["withdraws_id"] == made[1]
    page = client.get("/api/v1/duty-changes", query_string={"limit": 2}).get_json()
    rest = client.get("/api/v1/duty-changes", query_string={"after": page["after"]}).get_json()
    assert [one["id"] for one in page["items"] + rest["items"]] == made[::-1]
    about = {"cell_id": str(desk.town.cells[0])}
    assert [
        one["id"] for one in client.get("/api/v1/duty-changes", query_string=about).get_json()["items"]
    ] == made[:1]
    detail = client.get(f"/api/v1/duty-changes/{made[1]}").get_json()
    assert [(one["code"], (one["holder"] or {}).get("lead")) for one in detail["stages"]] == [
        ("9902-2", "li"),
        ("9902-3", None),
    ]


def test_whatever_is_decided_stands_in_the_trail(desk: Desk) -> None:
    change = desk.change(desk.line([0], 1, "zhao", later=1), endings=[desk.ending([1], 1)])["change_id"]
    desk.withdraw(change)
    with desk.kernel.sessions() as session:
        events = session.execute(
            select(Event.name, Event.facts, Event.subject_ids)
            .where(Event.account_id == desk.town.accounts["ju"], Event.name.startswith("duty"))
            .order_by(Event.seq)
        ).all()
    assert [name for name, _, _ in events] == ["duty.assigned", "duty.ended", "duty_change.withdrawn"]
    assert {facts.get("change_id") for _, facts, _ in events[:2]} == {change}
    assert events[1].facts["reason"] == "试样：网格调整"
    assert events[2].subject_ids[0] == change


def test_who_answers_is_listed_by_day_squad_and_lead_within_scope(desk: Desk) -> None:
    desk.change(desk.line([1], 0, "wang", later=3))
    client = desk.client("ju")

    def listed(name: str = "ju", **query: Any) -> list[tuple[str, str, str | None]]:
        found = desk.client(name).get("/api/v1/duties", query_string=query).get_json()
        return [(one["code"], one["lead"], one["until"]) for one in found["items"]]

    assert listed() == [
        ("9902-0", "li", None),
        ("9902-1", "li", desk.day(3)),
        ("9902-2", "zhao", None),
        ("9902-3", "zhao", None),
    ]
    assert listed(day=desk.day(3), squad_id=str(desk.town.squads[0])) == [
        ("9902-0", "li", None),
        ("9902-1", "wang", None),
    ]
    assert listed(lead_person_id=str(desk.town.people["wang"])) == []
    assert [code for code, _, _ in listed("qian")] == ["9902-2", "9902-3"]
    page = client.get("/api/v1/duties", query_string={"limit": 3}).get_json()
    assert page["day"] == desk.day(0)
    rest = client.get("/api/v1/duties", query_string={"after": page["after"]}).get_json()
    assert [one["code"] for one in rest["items"]] == ["9902-3"]


def test_vacancies_tell_since_when_and_who_comes_next(desk: Desk) -> None:
    desk.add_cell("9902-9", 9)
    desk.change(endings=[desk.ending([0], 2)])
    desk.change(desk.line([0], 1, "qian", later=6))

    def vacant(name: str = "ju", **query: Any) -> list[tuple[str, str | None, str | None, str | None]]:
        found = desk.client(name).get("/api/v1/duties/vacancies", query_string=query).get_json()
        names = ("code", "vacant_since", "next_from_day", "next_squad")
        return [tuple(one[name] for name in names) for one in found["items"]]

    never = ("9902-9", None, None, None)
    assert vacant() == [never]
    assert vacant(day=desk.day(2)) == [("9902-0", desk.day(2), desk.day(6), "试样2中队"), never]
    assert vacant(day=desk.day(6)) == [never]
    # The board tells everybody; a squad leader, to whom a cell that nobody answers for is in no scope, sees it too.
    assert vacant("li", day=desk.day(2)) == vacant(day=desk.day(2))


def test_duties_that_cannot_be_carried_are_listed_with_the_reasons(desk: Desk) -> None:
    desk.hire("old", 1, certified_until=desk.today + timedelta(days=3))
    desk.change(desk.line([3], 1, "old"))
    desk.move("li", 1, later=2)

    def unfit(name: str = "ju", later: int = 0) -> list[tuple[str, str, list[str]]]:
        query = {"day": desk.day(later)}
        found = desk.client(name).get("/api/v1/duties/unfit", query_string=query).get_json()
        return [
            (one["code"], one["lead"], [why["code"] for why in one["concerns"]]) for one in found["items"]
        ]

    assert unfit(later=1) == []
    left = [(code, "li", ["not_in_squad"]) for code in ("9902-0", "9902-1")]
    assert unfit(later=3) == left
    expired = ("9902-3", "old", ["certificate_expired"])
    assert unfit(later=4) == [*left, expired]
    assert unfit("zhao", later=4) == [expired]
    assert unfit("li", later=4) == left
    with desk.work() as work:
        work.session.get_one(Person, desk.town.people["old"]).kind = "staff"
    assert unfit("zhao", later=4) == [("9902-3", "old", ["not_an_officer", "certificate_expired"])]
