"""R10: the ledger of inspections beside the annual cap, counted from records as they were known by a moment."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, cast

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.vocabulary import CadenceTier
from server.cadence.cap_policies import cap_on
from server.cadence.caps import Inspection, Ledger, Visit, ledger, visits_of
from server.cadence.duty_editions import load_duty_rules
from server.cadence.histories import load_histories
from server.cadence.models import CapExemption, CapPolicy, Obligation
from server.cadence.population import GRADES, UNGRADED
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.grids.queries import cells_in_scope
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import problem_at
from server.kernel.work import Work
from server.outlets.models import Outlet, Registration
from server.records.models import OF_ITS_FORM, Form, Record
from server.records.superseding import last_words, stands

KINDS = ("routine", "special", "case")
# Where nobody has said how long a visit's records may lie apart.
APART = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Account:
    """One outlet's year."""

    outlet_id: uuid.UUID
    licence_no: str
    name: str
    grade: str
    visits: tuple[Visit, ...]
    ledger: Ledger


@dataclass(slots=True)
class GradeTotal:
    """The sum of a credit grade: outlets of the register, visits that count, exempt visits, outlets over the cap."""

    grade: str
    cap: int | None
    outlets: int = 0
    visited: int = 0
    used: int = 0
    exempt: int = 0
    over: int = 0


@dataclass(slots=True)
class CapReport:
    """R10 of a calendar year, as known by ``as_of``; ``accounts`` with the furthest over the cap first."""

    year: int
    as_of: datetime
    cap: CapPolicy | None
    accounts: list[Account] = field(default_factory=list)
    totals: list[GradeTotal] = field(default_factory=list)


class _Seen(NamedTuple):
    """What the register said of an outlet by the moment of the report."""

    licence_no: str
    name: str
    grade: str


def year_for(work: Work, given: int | None, as_of: datetime) -> int:
    """The year asked for; by default that of ``as_of``.

    Raises:
        Problem: ``bad_period`` for a year that has not begun by then.
    """
    present = as_of.astimezone(work.zone).year
    year = present if given is None else given
    if year > present:
        detail = f"{year} 年还没有开始。The year has not begun by that moment."
        raise problem_at("/year", "bad_period", detail)
    return year


