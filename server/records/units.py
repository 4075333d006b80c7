"""Quantities of tobacco goods: which unit a category is counted in, and what it comes to in sticks, grams,
millilitres and pieces; and money, in whole fen (分).

Everything is a whole number. One case (件) is 10,000 sticks by 烟草专卖法实施条例第五十二条; a carton (条)
of 200 sticks, ten packs (包) to the carton, and five cases to the chest (箱) are the trade's. What counts
as cigarettes is cigarettes only: cigars, pods and empty tubes are also told in 支, and must never add to a
total of cigarette sticks. Things found beside tobacco (machines, tools, vehicles, phones) are counted alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

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
        "handset": "部",
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
        "tool": "工具",
        "vehicle": "车辆",
        "phone": "手机",
    }
)

MOST_QUANTITY = 10**9
"""The most that a line may count of its unit: in the largest units that is 5·10¹³ sticks or 10¹⁵ grams, so that even
the lines of the largest document add up within 64 bits.
"""
MOST_FEN = 10**15
"""The most money that one answer may tell, ten trillion yuan: within 64 bits in PostgreSQL and 53 in JavaScript."""
MOST_PRICE_FEN = 10**9
"""The highest price of one unit, ten million yuan: times ``MOST_QUANTITY`` it still fits 64 bits."""

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
        "tool": ("piece", "unit", "set"),
        "vehicle": ("unit",),
        "phone": ("handset",),
    }
)
"""The units that a category may be counted in, the smallest first."""


class UnitNotOfCategory(ValueError):
    """A category is not counted in this unit: a carton of leaf, a kilogram of cigarettes."""

    def __init__(self, category: str, unit: str) -> None:
        super().__init__(f"{category} is not counted in {unit}")
        self.category = category
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in base units, of which one is filled.

    ``sticks`` are of cigarettes only, ``grams`` of cut tobacco and leaf only, ``millilitres`` of liquid only;
    ``pieces`` are of all that is counted one by one and is no cigarette, and add up within a category only.
    A box or a set counts as one.
    """

    sticks: int = 0
    grams: int = 0
    millilitres: int = 0
    pieces: int = 0


def is_unit_of(category: str, unit: str) -> bool:
    """Whether goods of this category are counted in this unit."""
    return unit in UNITS_OF.get(category, ())


def measure(category: str, quantity: int, unit: str) -> Amount:
    """A quantity in the base unit of its category.

    Raises:
        UnitNotOfCategory: when the category is not counted in the unit.
        ValueError: when the quantity is negative.
    """
    if not is_unit_of(category, unit):
        raise UnitNotOfCategory(category, unit)
    if quantity < 0:
        raise ValueError(f"a quantity is not negative: {quantity}")
    if category == "cigarette":
        return Amount(sticks=quantity * _IN_STICKS[unit])
    if unit in _IN_GRAMS:
        return Amount(grams=quantity * _IN_GRAMS[unit])
    return Amount(millilitres=quantity) if unit == "millilitre" else Amount(pieces=quantity)


def in_ten_thousands(sticks: int) -> Decimal:
    """Sticks as 万支, which for cigarettes is the same number as 件: two decimals, half away from zero.

    Round a sum once; the sum of rounded parts is another number.
    """
    return _in_hundredths(sticks, 100)


def whole(value: Any, most: int) -> int | None:
    """A number of JSON as a whole number from 0 to ``most``: 3.0 is 3; ``None`` for all else, 3.5 and true too."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def in_yuan(fen: int) -> str:
    """Fen as people read money: ``123456`` is ``1234.56元``."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}元"


def in_ten_thousand_yuan(fen: int) -> Decimal:
    """Fen as 万元: two decimals, half away from zero. Round a sum once, as with sticks."""
    return _in_hundredths(fen, 10_000)


def _in_hundredths(number: int, hundredth: int) -> Decimal:
    """A number as hundredths of a larger unit, of which each is ``hundredth`` of its own, without leaving integers."""
    rounded = (2 * abs(number) + hundredth) // (2 * hundredth)
    return Decimal(rounded if number >= 0 else -rounded).scaleb(-2)
