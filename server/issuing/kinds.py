"""The reports that can be signed off. Another kind joins by saying how it is frozen and how it is worked out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.cadence.periods import ReportingPeriod
from server.issuing import freezing, monthly, restating
from server.issuing.restating import Restatement
from server.issuing.rules import day_over
from server.kernel.work import Work
from server.reports.monthly_sheet import TITLE


@dataclass(frozen=True, slots=True)
class Kind:
    """One report: what of it is frozen, how its figures are worked out again, and when a period of it is complete.

    ``freeze`` and ``figures`` are given the period and the moment and both have ``lines`` and ``obligations``. ``over`` is
    the first day after everything that the period reports; ``first_moment`` that from which nothing of it is pending.
    """

    code: str
    title_zh: str
    freeze: Callable[[Work, ReportingPeriod, datetime], dict[str, Any]]
    figures: Callable[[Work, ReportingPeriod, datetime], dict[str, Any]]
    first_moment: Callable[[Work, ReportingPeriod], datetime]
    over: Callable[[ReportingPeriod], date]
    summary: Callable[[Mapping[str, Any]], dict[str, Any]]
    compared: Callable[[Work, Mapping[str, Any], Mapping[str, Any], datetime, datetime], Restatement]
    months_only: bool = False


KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "R1",
            "周复查、月核查、季抽查执行情况",
            freezing.freeze,
            freezing.figures,
            freezing.first_moment,
            day_over,
            freezing.summary,
            restating.compared,
        ),
        Kind(
            "R3",
            TITLE,
            monthly.freeze,
            monthly.figures,
            monthly.first_moment,
            monthly.day_after,
            monthly.summary,
            monthly.compared,
            months_only=True,
        ),
    )
}
