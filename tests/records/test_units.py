"""Units: what is counted in what, and what it comes to."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.records.forms import find_form
from server.records.units import (
    CATEGORY_NAMES,
    UNIT_NAMES,
    UNITS_OF,
    Amount,
    UnitNotOfCategory,
    in_ten_thousands,
    is_unit_of,
    limit_hints,
    measure,
)

quantities = st.integers(min_value=0, max_value=10**9)
pairs = st.sampled_from([(category, unit) for category, units in UNITS_OF.items() for unit in units])


@pytest.mark.parametrize(
    ("category", "quantity", "unit", "amount"),
    [
        ("cigarette", 1, "stick", Amount(1, 0)),
        ("cigarette", 1, "pack", Amount(20, 0)),
        ("cigarette", 1, "carton", Amount(200, 0)),
        ("cigarette", 1, "case_unit", Amount(10_000, 0)),
        ("cigarette", 1, "chest", Amount(50_000, 0)),
        ("cigarette", 3000, "carton", Amount(600_000, 0)),
        ("cut_tobacco", 3, "gram", Amount(0, 3)),
        ("cut_tobacco", 28_643, "kilogram", Amount(0, 28_643_000)),
        ("leaf", 2, "dan", Amount(0, 100_000)),
        ("leaf", 50, "tonne", Amount(0, 50_000_000)),
        ("empty_tube", 96_200, "stick", Amount(0, 0)),
        ("cigar", 25, "stick", Amount(0, 0)),
        ("ecig_pod", 14_712, "piece", Amount(0, 0)),
        ("e_liquid", 30, "millilitre", Amount(0, 0)),
        ("machine", 3, "unit", Amount(0, 0)),
    ],
)
def test_a_quantity_in_base_units(category: str, quantity: int, unit: str, amount: Amount) -> None:
    assert measure(category, quantity, unit) == amount


@given(pairs, quantities, quantities)
def test_quantities_add_up(pair: tuple[str, str], first: int, second: int) -> None:
    category, unit = pair
    both = measure(category, first + second, unit)
    parts = measure(category, first, unit), measure(category, second, unit)
    assert both.sticks == parts[0].sticks + parts[1].sticks
    assert both.grams == parts[0].grams + parts[1].grams


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
    form = find_form("site_visit", 1)
    assert form is not None
    line = form.answers_schema["properties"]["goods"]["items"]["properties"]
    assert line["category"]["labels"] == dict(CATEGORY_NAMES)
    assert line["unit"]["labels"] == dict(UNIT_NAMES)
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


def _line(category: str, quantity: int, unit: str) -> dict[str, object]:
    return {"category": category, "quantity": quantity, "unit": unit}


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
def test_a_limit_is_gone_beyond_by_more_than_the_limit(
    way: str, line: dict[str, object], beyond: bool
) -> None:
    assert bool(limit_hints([line], way)) is beyond  # type: ignore[arg-type]


def test_lines_count_together() -> None:
    hints = limit_hints([_line("ecig_pod", 4, "piece"), _line("disposable_ecig", 3, "stick")], "post")
    assert [(hint.code, hint.found, hint.limit) for hint in hints] == [("over_post_limit", 7, 6)]
    assert hints[0].detail == "烟弹、一次性电子烟7个，超过限量6个。"
