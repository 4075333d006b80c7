"""Who may do which step of signing a report off, and when; and which differences there are between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from server.cadence.periods import BadPeriod, Period, ReportingPeriod, parse_period, reporting_period
from server.kernel.permissions import Permission


class Act(StrEnum):
    """A step; the report is in the state of that name after it."""

    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    REVIEWED = "reviewed"
    ISSUED = "issued"

    @property
    def label_zh(self) -> str:
        """As officials call it."""
        return _LABELS[self]


_LABELS = {
    Act.DRAFTED: "拟稿",
    Act.SUBMITTED: "送审",
    Act.RETURNED: "退回",
    Act.REVIEWED: "审核",
    Act.ISSUED: "签发",
}
_AFTER: Mapping[Act, frozenset[Act | None]] = {
    Act.DRAFTED: frozenset({None, Act.DRAFTED, Act.RETURNED}),
    Act.SUBMITTED: frozenset({Act.DRAFTED}),
    Act.RETURNED: frozenset({Act.SUBMITTED, Act.REVIEWED}),
    Act.REVIEWED: frozenset({Act.SUBMITTED}),
    Act.ISSUED: frozenset({Act.REVIEWED}),
}
_NEEDS: Mapping[Act, Permission] = {
    Act.DRAFTED: Permission.REPORT_DRAFT,
    Act.SUBMITTED: Permission.REPORT_DRAFT,
    Act.REVIEWED: Permission.REPORT_REVIEW,
    Act.ISSUED: Permission.REPORT_ISSUE,
}
_BY_DRAFTERS = frozenset({Act.DRAFTED, Act.SUBMITTED})
# Names of groups may be changed afterwards and tier names are no figures.
_NO_FIGURE = frozenset({"by", "group_id", "group", "tier", "tier_zh", "period"})
# What makes an obligation another one in a report. Whether a device was still silent (待同步) is not: that changes
# with every sync, and is a figure of its own.
_TOLD = (
    *("state", "record_id", "performed_at", "days_late", "attempts"),
    *("cell_id", "squad_id", "officer_id"),
)

Entry = Mapping[str, Any]
"""An obligation as a snapshot has it; see ``freezing.entries_of``."""
Line = Mapping[str, Any]
"""A line of figures as a snapshot has it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was taken."""

    act: Act
    account_id: UUID


def state_of(steps: Sequence[Step]) -> Act | None:
    """The state after these steps; None before the first."""
    return steps[-1].act if steps else None


def possible(act: Act, steps: Sequence[Step]) -> bool:
    """Whether the step may follow these."""
    return state_of(steps) in _AFTER[act]


def permission_for(act: Act, steps: Sequence[Step]) -> Permission:
    """What the step needs; whoever would take the next step may return the report instead."""
    if act is Act.RETURNED:
        return Permission.REPORT_ISSUE if state_of(steps) is Act.REVIEWED else Permission.REPORT_REVIEW
    return _NEEDS[act]


def had_a_hand(act: Act, account_id: UUID, steps: Sequence[Step]) -> bool:
    """Whether somebody has done a step of this version that bars him from this one.

    Whoever drafted or submitted it can neither review nor issue it, and whoever reviewed it cannot issue it; to return
    it is the part of whoever would review or issue it.
    """
    if act in _BY_DRAFTERS:
        return False
    barring = set(_BY_DRAFTERS)
    if permission_for(act, steps) is Permission.REPORT_ISSUE:
        barring.add(Act.REVIEWED)
    return any(step.act in barring and step.account_id == account_id for step in steps)


def signable_period(text: str) -> ReportingPeriod:
    """The month or quarter that ``text`` names.

    Raises BadPeriod for another text, and for a week or a year: weeks are reported with the month of their Thursday,
    and a year is the sum of quarters that were signed off.
    """
    period = reporting_period(text)
    months = (period.last_day - period.first_day).days // 28
    if months not in (1, 3):
        raise BadPeriod(
            f"{period.key} 不是月或季：周报、年报不签发。"
            "Only a month or a quarter is signed off; weeks belong to the month of their Thursday."
        )
    return period


def parts_of(period: ReportingPeriod) -> list[Period]:
    """The weeks, months and quarters that are reported in the period."""
    return [parse_period(key) for keys in period.keys.values() for key in keys]


def day_over(period: ReportingPeriod) -> date:
    """The first day after the period and after the last week that is reported in it."""
    return max(period.last_day, *(part.last_day for part in parts_of(period))) + timedelta(days=1)


def changed(before: Iterable[Entry], after: Iterable[Entry]) -> list[dict[str, Any]]:
    """The obligations that two reports of one period tell differently, each as it was and as it is.

    One that only one of them has is None on the other side. In order of last day, subject and tier.
    """
    was, now = ({entry["id"]: entry for entry in entries} for entries in (before, after))
    found = []
    for one in was.keys() | now.keys():
        old, new = was.get(one), now.get(one)
        if _told(old) != _told(new):
            found.append({"id": one, "before": old, "after": new})
    return sorted(found, key=_place)


def figures_changed(before: Iterable[Line], after: Iterable[Line]) -> list[dict[str, Any]]:
    """Each figure that differs: by what, of which group and tier, which column, before and after."""
    was, now = ({_line_key(line): line for line in lines} for lines in (before, after))
    found = []
    for key in sorted(was.keys() | now.keys(), key=str):
        old, new = was.get(key, {}), now.get(key, {})
        named = new or old
        for column in sorted((old.keys() | new.keys()) - _NO_FIGURE):
            if old.get(column) != new.get(column):
                found.append(
                    {
                        **{name: named[name] for name in ("by", "group_id", "group", "tier")},
                        "column": column,
                        "before": old.get(column),
                        "after": new.get(column),
                    }
                )
    return found


def _told(entry: Entry | None) -> tuple[Any, ...] | None:
    return None if entry is None else tuple(entry[name] for name in _TOLD)


def _place(change: Mapping[str, Any]) -> tuple[str, ...]:
    entry = change["after"] or change["before"]
    return entry["last_day"], entry["subject_id"], entry["tier"], entry["id"]


def _line_key(line: Line) -> tuple[Any, ...]:
    return line["by"], line["group_id"], line["tier"]
