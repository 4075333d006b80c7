"""Answers as they are printed: every word comes from the form's own schema, so that one definition drives them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.papers.model import Block, Rows, Sentences, Table
from server.papers.rules import written_day
from server.records.goods import amount_of
from server.records.units import MOST_QUANTITY, STICKS_PER_CARTON, whole

Schema = Mapping[str, Any]

_YES_NO: Final = {True: "是", False: "否"}
_FEN: Final = "（分）"
MOST_DEPTH: Final = 20
_TOO_DEEP: Final = "（层次过深，见电子记录）"
_MOST_COLUMNS: Final = 7
_NARROWEST, _WIDEST = 6, 26
"""Shares of a column of a table, in the width of a Latin letter."""


def written(value: Any, schema: Schema, zone: ZoneInfo, names: Mapping[str, str], depth: int = 0) -> str:
    """One answer in Chinese: a choice by its label, a day and a moment written out, a list joined; "" for none."""
    if depth > MOST_DEPTH:
        return _TOO_DEEP
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _YES_NO[value]
    if isinstance(value, list):
        parts = [written(one, schema.get("items", {}), zone, names, depth + 1) for one in value]
        return "、".join(part for part in parts if part)
    if isinstance(value, dict):
        if value.keys() == {"quantity", "unit"}:
            # How much there is of something reads as one word: 5条.
            return "".join(
                written(value[name], schema.get("properties", {}).get(name, {}), zone, names, depth + 1)
                for name in ("quantity", "unit")
            )
        told = labelled(value, schema, zone, names, with_rows=True, depth=depth + 1)
        return "；".join(f"{label}：{text}" for label, text in told)
    if isinstance(value, str):
        labels = schema.get("labels", {})
        if value in labels:
            return str(labels[value])
        return _written_text(value, zone, names)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and _is_money(schema):
        return f"{value // 100}.{value % 100:02d}"
    return str(value)


def titled(name: str, schema: Schema) -> str:
    """What stands beside an answer: the form's title. Money is recorded in 分 and printed in 元."""
    title = str(schema.get("title", name))
    return title.replace(_FEN, "（元）") if _is_money(schema) else title


def _is_money(schema: Schema) -> bool:
    return str(schema.get("title", "")).endswith(_FEN)


