"""The reports that can be signed off. Another kind joins by saying how it is frozen and how it is worked out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.cadence.periods import ReportingPeriod
from server.issuing import freezing
from server.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Kind:
    """One report: what of it is frozen, how its figures are worked out again, and when a period of it is complete.

    ``freeze`` and ``figures`` are given the period and the moment and both have ``lines`` and ``obligations``.
    """

    code: str
    title_zh: str
    freeze: Callable[[Work, ReportingPeriod, datetime], dict[str, Any]]
    figures: Callable[[Work, ReportingPeriod, datetime], dict[str, Any]]
    first_moment: Callable[[Work, ReportingPeriod], datetime]


KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "R1",
            "周复查、月核查、季抽查执行情况",
            freezing.freeze,
            freezing.figures,
            freezing.first_moment,
        ),
    )
}
