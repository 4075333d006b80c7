"""Goods, scans and hints as a device pushes them and the desk reads them: over the wire, into the tables, out of the API."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from server.demo import documents
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from server.records.models import CartonScan, GoodsLine, Record
from tests.fieldwork import push_at, visit_of
from tests.one_house import app, kernel, settings, town
from tests.town import MONDAY, Town, client_of

__all__ = ["app", "kernel", "settings", "town"]


@pytest.fixture(scope="module")
def leader(app: Flask, kernel: Kernel, town: Town) -> FlaskClient:
    """The leader of the squad, at a desk."""
    return client_of(app, kernel, town, "li")


@pytest.fixture(scope="module")
def licences(kernel: Kernel, town: Town) -> list[str]:
    """The licences of the town's outlets, in their order."""
    with kernel.sessions() as session:
        held = dict(session.execute(select(Outlet.id, Outlet.licence_no)).all())
    return [held[outlet] for outlet in town.outlets]


def a_visit(town: Town, **answers: Any) -> documents.Document:
    """An inspection of the first outlet, with these answers."""
    visit = visit_of(town, 0, MONDAY + timedelta(hours=1))
    document = documents.site_visit(visit, Random(7), cause="not_from_local_wholesaler")
    document["answers"] |= {"carton_scans": [], **answers}
    return document


def push(kernel: Kernel, town: Town, *records: documents.Document) -> list[Any]:
    return push_at(kernel, town, "li", MONDAY + timedelta(hours=3), *records)


def told(client: FlaskClient, record: documents.Document) -> dict[str, Any]:
    answer = client.get(f"/api/v1/records/{record['id']}")
    assert answer.status_code == 200, answer.get_data()
    found: dict[str, Any] = answer.get_json()
    return found


def test_cartons_of_other_licences_are_flagged_and_named(
    kernel: Kernel, town: Town, leader: FlaskClient, licences: list[str]
) -> None:
    own, neighbour = licences[0], licences[1]
    record = a_visit(
        town,
        carton_scans=[
            {"licence_no": own, "match": "own", "cartons": 12},
            {"licence_no": neighbour, "match": "own", "cartons": 9},
            {"licence_no": "880181100001", "match": "other", "cartons": 2},
        ],
    )
    assert push(kernel, town, record) == []
    found = told(leader, record)
    assert found["valid"]
    assert {"diverted", "off_channel", "scan_contradicted"} <= set(found["flags"])
    named = {hint["code"]: hint for hint in found["hints"]}
    with kernel.sessions() as session:
        name = session.scalars(select(Outlet.name).where(Outlet.id == town.outlets[1])).one()
        rows = session.execute(
            select(CartonScan.claimed, CartonScan.found, CartonScan.flag, CartonScan.outlet_id)
            .filter_by(record_id=record["id"])
            .order_by(CartonScan.ordinal)
        ).all()
    assert f"“{name}”" in named["diverted"]["detail"]
    assert (named["diverted"]["amount"], named["diverted"]["unit"]) == (9, "carton")
    assert "不在本局许可证登记库中" in named["off_channel"]["detail"]
    assert [tuple(row) for row in rows] == [
        ("own", "own", None, town.outlets[0]),
        ("own", "other", "diverted", town.outlets[1]),
        ("other", "other", "off_channel", None),
    ]


def test_hints_reach_the_desk_and_the_handheld(kernel: Kernel, town: Town, leader: FlaskClient) -> None:
    goods = [{"category": "cigarette", "quantity": 20, "unit": "case_unit", "flags": ["counterfeit"]}]
    record = a_visit(town, goods=goods)
    assert push(kernel, town, record) == []
    hints = told(leader, record)["hints"]
    assert [
        (hint["code"], hint["article"], hint["amount"], hint["limit"], hint["unit"]) for hint in hints
    ] == [
        ("wholesale_amount", "烟草专卖法实施条例第二十四条", 200_000, 10_000, "stick"),
        ("crime_sticks", "法释〔2010〕7号第三条", 200_000, 200_000, "stick"),
    ]
    # A device that sends the same id with another edit is given what is stored, stamped.
    (stored,) = push(kernel, town, record | {"edit_id": "0196f000-0000-4000-8000-0000000000ee"})
    assert stored["stamp"]["hints"] == hints


