"""Units: what is counted in what, and what it comes to."""

from __future__ import annotations

import json
from dataclasses import astuple
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.records.units import (
    CATEGORY_NAMES,
    UNIT_NAMES,
    UNITS_OF,
    Amount,
    UnitNotOfCategory,
    in_ten_thousand_yuan,
    in_ten_thousands,
    in_yuan,
    is_unit_of,
    measure,
    whole,
)

quantities = st.integers(min_value=0, max_value=10**9)
pairs = st.sampled_from([(category, unit) for category, units in UNITS_OF.items() for unit in units])


@pytest.mark.parametrize(
    ("category", "quantity", "unit", "amount"),
    [
        ("cigarette", 1, "stick", Amount(sticks=1)),
        ("cigarette", 1, "pack", Amount(sticks=20)),
        ("cigarette", 1, "carton", Amount(sticks=200)),
        ("cigarette", 1, "case_unit", Amount(sticks=10_000)),
        ("cigarette", 1, "chest", Amount(sticks=50_000)),
        ("cigarette", 3000, "carton", Amount(sticks=600_000)),
        ("cut_tobacco", 3, "gram", Amount(grams=3)),
        ("cut_tobacco", 28_643, "kilogram", Amount(grams=28_643_000)),
        ("leaf", 2, "dan", Amount(grams=100_000)),
        ("leaf", 50, "tonne", Amount(grams=50_000_000)),
        ("empty_tube", 96_200, "stick", Amount(pieces=96_200)),
        ("cigar", 25, "stick", Amount(pieces=25)),
        ("ecig_pod", 14_712, "piece", Amount(pieces=14_712)),
        ("e_liquid", 30, "millilitre", Amount(millilitres=30)),
        ("machine", 3, "unit", Amount(pieces=3)),
        ("vehicle", 5, "unit", Amount(pieces=5)),
        ("phone", 8, "handset", Amount(pieces=8)),
        ("tool", 2, "set", Amount(pieces=2)),
    ],
)
def test_a_quantity_in_base_units(category: str, quantity: int, unit: str, amount: Amount) -> None:
    assert measure(category, quantity, unit) == amount


@given(pairs, quantities, quantities)
def test_quantities_add_up(pair: tuple[str, str], first: int, second: int) -> None:
    category, unit = pair
    both = measure(category, first + second, unit)
    parts = measure(category, first, unit), measure(category, second, unit)
    assert astuple(both) == tuple(map(sum, zip(*map(astuple, parts), strict=True)))
    assert sum(bool(measured) for measured in astuple(both)) == bool(first + second)


@given(pairs.filter(lambda pair: pair[0] != "cigarette"), quantities)
def test_only_cigarettes_come_to_sticks(pair: tuple[str, str], quantity: int) -> None:
    assert measure(pair[0], quantity, pair[1]).sticks == 0


def test_a_unit_that_is_not_of_the_category_is_refused() -> None:
    for category, unit in product(CATEGORY_NAMES, UNIT_NAMES):
        if is_unit_of(category, unit):
            measure(category, 1, unit)
        else:
            with pytest.raises(UnitNotOfCategory):
                measure(category, 1, unit)


def test_an_unknown_category_has_no_units() -> None:
    assert not is_unit_of("tea", "gram")
    with pytest.raises(UnitNotOfCategory):
        measure("tea", 1, "gram")


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        measure("cigarette", -1, "carton")


def test_the_forms_offer_the_same_categories_and_units() -> None:
    shapes = json.loads(files("server.records").joinpath("forms/parts/shapes.2.json").read_text("utf-8"))[
        "shapes"
    ]
    line = shapes["goods_line"]["properties"]
    assert line["category"]["choices"] == dict(CATEGORY_NAMES)
    assert line["unit"]["choices"] == dict(UNIT_NAMES)
    assert set(UNITS_OF) == set(CATEGORY_NAMES)


def test_ten_thousand_sticks_are_a_case() -> None:
    # The same 70 cases are told once as 47.08万支 and once as 47.08件.
    assert in_ten_thousands(measure("cigarette", 2354, "carton").sticks) == Decimal("47.08")
    assert in_ten_thousands(1_243_300) == Decimal("124.33")


@pytest.mark.parametrize(
    ("sticks", "shown"), [(49, "0.00"), (50, "0.01"), (150, "0.02"), (149, "0.01"), (0, "0.00")]
)
def test_ten_thousands_are_rounded_half_up(sticks: int, shown: str) -> None:
    assert str(in_ten_thousands(sticks)) == shown


@given(st.integers(-(10**15), 10**15))
def test_rounding_is_that_of_the_decimal_library(number: int) -> None:
    for unit, rounded in ((10_000, in_ten_thousands(number)), (1_000_000, in_ten_thousand_yuan(number))):
        assert rounded == (Decimal(number) / unit).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert rounded.as_tuple().exponent == -2


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_a_sum_is_rounded_once(parts: list[int]) -> None:
    """The sum of rounded parts may differ from the rounded sum by half a hundredth a part, and is never shown."""
    apart = abs(sum(map(in_ten_thousands, parts), Decimal(0)) - in_ten_thousands(sum(parts)))
    assert apart <= Decimal("0.005") * (len(parts) + 1)


@given(quantities)
def test_packs_cartons_cases_and_chests_convert_back(quantity: int) -> None:
    for unit, smaller, ratio in (
        ("pack", "stick", 20),
        ("carton", "pack", 10),
        ("case_unit", "carton", 50),
        ("chest", "case_unit", 5),
    ):
        assert measure("cigarette", quantity, unit) == measure("cigarette", quantity * ratio, smaller)
    for unit, smaller, ratio in (("kilogram", "gram", 1000), ("dan", "kilogram", 50), ("tonne", "dan", 20)):
        assert measure("leaf", quantity, unit) == measure("leaf", quantity * ratio, smaller)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (3, 3),
        (3.0, 3),
        (0, 0),
        (3.5, None),
        (-1, None),
        (True, None),
        ("3", None),
        (None, None),
        (11, None),
        (1e300, None),
    ],
)
def test_a_whole_number_is_whole_however_it_is_written(given: object, number: int | None) -> None:
    assert whole(given, 10) == number
    assert isinstance(whole(given, 10), int) is (number is not None)


def test_money_is_read_in_yuan() -> None:
    assert [in_yuan(fen) for fen in (0, 5, 123_456, -1)] == ["0.00元", "0.05元", "1234.56元", "-0.01元"]
    assert str(in_ten_thousand_yuan(86_620_000)) == "86.62"
