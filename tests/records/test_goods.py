"""Goods and money as columns: nothing lost, nothing counted twice, nothing that is not whole."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Double, Float, Numeric

from server.records import goods, hints, units
from server.records.extraction import extract
from server.records.goods import GoodsRow, goods_findings, goods_rows, nature_of, outcome_row, totals_of
from server.records.models import GoodsLine, RecordOutcome, RoadStop
from server.records.units import UNITS_OF
from server.tables import METADATA
from tests.records.documents import road_check, site_visit
from tests.records.judging import codes, judged
from tests.year_fixture import MIXED_SEIZURES

pairs = st.sampled_from([(category, unit) for category, found in UNITS_OF.items() for unit in found])
lines = st.builds(
    lambda pair, quantity, flags, price: {
        "category": pair[0],
        "quantity": quantity,
        "unit": pair[1],
        "flags": flags,
        "unit_price_fen": price,
    },
    pairs,
    st.integers(0, 10**9),
    st.lists(st.sampled_from(["counterfeit", "smuggled", "off_channel", "diverted", "mouldy"]), max_size=3),
    st.none() | st.integers(0, 10**9),
)
rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("category", "quantity", "unit", "flags", "unit_price_fen", "labelled_value_fen", "product_spec")


def _line(category: str, quantity: int, unit: str, **given: Any) -> dict[str, Any]:
    return {"category": category, "quantity": quantity, "unit": unit, **given}


def test_mixed_seizures_are_counted_each_in_its_own_measure() -> None:
    counted = [
        [
            (row["category"], row["sticks"], row["grams"], row["millilitres"], row["pieces"])
            for row in goods_rows({"goods": [_line(*line) for line in seized]})
        ]
        for _, seized, _ in MIXED_SEIZURES
    ]
    assert counted == [
        [
            ("disposable_ecig", 0, 0, 0, 811),
            ("ecig_pod", 0, 0, 0, 14_712),
            ("ecig_device", 0, 0, 0, 50),
            ("machine", 0, 0, 0, 3),
        ],
        [("cut_tobacco", 0, 160_560, 0, 0), ("empty_tube", 0, 0, 0, 96_200)],
        [("cut_tobacco", 0, 28_643_000, 0, 0), ("leaf", 0, 6_409_000, 0, 0)],
        [("cigarette", 600_000, 0, 0, 0)],
        [("vehicle", 0, 0, 0, 5), ("phone", 0, 0, 0, 8), ("tool", 0, 0, 0, 2)],
    ]


def test_four_kinds_of_money_stay_apart() -> None:
    money = {
        "case_value_fen": 1,
        "amount_involved_fen": 2,
        "fund_flow_fen": 3.0,
        "fine_and_confiscation_fen": 4,
    }
    row = outcome_row({"result": "abnormal", "cause": "other", "disposal": "file_case", "money": money})
    assert row == {"result": "abnormal", "cause": "other", "disposal": "file_case", **money}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({}, False),
        ({"result": "normal", "disposal": "none", "cause": None}, False),
        ({"money": {}}, False),
        ({"money": {"case_value_fen": 0}}, True),
        ({"result": "abnormal"}, True),
        ({"disposal": "educate"}, True),
        ({"money": {"case_value_fen": 1.5}}, False),
    ],
)
def test_a_record_that_came_to_nothing_has_no_outcome(answers: dict[str, Any], told: bool) -> None:
    assert (outcome_row(answers) is not None) is told


@pytest.mark.parametrize(
    ("flags", "nature"),
    [
        ([], "other"),
        (["mouldy"], "other"),
        (["off_channel", "mouldy"], "off_channel"),
        (["diverted"], "off_channel"),
        (["off_channel", "smuggled"], "smuggled"),
        (["smuggled", "counterfeit"], "counterfeit"),
    ],
)
def test_goods_are_counted_as_one_nature(flags: list[str], nature: str) -> None:
    assert nature_of(flags) == nature


def test_a_line_without_flags_is_what_the_record_says_of_its_goods() -> None:
    first, second = goods_rows(
        {
            "goods_flags": ["counterfeit"],
            "goods": [_line("cigarette", 1, "carton"), _line("cigarette", 1, "carton", flags=["smuggled"])],
        }
    )
    assert (first["nature"], second["nature"]) == ("counterfeit", "smuggled")


@given(st.lists(lines, max_size=8), st.lists(lines, max_size=4))
def test_natures_and_the_rest_add_up_to_the_whole(
    found: list[dict[str, Any]], carried: list[dict[str, Any]]
) -> None:
    answers = {"goods": found, "stops": [{"goods": carried}]}
    rows = goods_rows(answers)
    counted = totals_of([*found, *carried])
    by_nature = [sum(row["sticks"] for row in rows if row["nature"] == nature) for nature in goods.NATURES]
    assert sum(by_nature) == counted.sticks == sum(row["sticks"] for row in rows)
    assert sum(row["grams"] for row in rows) == counted.grams
    assert sum(row["labelled_value_fen"] or 0 for row in rows) == counted.labelled_value_fen
    assert all(type(number) is int for row in rows for number in _numbers(row))
    told = dict(zip(counted._fields, counted, strict=True))
    assert goods_findings(answers | {"goods_totals": told}) == []


def test_the_most_that_one_document_can_say_fits_the_columns() -> None:
    """A document has 256 kB, so at most some five thousand lines; whatever they say, their sum is a bigint."""
    largest = max(goods.measure("cigarette", units.MOST_QUANTITY, "chest").sticks, units.MOST_FEN)
    assert largest * 5_000 < 2**63
    assert goods.measure("leaf", units.MOST_QUANTITY, "tonne").grams * 5_000 < 2**63
    assert units.MOST_QUANTITY * units.MOST_PRICE_FEN < 2**63


@given(
    st.dictionaries(
        st.sampled_from(
            ["goods", "stops", "suspects", "stock_lines", "money", "goods_totals", "goods_flags"]
        ),
        rubbish
        | st.lists(st.dictionaries(st.sampled_from((*FIELDS, "goods")), rubbish, max_size=5), max_size=4),
    )
)
def test_guard_answers_of_an_unknown_form_break_nothing(answers: dict[str, Any]) -> None:
    document = site_visit()
    document["answers"] = answers
    rows = extract(document)
    assert all(type(number) is int for row in rows.goods for number in _numbers(row))
    goods_findings(answers)
    hints.hints_of(document)


def _numbers(row: GoodsRow) -> list[Any]:
    names = ("quantity", "sticks", "grams", "millilitres", "pieces", "unit_price_fen", "labelled_value_fen")
    return [row[name] for name in names if row[name] is not None]  # type: ignore[literal-required]


def test_a_total_that_differs_is_told_with_both_numbers() -> None:
    document = site_visit(cause="not_from_local_wholesaler")
    document["answers"] |= {
        "goods": [
            _line("cigarette", 60, "carton", unit_price_fen=20_000, labelled_value_fen=1_200_001),
            _line("cut_tobacco", 3, "kilogram"),
        ],
        "goods_totals": {"lines": 3, "sticks": 12_400, "grams": 3_000, "labelled_value_fen": 1_200_001},
    }
    judgement = judged(document)
    assert [(finding["code"], finding["path"], finding["detail"]) for finding in judgement.findings] == [
        (
            "line_value_mismatch",
            "/answers/goods/0/labelled_value_fen",
            "标值填报12000.01元，按单价乘数量应为12000.00元，请核对并提交更正记录。",
        ),
        (
            "goods_total_mismatch",
            "/answers/goods_totals/lines",
            "明细行数填报3行，按明细合计2行，请核对明细并提交更正记录。",
        ),
        (
            "goods_total_mismatch",
            "/answers/goods_totals/sticks",
            "卷烟总支数填报12400支，按明细合计12000支，请核对明细并提交更正记录。",
        ),
        (
            "goods_total_mismatch",
            "/answers/goods_totals/labelled_value_fen",
            "标值合计填报12000.01元，按明细合计12000.00元，请核对明细并提交更正记录。",
        ),
    ]
    # What is counted is what the price says; what was told stays in the document.
    assert extract(document).goods[0]["labelled_value_fen"] == 1_200_000
    document["answers"]["goods_totals"] = {"lines": 2, "sticks": None, "grams": 3_000.0}
    document["answers"]["goods"][0]["labelled_value_fen"] = 1_200_000
    assert codes(judged(document)) == []


def test_goods_of_a_road_check_are_totalled_over_its_stops() -> None:
    document = road_check()
    document["answers"]["stops"] = [{"goods": [_line("cigarette", 1, "carton")]}] * 2
    document["answers"]["goods_totals"] = {"lines": 2, "sticks": 400}
    assert "goods_total_mismatch" not in codes(judged(document))
    document["answers"]["goods_totals"]["sticks"] = 401
    assert "goods_total_mismatch" in codes(judged(document))


def test_guard_no_column_of_goods_or_money_is_a_float() -> None:
    tables = (GoodsLine, RecordOutcome, RoadStop)
    money = [
        column
        for metadata in METADATA
        for table in metadata.sorted_tables
        for column in table.columns
        if table in [one.__table__ for one in tables] or column.name.endswith(("_fen", "_sticks", "_grams"))
    ]
    assert {"sticks", "grams", "labelled_value_fen", "case_value_fen"} <= {column.name for column in money}
    assert [str(column) for column in money if isinstance(column.type, (Float, Double, Numeric))] == []


@pytest.mark.parametrize("module", [units, goods, hints])
def test_guard_no_float_and_no_true_division_in_the_arithmetic_of_goods(module: Any) -> None:
    found = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8")))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "round"))
    ]
    assert found == []