def _written_text(value: str, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    if value in names:
        return names[value]
    if len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return f"照片 {value[:8]}"
    try:
        if len(value) == 10:
            return written_day(date.fromisoformat(value))
        if len(value) >= 20 and value[10] == "T":
            return written_moment(datetime.fromisoformat(value), zone)
    except (ValueError, OverflowError):
        # A moment at the very end of the calendar has no local time.
        pass
    return value


def written_moment(moment: datetime, zone: ZoneInfo) -> str:
    """2026年7月10日9时05分, in the bureau's time."""
    local = moment.astimezone(zone)
    return f"{written_day(local.date())}{local.hour}时{local.minute:02d}分"


def labelled(
    answers: Mapping[str, Any],
    schema: Schema,
    zone: ZoneInfo,
    names: Mapping[str, str],
    without: frozenset[str] = frozenset(),
    with_rows: bool = False,
    depth: int = 0,
) -> Iterator[tuple[str, str]]:
    """Titles and answers in the form's order, unanswered ones left out, and lists of rows where they have tables."""
    for name, inner in _ordered(answers, schema):
        if name in without or name == "items" or (is_rows(inner) and not with_rows):
            continue
        if text := written(answers.get(name), inner, zone, names, depth):
            yield titled(name, inner), text


def _ordered(answers: Mapping[str, Any], schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The form's properties in their order; then what the form does not know, by its own name, so that nothing is lost."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    known = schema.get("order") or list(properties)
    yield from ((name, properties[name]) for name in known if name in properties)
    yield from ((name, {}) for name in answers if name not in properties)


def is_rows(schema: Schema) -> bool:
    """Whether the answers are a list of objects, which is printed as a table."""
    return "properties" in schema.get("items", {})


def is_goods(schema: Schema) -> bool:
    """Whether they are lines of goods."""
    return is_rows(schema) and {"category", "quantity", "unit"} <= set(schema["items"]["properties"])


def checklist(answers: Mapping[str, Any], schema: Schema) -> Table | None:
    """The items of the checklist with their results and what was noted; ``None`` for a form without one."""
    items: Mapping[str, Schema] = schema.get("properties", {}).get("items", {}).get("properties", {})
    given = answers.get("items") or {}
    if not items or not given:
        return None
    rows: list[tuple[str, ...]] = []
    order = schema["properties"]["items"].get("order") or list(items)
    for name in order:
        told = given.get(name) or {}
        labels = items[name].get("properties", {}).get("result", {}).get("labels", {})
        result = labels.get(told.get("result"), "未查")
        note = told.get("note") or ""
        if told.get("photo"):
            note = f"{note}（照片 {told['photo'][:8]}）"
        rows.append((str(len(rows) + 1), str(items[name].get("title", name)), str(result), note))
    return Table(
        ("序号", "检查项目", "结果", "情况说明"), (3, 14, 4, 12), (False, False, False, False), tuple(rows)
    )


def goods_table(
    lines: Sequence[Mapping[str, Any]], schema: Schema, zone: ZoneInfo, names: Mapping[str, str]
) -> Table:
    """Lines of goods with their units in Chinese, and totals: cigarettes in 条 and 支 both, other goods by their unit."""
    properties: Mapping[str, Schema] = schema["items"]["properties"]

    def text(line: Mapping[str, Any], name: str) -> str:
        return written(line.get(name), properties.get(name, {}), zone, names)

    order = schema["items"].get("order") or list(properties)
    plain = [name for name in order if name not in ("seq", "category", "product_spec", "quantity", "unit")]
    more = [name for name in plain if any(text(line, name) for line in lines)]
    rows = tuple(
        (
            str(ordinal),
            text(line, "category"),
            text(line, "product_spec"),
            text(line, "quantity"),
            text(line, "unit"),
            _sticks_told(line),
            *(text(line, name) for name in more),
        )
        for ordinal, line in enumerate(lines, start=1)
    )
    return Table(
        (
            *("序号", "品类", "品种规格", "数量", "单位", "折合"),
            *(titled(name, properties[name]) for name in more),
        ),
        (*(2, 3, 6, 3, 2, 4), *(3 for _ in more)),
        (*(False, False, False, True, False, True), *(_is_numeric(properties[name]) for name in more)),
        rows,
        totals_told(lines, schema),
    )


def _is_numeric(schema: Schema) -> bool:
    kind = schema.get("type")
    return "integer" in kind if isinstance(kind, list) else kind == "integer"


def _sticks_told(line: Mapping[str, Any]) -> str:
    sticks = amount_of(line).sticks
    return f"{sticks}支" if sticks and line.get("unit") != "stick" else ""


def totals_told(lines: Sequence[Mapping[str, Any]], schema: Schema) -> tuple[str, ...]:
    """What the lines come to: how many kinds, cigarettes together, and every other kind of goods by its unit."""
    properties: Mapping[str, Schema] = schema["items"]["properties"]
    categories = properties["category"].get("labels", {})
    units = properties["unit"].get("labels", {})
    specs = {(str(line.get("category")), str(line.get("product_spec"))) for line in lines}
    sticks = sum(amount_of(line).sticks for line in lines)
    others: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if not amount_of(line).sticks:
            # A bureau's own list may leave the quantity out, or tell it in words: then it is in no total.
            quantity = whole(line.get("quantity"), MOST_QUANTITY) or 0
            others[(str(line.get("category")), str(line.get("unit")))] += quantity
    told = []
    if sticks:
        told.append(f"{categories.get('cigarette', '卷烟')}{cartons_told(sticks)}")
    told += [
        f"{categories.get(category, category)}{quantity}{units.get(unit, unit)}"
        for (category, unit), quantity in others.items()
        if quantity
    ]
    return (f"合计：{len(lines)}行，{len(specs)}个品种规格；" + ("、".join(told) or "数量为零") + "。",)


def cartons_told(sticks: int) -> str:
    """Sticks of cigarettes in both units, exactly: 12条40支（共2440支）."""
    cartons, rest = divmod(sticks, STICKS_PER_CARTON)
    if not cartons:
        return f"{sticks}支"
    return f"{cartons}条{f'{rest}支' if rest else ''}（共{sticks}支）"


def rows_blocks(
    lines: Sequence[Mapping[str, Any]], schema: Schema, zone: ZoneInfo, names: Mapping[str, str]
) -> tuple[Block, ...]:
    """A list of objects: one table where its columns fit across the page, else a paragraph for each and its own tables."""
    if is_goods(schema):
        return (goods_table(lines, schema, zone, names),)
    inner: Schema = schema["items"]
    named = list(_ordered({}, inner))
    nested = [name for name, one in named if is_rows(one) and any(line.get(name) for line in lines)]
    shown = [
        (name, one)
        for name, one in named
        if name not in nested and any(written(line.get(name), one, zone, names) for line in lines)
    ]
    if not nested and len(shown) <= _MOST_COLUMNS:
        rows = tuple(
            (str(ordinal), *(written(line.get(name), one, zone, names) for name, one in shown))
            for ordinal, line in enumerate(lines, start=1)
        )
        headings = ("序号", *(titled(name, one) for name, one in shown))
        return (
            Table(headings, _widths(headings, rows), (False, *(_is_numeric(one) for _, one in shown)), rows),
        )
    blocks: list[Block] = []
    for ordinal, line in enumerate(lines, start=1):
        told = "；".join(f"{label}：{text}" for label, text in labelled(line, inner, zone, names))
        blocks.append(Sentences((f"{ordinal}．{told}。",)))
        for name in nested:
            if line.get(name):
                blocks += rows_blocks(line[name], inner["properties"][name], zone, names)
    return tuple(blocks)


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """As wide as what stands in them, within bounds; a Chinese character is as wide as two letters."""

    def wide(text: str) -> int:
        return 2 + sum(1 if character < "\u0300" else 2 for character in text)

    columns = zip(headings, *rows, strict=True)
    return tuple(min(max(_NARROWEST, *map(wide, column)), _WIDEST) for column in columns)


def answered_rows(
    answers: Mapping[str, Any],
    schema: Schema,
    zone: ZoneInfo,
    names: Mapping[str, str],
    without: frozenset[str],
) -> Rows | None:
    """All answers that are no list of rows, each beside its title."""
    rows = tuple(labelled(answers, schema, zone, names, without))
    return Rows(rows) if rows else None
