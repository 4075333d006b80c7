"""What reports count, drawn out of a record's answers into rows of tables of its own.

The rows carry the names of the columns that the answers fill; identities, the bureau and the cell are added
by who writes them. Everything here takes a record that its schemas let through, and never fails on one.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, TypedDict

from server.records.units import (
    CATEGORY_NAMES,
    UNIT_NAMES,
    UNITS_OF,
    Amount,
    LimitHint,
    UnitNotOfCategory,
    is_unit_of,
    limit_hints,
    measure,
)

_SHA256 = re.compile("[0-9a-f]{64}")


class OfficerRow(TypedDict):
    """A row of ``record_officer``; ordinals count from 1 in the order of signing."""

    ordinal: int
    person_id: uuid.UUID | None
    cert_no: str | None


class StopRow(TypedDict):
    """A row of ``road_stop``; ``stick_total`` counts sticks of cigarettes."""

    ordinal: int
    stopped_at: datetime
    plate: str | None
    vehicle_kind: str
    goods_found: bool
    permit: str | None
    disposal: str
    stick_total: int


class GoodsRow(TypedDict):
    """A row of ``goods_line``:

    ``quantity`` in ``unit``, and what it is in sticks of cigarettes or in grams.
    """

    ordinal: int
    stop_ordinal: int | None
    category: str
    product_spec: str | None
    quantity: int
    unit: str
    sticks: int
    grams: int


class FileRow(TypedDict):
    """A row of ``declared_file``; each file once, at its first place in the document."""

    sha256: str
    ordinal: int
    kind: str


class RectificationRow(TypedDict):
    """A new row of ``rectification`` (责令改正), open."""

    subject_kind: str
    subject_id: uuid.UUID
    demand: str
    due_on: date
    status: str


@dataclass(frozen=True, slots=True)
class Extract:
    """All rows that one record gives."""

    officers: list[OfficerRow]
    stops: list[StopRow]
    goods: list[GoodsRow]
    files: list[FileRow]
    rectifications: list[RectificationRow]


class PlacedGoods(NamedTuple):
    """A goods line with its pointer from the record's root;

    ``stop`` counts from 1, ``None`` outside a road check.
    """

    pointer: str
    stop: int | None
    line: dict[str, Any]


def extract(document: Mapping[str, Any]) -> Extract:
    """The rows of a record.

    What a row cannot do without is filled from the record when it was not answered: a stop is then taken to
    be made at the record's start, by another vehicle, and released. A rectification is ordered of a known
    subject, with a demand and a day only: rectification of a depot is the postal authority's, and no row of
    ours.
    """
    answers = document["answers"]
    goods = [_goods_row(ordinal, placed) for ordinal, placed in enumerate(goods_of(answers), start=1)]
    return Extract(
        officers=[
            {
                "ordinal": ordinal,
                "person_id": _uuid(officer.get("person_id")),
                "cert_no": officer.get("cert_no"),
            }
            for ordinal, officer in enumerate(document["officers"], start=1)
        ],
        stops=[
            _stop_row(ordinal, stop, document["started_at"], goods)
            for ordinal, stop in enumerate(_rows(answers, "stops"), start=1)
        ],
        files=_files(document),
        goods=goods,
        rectifications=_rectifications(document),
    )


def goods_of(answers: Mapping[str, Any]) -> Iterator[PlacedGoods]:
    """The goods that were found, in the order of the form; stock that was only counted is not among them."""
    yield from _placed(answers, "/answers", "goods", None)
    for index, stop in enumerate(_rows(answers, "stops")):
        yield from _placed(stop, f"/answers/stops/{index}", "goods", index + 1)
    for index, suspect in enumerate(_rows(answers, "suspects")):
        yield from _placed(suspect, f"/answers/suspects/{index}", "goods", None)


def unit_findings(answers: Mapping[str, Any]) -> list[dict[str, str]]:
    """One ``unit_not_of_category`` for each line, of stock too, whose category is not counted in its unit."""
    findings: list[dict[str, str]] = []
    for placed in (*goods_of(answers), *_placed(answers, "/answers", "stock_lines", None)):
        category, unit = placed.line.get("category"), placed.line.get("unit")
        if not isinstance(category, str) or not isinstance(unit, str) or is_unit_of(category, unit):
            continue
        allowed = "、".join(UNIT_NAMES[name] for name in UNITS_OF.get(category, ()))
        detail = (
            f"{CATEGORY_NAMES.get(category, category)}不能以“{UNIT_NAMES.get(unit, unit)}”计量，"
            f"请改用{allowed}并提交更正记录。"
        )
        findings.append({"code": "unit_not_of_category", "path": f"{placed.pointer}/unit", "detail": detail})
    return findings


def stop_hints(stop: Mapping[str, Any]) -> list[LimitHint]:
    """What speaks for goods on the road being carried unlawfully; a person decides.

    Both tests are shown: more than 50 cartons (烟草专卖法第二十二条), and neither a transport permit nor
    proof of purchase at the place (烟草专卖法实施条例第三十四条). A third compares with what a permit
    allows.
    """
    lines = [placed.line for placed in _placed(stop, "", "goods", None)]
    hints = limit_hints(lines, "road")
    if not lines:
        return hints
    sticks = sum(_amount(line).sticks for line in lines)
    if stop.get("permit") in (None, "none") and stop.get("local_purchase_proof") is not True:
        detail = "无准运证，也无在当地购买的有效证明。"
        hints.append(LimitHint("no_permit_no_proof", sticks, 0, "stick", detail))
    permitted = stop.get("permit_sticks")
    if permitted is not None and sticks > permitted:
        detail = f"卷烟{sticks}支，超过准运证所载{int(permitted)}支。"
        hints.append(LimitHint("over_permit", sticks, int(permitted), "stick", detail))
    return hints


def suspect_hints(suspect: Mapping[str, Any]) -> list[LimitHint]:
    """Which limits of post (two cartons of cigarettes, and so on) one suspect parcel goes beyond."""
    return limit_hints([placed.line for placed in _placed(suspect, "", "goods", None)], "post")


def _rows(node: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a list that may be absent, null, or (before its schema has seen it) something else."""
    value = node.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _placed(node: Mapping[str, Any], root: str, name: str, stop: int | None) -> Iterator[PlacedGoods]:
    for index, line in enumerate(_rows(node, name)):
        yield PlacedGoods(f"{root}/{name}/{index}", stop, line)


