"""What an advance-registration list (先行登记保存清单) says of its goods: its lines in base units, and its totals.

Reading is pure and never fails on a list that its schemas let through. The lines freeze when the list is signed; what was
counted wrongly is told by an amendment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from server.records.goods import rows_of
from server.records.units import MOST_QUANTITY, UNIT_NAMES, UnitNotOfCategory, measure, whole

Finding = dict[str, str]


class RegisteredLine(NamedTuple):
    """A line in the order of the list, ``seq`` counted from 1.

    ``base_quantity`` is in ``base_unit``: cigarettes in sticks, leaf and cut tobacco in grams, everything else in the unit
    in which it was counted.
    """

    seq: int
    category: str
    product_spec: str | None
    barcode: str | None
    quantity: int
    unit: str
    base_quantity: int
    base_unit: str
    condition: str | None
    packaging: str | None


def base_amount(category: str, quantity: int, unit: str) -> tuple[int, str]:
    """A quantity in the base unit of its category, with that unit; one counted in a wrong unit stays in it."""
    try:
        amount = measure(category, quantity, unit)
    except UnitNotOfCategory:
        return quantity, unit
    if category == "cigarette":
        return amount.sticks, "stick"
    return (amount.grams, "gram") if category in ("cut_tobacco", "leaf") else (quantity, unit)


def registered_lines(answers: Mapping[str, Any]) -> list[RegisteredLine]:
    """The lines of a list; of one whose form nobody knows here, those that can be read."""
    lines: list[RegisteredLine] = []
    for seq, line in enumerate(filter(_is_line, rows_of(answers, "lines")), start=1):
        quantity = int(line["quantity"])
        base_quantity, base_unit = base_amount(line["category"], quantity, line["unit"])
        lines.append(
            RegisteredLine(
                seq,
                line["category"],
                _text(line.get("product_spec")),
                _text(line.get("barcode")),
                quantity,
                line["unit"],
                base_quantity,
                base_unit,
                _text(line.get("condition")),
                _text(line.get("packaging")),
            )
        )
    return lines


def registration_findings(answers: Mapping[str, Any]) -> list[Finding]:
    """Where a list contradicts itself: a line out of its place, an empty one, totals that its lines do not come to.

    The codes are ``line_out_of_order``, ``line_empty`` and ``goods_total_mismatch``; the last tells both numbers.
    """
    findings: list[Finding] = []
    lines = registered_lines(answers)
    for line, told in zip(lines, filter(_is_line, rows_of(answers, "lines")), strict=True):
        path, seq = f"/answers/lines/{line.seq - 1}", whole(told.get("seq"), MOST_QUANTITY)
        if seq is not None and seq != line.seq:
            detail = f"第{line.seq}行的序号写为{seq}，序号应自1起连续，请核对后提交更正记录。"
            findings.append({"code": "line_out_of_order", "path": f"{path}/seq", "detail": detail})
        if not line.quantity:
            detail = f"第{line.seq}行的数量为0，请核对后提交更正记录。"
            findings.append({"code": "line_empty", "path": f"{path}/quantity", "detail": detail})
    return findings + _total_findings(answers, lines)


def _total_findings(answers: Mapping[str, Any], lines: list[RegisteredLine]) -> list[Finding]:
    totals = answers.get("totals")
    # Lines that are left out are told as an item that is missing, and nothing is counted against them.
    if not isinstance(totals, dict) or not isinstance(answers.get("lines"), list):
        return []
    findings: list[Finding] = []
    told_lines = whole(totals.get("lines"), MOST_QUANTITY)
    if told_lines is not None and told_lines != len(lines):
        findings.append(_differs("/answers/totals/lines", "共计品种", told_lines, len(lines), "种"))
    rows = [row for row in rows_of(totals, "quantities") if _is_quantity(row)]
    told, counted = Counter[str](), Counter[str]()
    for row in rows:
        told[row["unit"]] += int(row["quantity"])
    for line in lines:
        counted[line.unit] += line.quantity
    # A list without quantities is told as an item that is missing.
    for unit in sorted({*told, *counted}) if rows else ():
        if told[unit] != counted[unit]:
            name = UNIT_NAMES.get(unit, unit)
            findings.append(
                _differs("/answers/totals/quantities", "总计数量", told[unit], counted[unit], name)
            )
    return findings


def _differs(path: str, what: str, told: int, counted: int, unit: str) -> Finding:
    detail = f"清单“{what}”写为{told}{unit}，按明细计算为{counted}{unit}，请核对后提交更正记录。"
    return {"code": "goods_total_mismatch", "path": path, "detail": detail}


def _is_line(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("category"), str) and _is_quantity(row)


def _is_quantity(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("unit"), str) and whole(row.get("quantity"), MOST_QUANTITY) is not None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
