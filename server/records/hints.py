"""What the law says of such amounts: hints with their article. What follows from one, a person decides.

Every hint says how much was found, the limit, and where the limit stands. Limits of post and of carrying are gone
beyond by more than the limit; the others are reached by it, where the article says 以上.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from server.records.goods import amount_of, goods_rows, outcome_row, placed_in, rows_of
from server.records.units import (
    MOST_QUANTITY,
    STICKS_PER_CARTON,
    STICKS_PER_CASE,
    UNIT_NAMES,
    in_ten_thousands,
    in_yuan,
    is_unit_of,
    whole,
)

MONOPOLY_22 = "烟草专卖法第二十二条"
WHOLESALE, NO_PERMIT, LEAF_BUYING, NO_PERMIT_FINE = (
    f"烟草专卖法实施条例{article}" for article in ("第二十四条", "第三十四条", "第五十一条", "第五十二条")
)
POST_ECIG, CARRY_ECIG = "国家烟草专卖局、国家邮政局通告2022年第1号", "国家烟草专卖局通告2022年第2号"
FAKES, ILLEGAL_BUSINESS = "法释〔2010〕7号第一条", "法释〔2010〕7号第三条"

_YUAN = 100
WHOLESALE_STICKS = 50 * STICKS_PER_CARTON
POST_STICKS, POST_GRAMS = 2 * STICKS_PER_CARTON, 5_000
POST_DEVICES, POST_PODS, POST_MILLILITRES = 2, 6, 12
CARRY_STICKS = 50 * STICKS_PER_CARTON
CARRY_DEVICES, CARRY_PODS, CARRY_DISPOSABLES, CARRY_MILLILITRES = 6, 90, 90, 180
CONFISCATE_STICKS, CONFISCATE_FEN = 100 * STICKS_PER_CASE, 50_000 * _YUAN
LEAF_GRAMS = 1_000_000
CRIME_FEN, CRIME_STICKS = 50_000 * _YUAN, 200_000
GRAVE_FEN, GRAVE_STICKS = 250_000 * _YUAN, 1_000_000
REPEATED_FEN = 30_000 * _YUAN
FAKES_UNSOLD_FEN = 150_000 * _YUAN

# Kinds of record at a seller's, where goods may have been sold or bought unlawfully.
_SELLERS = frozenset({"site_visit", "ecig_check", "unlicensed_check"})

Way = Literal["road", "post"]


@dataclass(frozen=True, slots=True)
class Hint:
    """A limit that goods or money reach or go beyond. ``amount`` and ``limit`` are whole numbers of ``unit``.

    ``unit`` is one of ``UNIT_NAMES`` or ``fen``; ``path`` points at what the hint is about, from the record's root.
    """

    code: str
    article: str
    detail: str
    amount: int
    limit: int
    unit: str
    path: str = "/answers"


def hints_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All hints of a record as JSON, stops and parcels first, each as ``Hint`` names it."""
    answers = document["answers"]
    hints: list[Hint] = []
    for index, stop in enumerate(rows_of(answers, "stops")):
        hints += stop_hints(stop, f"/answers/stops/{index}")
    for index, suspect in enumerate(rows_of(answers, "suspects")):
        hints += suspect_hints(suspect, f"/answers/suspects/{index}")
    if document["kind"] in _SELLERS:
        hints += _seller_hints(answers)
    hints += _crime_hints(answers)
    return [asdict(hint) for hint in hints]


