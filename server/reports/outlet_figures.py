"""What R1 tells of an outlet besides its obligations: misses in a row, findings, follow-ups, and the cap's account."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, DutyRule, ObligationState
from server.cadence import rules
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.timeline import need_rulebook
from server.kernel.work import Work
from server.reports.cadence import CadenceReport
from server.reports.cap import cap_report
from server.reports.judged import judged
from server.reports.outlet_records import records_at_outlets

DONE = (ObligationState.MET, ObligationState.MET_LATE)
MISSED = (ObligationState.MISSED, ObligationState.MADE_UP)
FOLLOW_UPS = (DutyRule.TRIPLE_RECHECK.value, DutyRule.RECTIFICATION_RECHECK.value)


@dataclass(frozen=True, slots=True)
class OutletFigures:
    """Of one outlet. Misses are told by tier; ``cap`` is ``None`` where its grade has none."""

    misses: Counter[CadenceTier]
    findings: int
    follow_ups: int
    cap_used: int
    cap: int | None


def outlet_figures(work: Work, report: CadenceReport) -> dict[uuid.UUID, OutletFigures]:
    """The figures of every outlet of an R1 by outlet, for its period and as known by its moment.

    Misses in a row are the last decided obligations of the period that were missed, waived ones left out. Findings are
    valid inspections whose result is abnormal; follow-ups the re-checks (查一补三、责令改正) that were performed. The
    account is of the calendar year in which the period ends, or of the present one.
    """
    outlets = {line.group_id for line in report.lines if line.group_id is not None}
    misses = _misses(work, report)
    findings: Counter[uuid.UUID] = Counter(
        row.subject_id
        for row in records_at_outlets(work, report.period.first_day, report.period.last_day, report.as_of)
        if row.valid and row.inspects and row.result == "abnormal"
    )
    follow_ups = _follow_ups(work, report)
    year = min(report.period.last_day, report.as_of.astimezone(work.zone).date()).year
    ledgers = {one.outlet_id: one.ledger for one in cap_report(work, year, report.as_of).accounts}
    return {
        outlet: OutletFigures(
            misses=misses[outlet],
            findings=findings[outlet],
            follow_ups=follow_ups[outlet],
            cap_used=ledgers[outlet].total if outlet in ledgers else 0,
            cap=ledgers[outlet].cap if outlet in ledgers else None,
        )
        for outlet in outlets
    }


def _misses(work: Work, report: CadenceReport) -> dict[uuid.UUID, Counter[CadenceTier]]:
    found: dict[uuid.UUID, Counter[CadenceTier]] = defaultdict(Counter)
    for item in sorted(judged(work, report.period, report.as_of), key=lambda item: item.row.first_day):
        if item.judgement.state in DONE:
            found[item.row.subject_id][item.tier] = 0
        elif item.judgement.state in MISSED:
            found[item.row.subject_id][item.tier] += 1
    return found


def _follow_ups(work: Work, report: CadenceReport) -> Counter[uuid.UUID]:
    """The re-checks performed on a day of the period, by outlet."""
    period, found = report.period, Counter[uuid.UUID]()
    subjects = work.session.scalars(
        select(Obligation.subject_id)
        .where(
            Obligation.bureau_id == work.bureau_id,
            Obligation.subject_kind == "outlet",
            Obligation.rule.in_(FOLLOW_UPS),
        )
        .distinct()
    ).all()
    if not subjects:
        return found
    rulebook = need_rulebook(work, report.as_of.astimezone(work.zone).date())
    for subject_id, loaded in load_histories(work, subjects).items():
        for judgement in rules.judge(loaded.history, rulebook, report.as_of):
            if judgement.state in DONE and loaded.owed[judgement.obligation.id].rule in FOLLOW_UPS:
                assert judgement.performed_at is not None
                found[subject_id] += (
                    period.first_day <= rulebook.day(judgement.performed_at) <= period.last_day
                )
    return found
