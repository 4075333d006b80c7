"""Hints: what the law says of such amounts, with its article."""

from __future__ import annotations

from typing import Any

import pytest

from server.records.hints import hints_of, limit_hints, stop_hints, suspect_hints
from tests.records.documents import depot_check, road_check, site_visit


def _line(category: str, quantity: int, unit: str, **given: Any) -> dict[str, Any]:
    return {"category": category, "quantity": quantity, "unit": unit, **given}


@pytest.mark.parametrize(
    ("way", "line", "beyond"),
    [
        ("road", _line("cigarette", 50, "carton"), False),
        ("road", _line("cigarette", 10_001, "stick"), True),
        ("road", _line("ecig_pod", 91, "piece"), True),
        ("road", _line("empty_tube", 96_200, "stick"), False),
        ("post", _line("cigarette", 2, "carton"), False),
        ("post", _line("cigarette", 401, "stick"), True),
        ("post", _line("leaf", 5, "kilogram"), False),
        ("post", _line("leaf", 5_001, "gram"), True),
        ("post", _line("ecig_device", 3, "piece"), True),
        ("post", _line("e_liquid", 12, "millilitre"), False),
        ("post", _line("leaf", 5, "carton"), False),
    ],
)
def test_a_limit_is_gone_beyond_by_more_than_the_limit(way: str, line: dict[str, Any], beyond: bool) -> None:
    assert bool(limit_hints([line], way)) is beyond  # type: ignore[arg-type]


def test_lines_count_together() -> None:
    hints = limit_hints([_line("ecig_pod", 4, "piece"), _line("disposable_ecig", 3, "stick")], "post")
    assert [(hint.code, hint.amount, hint.limit) for hint in hints] == [("over_post_limit", 7, 6)]
    assert hints[0].detail == "烟弹、一次性电子烟7个，超过限量6个。"


def test_both_tests_of_the_road_are_shown() -> None:
    goods = [_line("cigarette", 51, "carton")]
    bare = stop_hints({"goods": goods})
    assert [hint.code for hint in bare] == ["over_carry_limit", "no_permit_no_proof"]
    permitted = stop_hints({"goods": goods, "permit": "valid", "permit_sticks": 10_000})
    assert [hint.code for hint in permitted] == ["over_carry_limit", "over_permit"]
    assert [hint.code for hint in stop_hints({"goods": goods, "local_purchase_proof": True})] == [
        "over_carry_limit"
    ]
    assert stop_hints({"goods_found": False}) == []


def test_a_parcel_is_held_against_the_limits_of_post() -> None:
    (suspect,) = depot_check(abnormal=True)["answers"]["suspects"]
    (hint,) = suspect_hints(suspect)
    assert (hint.code, hint.limit, hint.article) == ("over_post_limit", 400, "烟草专卖法第二十二条")


def _told(document: dict[str, Any]) -> list[tuple[str, int, int, str, str]]:
    return [
        (hint["code"], hint["amount"], hint["limit"], hint["unit"], hint["path"])
        for hint in hints_of(document)
    ]


def _shop(*lines: dict[str, Any], **money: int) -> dict[str, Any]:
    document = site_visit(cause="not_from_local_wholesaler")
    document["answers"] |= {"goods": [*lines], "money": money}
    return document


@pytest.mark.parametrize(
    ("lines", "money", "codes"),
    [
        ([_line("cigarette", 49, "carton")], {}, []),
        ([_line("cigarette", 50, "carton")], {}, ["wholesale_amount"]),
        ([_line("cigarette", 199_999, "stick")], {}, ["wholesale_amount"]),
        ([_line("cigarette", 20, "case_unit")], {}, ["wholesale_amount", "crime_sticks"]),
        ([_line("cigarette", 100, "case_unit")], {}, ["wholesale_amount", "crime_sticks_grave"]),
        ([_line("leaf", 999, "kilogram")], {}, []),
        ([_line("leaf", 1, "tonne")], {}, ["leaf_amount"]),
        # A tonne of cut tobacco is no leaf, and a million empty tubes are no cigarettes.
        ([_line("cut_tobacco", 1, "tonne"), _line("empty_tube", 10**6, "stick")], {}, []),
        ([], {"case_value_fen": 2_999_999}, []),
        ([], {"case_value_fen": 3_000_000}, ["crime_value_repeated"]),
        ([], {"case_value_fen": 5_000_000}, ["crime_value"]),
        ([], {"case_value_fen": 25_000_000}, ["crime_value_grave"]),
        # What passed through accounts, and what is fined, is no amount of business.
        ([], {"fund_flow_fen": 25_000_000, "fine_and_confiscation_fen": 25_000_000}, []),
        ([_line("ecig_pod", 100, "piece", unit_price_fen=50_000)], {}, ["crime_value"]),
        # A case value that is told stands for the labelled value, and is not added to it.
        ([_line("ecig_pod", 100, "piece", unit_price_fen=50_000)], {"case_value_fen": 100}, []),
        (
            [_line("cigarette", 10, "carton", unit_price_fen=1_500_000, flags=["counterfeit"])],
            {},
            ["crime_value", "crime_fakes_unsold"],
        ),
    ],
)
def test_what_a_shop_comes_to(lines: list[dict[str, Any]], money: dict[str, int], codes: list[str]) -> None:
    assert [told[0] for told in _told(_shop(*lines, **money))] == codes


def test_a_stop_without_permit_may_be_confiscated_beyond_a_hundred_cases_or_fifty_thousand_yuan() -> None:
    document = road_check()
    stop = {"goods": [_line("cigarette", 101, "case_unit", unit_price_fen=50_000)], "permit": "expired"}
    document["answers"]["stops"] = [{}, stop]
    assert _told(document) == [
        ("over_carry_limit", 1_010_000, 10_000, "stick", "/answers/stops/1"),
        ("confiscation_amount", 1_010_000, 1_000_000, "stick", "/answers/stops/1"),
        ("confiscation_value", 5_050_000, 5_000_000, "fen", "/answers/stops/1"),
        ("crime_sticks_grave", 1_010_000, 1_000_000, "stick", "/answers"),
        ("crime_value", 5_050_000, 5_000_000, "fen", "/answers"),
    ]
    stop["permit"] = "valid"
    assert [told[0] for told in _told(document)] == ["over_carry_limit", "crime_sticks_grave", "crime_value"]


def test_a_hint_names_its_article_and_both_numbers() -> None:
    (first, second) = hints_of(_shop(_line("cigarette", 2_354, "carton")))
    assert (first["article"], second["article"]) == ("烟草专卖法实施条例第二十四条", "法释〔2010〕7号第三条")
    assert "470800支（2354条），达到50条" in first["detail"]
    assert "470800支（47.08万支），达到20万支" in second["detail"]


def test_a_clean_shop_has_no_hints() -> None:
    assert hints_of(site_visit()) == []