def _amount(line: Mapping[str, Any]) -> Amount:
    """A wrong unit says nothing of the amount: the finding tells it, and nothing is counted."""
    try:
        return measure(line["category"], int(line["quantity"]), line["unit"])
    except UnitNotOfCategory:
        return Amount(0, 0)


def _goods_row(ordinal: int, placed: PlacedGoods) -> GoodsRow:
    line, amount = placed.line, _amount(placed.line)
    return {
        "ordinal": ordinal,
        "stop_ordinal": placed.stop,
        "category": line["category"],
        "product_spec": line.get("product_spec"),
        # JSON Schema takes 3.0 for a whole number; what is stored is one.
        "quantity": int(line["quantity"]),
        "unit": line["unit"],
        "sticks": amount.sticks,
        "grams": amount.grams,
    }


def _stop_row(ordinal: int, stop: Mapping[str, Any], started_at: str, goods: list[GoodsRow]) -> StopRow:
    own = [row for row in goods if row["stop_ordinal"] == ordinal]
    found = stop.get("goods_found")
    return {
        "ordinal": ordinal,
        "stopped_at": datetime.fromisoformat(stop.get("stopped_at") or started_at),
        "plate": stop.get("plate"),
        "vehicle_kind": stop.get("vehicle_kind") or "other",
        "goods_found": bool(own) if found is None else found,
        "permit": stop.get("permit"),
        "disposal": stop.get("disposal") or "release",
        "stick_total": sum(row["sticks"] for row in own),
    }


def _rectifications(document: Mapping[str, Any]) -> list[RectificationRow]:
    answers, subject_id = document["answers"], _uuid(document.get("subject_id"))
    order, kind = answers.get("rectify"), document.get("subject_kind")
    if answers.get("disposal") != "rectify" or not isinstance(order, dict) or subject_id is None or not kind:
        return []
    demand, due_on = order.get("demand"), order.get("due_on")
    if not demand or not due_on:
        return []
    return [
        {
            "subject_kind": kind,
            "subject_id": subject_id,
            "demand": demand,
            "due_on": date.fromisoformat(due_on),
            "status": "open",
        }
    ]


def _files(document: Mapping[str, Any]) -> list[FileRow]:
    """The photos of the envelope, and every text of the answers that is a SHA-256 and nothing else.

    The answers are searched by the look of the text and not by the form, so that a form that the server does not know
    declares its files as well.
    """
    kinds = dict.fromkeys((photo["sha256"] for photo in document["photos"]), "photo")
    waiting: list[tuple[str, Any]] = [("photo", document["answers"])]
    while waiting:
        kind, value = waiting.pop()
        if isinstance(value, dict):
            within = (("signature" if name == "signatures" else kind, inner) for name, inner in value.items())
            waiting += reversed(list(within))
        elif isinstance(value, list):
            waiting += [(kind, inner) for inner in reversed(value)]
        elif isinstance(value, str) and len(value) == 64 and _SHA256.fullmatch(value):
            kinds.setdefault(value, kind)
    return [
        {"sha256": sha256, "ordinal": ordinal, "kind": kind}
        for ordinal, (sha256, kind) in enumerate(kinds.items(), start=1)
    ]


def _uuid(value: str | None) -> uuid.UUID | None:
    return uuid.UUID(value) if value else None
