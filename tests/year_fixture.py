"""A year of cases as two real bureaus told of them: figures to reproduce, and records that come to exactly them.

The first is a county's year: 119 cases by cause, with what they came to in sticks and in case value; 70 of them, sales
without licence, were all handed to the market supervision. Its dispatches and person-times belong to the tests of
dispatches. The second is a city's, told by the kind of goods, with a rest that is none of the kinds named.

Everything is whole: sticks, grams, fen. ``case_records`` gives documents as a handheld sends them, ``extract`` and the
database give the rows; no figure is told twice here but as a total and as what it is the total of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from server.demo.documents import Document, Visit
from server.demo.documents import road_check as road_check_of
from server.demo.documents import site_visit as site_visit_of

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Cause:
    """What a year's cases of one cause come to: sticks of cigarettes, case value and fines in fen."""

    code: str
    cases: int
    sticks: int
    case_value_fen: int
    fine_and_confiscation_fen: int


COUNTY = (
    Cause("no_transport_permit", 14, 860_200, 21_340_000, 7_400_000),
    Cause("not_from_local_wholesaler", 33, 677_600, 19_060_000, 10_000_000),
    Cause("unlicensed_wholesale", 2, 46_200, 1_810_000, 1_010_000),
    # All of these went to the market supervision, which fines them itself.
    Cause("unlicensed_retail", 70, 1_245_800, 44_410_000, 0),
)
"""14起、86.02万支、21.34万元; 33起、67.76万支、19.06万元; 2起、4.62万支、1.81万元; 70起、124.58万支、44.41万元.

How the fines (18.41万元 in all) fell on the causes is not told: that division is ours.
"""
COUNTY_CASES, COUNTY_STICKS, COUNTY_VALUE_FEN, COUNTY_FINES_FEN = 119, 2_829_800, 86_620_000, 18_410_000
"""119起, 282.98万支, 案值86.62万元, 罚没款18.41万元."""

POLICE_CASES, POLICE_STICKS, POLICE_AMOUNT_FEN, POLICE_DETAINED = 2, 470_800, 12_500_000, 3
"""移送公安2起, 47.08万支 (the same text also says 47.08件), 涉案金额12.5万元, 刑拘3人; among the cases without permit."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its number in the year, its day, and what was found. Amounts in sticks and fen."""

    number: int
    day: date
    cause: str
    sticks: int
    case_value_fen: int
    fine_and_confiscation_fen: int
    amount_involved_fen: int | None = None
    disposal: str = "file_case"

    @property
    def police(self) -> bool:
        """Whether it was handed over to the police."""
        return self.amount_involved_fen is not None


