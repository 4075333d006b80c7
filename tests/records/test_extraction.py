"""Drawing rows out of records."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.records.extraction import extract, moment_of
from server.records.goods import goods_findings
from server.records.models import GoodsLine, RecordOfficer, Rectification, RoadStop
from server.records.units import UNITS_OF
from tests.records.documents import (
    FIRST_CERT,
    FIRST_OFFICER,
    MONDAY,
    OUTLET,
    SECOND_CERT,
    SECOND_OFFICER,
    depot_check,
    ecig_check,
    every_form,
    road_check,
    site_visit,
)

lines = st.builds(
    lambda pair, quantity: {"category": pair[0], "quantity": quantity, "unit": pair[1]},
    st.sampled_from([(category, unit) for category, units in UNITS_OF.items() for unit in units]),
    st.integers(0, 10**6),
)


def test_officers_keep_the_order_of_signing() -> None:
    assert extract(site_visit()).officers == [
        {"ordinal": 1, "person_id": FIRST_OFFICER, "cert_no": FIRST_CERT},
        {"ordinal": 2, "person_id": SECOND_OFFICER, "cert_no": SECOND_CERT},
    ]


def test_an_officer_known_by_the_card_only_is_kept() -> None:
    officers = extract(site_visit(officers=[{"cert_no": "1"}, {}])).officers
    assert [(row["person_id"], row["cert_no"]) for row in officers] == [(None, "1"), (None, None)]


def test_a_road_check_gives_its_stops_and_their_goods() -> None:
    document = road_check(stops=[(MONDAY, False), (MONDAY + timedelta(minutes=20), True)])
    document["answers"]["stops"][1]["goods"] = [
        {"category": "cigarette", "product_spec": "样例", "quantity": 60, "unit": "carton"},
        {"category": "empty_tube", "quantity": 5000, "unit": "stick"},
        {"category": "cut_tobacco", "quantity": 3, "unit": "kilogram"},
    ]
    rows = extract(document)
    assert [stop["ordinal"] for stop in rows.stops] == [1, 2]
    assert [stop["goods_found"] for stop in rows.stops] == [False, True]
    assert [stop["stick_total"] for stop in rows.stops] == [0, 12_000]
    assert rows.stops[1]["stopped_at"] == MONDAY + timedelta(minutes=20)
    assert rows.stops[1]["disposal"] == "file_case"
    assert [(row["ordinal"], row["stop_ordinal"], row["sticks"], row["grams"]) for row in rows.goods] == [
        (1, 2, 12_000, 0),
        (2, 2, 0, 0),
        (3, 2, 0, 3_000),
    ]


def test_a_stop_that_says_little_is_still_a_row() -> None:
    document = road_check()
    document["answers"]["stops"] = [{"goods": [{"category": "leaf", "quantity": 2, "unit": "dan"}]}, {}]
    first, second = extract(document).stops
    assert first["goods_found"] is True
    assert second == {
        "ordinal": 2,
        "stopped_at": MONDAY,
        "plate": None,
        "vehicle_kind": "other",
        "goods_found": False,
        "permit": None,
        "disposal": "release",
        "stick_total": 0,
    }


def test_goods_of_shops_and_parcels_belong_to_no_stop() -> None:
    for document in (site_visit(cause="not_from_local_wholesaler"), depot_check(abnormal=True)):
        (row,) = extract(document).goods
        assert row["stop_ordinal"] is None
        assert row["sticks"] == row["quantity"] * 200


def test_counted_stock_is_not_goods_found() -> None:
    document = site_visit()
    assert document["answers"]["stock_lines"]
    assert extract(document).goods == []


def test_a_whole_number_written_as_a_float_is_stored_whole() -> None:
    document = site_visit()
    document["answers"]["goods"] = [{"category": "cigarette", "quantity": 2.0, "unit": "carton"}]
    (row,) = extract(document).goods
    assert (row["quantity"], row["sticks"]) == (2, 400)
    assert type(row["quantity"]) is int
    assert type(row["sticks"]) is int


def test_a_wrong_unit_is_a_finding_and_counts_for_nothing() -> None:
    document = site_visit()
    document["answers"]["goods"] = [{"category": "leaf", "quantity": 5, "unit": "carton"}]
    document["answers"]["stock_lines"] = [{"category": "cigarette", "quantity": 1, "unit": "kilogram"}]
    findings = goods_findings(document["answers"])
    assert [(finding["code"], finding["path"]) for finding in findings] == [
        ("unit_not_of_category", "/answers/goods/0/unit"),
        ("unit_not_of_category", "/answers/stock_lines/0/unit"),
    ]
    assert findings[0]["detail"] == "烟叶不能以“条”计量，请改用克、公斤、担、吨并提交更正记录。"
    (row,) = extract(document).goods
    assert (row["quantity"], row["sticks"], row["grams"]) == (5, 0, 0)


def test_a_rectification_is_ordered_with_demand_and_day() -> None:
    document = ecig_check("WEEKLY", cause="no_minors_sign")
    (row,) = extract(document).rectifications
    assert (row["subject_kind"], row["subject_id"]) == ("outlet", OUTLET)
    assert (row["due_on"], row["status"]) == (date(2026, 7, 13), "open")
    assert row["demand"].startswith("请于期限内整改")


def test_no_rectification_without_day_subject_or_order() -> None:
    assert extract(ecig_check("WEEKLY", cause="no_minors_sign", subject_id=None)).rectifications == []
    undated = ecig_check("WEEKLY", cause="no_minors_sign")
    undated["answers"]["rectify"]["due_on"] = None
    assert extract(undated).rectifications == []
    educated = ecig_check("WEEKLY", cause="no_minors_sign")
    educated["answers"]["disposal"] = "educate"
    assert extract(educated).rectifications == []


def test_a_depot_is_written_to_and_not_ordered() -> None:
    document = depot_check(abnormal=True)
    document["answers"] |= {"disposal": "letter", "rectify": {"demand": "x", "due_on": "2026-07-13"}}
    assert extract(document).rectifications == []


def test_rows_fill_columns_that_there_are() -> None:
    tables = {
        "officers": RecordOfficer,
        "stops": RoadStop,
        "goods": GoodsLine,
        "rectifications": Rectification,
    }
    document = road_check()
    rectified = ecig_check("WEEKLY", cause="no_minors_sign")
    for name, table in tables.items():
        rows = getattr(extract(document), name) or getattr(extract(rectified), name)
        assert rows
        assert set(rows[0]) <= set(table.__table__.columns.keys())


@given(st.lists(st.lists(lines, max_size=4), max_size=5))
def test_stops_and_goods_agree_on_the_sticks(stops: list[list[dict[str, object]]]) -> None:
    document = road_check()
    document["answers"]["stops"] = [{"goods": goods} for goods in stops]
    rows = extract(document)
    assert sum(stop["stick_total"] for stop in rows.stops) == sum(row["sticks"] for row in rows.goods)
    assert [row["ordinal"] for row in rows.goods] == list(range(1, len(rows.goods) + 1))
    assert len(rows.goods) == sum(len(goods) for goods in stops)


rubbish = st.sampled_from(
    [None, True, 7, 0.5, "", "x", "2026-02-30", "9999-12-31T23:59:59Z", [], ["x"], {"a": 1}]
)


@given(
    st.dictionaries(
        st.sampled_from(("stopped_at", "vehicle_kind", "goods_found", "permit", "disposal", "plate")), rubbish
    ),
    st.dictionaries(st.sampled_from(("demand", "due_on")), rubbish),
)
def test_a_form_that_is_not_known_here_may_say_anything(
    stop: dict[str, object], order: dict[str, object]
) -> None:
    document = ecig_check("WEEKLY", cause="no_minors_sign", form_version=99)
    document["answers"] |= {"stops": [stop], "rectify": order}
    (row,) = extract(document).stops
    assert isinstance(row["stopped_at"], datetime)
    assert type(row["goods_found"]) is bool
    assert all(isinstance(row[name], str) for name in ("vehicle_kind", "disposal"))
    assert all(isinstance(row["due_on"], date) for row in extract(document).rectifications)


def test_a_moment_out_of_the_calendar_is_none() -> None:
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-07-06", "2026-07-06T10:00:00"):
        assert moment_of(text) is None
    assert moment_of("2026-07-06T10:00:00+08:00") == MONDAY.replace(hour=10, minute=0)


def test_every_form_survives_extraction_and_the_wire() -> None:
    for document in every_form(seed=3):
        again = json.loads(json.dumps(document, ensure_ascii=False))
        assert again == document
        rows = extract(again)
        assert len(rows.officers) == len(document["officers"])


def test_builders_are_deterministic() -> None:
    assert every_form(seed=7) == every_form(seed=7)
    assert every_form(seed=7) != every_form(seed=8)
    assert datetime.fromisoformat(ecig_check()["started_at"]) == MONDAY
