"""Dispatches: from the field, from a session by itself and from the desk; each person and each vehicle once."""

from __future__ import annotations

import uuid
from typing import Any

from tests.api.conftest import problem_of
from tests.dispatches.conftest import Roads, at
from tests.fieldwork import push_at


def of_day(roads: Roads, day: int, name: str = "ju", **query: Any) -> list[dict[str, Any]]:
    span = {"since": at(day, 0).isoformat(), "until": at(day + 1, 0).isoformat()}
    return roads.all("/dispatches", name, **span, **query)


def counts(dispatch: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(dispatch[name] for name in ("officers", "others", "vehicle_count", "partner_people"))  # type: ignore[return-value]


def findings(roads: Roads, record_id: uuid.UUID) -> dict[str, str]:
    told = roads.get(f"/records/{record_id}").get_json()["findings"]
    return {one["code"]: one["detail"] for one in told}


def test_each_person_and_each_vehicle_counts_once(roads: Roads) -> None:
    people = roads.town.people
    record = roads.dispatch(
        at(7),
        by=("li", "wang"),
        # Li signed already, Zhao is listed and drives, Fu is an auxiliary.
        people=[{"person_id": str(people[name])} for name in ("li", "zhao", "fu")],
        vehicles=[
            {"plate": "测A00001", "driver_id": str(people["zhao"])},
            {"plate": "测a·00001"},
            {"plate": "测A00002"},
        ],
        partner_units=[{"name": "样例公安局", "people": 86}, {"name": "样例邮管局"}],
    )
    record_id = roads.push(record)
    (told,) = of_day(roads, 7)
    assert counts(told) == (3, 1, 2, 86)
    assert told["record_id"] == str(record_id)
    assert told["source"] == "form"
    assert [one["plate"] for one in told["vehicles"]] == ["测A00001", "测A00002"]
    assert all(one["vehicle_id"] for one in told["vehicles"])
    assert findings(roads, record_id) == {}


def test_a_typed_number_that_differs_is_a_finding_with_both(roads: Roads) -> None:
    record = roads.dispatch(at(8), people_told=5, vehicles_told=0, vehicles=[{"plate": "测A00001"}])
    found = findings(roads, roads.push(record))
    assert set(found) == {"people_count_differs", "vehicle_count_differs"}
    assert "5人" in found["people_count_differs"]
    assert "2人" in found["people_count_differs"]
    assert "0辆" in found["vehicle_count_differs"]
    assert "1辆" in found["vehicle_count_differs"]
    # What is listed counts, and the record was kept.
    assert counts(of_day(roads, 8)[0]) == (2, 0, 1, 0)


def test_a_session_that_names_no_dispatch_is_one_of_its_own(roads: Roads) -> None:
    units = [{"name": "样例交警", "people": 4}]
    named = roads.push(roads.dispatch(at(9, 8)))
    roads.push(roads.session(at(9, 9), dispatch_id=str(named)))
    first = roads.session(at(9, 14), version=1, answers={"vehicles_used": 2, "partner_units": units})
    roads.push(first)
    own = {"vehicles": [{"plate": "测A00002"}], "partner_units": []}
    second = roads.session(at(9, 16), answers=own | {"vehicles_used": 1})
    assert findings(roads, roads.push(second)) == {}
    third = roads.session(at(9, 18), answers=own | {"vehicles_used": 2})
    assert set(findings(roads, roads.push(third))) == {"vehicle_count_differs"}
    told = of_day(roads, 9)
    assert [one["source"] for one in told] == ["form", "road_check", "road_check", "road_check"]
    # The first version of the form tells vehicles by number alone: they count, and have no plate.
    assert counts(told[1]) == (2, 0, 2, 4)
    assert [one["plate"] for one in told[1]["vehicles"]] == [None, None]
    assert [counts(one) for one in told[2:]] == [(2, 0, 1, 0)] * 2


def test_a_night_shift_belongs_to_the_day_on_which_it_starts(roads: Roads) -> None:
    roads.push(roads.session(at(10, 23, 30), hours=1))
    assert [one["day"] for one in of_day(roads, 10)] == ["2026-07-10"]
    assert of_day(roads, 11) == []


def test_an_amendment_speaks_for_its_record(roads: Roads) -> None:
    first = roads.dispatch(at(13), by=("li", "wang"))
    roads.push(first)
    second = roads.dispatch(at(13), by=("li", "wang", "zhao"))
    roads.push(second | {"amends_id": first["id"], "amend_reason": "漏填一人"}, received=at(14))
    assert [one["id"] for one in of_day(roads, 13)] == [second["id"]]
    assert {one["id"] for one in of_day(roads, 13, all="true")} == {first["id"], second["id"]}


def test_what_is_unknown_or_malformed_is_kept_and_told(roads: Roads) -> None:
    stranger = uuid.uuid4()
    record = roads.dispatch(at(15), people=[{"person_id": str(stranger)}], vehicles=[{"plate": "外B12345"}])
    roads.push(record)
    # A form that is not known here yet may hold anything at all.
    later = roads.dispatch(at(16)) | {"form_version": 9}
    later["answers"] = {
        "people": "两人",
        "vehicles": [1, {"plate": 7}],
        "partner_units": [{"name": "x", "people": -1}],
    }
    roads.push(later)
    assert counts(of_day(roads, 15)[0]) == (2, 1, 1, 0)
    assert of_day(roads, 15)[0]["people"][-1] == {"person_id": None, "name": None, "kind": "unknown"}
    assert counts(of_day(roads, 16)[0]) == (2, 0, 0, 0)


def test_a_plate_that_is_none_of_the_bureaus_is_masked(roads: Roads) -> None:
    roads.push(roads.dispatch(at(25), vehicles=[{"plate": "测A00001"}, {"plate": "测B99123"}]))
    told = of_day(roads, 25)[0]["vehicles"]
    assert [(one["plate"], one["vehicle_id"] is None) for one in told] == [
        ("测A00001", False),
        ("测B***23", True),
    ]


def desk(roads: Roads, day: int, **given: Any) -> dict[str, Any]:
    people = roads.town.people
    return {
        "squad_id": str(roads.town.squads[0]),
        "started_at": at(day, 9).isoformat(),
        "ended_at": at(day, 12).isoformat(),
        "task": "补登记",
        "people": [str(people["li"]), str(people["wang"])],
        "vehicles": ["测A00001"],
        **given,
    }


def test_the_desk_registers_corrects_and_withdraws(roads: Roads) -> None:
    def send(path: str, body: dict[str, Any], name: str = "li") -> Any:
        return roads.client(name).post(f"/api/v1/dispatches{path}", json=body)

    # The desk's clock is the real one, and what is to come is not written down.
    first = send("", desk(roads, 17, partner_units=[{"unit": "样例公安局", "people": 6}]))
    assert first.status_code == 201, first.get_json()
    assert counts(first.get_json()) == (2, 0, 1, 6)
    own = first.get_json()["id"]
    wrong = send("", desk(roads, 17, people_told=3, vehicles_told=1))
    fault = problem_of(wrong, status=422, code="invalid")["errors"][0]
    assert fault["path"] == "/people_told"
    assert "3人" in fault["detail"]
    assert "2人" in fault["detail"]
    problem_of(send("", desk(roads, 17, vehicles=["外B1"])), status=422, code="invalid")
    problem_of(send("", desk(roads, 17, people=[str(uuid.uuid4())])), status=422, code="invalid")
    problem_of(send("", desk(roads, 17), "zhao"), status=403, code="forbidden")
    corrected = send(f"/{own}/correct", desk(roads, 17, vehicles=[], reason="没有用车"))
    assert corrected.status_code == 201
    assert corrected.get_json()["replaces_id"] == own
    assert [one["id"] for one in of_day(roads, 17)] == [corrected.get_json()["id"]]
    problem_of(send(f"/{own}/correct", desk(roads, 17, reason="再改")), status=409, code="conflict")
    newest = corrected.get_json()["id"]
    problem_of(send(f"/{newest}/withdraw", {"reason": "没有这回事"}, "zhao"), status=404, code="not_found")
    assert send(f"/{newest}/withdraw", {"reason": "没有这回事"}).status_code == 201
    assert of_day(roads, 17) == []
    assert len(of_day(roads, 17, all="true")) == 3


def test_a_record_that_has_the_id_of_a_dispatch_of_the_desk_is_kept_beside_it(roads: Roads) -> None:
    written = roads.client("li").post("/api/v1/dispatches", json=desk(roads, 26)).get_json()
    beside = roads.dispatch(at(26, 15))
    record = roads.dispatch(at(26, 14)) | {"id": written["id"]}
    assert push_at(roads.kernel, roads.town, "li", at(26, 18), record, beside) == []
    assert {one["id"]: one["source"] for one in of_day(roads, 26)} == {
        written["id"]: "desk",
        beside["id"]: "form",
    }


def test_a_dispatch_of_a_record_is_amended_in_the_field(roads: Roads) -> None:
    record_id = roads.push(roads.dispatch(at(20)))
    answer = roads.client("ju").post(
        f"/api/v1/dispatches/{record_id}/withdraw", json={"reason": "没有这回事"}
    )
    problem_of(answer, status=409, code="dispatch_of_record")


def test_another_squads_dispatches_are_not_shown_unless_one_was_on_them(roads: Roads) -> None:
    roads.push(roads.dispatch(at(21), by=("zhao", "qian")), by="zhao")
    joint = roads.dispatch(at(21, 15), by=("zhao", "li"))
    roads.push(joint, by="zhao")
    assert [one["id"] for one in of_day(roads, 21, "li")] == [joint["id"]]
    assert len(of_day(roads, 21, "zhao")) == 2
    person = str(roads.town.people["li"])
    assert [one["id"] for one in of_day(roads, 21, person_id=person)] == [joint["id"]]
