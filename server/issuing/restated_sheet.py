"""What a report tells differently, as a sheet: one row an obligation, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.issuing import DifferencesOut, RestatedOut
from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.periods import ReportingPeriod
from server.issuing.monthly_paper import CHANGES, changes_told
from server.issuing.queries import Standing, content_of, differences_of
from server.issuing.restating import Restatement
from server.issuing.rules import signable_period
from server.kernel.work import Work
from server.reports.cadence_sheet import COLUMNS as FIGURES
from server.reports.heading import bureau_name, days_of
from server.reports.sheets import NO_FIGURE, Column, Sheet

COLUMNS = (
    Column("id", "应查编号", printed=False, text=True),
    Column("subject", "零售户", brief=True, text=True, width=2.6),
    Column("tier_zh", "制度", brief=True, text=True),
    Column("key", "周期", brief=True, text=True, width=1.1),
    Column("before", "原状态", brief=True, text=True),
    Column("record_before", "原记录", text=True, width=2.2),
    Column("after", "现状态", brief=True, text=True),
    Column("record_after", "现记录", text=True, width=2.2),
    Column("learned", "期间获知", brief=True, text=True, width=3.4),
)
_HEADINGS = {column.name: column.heading for column in FIGURES}
_LEARNED = {
    "visit": "检查记录",
    "attempt": "到店未查成记录",
    "waiver": "免查批准",
    "waiver_withdrawn": "免查撤销",
    "status": "经营状态",
    "registration": "台账变更",
    "duty": "责任变更",
}
NOTES = ("“期间获知”为两个时刻之间新获知的事实及其时间；没有新获知的事实而状态不同的，是期限在此期间届满。",)


def restated_sheet(work: Work, period: ReportingPeriod, found: Restatement) -> Sheet:
    """The sheet of a restatement; its JSON has the figures too, of every group."""
    told = {
        "period": period.key,
        "since": found.since,
        "until": found.until,
        "obligations": found.obligations,
        "figures": found.figures,
    }
    return Sheet(
        code="R1",
        stem=f"restated-{period.key}",
        tab="更正清单",
        title="复查执行情况更正清单",
        bureau=bureau_name(work),
        period=days_of(period.key, period.first_day, period.last_day),
        as_of=found.until,
        columns=COLUMNS,
        rows=rows_of(found.obligations),
        answer=RestatedOut().dump(told),
        basis=[f"与 {_minute(found.since)} 所知相比", *figures_told(found.figures)],
        notes=NOTES,
    )


def differences_sheet(work: Work, standing: Standing) -> Sheet:
    """The sheet of what a version tells differently from the one before, as it was frozen; empty for a first one."""
    told = differences_of(content_of(standing))
    as_of = standing.snapshot.as_of.astimezone(work.zone)
    found = Restatement(
        told["since"] or as_of, as_of, told["obligations"], told["figures"], told.get("facts", [])
    )
    return sheet_of(work, standing, found)


def sheet_of(work: Work, standing: Standing, found: Restatement) -> Sheet:
    """The sheet of a restatement of a signed report, as its kind is told."""
    period = signable_period(standing.issue.period)
    if standing.issue.kind != "R3":
        return restated_sheet(work, period, found)
    told = {"since": found.since, "obligations": [], "figures": found.figures, "facts": found.facts}
    return Sheet(
        code="R3",
        stem=f"restated-monthly-{period.key}",
        tab="更正清单",
        title="月度统计更正清单",
        bureau=bureau_name(work),
        period=days_of(period.key, period.first_day, period.last_day),
        as_of=found.until,
        columns=CHANGES,
        rows=changes_told(told),
        answer=DifferencesOut().dump(told),
        basis=[f"与 {_minute(found.since)} 所知相比"],
    )


def rows_of(obligations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row an obligation that differs."""
    rows = []
    for change in obligations:
        before, after = change["before"], change["after"]
        named = after or before
        rows.append(
            {
                "id": change["id"],
                "subject": change["subject"] or named["subject_id"],
                "tier_zh": CadenceTier(named["tier"]).label_zh,
                "key": named["key"],
                "before": _state(before),
                "record_before": before["record_id"] if before else None,
                "after": _state(after),
                "record_after": after["record_id"] if after else None,
                "learned": "；".join(map(_fact, change["learned"])) or None,
            }
        )
    return rows


def figures_told(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """The bureau's own figures that differ, a line a tier."""
    tiers: dict[str, list[str]] = {}
    for one in figures:
        if one["by"] == "total":
            before, after = (_figure(one[side]) for side in ("before", "after"))
            tiers.setdefault(one["tier"], []).append(f"{_HEADINGS[one['column']]} {before} → {after}")
    return [f"{CadenceTier(tier).label_zh}：{'，'.join(told)}" for tier, told in tiers.items()]


def _figure(value: Any) -> str:
    return NO_FIGURE if value is None else str(value)


def _state(entry: Mapping[str, Any] | None) -> str | None:
    return ObligationState(entry["state"]).label_zh if entry else None


def _fact(fact: Mapping[str, Any]) -> str:
    return f"{_LEARNED[fact['what']]}（{fact['known_at'][:16].replace('T', ' ')}）"


def _minute(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