def test_guard_the_largest_numbers_are_stored_and_larger_ones_quarantined(
    kernel: Kernel, town: Town, leader: FlaskClient
) -> None:
    largest = {"category": "cigarette", "quantity": 10**9, "unit": "chest", "unit_price_fen": 10**9}
    most = a_visit(town, goods=[largest] * 200, money={"case_value_fen": 10**15})
    assert push(kernel, town, most) == []
    with kernel.sessions() as session:
        rows = session.execute(
            select(GoodsLine.sticks, GoodsLine.labelled_value_fen).filter_by(record_id=most["id"])
        ).all()
    assert {tuple(row) for row in rows} == {(5 * 10**13, 10**18)}
    assert len(rows) == 200
    for quantity in (10**9 + 1, 10**19, 10**40, -1, 3.5, True, "3"):
        beyond = a_visit(town, goods=[{**largest, "quantity": quantity}])
        (answer,) = push(kernel, town, beyond)
        assert [one["path"] for one in answer["review"]] == ["/answers/goods/0/quantity"], quantity
    whole = a_visit(town, goods=[{**largest, "quantity": 3.0, "unit": "carton"}])
    assert push(kernel, town, whole) == []
    with kernel.sessions() as session:
        line = session.scalars(select(GoodsLine).filter_by(record_id=whole["id"])).one()
    assert (line.quantity, line.sticks, line.labelled_value_fen) == (3, 600, 3 * 10**9)


def test_guard_goods_of_a_form_that_is_not_known_are_stored_as_far_as_they_are_goods(
    kernel: Kernel, town: Town, leader: FlaskClient
) -> None:
    odd = [
        {"category": "cigarette", "quantity": 2, "unit": "carton"},
        {"category": "cigarette", "quantity": 1e40, "unit": "chest"},
        {"quantity": "3"},
        "卷烟两条",
        {"category": ["x"], "quantity": 1, "unit": {}},
        {"category": "tea", "quantity": 5, "unit": "gram"},
    ]
    money = {"case_value_fen": 10**40, "fund_flow_fen": "1"}
    record = a_visit(town, goods=odd, money=money, carton_scans=[{"cartons": 10**40, "code": 5}, 7])
    record["form_version"] = 900_000
    assert push(kernel, town, record) == []
    found = told(leader, record)
    assert "form_unknown" in {finding["code"] for finding in found["findings"]}
    assert found["document"]["answers"]["goods"] == odd
    with kernel.sessions() as session:
        rows = session.execute(
            select(GoodsLine.category, GoodsLine.quantity, GoodsLine.sticks, GoodsLine.grams)
            .filter_by(record_id=record["id"])
            .order_by(GoodsLine.ordinal)
        ).all()
        assert session.get(Record, record["id"]) is not None
    assert [tuple(row) for row in rows] == [("cigarette", 2, 400, 0), ("tea", 5, 0, 0)]


def test_totals_that_differ_are_stored_not_valid_and_told_with_both_numbers(
    kernel: Kernel, town: Town, leader: FlaskClient
) -> None:
    goods = [{"category": "cigarette", "quantity": 3, "unit": "carton"}]
    record = a_visit(town, goods=goods, goods_totals={"lines": 1, "sticks": 800})
    assert push(kernel, town, record) == []
    found = told(leader, record)
    assert not found["valid"]
    assert [(finding["code"], finding["path"]) for finding in found["findings"]] == [
        ("goods_total_mismatch", "/answers/goods_totals/sticks")
    ]
    assert "填报800支，按明细合计600支" in found["findings"][0]["detail"]