def stop_hints(stop: Mapping[str, Any], path: str = "") -> list[Hint]:
    """What speaks for goods on the road being carried unlawfully; a person decides.

    Both tests are shown: more than 50 cartons (烟草专卖法第二十二条), and neither a transport permit nor
    proof of purchase at the place (烟草专卖法实施条例第三十四条). A third compares with what a permit
    allows, and a fourth with what may be confiscated (第五十二条: more than 50,000 yuan or 100 cases).
    """
    lines = [placed.line for placed in placed_in(stop, path, "goods", None)]
    hints = limit_hints(lines, "road", path)
    if not lines:
        return hints
    sticks = sum(amount_of(line).sticks for line in lines)
    bare = stop.get("permit") in (None, "none") and stop.get("local_purchase_proof") is not True
    if bare:
        detail = "无准运证，也无在当地购买的有效证明，请核对是否属于无准运证运输。"
        hints.append(Hint("no_permit_no_proof", NO_PERMIT, detail, sticks, 0, "stick", path))
    permitted = whole(stop.get("permit_sticks"), MOST_QUANTITY * STICKS_PER_CASE)
    if permitted is not None and sticks > permitted:
        detail = f"卷烟{sticks}支，超过准运证所载{permitted}支。"
        hints.append(Hint("over_permit", NO_PERMIT, detail, sticks, permitted, "stick", path))
    if bare or stop.get("permit") not in (None, "valid"):
        value = sum(row["labelled_value_fen"] or 0 for row in goods_rows({"goods": lines}))
        said = "无准运证运输的，可以没收"
        if sticks > CONFISCATE_STICKS:
            detail = f"卷烟{_cases(sticks)}，超过100件，{said}。"
            hints.append(
                Hint("confiscation_amount", NO_PERMIT_FINE, detail, sticks, CONFISCATE_STICKS, "stick", path)
            )
        if value > CONFISCATE_FEN:
            detail = f"标值合计{in_yuan(value)}，超过5万元，{said}。"
            hints.append(
                Hint("confiscation_value", NO_PERMIT_FINE, detail, value, CONFISCATE_FEN, "fen", path)
            )
    return hints


def suspect_hints(suspect: Mapping[str, Any], path: str = "") -> list[Hint]:
    """Which limits of post (two cartons of cigarettes, and so on) one suspect parcel goes beyond."""
    return limit_hints([placed.line for placed in placed_in(suspect, path, "goods", None)], "post", path)


def limit_hints(lines: Iterable[Mapping[str, Any]], way: Way, path: str = "") -> list[Hint]:
    """Which limits the goods lines go beyond together, carried on the road or in one parcel of post.

    A line whose unit is not of its category counts for nothing here. Going beyond means more than the limit: exactly
    50 cartons are within it. A box of devices counts as one, which it holds at least. Where twice the limit is gone
    beyond too, the hint says so: only that is fined (烟草专卖法实施条例第五十二条第四项).
    """
    totals: Counter[str] = Counter()
    for line in lines:
        amount = amount_of(line)
        if amount.grams:
            totals["tobacco"] += amount.grams
        elif is_unit_of(str(line.get("category")), str(line.get("unit"))):
            totals[str(line["category"])] += amount.sticks or amount.millilitres or amount.pieces
    code, limits = _LIMITS[way]
    return [
        Hint(code, article, _beyond(name, found, limit, unit), found, limit, unit, path)
        for name, categories, limit, unit, article in limits
        if (found := sum(totals[category] for category in categories)) > limit
    ]


def _beyond(name: str, found: int, limit: int, unit: str) -> str:
    shown = UNIT_NAMES[unit]
    doubled = "超过限量1倍以上，" if found >= 2 * limit else ""
    return f"{name}{found}{shown}，超过限量{limit}{shown}。{doubled and doubled + '可依实施条例第五十二条处理。'}"


_POD, _DISPOSABLE = "ecig_pod", "disposable_ecig"
_LIMITS: Mapping[Way, tuple[str, tuple[tuple[str, tuple[str, ...], int, str, str], ...]]] = {
    "post": (
        "over_post_limit",
        (
            ("卷烟", ("cigarette",), POST_STICKS, "stick", MONOPOLY_22),
            ("烟丝、烟叶", ("tobacco",), POST_GRAMS, "gram", MONOPOLY_22),
            ("烟具", ("ecig_device",), POST_DEVICES, "piece", POST_ECIG),
            ("烟弹、一次性电子烟", (_POD, _DISPOSABLE), POST_PODS, "piece", POST_ECIG),
            ("烟液", ("e_liquid",), POST_MILLILITRES, "millilitre", POST_ECIG),
        ),
    ),
    "road": (
        "over_carry_limit",
        (
            ("卷烟", ("cigarette",), CARRY_STICKS, "stick", MONOPOLY_22),
            ("烟具", ("ecig_device",), CARRY_DEVICES, "piece", CARRY_ECIG),
            ("烟弹", (_POD,), CARRY_PODS, "piece", CARRY_ECIG),
            ("一次性电子烟", (_DISPOSABLE,), CARRY_DISPOSABLES, "piece", CARRY_ECIG),
            ("烟液", ("e_liquid",), CARRY_MILLILITRES, "millilitre", CARRY_ECIG),
        ),
    ),
}


