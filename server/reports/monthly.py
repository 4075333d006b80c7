"""R3, the field's part: what a month came to, beside the year to date and the same month of last year.

Every figure is a sum of facts with record ids, in whole base units; what is shown is rounded once, from the sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Literal

from server.cadence.periods import BadPeriod, ReportingPeriod, reporting_period
from server.cadence.tally import percent
from server.kernel.problems import invalid, problem_at
from server.kernel.work import Work
from server.records.forms import load_forms
from server.records.goods import NATURES
from server.records.units import in_ten_thousand_yuan, in_ten_thousands
from server.reports.dispatch_facts import derived_facts, dispatch_facts
from server.reports.field_facts import Fact, Span, depot_facts, found_facts, road_facts, visit_facts

SpanName = Literal["month", "to_date", "last_year"]
SPANS: tuple[SpanName, ...] = ("month", "to_date", "last_year")


@dataclass(frozen=True, slots=True)
class Unit:
    """How a figure is shown: its unit, that of the whole numbers that are added up, and the conversion."""

    shown: str
    base: str
    show: Callable[[int], Decimal]


def _plain(unit: str) -> Unit:
    return Unit(unit, unit, Decimal)


def _kilograms(grams: int) -> Decimal:
    return (Decimal(grams) / 1000).quantize(Decimal("0.001"), ROUND_HALF_UP)


_STICKS = Unit("万支", "支", in_ten_thousands)
_MONEY = Unit("万元", "分", in_ten_thousand_yuan)
_WEIGHT = Unit("公斤", "克", _kilograms)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. One that is ``part_of`` another adds up to it with its like; ``distinct`` counts ids, not amounts."""

    name: str
    heading: str
    unit: Unit
    part_of: str | None = None
    distinct: bool = False


MEASURES: tuple[Measure, ...] = (
    Measure("dispatches", "出动次数", _plain("次")),
    Measure("person_times", "出动人员（执法人员）", _plain("人次")),
    Measure("other_person_times", "出动其他人员", _plain("人次")),
    Measure("vehicle_times", "出动车辆", _plain("辆次")),
    Measure("vehicles_unnamed", "其中未列车牌的车辆", _plain("辆次")),
    Measure("derived_dispatches", "按记录推算的出动次数（不在上列之内）", _plain("次")),
    Measure("derived_person_times", "按记录推算的出动人员（不在上列之内）", _plain("人次")),
    Measure("partner_person_times", "联合单位人员（不在上列之内）", _plain("人次")),
    Measure("visits", "检查户次", _plain("户次")),
    Measure("outlets_visited", "检查户数", _plain("户"), distinct=True),
    Measure("unlicensed_checks", "无证户检查", _plain("次")),
    Measure("road_sessions", "路检场次", _plain("场次")),
    Measure("road_stops", "路检车次", _plain("车次")),
    Measure("road_hits", "路检查获车次", _plain("车次")),
    Measure("depot_checks", "寄递网点检查", _plain("次")),
    Measure("findings", "查处违法情形", _plain("起")),
    Measure("cigarettes", "查获卷烟", _STICKS),
    *(
        Measure(f"cigarettes/{nature}", f"其中：{label}", _STICKS, "cigarettes")
        for nature, label in zip(NATURES, ("假烟", "走私烟", "非渠道（含串码）", "其他"), strict=True)
    ),
    Measure("tobacco", "烟叶烟丝", _WEIGHT),
    Measure("ecig_pod", "电子烟：烟弹", _plain("个")),
    Measure("disposable_ecig", "电子烟：一次性电子烟", _plain("个")),
    Measure("ecig_device", "电子烟：烟具", _plain("个")),
    Measure("e_liquid", "电子烟：烟液", _plain("毫升")),
    Measure("empty_tube", "空烟管", _STICKS),
    Measure("labelled_value_fen", "标值", _MONEY),
    Measure("case_value_fen", "案值", _MONEY),
    Measure("amount_involved_fen", "涉案金额", _MONEY),
)
# Figures of which there are as many as there are causes or units; each stands below the figure that it is part of.
_KINDS = {"cause": ("findings", _plain("起")), "partners": ("partner_person_times", _plain("人次"))}


@dataclass(frozen=True, slots=True)
class Line:
    """One figure in the month, in the year to date and in the same month of last year, in base units."""

    measure: Measure
    month: int
    to_date: int
    last_year: int

    @property
    def change(self) -> Decimal | None:
        """By how many percent the month differs from that of last year; None where there was nothing then."""
        share = percent(abs(self.month - self.last_year), self.last_year)
        return None if share is None else Decimal(share).copy_sign(self.month - self.last_year)


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """R3 of a month, as known by ``as_of``. ``facts`` are all that is counted in it, by span."""

    period: ReportingPeriod
    as_of: datetime
    lines: list[Line]
    facts: dict[SpanName, list[Fact]]


