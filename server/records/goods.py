"""The goods and the money of a record: drawn out of its answers into columns, and what the device summed up counted again.

Everything here takes a record that its schemas let through, or one whose form is not known here, and never fails on
one: what is no goods line gives no row, and stays in the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypedDict

from server.records.units import (
    CATEGORY_NAMES,
    MOST_FEN,
    MOST_PRICE_FEN,
    MOST_QUANTITY,
    UNIT_NAMES,
    UNITS_OF,
    Amount,
    UnitNotOfCategory,
    in_yuan,
    is_unit_of,
    measure,
    whole,
)

NATURES = ("counterfeit", "smuggled", "off_channel", "other")
"""What goods are counted as in the month's statistics (假、走私、非渠道、其他), the gravest first."""

# A diverted carton (串码) did not come to this shop by its own channel either; the two stay apart in the flags.
_NATURE_OF = {
    "counterfeit": "counterfeit",
    "smuggled": "smuggled",
    "off_channel": "off_channel",
    "diverted": "off_channel",
}


class GoodsRow(TypedDict):
    """A row of ``goods_line``: ``quantity`` in ``unit``, and what it is in the base unit of its category.

    Money is in fen: the price of one ``unit``, and the labelled value (标值) of the line.
    """

    ordinal: int
    stop_ordinal: int | None
    category: str
    product_spec: str | None
    barcode: str | None
    quantity: int
    unit: str
    sticks: int
    grams: int
    millilitres: int
    pieces: int
    nature: str
    unit_price_fen: int | None
    labelled_value_fen: int | None


class OutcomeRow(TypedDict):
    """A row of ``record_outcome``: what a record that came to something says of it.

    Money in fen: 案值, 涉案金额, 资金流水, 罚没款 are four measures that never add to each other, nor to the goods' 标值.
    """

    result: str | None
    cause: str | None
    disposal: str | None
    case_value_fen: int | None
    amount_involved_fen: int | None
    fund_flow_fen: int | None
    fine_and_confiscation_fen: int | None


class PlacedGoods(NamedTuple):
    """A goods line with its pointer from the record's root; ``stop`` counts from 1, ``None`` outside a road check."""

    pointer: str
    stop: int | None
    line: dict[str, Any]


class Totals(NamedTuple):
    """What goods lines come to: how many there are, cigarettes in sticks, tobacco in grams, labelled value in fen."""

    lines: int
    sticks: int
    grams: int
    labelled_value_fen: int


def goods_of(answers: Mapping[str, Any]) -> Iterator[PlacedGoods]:
    """The goods that were found, in the order of the form; stock that was only counted is not among them."""
    yield from placed_in(answers, "/answers", "goods", None)
    for index, stop in enumerate(rows_of(answers, "stops")):
        yield from placed_in(stop, f"/answers/stops/{index}", "goods", index + 1)
    for index, suspect in enumerate(rows_of(answers, "suspects")):
        yield from placed_in(suspect, f"/answers/suspects/{index}", "goods", None)


def goods_rows(answers: Mapping[str, Any]) -> list[GoodsRow]:
    """A row for each line of goods that tells its category, its unit and a whole quantity."""
    rows = []
    of_record = texts_of(answers.get("goods_flags"))
    for ordinal, placed in enumerate(goods_of(answers), start=1):
        line = placed.line
        category, unit = _text(line.get("category")), _text(line.get("unit"))
        quantity = whole(line.get("quantity"), MOST_QUANTITY)
        if category is None or unit is None or quantity is None:
            continue
        amount = amount_of(line)
        rows.append(
            GoodsRow(
                ordinal=ordinal,
                stop_ordinal=placed.stop,
                category=category,
                product_spec=_text(line.get("product_spec")),
                barcode=_text(line.get("barcode")),
                quantity=quantity,
                unit=unit,
                sticks=amount.sticks,
                grams=amount.grams,
                millilitres=amount.millilitres,
                pieces=amount.pieces,
                nature=nature_of(texts_of(line.get("flags")) or of_record),
                unit_price_fen=whole(line.get("unit_price_fen"), MOST_PRICE_FEN),
                labelled_value_fen=_labelled_value(line),
            )
        )
    return rows


def outcome_row(answers: Mapping[str, Any]) -> OutcomeRow | None:
    """What the record came to; ``None`` where nothing was found, nothing follows and no money is told of."""
    given = answers.get("money")
    money = given if isinstance(given, dict) else {}
    row = OutcomeRow(
        result=_text(answers.get("result")),
        cause=_text(answers.get("cause")),
        disposal=_text(answers.get("disposal")),
        case_value_fen=whole(money.get("case_value_fen"), MOST_FEN),
        amount_involved_fen=whole(money.get("amount_involved_fen"), MOST_FEN),
        fund_flow_fen=whole(money.get("fund_flow_fen"), MOST_FEN),
        fine_and_confiscation_fen=whole(money.get("fine_and_confiscation_fen"), MOST_FEN),
    )
    # All that an uneventful record says; a cause or money of any kind is more.
    uneventful = {**dict.fromkeys(row), "result": row["result"], "disposal": row["disposal"]}
    quiet = row["result"] in (None, "normal") and row["disposal"] in (None, "none")
    return None if quiet and row == uneventful else row


