"""Patrols as dispatches (出动): each person and each vehicle once a patrol, the police never, and nothing guessed twice."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from tests.patrols.conftest import Days, at
from tests.patrols.plans import Team

TEAM = Team(("li", "wang"), (0, 1))
LATER = datetime.fromisoformat("2026-08-30T12:00:00+08:00").isoformat()


def counts(dispatch: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(dispatch[name] for name in ("officers", "others", "vehicle_count", "partner_people"))  # type: ignore[return-value]


def month(days: Days, **query: Any) -> dict[str, str]:
    """The figures of July in R3."""
    answer = days.roads.get("/reports/monthly", period="2026-07", **{"as_of": LATER, **query})
    assert answer.status_code == 200, answer.get_json()
    return {row["figure"]: row["month"] for row in answer.get_json()["rows"]}


FIGURES = (
    "dispatches",
    "person_times",
    "other_person_times",
    "vehicle_times",
    "partner_person_times",
    "derived_dispatches",
    "derived_person_times",
)


def grown(before: dict[str, str], after: dict[str, str]) -> dict[str, int]:
    """By how much each of the figures of dispatches grew."""
    return {name: int(after[name]) - int(before[name]) for name in FIGURES}


def test_the_end_of_a_patrol_is_a_dispatch_under_its_own_id(days: Days) -> None:
    (patrol,) = days.plan(7, TEAM).patrols
    days.push(days.run("start", patrol, at(7, 8, 40)))
    assert days.dispatches(7) == []
    end = days.push(
        days.run(
            "end",
            patrol,
            at(7, 8, 40),
            at(7, 17),
            # Li signs; who was out in all is told, an auxiliary instead of Wang, and Zhao who drove.
            people=("li", "fu"),
            told={
                "vehicles": [
                    {"plate": "测A00001", "driver_id": str(days.town.people["zhao"])},
                    {"plate": "测a 00001"},
                ],
                "partner_units": [{"name": "样例公安局", "people": 4}, {"name": "样例邮管局"}],
            },
        ),
        received=at(7, 18),
    )
    (told,) = days.dispatches(7)
    assert (told["id"], told["record_id"], told["patrol_id"]) == (str(patrol), str(end), str(patrol))
    assert (told["source"], told["task"], told["squad_id"]) == (
        "patrol",
        "巡查：第1组",
        str(days.town.squads[0]),
    )
    assert counts(told) == (2, 1, 1, 4)
    assert [one["name"] for one in told["people"]] == ["li", "fu", "zhao"]
    assert days.roads.get(f"/dispatches/{patrol}").get_json() == told


def test_where_nobody_is_listed_the_signers_were_out(days: Days) -> None:
    (patrol,) = days.plan(8, TEAM).patrols
    days.push(days.run("end", patrol, at(8, 8, 40), at(8, 17), by=("li", "wang")), received=at(8, 18))
    (told,) = days.dispatches(8)
    assert counts(told) == (2, 0, 0, 0)


def test_of_an_unknown_patrol_it_has_the_record_s_id(days: Days) -> None:
    unknown = uuid.uuid4()
    end = days.push(days.run("end", unknown, at(9, 8), at(9, 9)), received=at(9, 18))
    (told,) = days.dispatches(9)
    assert (told["id"], told["patrol_id"], told["task"]) == (str(end), str(unknown), None)


def test_of_two_that_end_it_the_first_to_begin_counts_and_an_amendment_speaks_for_its_own(days: Days) -> None:
    (patrol,) = days.plan(10, TEAM).patrols
    second = days.run("end", patrol, at(10, 8, 45), at(10, 17), by=("wang",), people=("wang", "fu"))
    days.push(second, by="wang", received=at(10, 17, 10))
    assert [one["record_id"] for one in days.dispatches(10)] == [second["id"]]
    first = days.run("end", patrol, at(10, 8, 30), at(10, 17), people=("li", "wang"))
    days.push(first, received=at(10, 18))
    # The one that came first has the patrol's id, the one that began first counts.
    assert [(one["id"], one["record_id"]) for one in days.dispatches(10)] == [(first["id"], first["id"])]
    assert {one["id"] for one in days.dispatches(10, all="true")} == {str(patrol), first["id"]}
    amended = days.run("end", patrol, at(10, 8, 30), at(10, 17), people=("li", "wang", "zhao"))
    days.push(amended | {"amends_id": first["id"], "amend_reason": "漏填一人"}, received=at(10, 19))
    (told,) = days.dispatches(10)
    assert (told["record_id"], counts(told)) == (amended["id"], (3, 0, 0, 0))
    # It was no end after all: the other one counts again.
    withdrawn = days.run("start", patrol, at(10, 8, 30))
    days.push(withdrawn | {"amends_id": amended["id"], "amend_reason": "误登记"}, received=at(10, 20))
    assert [one["record_id"] for one in days.dispatches(10)] == [second["id"]]


def test_the_month_counts_a_patrol_a_session_and_a_joint_action_with_police(days: Days) -> None:
    before = month(days)
    (patrol,) = days.plan(14, Team(("li", "wang"), (0, 1))).patrols
    people = {name: str(one) for name, one in days.town.people.items()}
    # Made on the way: a check and a session that name the patrol, and one visit whose handheld named nothing.
    check = days.check(0, at(14, 9)) | {"dispatch_id": str(patrol)}
    session = days.roads.session(at(14, 11), dispatch_id=str(patrol), answers={"police_present": True})
    nameless = days.check(1, at(14, 14))
    for record in (check, session, nameless):
        days.push(record, received=at(14, 16))
    # The end comes last, as it does, and twice.
    told = {"vehicles": [{"plate": "测A00001"}], "partner_units": [{"name": "样例公安局", "people": 6}]}
    days.push(
        days.run("end", patrol, at(14, 8, 30), at(14, 17), people=("li", "wang", "fu"), told=told),
        received=at(14, 17, 30),
    )
    days.push(
        days.run("end", patrol, at(14, 8, 31), at(14, 17), by=("wang",), people=("li", "wang", "zhao")),
        by="wang",
        received=at(14, 17, 40),
    )
    # Zhao is on the second list only: what he made meanwhile is no dispatch of its own either.
    days.push(days.attempt(2, at(14, 10), by=("zhao",)), by="zhao", received=at(14, 18))
    # In the evening a session by itself with a vehicle, and a joint action at which the police came with twenty.
    days.push(
        days.roads.session(at(14, 19), answers={"vehicles": [{"plate": "测A00002"}], "vehicles_used": 1}),
        received=at(14, 22),
    )
    joint = days.roads.dispatch(
        at(14, 21),
        by=("li", "wang"),
        joint_mode="regular",
        people=[{"person_id": people["zhao"]}, {"person_id": people["qian"]}],
        vehicles=[{"plate": "测A00001"}, {"plate": "测A00002"}],
        partner_units=[{"name": "样例公安局", "people": 20}],
    )
    days.push(joint, received=at(14, 23))
    assert grown(before, month(days)) == {
        "dispatches": 3,
        # Patrol 2, session 2, joint action 4; the auxiliary apart, the police not at all.
        "person_times": 8,
        "other_person_times": 1,
        "vehicle_times": 4,
        "partner_person_times": 26,
        "derived_dispatches": 0,
        "derived_person_times": 0,
    }


def test_what_names_a_patrol_that_never_ended_is_guessed_once(days: Days) -> None:
    before = month(days)
    (patrol,) = days.plan(15, TEAM).patrols
    days.push(days.run("start", patrol, at(15, 8, 30)))
    for record in (
        days.check(0, at(15, 9)) | {"dispatch_id": str(patrol)},
        days.roads.session(at(15, 11), dispatch_id=str(patrol)),
    ):
        days.push(record, received=at(15, 18))
    grew = grown(before, month(days))
    assert (grew["derived_dispatches"], grew["derived_person_times"], grew["dispatches"]) == (1, 2, 0)
    # The end comes the next morning, and nothing is guessed any more; what was known before does not change.
    days.push(days.run("end", patrol, at(15, 8, 30), at(15, 17), people=("li", "wang")), received=at(16, 9))
    after = grown(before, month(days))
    assert (after["derived_dispatches"], after["dispatches"], after["person_times"]) == (0, 1, 2)
    assert grown(before, month(days, as_of=at(15, 20).isoformat()))["derived_person_times"] == 2


def test_an_amended_end_guesses_nothing_of_what_names_the_patrol(days: Days) -> None:
    before = month(days)
    (patrol,) = days.plan(16, TEAM).patrols
    end = days.run("end", patrol, at(16, 8, 30), at(16, 12), people=("li", "wang"))
    days.push(end, received=at(16, 12, 30))
    # By the two of the other squad, at a time that the amendment does not hold any more.
    others = days.attempt(2, at(16, 11), by=("zhao", "qian")) | {"dispatch_id": str(patrol)}
    days.push(others, by="zhao", received=at(16, 13))
    shorter = days.run("end", patrol, at(16, 8, 30), at(16, 10), people=("li", "wang"))
    days.push(shorter | {"amends_id": end["id"], "amend_reason": "时间填错"}, received=at(16, 14))
    grew = grown(before, month(days))
    assert (grew["dispatches"], grew["person_times"], grew["derived_dispatches"]) == (1, 2, 0)
