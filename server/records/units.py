"""Quantities of tobacco goods: which unit a category is counted in, and what it comes to in sticks and grams.

Everything is a whole number. One case (件) is 10,000 sticks by 烟草专卖法实施条例第五十二条; a carton (条)
of 200 sticks, ten packs (包) to the carton, and five cases to the chest (箱) are the trade's. What counts
as cigarettes is cigarettes only: cigars, pods and empty tubes are also told in 支, and must never add to a
total of cigarette sticks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, Literal

STICKS_PER_PACK, STICKS_PER_CARTON, STICKS_PER_CASE, STICKS_PER_CHEST = 20, 200, 10_000, 50_000

UNIT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "stick": "支",
        "pack": "包",
        "carton": "条",
        "case_unit": "件",
        "chest": "箱",
        "gram": "克",
        "kilogram": "公斤",
        "dan": "担",
        "tonne": "吨",
        "piece": "个",
        "box": "盒",
        "millilitre": "毫升",
        "unit": "台",
        "set": "套",
    }
)
CATEGORY_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "cigarette": "卷烟",
        "cigar": "雪茄",
        "cut_tobacco": "烟丝",
        "leaf": "烟叶",
        "ecig_pod": "烟弹",
        "disposable_ecig": "一次性电子烟",
        "ecig_device": "烟具",
        "e_liquid": "烟液",
        "empty_tube": "空烟管",
        "machine": "制烟设备",
    }
)
_IN_STICKS = {
    "stick": 1,
    "pack": STICKS_PER_PACK,
    "carton": STICKS_PER_CARTON,
    "case_unit": STICKS_PER_CASE,
    "chest": STICKS_PER_CHEST,
}
_IN_GRAMS = {"gram": 1, "kilogram": 1_000, "dan": 50_000, "tonne": 1_000_000}
_BY_COUNT = ("piece", "stick")
UNITS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cigarette": tuple(_IN_STICKS),
        "cigar": ("stick",),
        "cut_tobacco": tuple(_IN_GRAMS),
        "leaf": tuple(_IN_GRAMS),
        "ecig_pod": _BY_COUNT,
        "disposable_ecig": _BY_COUNT,
        "ecig_device": ("piece", "box"),
        "e_liquid": ("millilitre",),
        "empty_tube": ("stick",),
        "machine": ("unit", "set"),
    }
)
"""The units that a category may be counted in, the smallest first."""

# What may go in one parcel, and what one person may carry to another place (烟草专卖法第二十二条; for
# e-cigarettes the limits announced in November 2022). A box of devices counts as one, which it holds at
# least.
POST_STICKS, POST_GRAMS = 2 * STICKS_PER_CARTON, 5_000
POST_DEVICES, POST_PODS, POST_MILLILITRES = 2, 6, 12
CARRY_STICKS = 50 * STICKS_PER_CARTON
CARRY_DEVICES, CARRY_PODS, CARRY_DISPOSABLES, CARRY_MILLILITRES = 6, 90, 90, 180

Way = Literal["road", "post"]


class UnitNotOfCategory(ValueError):
    """A category is not counted in this unit: a carton of leaf, a kilogram of cigarettes."""

    def __init__(self, category: str, unit: str) -> None:
        super().__init__(f"{category} is not counted in {unit}")
        self.category = category
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in base units. ``sticks`` are of cigarettes only, ``grams`` of cut tobacco and leaf only."""

    sticks: int
    grams: int


@dataclass(frozen=True, slots=True)
class LimitHint:
    """A limit that goods go beyond. It is shown; what follows from it a person decides.

    ``found`` and ``limit`` are whole numbers of ``unit``.
    """

    code: str
    found: int
    limit: int
    unit: str
    detail: str


def is_unit_of(category: str, unit: str) -> bool:
    """Whether goods of this category are counted in this unit."""
    return unit in UNITS_OF.get(category, ())


def measure(category: str, quantity: int, unit: str) -> Amount:
    """A quantity in sticks of cigarettes and grams of tobacco; both are zero for what is only counted.

    Raises:
        UnitNotOfCategory: when the category is not counted in the unit.
        ValueError: when the quantity is negative.
    """
    if not is_unit_of(category, unit):
        raise UnitNotOfCategory(category, unit)
    if quantity < 0:
        raise ValueError(f"a quantity is not negative: {quantity}")
    if category == "cigarette":
        return Amount(quantity * _IN_STICKS[unit], 0)
    return Amount(0, quantity * _IN_GRAMS.get(unit, 0))


def in_ten_thousands(sticks: int) -> Decimal:
    """Sticks as 万支, which for cigarettes is the same number as 件: two decimals, half away from zero.

    Round a sum once; the sum of rounded parts is another number.
    """
    return (Decimal(sticks) / 10_000).quantize(Decimal("0.01"), ROUND_HALF_UP)


def limit_hints(lines: Iterable[Mapping[str, Any]], way: Way) -> list[LimitHint]:
    """Which limits the goods lines go beyond together, carried on the road or in one parcel of post.

    A line is ``{"category", "quantity", "unit"}`` with a whole quantity; a line whose unit is not of its
    category counts for nothing here. Going beyond means more than the limit: exactly 50 cartons are within
    it.
    """
    totals: Counter[str] = Counter()
    for line in lines:
        category, quantity, unit = line["category"], int(line["quantity"]), line["unit"]
        if is_unit_of(category, unit):
            amount = measure(category, quantity, unit)
            totals["tobacco" if amount.grams else category] += amount.sticks or amount.grams or quantity
    if way == "post":
        found = [
            ("over_post_limit", "卷烟", totals["cigarette"], POST_STICKS, "stick"),
            ("over_post_limit", "烟丝、烟叶", totals["tobacco"], POST_GRAMS, "gram"),
            ("over_post_limit", "烟具", totals["ecig_device"], POST_DEVICES, "piece"),
            (
                "over_post_limit",
                "烟弹、一次性电子烟",
                totals["ecig_pod"] + totals["disposable_ecig"],
                POST_PODS,
                "piece",
            ),
            ("over_post_limit", "烟液", totals["e_liquid"], POST_MILLILITRES, "millilitre"),
        ]
    else:
        found = [
            ("over_carry_limit", "卷烟", totals["cigarette"], CARRY_STICKS, "stick"),
            ("over_carry_limit", "烟具", totals["ecig_device"], CARRY_DEVICES, "piece"),
            ("over_carry_limit", "烟弹", totals["ecig_pod"], CARRY_PODS, "piece"),
            ("over_carry_limit", "一次性电子烟", totals["disposable_ecig"], CARRY_DISPOSABLES, "piece"),
            ("over_carry_limit", "烟液", totals["e_liquid"], CARRY_MILLILITRES, "millilitre"),
        ]
    return [
        LimitHint(
            code, total, limit, unit, f"{name}{total}{UNIT_NAMES[unit]}，超过限量{limit}{UNIT_NAMES[unit]}。"
        )
        for code, name, total, limit, unit in found
        if total > limit
    ]