def cap_report(work: Work, year: int, as_of: datetime) -> CapReport:
    """Every outlet in the actor's scope with its visits, cap and exemptions.

    The caps and the credit grade are those of the year's last day, or of the day of ``as_of`` while the year runs.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    today = as_of.astimezone(work.zone).date()
    day = min(last, today)
    cap = cap_on(work, day, as_of)
    outlets = _outlets(work, day, as_of)
    inspections = _inspections(work, first, last, as_of, cap)
    apart = timedelta(minutes=cap.same_visit_minutes) if cap else APART
    report = CapReport(year, as_of, cap)
    totals = {grade: GradeTotal(grade, cap.limits.get(grade) if cap else None) for grade in GRADES}
    for outlet_id, seen in outlets.items():
        visits = visits_of(inspections.get(outlet_id, ()), apart)
        total = totals[seen.grade]
        account = Account(outlet_id, *seen, visits=visits, ledger=ledger(visits, total.cap))
        report.accounts.append(account)
        total.outlets += 1
        total.visited += bool(visits)
        total.used += account.ledger.total
        total.exempt += sum(account.ledger.exempt.values())
        total.over += account.ledger.over > 0
    report.accounts.sort(key=lambda one: (-one.ledger.over, -one.ledger.total, one.licence_no))
    report.totals = [total for total in totals.values() if total.outlets]
    return report


def remaining_of(work: Work, outlet_ids: Sequence[uuid.UUID], day: date) -> dict[uuid.UUID, int | None]:
    """How many visits that count the cap still allows each outlet in the year of ``day``, None where it has no cap.

    ``day`` may lie ahead: the caps and the grade are those known now for it, and what is planned is not counted.
    """
    cap = cap_on(work, day, work.now)
    inspections = _inspections(
        work, date(day.year, 1, 1), date(day.year, 12, 31), work.now, cap, only=outlet_ids
    )
    apart = timedelta(minutes=cap.same_visit_minutes) if cap else APART
    limits = cap.limits if cap else {}
    return {
        outlet_id: ledger(visits_of(inspections.get(outlet_id, ()), apart), limits.get(seen.grade)).remaining
        for outlet_id, seen in _outlets(work, day, work.now, only=outlet_ids).items()
    }


def _outlets(
    work: Work, day: date, as_of: datetime, only: Sequence[uuid.UUID] | None = None
) -> dict[uuid.UUID, _Seen]:
    """The outlets in scope that the register had by ``as_of``, with the grade and the cell that it told for ``day``.

    With ``only`` those alone, whoever asks.
    """
    known = (
        select(Registration.outlet_id, Registration.credit_grade, Registration.cell_id)
        .where(
            Registration.bureau_id == work.bureau_id,
            Registration.known_at <= as_of,
            Registration.from_day <= day,
        )
        .ext(distinct_on(Registration.outlet_id))
        .order_by(Registration.outlet_id, Registration.from_day.desc(), Registration.seq.desc())
        .subquery()
    )
    query = select(Outlet.id, Outlet.licence_no, Outlet.name, known.c.credit_grade).join(
        known, known.c.outlet_id == Outlet.id
    )
    if only is not None:
        query = query.where(Outlet.bureau_id == work.bureau_id, among(Outlet.id, only))
    elif not work.actor.reaches_bureau(Permission.REPORT_READ):
        query = query.where(known.c.cell_id.in_(cells_in_scope(work.actor, Permission.REPORT_READ)))
    return {
        outlet_id: _Seen(licence_no, name, grade or UNGRADED)
        for outlet_id, licence_no, name, grade in work.session.execute(query)
    }


def _inspections(
    work: Work,
    first: date,
    last: date,
    as_of: datetime,
    cap: CapPolicy | None,
    only: Sequence[uuid.UUID] | None = None,
) -> Mapping[uuid.UUID, list[Inspection]]:
    """The inspections of the year by outlet, all or those named: records that say they are one, or that fill an
    inspection's form.

    An attempt at a closed door disturbs nobody. An amendment corrects a record: its last word is told, under its own id.
    """
    begins, ends = (datetime.combine(day, time(), work.zone) for day in (first, last + timedelta(days=1)))
    exempted = _exempted(work, as_of)
    rechecks = _uncounted_rechecks(work, as_of, only)
    named = () if only is None else (among(Record.subject_id, only),)
    automatic = {
        kind: one["ground"]
        for one in (cap.exemptions if cap else ())
        if one["automatic"]
        for kind in one["visit_kinds"]
    }
    is_inspection = Form.demands["certified"].as_boolean()
    amended = last_words(work.bureau_id, as_of)
    rows = work.session.execute(
        select(
            func.coalesce(amended.c.original_id, Record.id),
            Record.subject_id,
            Record.visit_kind,
            Record.performed_at,
            Record.started_at,
            Record.ended_at,
            Form.tier,
        )
        .outerjoin(amended, amended.c.record_id == Record.id)
        .outerjoin(Form, OF_ITS_FORM)
        .where(
            stands(work, as_of),
            Record.subject_kind == "outlet",
            Record.subject_id.is_not(None),
            Record.kind != "attempt",
            Record.performed_at <= as_of,
            Record.performed_at >= begins,
            Record.performed_at < ends,
            or_(Record.visit_kind.in_(KINDS), is_inspection),
            *named,
        )
    )
    found: dict[uuid.UUID, list[Inspection]] = defaultdict(list)
    for record_id, subject_id, label, performed_at, started_at, ended_at, tier in rows:
        relabelled = label not in KINDS
        kind = "routine" if relabelled else label
        uncounted = _uncounted(work, tier, performed_at) if tier else rechecks.get(record_id)
        ground = exempted.get(record_id) or automatic.get(kind) or uncounted
        found[cast(uuid.UUID, subject_id)].append(
            Inspection(
                record_id=record_id,
                kind=kind,
                started_at=performed_at,
                # How long it lasted does not depend on how wrong the clock was.
                ended_at=performed_at + max(ended_at - started_at, timedelta(0)),
                exempt=None if relabelled else ground,
                relabelled=relabelled,
            )
        )
    return found


def _exempted(work: Work, as_of: datetime) -> dict[uuid.UUID, str]:
    """The grounds of the records that were noted as exempt."""
    published = (
        select(CapPolicy.exemptions)
        .where(CapPolicy.bureau_id == work.bureau_id, CapPolicy.known_at <= as_of)
        .order_by(CapPolicy.version)
    )
    # A record was noted by the caps of its own day, which may not be the present ones.
    grounds = {
        one["code"]: one["ground"] for exemptions in work.session.scalars(published) for one in exemptions
    }
    last_word = (
        select(CapExemption.record_id, CapExemption.code)
        .where(CapExemption.bureau_id == work.bureau_id, CapExemption.known_at <= as_of)
        .ext(distinct_on(CapExemption.record_id))
        .order_by(CapExemption.record_id, CapExemption.seq.desc())
    )
    return {
        record_id: grounds[code] for record_id, code in work.session.execute(last_word) if code in grounds
    }


def _uncounted_rechecks(
    work: Work, as_of: datetime, only: Sequence[uuid.UUID] | None
) -> dict[uuid.UUID, str]:
    """The records that met what a duty rule asks for without counting it to the cap, with the rule's legal basis."""
    grounds = {
        version.id: version.legal_basis
        for version in load_duty_rules(work).versions
        if not version.counts_to_cap and version.known_at <= as_of
    }
    triggered = select(Obligation.subject_id).where(Obligation.rule_version_id.in_(list(grounds))).distinct()
    if only is not None:
        triggered = triggered.where(among(Obligation.subject_id, only))
    subjects = work.session.scalars(triggered).all()
    if not subjects:
        return {}
    rulebook = load_timeline(work).rulebook
    found: dict[uuid.UUID, str] = {}
    for loaded in load_histories(work, subjects).values():
        for judgement in judge(loaded.history, rulebook, as_of):
            version_id = loaded.owed[judgement.obligation.id].rule_version_id
            if judgement.met_by is not None and version_id in grounds:
                found[judgement.met_by] = grounds[version_id]
    return found


def _uncounted(work: Work, tier: str, performed_at: datetime) -> str | None:
    """The legal basis of the policy under which a tier's check does not count."""
    edition = load_timeline(work).on(performed_at.astimezone(work.zone).date())
    row = edition.tiers.get(CadenceTier(tier)) if edition else None
    return edition.policy.legal_basis if edition and row and not row.counts_to_cap else None
