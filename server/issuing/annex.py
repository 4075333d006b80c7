"""The legal annex of a signed report: where the policy asks for more visits than the annual cap, on what ground."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.access.models import Account
from server.cadence.cap_policies import cap_on
from server.cadence.caps import least_visits
from server.cadence.models import CapPolicy, PolicySignOff
from server.cadence.periods import ReportingPeriod, reporting_period
from server.cadence.timeline import Edition, load_timeline
from server.kernel.work import Work
from server.org.models import Person
from server.reports.cap import cap_report
from server.reports.cap_sheet import cap_sheet


def legal_annex(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any] | None:
    """What the policies in force during the period ask of an outlet in every tier in that year, the caps below it, who
    let that be and why, and the outlets over their cap (R10) as known by ``as_of``; None where no cap is exceeded.
    """
    year = period.last_day.year
    day = min(period.last_day, as_of.astimezone(work.zone).date())
    cap = cap_on(work, day, as_of)
    if cap is None:
        return None
    floors = []
    for stretch in load_timeline(work).stretches(period.last_day):
        if stretch.last >= period.first_day:
            visits = _visits_a_year(stretch.edition, year)
            over = {grade: limit for grade, limit in cap.limits.items() if visits > limit}
            if over:
                floors.append((stretch.edition, visits, over))
    if not floors:
        return None
    ledger = cap_report(work, year, as_of)
    return {
        "year": year,
        "cap": _cap(cap),
        "floors": [
            {
                "policy_id": edition.policy.id,
                "version": edition.policy.version,
                "visits_a_year": visits,
                "over": over,
                "sign_offs": _sign_offs(work, edition, as_of),
            }
            for edition, visits, over in floors
        ],
        "totals": [
            {
                name: getattr(total, name)
                for name in ("grade", "cap", "outlets", "visited", "used", "exempt", "over")
            }
            for total in ledger.totals
        ],
        "over_cap": list(cap_sheet(work, ledger, "over").rows),
    }


def _visits_a_year(edition: Edition, year: int) -> int:
    """The fewest visits that count to the cap with which an outlet in every tier can be met for a year."""
    keys = reporting_period(str(year)).keys
    tiers: Mapping[CadenceTier, Any] = edition.tiers
    return least_visits(
        {tier: len(keys[tier]) for tier in tiers},
        {tier: frozenset(map(CadenceTier, row.satisfies)) for tier, row in tiers.items()},
        {tier: row.counts_to_cap for tier, row in tiers.items()},
    )


def _cap(cap: CapPolicy) -> dict[str, Any]:
    return {
        name: getattr(cap, name)
        for name in ("id", "version", "name", "legal_basis", "effective_from", "limits")
    }


def _sign_offs(work: Work, edition: Edition, as_of: datetime) -> list[dict[str, Any]]:
    rows = work.session.execute(
        select(PolicySignOff, Account.username, Person.name)
        .join(Account, Account.id == PolicySignOff.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .where(PolicySignOff.policy_id == edition.policy.id, PolicySignOff.known_at <= as_of)
        .order_by(PolicySignOff.known_at, PolicySignOff.id)
    )
    return [
        {
            "id": signed.id,
            "ground": signed.ground,
            "signer": name or username,
            "signed_at": signed.known_at.astimezone(work.zone),
            "content_sha256": signed.content_sha256,
        }
        for signed, username, name in rows
    ]