def _seller_hints(answers: Mapping[str, Any]) -> Iterator[Hint]:
    """Goods at a seller's: 50 cartons in one sale are wholesale, a tonne of leaf is confiscated."""
    rows = goods_rows(answers)
    sticks = sum(row["sticks"] for row in rows)
    if sticks >= WHOLESALE_STICKS:
        detail = (
            f"卷烟{sticks}支（{sticks // STICKS_PER_CARTON}条），达到50条；无批发许可证一次销售50条以上的，"
            "视为无证批发，请核对是否一次销售。"
        )
        yield Hint("wholesale_amount", WHOLESALE, detail, sticks, WHOLESALE_STICKS, "stick")
    leaf = sum(row["grams"] for row in rows if row["category"] == "leaf")
    if leaf >= LEAF_GRAMS:
        detail = f"烟叶{leaf // 1000}公斤，达到1000公斤；擅自收购的，没收烟叶和违法所得。"
        yield Hint("leaf_amount", LEAF_BUYING, detail, leaf, LEAF_GRAMS, "gram")


def _crime_hints(answers: Mapping[str, Any]) -> Iterator[Hint]:
    """Whether a case is to be looked at for handing over to the police (涉嫌犯罪).

    The amount of business is the case value where one is told, else the labelled value of the goods found; they are
    never added. Sticks are of cigarettes: for e-cigarettes money alone counts.
    """
    rows = goods_rows(answers)
    sticks = sum(row["sticks"] for row in rows)
    labelled = sum(row["labelled_value_fen"] or 0 for row in rows)
    outcome = outcome_row(answers)
    told = outcome["case_value_fen"] if outcome else None
    value, name = (labelled, "标值合计") if told is None else (told, "案值")
    asks = "请核对是否涉嫌非法经营罪并依法移送"
    if sticks >= GRAVE_STICKS:
        detail = f"卷烟{_cases(sticks)}，达到100万支（情节特别严重），{asks}。"
        yield Hint("crime_sticks_grave", ILLEGAL_BUSINESS, detail, sticks, GRAVE_STICKS, "stick")
    elif sticks >= CRIME_STICKS:
        detail = f"卷烟{_cases(sticks)}，达到20万支（情节严重），{asks}。"
        yield Hint("crime_sticks", ILLEGAL_BUSINESS, detail, sticks, CRIME_STICKS, "stick")
    if value >= GRAVE_FEN:
        detail = f"{name}{in_yuan(value)}，达到25万元（情节特别严重），{asks}。"
        yield Hint("crime_value_grave", ILLEGAL_BUSINESS, detail, value, GRAVE_FEN, "fen")
    elif value >= CRIME_FEN:
        detail = f"{name}{in_yuan(value)}，达到5万元（情节严重），{asks}。"
        yield Hint("crime_value", ILLEGAL_BUSINESS, detail, value, CRIME_FEN, "fen")
    elif value >= REPEATED_FEN:
        detail = (
            f"{name}{in_yuan(value)}，达到3万元；三年内因非法经营受过二次以上行政处罚的属情节严重，请核对。"
        )
        yield Hint("crime_value_repeated", ILLEGAL_BUSINESS, detail, value, REPEATED_FEN, "fen")
    fakes = sum(row["labelled_value_fen"] or 0 for row in rows if row["nature"] == "counterfeit")
    if fakes >= FAKES_UNSOLD_FEN:
        detail = (
            f"假烟标值合计{in_yuan(fakes)}，尚未销售的货值达到15万元，请核对是否涉嫌销售伪劣产品罪（未遂）。"
        )
        yield Hint("crime_fakes_unsold", FAKES, detail, fakes, FAKES_UNSOLD_FEN, "fen")


def _cases(sticks: int) -> str:
    return f"{sticks}支（{in_ten_thousands(sticks)}万支）"
