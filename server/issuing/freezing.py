"""What a snapshot of R1 holds: every line, every obligation behind it, and by which rules it was judged."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import select

from schemas.vocabulary import CadenceTier
from server.cadence.models import PolicyTier
from server.cadence.periods import ReportingPeriod
from server.cadence.tally import PENDING
from server.cadence.timeline import Edition, load_timeline, need_rulebook
from server.issuing.annex import legal_annex
from server.issuing.rules import day_over, parts_of
from server.kernel.actor import house
from server.kernel.bulk import among
from server.kernel.calendar import WorkdayYear
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.reports.cadence import By, report_of
from server.reports.cadence_sheet import as_row
from server.reports.judged import Item, judged

# An outlet's line is its obligations, and those are all there.
CUTS = tuple(by for by in By if by is not By.OUTLET)


def canonical(value: Any) -> bytes:
    """The one way to write a value: UTF-8, keys sorted, no blanks. There are no floating-point numbers in it."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def plain(value: Any) -> Any:
    """The value as it comes back from its canonical bytes."""
    return orjson.loads(canonical(value))


def bureau_eyes(work: Work) -> Work:
    """The same unit of work with the whole bureau in sight: a signed report is the bureau's, whoever drafts it."""
    return replace(work, actor=house(work.bureau_id))


def first_moment(work: Work, period: ReportingPeriod) -> datetime:
    """The first instant after the last grace of the period: nothing of it is pending any more."""
    rulebook = need_rulebook(work, work.now.astimezone(work.zone).date())
    last = day_over(period) - timedelta(days=1)
    for part in parts_of(period):
        if any(part.tier in one.tiers and one.effective_from <= part.first_day for one in rulebook.versions):
            last = max(last, rulebook.window(part.tier, part.first_day, part.last_day).grace_last_day)
    return datetime.combine(last + timedelta(days=1), time(), work.zone)


def freeze(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any]:
    """R1 of the period in the actor's scope, as known by ``as_of`` and judged at it, with all that stands behind it."""
    items = judged(work, period, as_of)
    last_graces = [item.row.grace_last_day for item in items]
    return {
        **_told(work, period, as_of, items),
        "provisional": any(item.judgement.provisional for item in items),
        "workdays": _workdays(work, period.first_day, max(last_graces, default=period.last_day)),
        "policies": _policies(work, items),
        "subjects": _subjects(work, items),
        "annex": legal_annex(work, period, as_of),
    }


def summary(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """What lists of signed reports show of it."""
    return {
        "totals": [line for line in frozen["lines"] if line["by"] == "total"],
        "figures": [],
        "pending": sum(one["state"] in PENDING for one in frozen["obligations"]),
        "unknown": sum(one["unknown"] for one in frozen["obligations"]),
    }


def figures(work: Work, period: ReportingPeriod, as_of: datetime) -> dict[str, Any]:
    """The lines and the obligations of R1 as ``freeze`` has them, as they come back from canonical bytes."""
    told: dict[str, Any] = plain(_told(work, period, as_of, judged(work, period, as_of)))
    return told


def subjects_of(work: Work, ids: Sequence[uuid.UUID]) -> dict[str, str]:
    """What the subjects are called: licence number and name, by id."""
    named = select(Outlet.id, Outlet.licence_no, Outlet.name).where(among(Outlet.id, ids))
    return {str(one): f"{licence_no} {name}" for one, licence_no, name in work.session.execute(named)}


def _told(work: Work, period: ReportingPeriod, as_of: datetime, items: Sequence[Item]) -> dict[str, Any]:
    lines = []
    for by in CUTS:
        report = report_of(work, period, as_of, by, items)
        lines += [{"by": by.value, **as_row(line)} for line in report.lines]
    return {"lines": lines, "obligations": entries_of(work, items)}


def entries_of(work: Work, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Each obligation with its state, its records and with whom it is counted, by last day, subject and tier."""
    versions = _versions(work, items)
    entries = []
    for item in items:
        judgement, row, owner = item.judgement, item.row, item.responsible
        at = judgement.performed_at
        entries.append(
            {
                "id": row.id,
                "subject_id": row.subject_id,
                "tier": row.tier,
                "key": row.key,
                "first_day": row.first_day,
                "last_day": row.last_day,
                "grace_last_day": row.grace_last_day,
                "policy_version": versions[item.tier, row.first_day],
                "state": judgement.state.value,
                "unknown": item.unknown,
                "provisional": judgement.provisional,
                "record_id": judgement.met_by or judgement.made_up_by,
                "performed_at": at.astimezone(work.zone) if at else None,
                "days_late": judgement.days_late,
                "attempts": list(judgement.attempts),
                "cell_id": judgement.cell_id,
                "squad_id": owner.squad_id if owner else None,
                "officer_id": owner.lead_person_id if owner else None,
            }
        )
    entries.sort(key=lambda entry: (entry["last_day"], str(entry["subject_id"]), entry["tier"], entry["id"]))
    return entries


def _workdays(work: Work, first: date, last: date) -> dict[str, Any]:
    """The holiday notices of the years that decide about the period, and the years that are not loaded."""
    years = range(first.year, last.year + 1)
    loaded = {
        str(year): source
        for year, source in work.session.execute(
            select(WorkdayYear.year, WorkdayYear.source).where(
                WorkdayYear.bureau_id == work.bureau_id, WorkdayYear.year.in_(years)
            )
        )
    }
    return {"notices": loaded, "not_loaded": [year for year in years if str(year) not in loaded]}


def _editions(work: Work, items: Sequence[Item]) -> dict[tuple[CadenceTier, date], Edition]:
    """By tier and first day, the version of the policy by which a period was judged."""
    timeline = load_timeline(work)
    rulebook = timeline.rulebook
    editions = {id(one): edition for one, edition in zip(rulebook.versions, timeline.editions, strict=True)}
    periods = {(item.tier, item.row.first_day) for item in items}
    return {(tier, first): editions[id(rulebook.version(tier, first))] for tier, first in periods}


def _versions(work: Work, items: Sequence[Item]) -> dict[tuple[CadenceTier, date], int]:
    return {period: edition.policy.version for period, edition in _editions(work, items).items()}


def _policies(work: Work, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The versions of the policy by which the obligations were judged, with all their tiers."""
    used = {edition.policy.version: edition for edition in _editions(work, items).values()}
    named = ("id", "code", "version", "name", "legal_basis", "effective_from", "effective_to")
    return [
        {
            **{name: getattr(edition.policy, name) for name in named},
            "tiers": [
                _tier(edition.tiers[tier]) for tier in sorted(edition.tiers, key=lambda one: one.depth)
            ],
        }
        for _, edition in sorted(used.items())
    ]


def _tier(row: PolicyTier) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in PolicyTier.__table__.columns}


def _subjects(work: Work, items: Sequence[Item]) -> dict[str, str]:
    return subjects_of(work, sorted({item.row.subject_id for item in items}))
