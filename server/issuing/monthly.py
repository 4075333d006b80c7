"""R3 as it is signed off: what is frozen of a month, when a month is complete, and what a later one tells otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from schemas.field_reports import MonthlyRow
from server.cadence.periods import ReportingPeriod
from server.issuing.freezing import plain
from server.issuing.restating import Restatement
from server.kernel.work import Work
from server.reports.monthly import SPANS, checks_of, due_of, monthly_report
from server.reports.monthly_sheet import rows_of

_COLUMNS = tuple(f"{span}_base" for span in SPANS)


def day_after(period: ReportingPeriod) -> date:
    """The first day after the month: nothing in it waits for a week to end."""
    return period.last_day + timedelta(days=1)


def first_moment(work: Work, period: ReportingPeriod) -> datetime:
    """Midnight: the month is complete with its last day, is locked at 00:00 of the first, and submitted during it."""
    return datetime.combine(day_after(period), time(), work.zone)


def freeze(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any]:
    """R3 of the month in the actor's scope, as known by ``as_of``, with every fact of the month that stands behind it."""
    report = monthly_report(work, period, as_of)
    rows: list[dict[str, Any]] = MonthlyRow(many=True).dump(rows_of(report.lines))
    return {
        "lines": [{"by": "total", **row} for row in rows],
        "obligations": [],
        "facts": [
            {"figure": one.figure, "id": one.id, "kind": one.kind, "amount": one.amount, "day": one.day}
            for one in sorted(report.facts["month"], key=lambda one: (one.figure, one.day, str(one.id)))
        ],
        "checks": checks_of(report.lines),
        "due_at": due_of(period, work.zone),
        "provisional": False,
        "annex": None,
        "policies": [],
    }


def figures(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any]:
    """The same, as it comes back from canonical bytes."""
    told: dict[str, Any] = plain(freeze(work, period, as_of))
    return told


def summary(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """What lists of signed reports show of it; nothing of a month that is over is pending."""
    return {"totals": [], "figures": frozen["lines"], "pending": 0, "unknown": 0}


def compared(
    _work: Work, before: Mapping[str, Any], after: Mapping[str, Any], since: datetime, until: datetime
) -> Restatement:
    """The figures that differ in a column, in base units, and of the month the records and dispatches that make it so."""
    was, now = ({line["figure"]: line for line in told["lines"]} for told in (before, after))
    changes = []
    for figure in [*was, *(one for one in now if one not in was)]:
        old, new = was.get(figure, {}), now.get(figure, {})
        named = new or old
        changes += [
            {
                "by": "total",
                "group_id": None,
                "group": named["figure_zh"],
                "tier": None,
                "figure": figure,
                "column": column,
                # A cause or a unit that there was nothing of has no line.
                "before": old.get(column, 0),
                "after": new.get(column, 0),
            }
            for column in _COLUMNS
            if old.get(column, 0) != new.get(column, 0)
        ]
    sums = (_amounts(told["facts"]) for told in (before, after))
    old_facts, new_facts = sums
    facts = [
        {
            "figure": figure,
            "id": one,
            "kind": kind,
            "before": old_facts.get((figure, kind, one)),
            "after": new_facts.get((figure, kind, one)),
        }
        for figure, kind, one in sorted(old_facts.keys() | new_facts.keys())
        if old_facts.get((figure, kind, one)) != new_facts.get((figure, kind, one))
    ]
    return Restatement(since, until, obligations=[], figures=changes, facts=facts, changed=len(changes))


def _amounts(facts: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], int]:
    sums: dict[tuple[str, str, str], int] = {}
    for fact in facts:
        key = (fact["figure"], fact["kind"], fact["id"])
        sums[key] = sums.get(key, 0) + fact["amount"]
    return sums