def nature_of(flags: Iterable[str]) -> str:
    """What goods with these flags (假烟, 走私烟, …) are counted as: the gravest, so that the parts add up to the whole."""
    found = {_NATURE_OF.get(flag, "other") for flag in flags}
    return next((nature for nature in NATURES if nature in found), "other")


def amount_of(line: Mapping[str, Any]) -> Amount:
    """A line in base units; nothing where its unit is not of its category, for a finding tells that."""
    category, unit = _text(line.get("category")), _text(line.get("unit"))
    quantity = whole(line.get("quantity"), MOST_QUANTITY)
    if category is None or unit is None or quantity is None:
        return Amount()
    try:
        return measure(category, quantity, unit)
    except UnitNotOfCategory:
        return Amount()


def totals_of(lines: Iterable[Mapping[str, Any]]) -> Totals:
    """What goods lines come to together."""
    given = list(lines)
    amounts = [amount_of(line) for line in given]
    return Totals(
        lines=len(given),
        sticks=sum(amount.sticks for amount in amounts),
        grams=sum(amount.grams for amount in amounts),
        labelled_value_fen=sum(_labelled_value(line) or 0 for line in given),
    )


def goods_findings(answers: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is wrong with the goods of a record, stock that was counted and goods that were registered included.

    ``unit_not_of_category``, ``line_value_mismatch`` (price times quantity is not the labelled value that the line
    tells), ``goods_total_mismatch`` (a total that the device tells is not the sum of the lines). Both numbers are told.
    """
    goods = list(goods_of(answers))
    stock = placed_in(answers, "/answers", "stock_lines", None)
    registered = placed_in(answers, "/answers", "lines", None)
    findings = [one for placed in (*goods, *stock, *registered) for one in line_findings(placed)]
    told = answers.get("goods_totals")
    if isinstance(told, dict):
        findings += total_findings(told, totals_of(placed.line for placed in goods), "/answers/goods_totals")
    return findings


def line_findings(placed: PlacedGoods) -> list[dict[str, str]]:
    """The findings of one line: its unit, and its labelled value against price times quantity."""
    findings: list[dict[str, str]] = []
    line = placed.line
    category, unit = line.get("category"), line.get("unit")
    if isinstance(category, str) and isinstance(unit, str) and not is_unit_of(category, unit):
        allowed = "、".join(UNIT_NAMES[name] for name in UNITS_OF.get(category, ()))
        detail = (
            f"{CATEGORY_NAMES.get(category, category)}不能以“{UNIT_NAMES.get(unit, unit)}”计量，"
            f"请改用{allowed}并提交更正记录。"
        )
        findings.append(finding("unit_not_of_category", f"{placed.pointer}/unit", detail))
    told, counted = whole(line.get("labelled_value_fen"), MOST_FEN), _priced(line)
    if told is not None and counted is not None and told != counted:
        detail = f"标值填报{in_yuan(told)}，按单价乘数量应为{in_yuan(counted)}，请核对并提交更正记录。"
        findings.append(finding("line_value_mismatch", f"{placed.pointer}/labelled_value_fen", detail))
    return findings


def total_findings(told: Mapping[str, Any], counted: Totals, pointer: str) -> list[dict[str, str]]:
    """One ``goods_total_mismatch`` for each total that the device tells and that the lines do not come to.

    ``told`` has the names of ``Totals``; one that is absent or null is not held against anything.
    """
    words = {
        "lines": ("明细行数", "{}行"),
        "sticks": ("卷烟总支数", "{}支"),
        "grams": ("烟丝烟叶总克数", "{}克"),
        "labelled_value_fen": ("标值合计", "{}"),
    }
    findings = []
    for name, (title, shown) in words.items():
        said, is_value = told.get(name), name == "labelled_value_fen"
        number = whole(said, MOST_FEN * MOST_QUANTITY)
        if number is None or number == getattr(counted, name):
            continue
        ours = getattr(counted, name)
        one, other = (shown.format(in_yuan(each) if is_value else each) for each in (number, ours))
        detail = f"{title}填报{one}，按明细合计{other}，请核对明细并提交更正记录。"
        findings.append(finding("goods_total_mismatch", f"{pointer}/{name}", detail))
    return findings


def rows_of(node: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a list that may be absent, null, or (before its schema has seen it) something else."""
    value = node.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def placed_in(node: Mapping[str, Any], root: str, name: str, stop: int | None) -> Iterator[PlacedGoods]:
    """The goods lines of a list of a node, with their pointers."""
    for index, line in enumerate(rows_of(node, name)):
        yield PlacedGoods(f"{root}/{name}/{index}", stop, line)


def _priced(line: Mapping[str, Any]) -> int | None:
    price, quantity = (
        whole(line.get("unit_price_fen"), MOST_PRICE_FEN),
        whole(line.get("quantity"), MOST_QUANTITY),
    )
    return None if price is None or quantity is None else price * quantity


def _labelled_value(line: Mapping[str, Any]) -> int | None:
    """As counted where there is a price, else as told: the device's own figure stays in the document."""
    counted = _priced(line)
    return whole(line.get("labelled_value_fen"), MOST_FEN) if counted is None else counted


def finding(code: str, path: str, detail: str) -> dict[str, str]:
    return {"code": code, "path": path, "detail": detail}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def texts_of(value: Any) -> list[str]:
    """The texts of a list, none where it is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