def month_for(work: Work, text: str | None, as_of: datetime) -> ReportingPeriod:
    """The month asked for; by default the last one that is over at ``as_of``.

    Raises:
        Problem: ``bad_period`` for anything that is no month.
    """
    if text is None:
        last = as_of.astimezone(work.zone).date().replace(day=1) - timedelta(days=1)
        return reporting_period(f"{last:%Y-%m}")
    try:
        period = reporting_period(text)
    except BadPeriod as error:
        raise problem_at("/period", "bad_period", str(error)) from error
    if not 28 <= (period.last_day - period.first_day).days + 1 <= 31:
        detail = f"{text} 不是月份，例如 2026-07。This report is of one month, such as 2026-07."
        raise problem_at("/period", "bad_period", detail)
    return period


def monthly_report(work: Work, period: ReportingPeriod, as_of: datetime) -> MonthlyReport:
    """R3 of the month.

    The year to date ends with the month; last year's month is told as it is known by ``as_of``.
    """
    first = period.first_day
    to_date = _facts(work, Span(first.replace(month=1, day=1), period.last_day, as_of))
    before = reporting_period(f"{first.year - 1}-{first.month:02}")
    facts: dict[SpanName, list[Fact]] = {
        "month": [fact for fact in to_date if fact.day >= first],
        "to_date": to_date,
        "last_year": _facts(work, Span(before.first_day, before.last_day, as_of)),
    }
    sums = {span: _sums(found) for span, found in facts.items()}
    lines = [
        Line(measure, *(sums[span].get(measure.name, 0) for span in SPANS))
        for measure in _measures(set().union(*sums.values()))
    ]
    return MonthlyReport(period, as_of, lines, facts)


def monthly_items(report: MonthlyReport, figure: str, span: SpanName) -> list[Fact]:
    """What stands behind a figure in one of the spans, by day and id; of a distinct one each id once.

    Raises:
        Problem: ``invalid`` for a figure that the report does not have.
    """
    measure = next((line.measure for line in report.lines if line.measure.name == figure), None)
    if measure is None:
        raise invalid("/figure", "unknown", f"没有指标 {figure}。R3 has no such figure.")
    found = [fact for fact in report.facts[span] if fact.figure == figure]
    if measure.distinct:
        found = list({fact.id: fact for fact in reversed(found)}.values())
    return sorted(found, key=lambda fact: (fact.day, str(fact.id)))


def checks_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The sum check of each column: figures whose parts are shown, with both sums in base units."""
    checks = []
    for whole in dict.fromkeys(line.measure.part_of for line in lines if line.measure.part_of):
        parts = [line for line in lines if line.measure.part_of == whole]
        total = next(line for line in lines if line.measure.name == whole)
        for span in SPANS:
            told, summed = getattr(total, span), sum(getattr(part, span) for part in parts)
            checks.append(
                {"figure": whole, "column": span, "total": told, "parts": summed, "agrees": told == summed}
            )
    return checks


def due_of(period: ReportingPeriod, zone: Any) -> datetime:
    """Until when the month is to be reported: it is complete at midnight, and submitted during the first (A9)."""
    after: date = period.last_day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone) + timedelta(days=1)


def _facts(work: Work, span: Span) -> list[Fact]:
    return [
        fact
        for facts in (dispatch_facts, derived_facts, visit_facts, road_facts, depot_facts, found_facts)
        for fact in facts(work, span)
    ]


def _sums(facts: Iterable[Fact]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    distinct: dict[str, set[Any]] = defaultdict(set)
    counted_once = {measure.name for measure in MEASURES if measure.distinct}
    for fact in facts:
        if fact.figure in counted_once:
            distinct[fact.figure].add(fact.id)
        else:
            sums[fact.figure] += fact.amount
    return sums | {name: len(ids) for name, ids in distinct.items()}


@cache
def _causes() -> dict[str, str]:
    """The causes (案由) as the forms name them."""
    named = (form.answers_schema["properties"].get("cause", {}) for form in load_forms())
    return {code: label for cause in named for code, label in cause.get("labels", {}).items()}


def _measures(found: set[str]) -> list[Measure]:
    """The figures in their order, with those of causes and units that there are any of."""
    labels = _causes()
    measures = []
    for measure in MEASURES:
        measures.append(measure)
        for kind, (whole, unit) in _KINDS.items():
            if whole == measure.name:
                names = sorted(name for name in found if name.startswith(f"{kind}/"))
                measures += [
                    Measure(name, f"其中：{labels.get(key, key)}", unit, whole)
                    for name in names
                    if (key := name.partition("/")[2])
                ]
    return measures