def county_cases(year: int = 2026) -> list[Case]:
    """The 119 cases in the order of their days, the same at every call; spread over all months of ``year``."""
    rng = Random(119)
    cases: list[Case] = []
    for cause in COUNTY:
        police = POLICE_CASES if cause.code == "no_transport_permit" else 0
        rest = cause.cases - police
        sticks = [
            *parts(rng, POLICE_STICKS if police else 0, police, 200),
            *parts(rng, cause.sticks - (POLICE_STICKS if police else 0), rest, 20),
        ]
        values = parts(rng, cause.case_value_fen, cause.cases, 100)
        fines = [
            *[0] * police,
            *(
                parts(rng, cause.fine_and_confiscation_fen, rest, 100)
                if cause.fine_and_confiscation_fen
                else [0] * rest
            ),
        ]
        amounts = [*parts(rng, POLICE_AMOUNT_FEN if police else 0, police, 100), *[None] * rest]
        for found in zip(sticks, values, fines, amounts, strict=True):
            handed = found[3] is not None or cause.code == "unlicensed_retail"
            cases.append(Case(0, date(year, 1, 1), cause.code, *found, "transfer" if handed else "file_case"))
    rng.shuffle(cases)
    first, days = date(year, 1, 1), (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return [
        Case(
            number,
            first + timedelta(days=(number - 1) * days // len(cases)),
            *(getattr(case, name) for name in Case.__slots__[2:]),
        )
        for number, case in enumerate(cases, start=1)
    ]


def parts(rng: Random, total: int, count: int, step: int) -> list[int]:
    """``count`` whole parts of a total, each at least a ``step`` and all but the last whole steps; they add up to it."""
    if count == 0:
        return []
    cuts = sorted(rng.sample(range(1, total // step), count - 1))
    ends = [*(cut * step for cut in cuts), total]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def case_record(case: Case, visit: Visit) -> Document:
    """A case as the record of the inspection that found it: a road check, a shop, or a seller without licence.

    The lines of goods come to the case's sticks in more than one unit; the case's money is told in ``money``.
    """
    rng = Random(case.number)
    if case.cause == "no_transport_permit":
        document = road_check_of(visit, rng, stops=[(visit.started_at, True)])
        document["answers"]["stops"][0]["goods"] = goods_lines(case)
        document["answers"]["stops"][0]["disposal"] = case.disposal
        # A moving patrol: the stop is at no checkpoint of the register.
        document["answers"]["mode"] = "mobile"
        document |= {"subject_kind": None, "subject_id": None}
    else:
        document = site_visit_of(visit, rng, cause="not_from_local_wholesaler")
        document["answers"]["goods"] = goods_lines(case)
        document["answers"]["carton_scans"] = []
    if case.cause.startswith("unlicensed"):
        document |= {"subject_kind": "unlicensed", "subject_id": None}
        document["answers"]["unlicensed_subject"] = {"address": f"样例路{case.number}号"}
    money = {
        "case_value_fen": case.case_value_fen,
        "amount_involved_fen": case.amount_involved_fen,
        "fine_and_confiscation_fen": case.fine_and_confiscation_fen,
    }
    document["answers"] |= {
        "result": "abnormal",
        "cause": case.cause,
        "disposal": case.disposal,
        "money": money,
    }
    return document


def goods_lines(case: Case) -> list[dict[str, Any]]:
    """Lines of cigarettes that come to the case's sticks: cases of 10,000, cartons, packs and single sticks."""
    rest, lines = case.sticks, []
    for unit, size in (("case_unit", 10_000), ("carton", 200), ("pack", 20), ("stick", 1)):
        quantity, rest = divmod(rest, size)
        if quantity:
            lines.append(
                {"category": "cigarette", "quantity": quantity, "unit": unit, "flags": ["off_channel"]}
            )
    return lines


def noon(day: date) -> datetime:
    """Noon of a day in the bureau's zone."""
    return datetime.combine(day, time(12), ZONE)


CITY_CASES, CITY_MAJOR_CASES = 1788, 349
CITY_STICKS, CITY_FAKE_STICKS, CITY_SMUGGLED_STICKS = 92_610_200, 50_143_900, 843_100
CITY_REST_STICKS = CITY_STICKS - CITY_FAKE_STICKS - CITY_SMUGGLED_STICKS
CITY_TOBACCO_GRAMS, CITY_AMOUNT_FEN = 1_124_530_000, 2_162_210_000
"""1788起 (大要案349起), 9261.02万支, of which 假烟5014.39 and 走私烟84.31, so 4162.32 of no kind named; 烟叶烟丝1124.53吨;
涉案金额2162.21万元.
"""


def city_lines() -> Iterator[tuple[list[dict[str, Any]], dict[str, int]]]:
    """The goods and the money of each of the 1788 cases, which together come to the city's figures."""
    rng = Random(1788)
    kinds = (
        ("counterfeit", parts(rng, CITY_FAKE_STICKS, 900, 20)),
        ("smuggled", parts(rng, CITY_SMUGGLED_STICKS, 88, 20)),
        (None, parts(rng, CITY_REST_STICKS, 700, 20)),
    )
    amounts = parts(rng, CITY_AMOUNT_FEN, CITY_CASES, 100)
    weights = parts(rng, CITY_TOBACCO_GRAMS, CITY_CASES - 900 - 88 - 700, 10)
    found: list[dict[str, Any]] = [
        {"category": "cigarette", "quantity": sticks, "unit": "stick", "flags": [kind] if kind else []}
        for kind, counted in kinds
        for sticks in counted
    ]
    found += [
        {"category": "leaf" if number % 2 else "cut_tobacco", "quantity": grams, "unit": "gram"}
        for number, grams in enumerate(weights)
    ]
    for line, amount in zip(found, amounts, strict=True):
        yield [line], {"amount_involved_fen": amount}


MIXED_SEIZURES: tuple[tuple[str, tuple[tuple[str, int, str], ...], dict[str, int]], ...] = (
    (
        "电子烟811个、烟弹14712个、烟具50盒，制假设备3台，实物标值51.35万元，涉案资金流水1500余万元",
        (
            ("disposable_ecig", 811, "piece"),
            ("ecig_pod", 14_712, "piece"),
            ("ecig_device", 50, "box"),
            ("machine", 3, "unit"),
        ),
        {"fund_flow_fen": 1_500_000_000},
    ),
    (
        "烟丝160.56公斤、空烟管9.62万支",
        (("cut_tobacco", 160_560, "gram"), ("empty_tube", 96_200, "stick")),
        {},
    ),
    ("烟丝28643公斤、烟叶6409公斤", (("cut_tobacco", 28_643, "kilogram"), ("leaf", 6_409, "kilogram")), {}),
    ("非法卷烟3000条，案值236.14万元", (("cigarette", 3_000, "carton"),), {"case_value_fen": 236_140_000}),
    ("车辆5台，手机8部，工具2套", (("vehicle", 5, "unit"), ("phone", 8, "handset"), ("tool", 2, "set")), {}),
)
"""Mixed seizures as they are told, line by line, with the money that is told beside them (标值 stands at the lines)."""
