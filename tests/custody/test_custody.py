"""The chain of custody: from the night's hand-in to the destruction, and who may do what."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from schemas.custody import ValuationIn
from server.custody import deciding, ops, stores
from server.custody.models import CustodyAct
from server.custody.queries import entries_of
from server.demo.registered import RegisteredGoods
from server.kernel.permissions import Role
from server.kernel.problems import Problem
from tests.custody.conftest import Room
from tests.town import MONDAY

HOUR = timedelta(hours=1)
NIGHT = MONDAY + 12 * HOUR


def codes(problem: Problem) -> set[str]:
    return {problem.code, *(error["code"] for error in problem.errors)}


def places(room: Room, list_id: uuid.UUID, seq: int = 1) -> dict[str, int]:
    line = room.whole(list_id)["goods"][seq - 1]
    told: dict[str, int] = {}
    for place in line["places"]:
        told[place["place"]] = told.get(place["place"], 0) + place["quantity"]
    return told


def test_from_the_night_to_the_destruction(room: Room) -> None:
    store, shelf, list_id = room.store(), room.store(), room.registered()
    assert places(room, list_id) == {"field": 2400}
    room.act("take_in", list_id, store_id=store, now=NIGHT, seal_nos=["封0706-01"])
    assert [line["held"] for line in room.whole(list_id)["goods"]] == [2400, 40_000, 5]
    room.act("move", (list_id, 1, 5, "carton"), store_id=shelf, now=NIGHT + HOUR)
    room.act("send_out", (list_id, 1, 2, "carton"), from_store_id=store, now=NIGHT + 2 * HOUR)
    room.act("use_up", (list_id, 1, 100), now=NIGHT + 3 * HOUR)
    room.act("bring_back", (list_id, 1), now=NIGHT + 4 * HOUR)
    assert places(room, list_id) == {"store": 2300, "used_up": 100}
    room.decide(list_id, "destroy", NIGHT + 5 * HOUR, 1)
    room.decide(list_id, "return", NIGHT + 5 * HOUR, 2, 3)
    assert room.whole(list_id)["state"] == "decided"
    room.act("hand_back", (list_id, 2), (list_id, 3), now=NIGHT + 6 * HOUR)
    room.act("destroy", (list_id, 1), now=NIGHT + 7 * HOUR)
    assert places(room, list_id) == {"destroyed": 2300, "used_up": 100}
    assert places(room, list_id, 2) == {"handed_back": 40_000}
    assert all(line["held"] == 0 for line in room.whole(list_id)["goods"])


def test_goods_are_not_destroyed_before_it_is_decided_and_the_case_closed(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", list_id, store_id=store, now=NIGHT)
    for outcome in (None, "confiscate"):
        if outcome:
            room.decide(list_id, outcome, NIGHT + HOUR)
        with pytest.raises(Problem) as refused:
            room.act("destroy", list_id, now=NIGHT + 2 * HOUR)
        assert refused.value.code == "custody_not_decided"
    with pytest.raises(Problem) as open_case:
        room.decide(list_id, "destroy", NIGHT + 2 * HOUR, case_closed_on="2026-07-07")
    assert open_case.value.code == "custody_not_decided"
    room.decide(list_id, "destroy", NIGHT + 2 * HOUR)
    with pytest.raises(Problem) as too_soon:
        room.act("destroy", list_id, happened_at=MONDAY - 24 * HOUR, now=NIGHT + 3 * HOUR)
    assert too_soon.value.code == "custody_out_of_order"
    room.act("destroy", list_id, now=NIGHT + 3 * HOUR)
    with pytest.raises(Problem) as settled:
        room.decide(list_id, "return", NIGHT + 4 * HOUR)
    assert settled.value.code == "custody_settled"


@pytest.mark.parametrize(
    ("witnesses", "code"),
    [([], "witnesses_needed"), (["zhao"], "witnesses_needed"), (["zhao", "zhao"], "witnesses_needed")],
)
def test_a_destruction_has_two_witnesses(room: Room, witnesses: list[str], code: str) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", list_id, store_id=store, now=NIGHT)
    room.decide(list_id, "destroy", NIGHT + HOUR)
    people = [room.town.people[name] for name in witnesses]
    with pytest.raises(Problem) as refused:
        room.act("destroy", list_id, now=NIGHT + HOUR, witness_ids=people)
    assert code in codes(refused.value)


def test_many_lists_are_destroyed_at_once_under_a_number_of_its_own(room: Room) -> None:
    store = room.store()
    lists = [room.registered() for _ in range(3)]
    room.act("take_in", *lists, store_id=store, now=NIGHT)
    for list_id in lists:
        room.decide(list_id, "destroy", NIGHT + HOUR)
    act_id = room.act("destroy", *lists, now=NIGHT + 2 * HOUR, document_no="样烟销〔2026〕1号")
    with room.at("wu") as work:
        act = work.session.get_one(CustodyAct, act_id)
        assert len(entries_of(work, [act_id])[act_id]) == 9
        assert len(act.witness_ids) == 2
    again = room.registered()
    room.act("take_in", again, store_id=store, now=NIGHT + 3 * HOUR)
    room.decide(again, "destroy", NIGHT + 3 * HOUR)
    with pytest.raises(Problem) as taken:
        room.act("destroy", again, now=NIGHT + 4 * HOUR, document_no="样烟销〔2026〕1号")
    assert taken.value.code == "custody_number_taken"


def test_more_than_was_registered_is_not_taken_in_nor_more_than_is_there_given_out(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    with pytest.raises(Problem) as over:
        room.act("take_in", (list_id, 1, 13, "carton"), store_id=store, now=NIGHT)
    assert over.value.code == "custody_over_registered"
    assert "登记2400支" in over.value.errors[0]["detail"]
    room.act("take_in", (list_id, 1, 10, "carton"), store_id=store, now=NIGHT)
    room.decide(list_id, "return", NIGHT)
    with pytest.raises(Problem) as short:
        room.act("hand_back", (list_id, 1, 11, "carton"), now=NIGHT + HOUR)
    assert short.value.code == "custody_short"
    assert places(room, list_id) == {"field": 400, "store": 2000}


def test_the_officer_of_the_case_is_never_the_keeper(room: Room) -> None:
    list_id = room.registered()
    with room.at() as work:
        # The keeper is li, who signed the list.
        work.session.execute(
            text("update account set person_id = :person where id = :account"),
            {"person": room.town.people["li"], "account": room.town.accounts["wu"]},
        )
    try:
        store = room.store()
        with pytest.raises(Problem) as own:
            room.act("take_in", list_id, store_id=store, now=NIGHT)
        assert own.value.code == "custody_own_case"
        others = room.registered(by=("zhao", "qian"))
        room.act("take_in", others, store_id=store, now=NIGHT)
        # Nor may he have signed the inspection that a list belongs to.
        inspected = room.registered(by=("li", "wang"))
        told = room.registered(by=("zhao", "qian"), inspection_id=inspected)
        with pytest.raises(Problem) as inspector:
            room.act("take_in", told, store_id=store, now=NIGHT)
        assert inspector.value.code == "custody_own_case"
        # Whether when it was first written or when it was amended, and whichever of the two the list names.
        first = room.list_of(by=("zhao", "qian"))
        amended = room.list_of(by=("li", "wang")) | {"amends_id": first["id"], "amend_reason": "补登记人员"}
        room.push(first, amended, by="zhao")
        told = room.registered(by=("zhao", "qian"), inspection_id=uuid.UUID(first["id"]))
        with pytest.raises(Problem) as amender:
            room.act("take_in", told, store_id=store, now=NIGHT)
        assert amender.value.code == "custody_own_case"
    finally:
        with room.at() as work:
            work.session.execute(
                text("update account set person_id = null where id = :account"),
                {"account": room.town.accounts["wu"]},
            )


def test_only_the_keeper_of_the_store_acts(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    for name in ("ju", "fa", "li", "admin"):
        with pytest.raises(Problem) as refused:
            room.act("take_in", list_id, store_id=store, by=name, now=NIGHT)
        assert refused.value.code == "forbidden"
    unclaimed = {"code": "未确认", "name": "未确认的库", "keeper_id": room.town.accounts["wu"]}
    with room.at("ju") as work:
        empty = stores.open_store(work, unclaimed).id
    with pytest.raises(Problem) as nobody:
        room.act("take_in", list_id, store_id=empty, now=NIGHT)
    assert nobody.value.code == "custody_not_keeper"


def test_a_store_changes_hands_when_what_it_holds_is_acknowledged(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", (list_id, 1, 5, "carton"), store_id=store, now=NIGHT)
    with room.at() as work:
        work.session.execute(
            text("update account set roles = array['evidence_keeper'] where id = :account"),
            {"account": room.town.accounts["gis"]},
        )
    room.roles["gis"] = {Role.EVIDENCE_KEEPER}
    offer: dict[str, Any] = {"to_account_id": room.town.accounts["gis"], "document_no": "样交1号"}
    with room.at("wu", NIGHT) as work:
        first = stores.offer_store(work, store, offer)
        assert [row["quantity"] for row in first.held] == [1000]
    room.act("take_in", (list_id, 1, 1, "carton"), store_id=store, now=NIGHT + HOUR)
    with pytest.raises(Problem) as changed, room.at("gis", NIGHT + HOUR) as work:
        stores.acknowledge_store(work, first.id)
    assert changed.value.code == "hand_over_changed"
    with room.at("wu", NIGHT + HOUR) as work:
        second = stores.offer_store(work, store, offer)
    with pytest.raises(Problem) as older, room.at("gis", NIGHT + HOUR) as work:
        stores.acknowledge_store(work, first.id)
    assert older.value.code == "hand_over_settled"
    with room.at("gis", NIGHT + 2 * HOUR) as work:
        stores.acknowledge_store(work, second.id)
    with pytest.raises(Problem) as gone:
        room.act("take_in", (list_id, 1, 1, "carton"), store_id=store, now=NIGHT + 3 * HOUR)
    assert gone.value.code == "custody_not_keeper"


def test_an_act_is_corrected_once_by_another(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    act_id = room.act("take_in", list_id, store_id=store, now=NIGHT)
    with room.at("wu", NIGHT + HOUR) as work:
        correction = ops.correct_act(work, act_id, "清单号写错").id
    assert places(room, list_id) == {"field": 2400}
    for wrong in (act_id, correction):
        with pytest.raises(Problem) as refused, room.at("wu", NIGHT + 2 * HOUR) as work:
            ops.correct_act(work, wrong, "再更正一次")
        assert refused.value.code == "custody_corrected"
    with room.at("wu", NIGHT + HOUR) as work:
        acts = work.session.scalars(select(CustodyAct).where(CustodyAct.id.in_([act_id, correction]))).all()
    assert len(acts) == 2


def test_two_at_once_cannot_give_out_the_same_goods(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", (list_id, 1), store_id=store, now=NIGHT)
    room.decide(list_id, "return", NIGHT)
    outcomes: list[str] = []

    def give_out() -> None:
        try:
            room.act("hand_back", (list_id, 1, 7, "carton"), now=NIGHT + HOUR)
            outcomes.append("given")
        except Problem as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=give_out) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["custody_short"] * 3 + ["given"]


def test_the_database_holds_nothing_below_nothing_and_rewrites_no_fact(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", list_id, store_id=store, now=NIGHT)
    with pytest.raises(Problem) as below, room.at() as work:
        work.session.execute(
            text("update custody_holding set quantity = quantity - 2401 where list_id = :id and seq = 1"),
            {"id": list_id},
        )
    assert below.value.code == "custody_short"
    for table in ("custody_entry", "custody_act", "custody_decision", "registration_line", "valuation_line"):
        for statement in (f"update {table} set bureau_id = bureau_id", f"delete from {table}"):
            with pytest.raises(ProgrammingError, match="permission denied"), room.at() as work:
                work.session.execute(text(statement))


def test_a_valuation_counts_what_has_no_price_apart(room: Room) -> None:
    list_id = room.registered()
    body = {
        "valued_on": "2026-07-06",
        "document_no": "样核1号",
        "lines": [
            {"seq": 1, "price_fen": 12_345, "price_unit": "carton", "price_basis": "brand_retail"},
            {"seq": 2, "price_fen": 3_333, "price_unit": "dan", "price_basis": "manual"},
        ],
    }
    with room.at("wu") as work:
        deciding.value_goods(work, list_id, ValuationIn().load(body))
    told = room.whole(list_id)
    # 12 cartons, and 40 of the 50 kilograms of a dan: 2666.4 fen, rounded once.
    assert [line["total_fen"] for line in told["goods"]] == [148_140, 2_666, None]
    assert (told["total_fen"], told["unpriced"]) == (150_806, 1)


def test_a_line_that_comes_to_more_than_there_is_has_a_wrong_price(room: Room) -> None:
    list_id = room.registered(MONDAY, RegisteredGoods("leaf", "烤烟", 10**9, "tonne"))
    line = {"seq": 1, "price_fen": 10**9, "price_unit": "gram", "price_basis": "manual"}
    with pytest.raises(Problem) as wrong, room.at("wu") as work:
        deciding.value_goods(work, list_id, ValuationIn().load({"valued_on": "2026-07-06", "lines": [line]}))
    assert [(one["path"], one["code"]) for one in wrong.value.errors] == [("/lines/0/price_fen", "too_large")]


def test_an_amendment_after_the_take_in_changes_what_is_registered_and_not_what_is_held(room: Room) -> None:
    store, list_id = room.store(), room.registered()
    room.act("take_in", list_id, store_id=store, now=NIGHT)
    fewer = room.list_of(
        MONDAY + HOUR,
        (RegisteredGoods("cigarette", "样例牌（硬）", 11, "carton"),),
        amends_id=list_id,
        amend_reason="清点有误",
    )
    room.push(fewer, now=NIGHT + HOUR)
    told = room.whole(list_id)
    assert [(line["base_quantity"], line["held"]) for line in told["goods"]] == [
        (2200, 2400),
        (0, 40_000),
        (0, 5),
    ]
