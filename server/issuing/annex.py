"""The legal annex of a signed report: where the policy asks for more visits than the annual cap, on what ground."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.cadence.cap_policies import cap_on
from server.cadence.models import CapPolicy
from server.cadence.periods import ReportingPeriod
from server.kernel.work import Work
from server.reports.above_cap import floors_above
from server.reports.cap import cap_report
from server.reports.cap_sheet import rows_of


def legal_annex(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any] | None:
    """What the policies in force during the period ask of an outlet in every tier in that year, the caps below it, who
    let that be and why, and the outlets over their cap (R10) as known by ``as_of``; None where no cap is exceeded.
    """
    year = period.last_day.year
    day = min(period.last_day, as_of.astimezone(work.zone).date())
    cap = cap_on(work, day, as_of)
    if cap is None:
        return None
    floors = floors_above(work, cap, period.first_day, period.last_day, as_of)
    if not floors:
        return None
    ledger = cap_report(work, year, as_of)
    return {
        "year": year,
        "cap": _cap(cap),
        "floors": [
            {
                "policy_id": floor.policy_id,
                "version": floor.version,
                "visits_a_year": floor.visits_a_year,
                "over": floor.over,
                "sign_offs": floor.sign_offs,
            }
            for floor in floors
        ],
        "totals": [
            {
                name: getattr(total, name)
                for name in ("grade", "cap", "outlets", "visited", "used", "exempt", "over")
            }
            for total in ledger.totals
        ],
        "over_cap": rows_of(ledger, "over"),
    }


def _cap(cap: CapPolicy) -> dict[str, Any]:
    return {
        name: getattr(cap, name)
        for name in ("id", "version", "name", "legal_basis", "effective_from", "limits")
    }
