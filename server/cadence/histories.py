"""Loading whole histories of subjects for the rules, in a handful of set-based queries."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVarTuple

from sqlalchemy import ColumnElement, Date, Row, Select, func, or_, select

from schemas.vocabulary import CadenceTier, DutyRule, LicenceScope, Performed, SubjectKind, performed
from server.cadence import rules
from server.cadence.duty_models import DutySubject
from server.cadence.models import AttemptFact, Obligation, VisitFact, Waiver
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet, OutletStatus, Registration, Site

Ts = TypeVarTuple("Ts")

# Far longer than any grace in working days with holidays in it.
LONGEST_GRACE = timedelta(days=60)

# The unique index that finds a subject's obligations begins with the kind.
OF_OUTLETS = Obligation.subject_kind == "outlet"
# What a tier asks for; everything else has a trigger.
OF_TIERS = Obligation.trigger_id.is_(None)


class Owed(NamedTuple):
    """What is kept of an obligation, beside what the rules read."""

    id: uuid.UUID
    rule: str
    tier: str | None
    key: str
    first_day: date
    last_day: date
    grace_last_day: date
    provisional: bool
    policy_tier_id: uuid.UUID | None
    trigger_id: uuid.UUID | None
    rule_version_id: uuid.UUID | None
    triggered_at: datetime | None
    due_from: date | None
    accepts: list[str] | None
    min_gap_days: int | None
    known_at: datetime | None
    withdrawn_at: datetime | None
    voided_at: datetime | None
    cell_id: uuid.UUID | None
    subject_kind: str
    subject_id: uuid.UUID
    met_by: uuid.UUID | None
    met_at: datetime | None
    attempt_count: int
    outcome: str | None
    days_late: int | None

    @property
    def of_tier(self) -> CadenceTier:
        """The tier that asks for it. Raises ValueError for what something triggered."""
        return CadenceTier(self.tier or "")

    @property
    def as_ruled(self) -> rules.Obligation:
        """What the rules read of it."""
        tier = CadenceTier(self.tier) if self.tier else None
        voided = self.voided_at is not None
        return rules.Obligation(self.id, tier, self.key, self.first_day, self.last_day, voided, self._trigger)

    @property
    def _trigger(self) -> rules.Trigger | None:
        if self.trigger_id is None or self.triggered_at is None or self.known_at is None:
            return None
        window = rules.Window(
            due_from=self.due_from or self.first_day,
            grace_last_day=self.grace_last_day,
            waived_by_rule=False,
            provisional=self.provisional,
            min_gap_days=self.min_gap_days or 0,
            checklists=frozenset(map(performed, self.accepts or ())),
        )
        return rules.Trigger(
            self.trigger_id, DutyRule(self.rule), self.triggered_at, window, self.known_at, self.withdrawn_at
        )


@dataclass(slots=True)
class Loaded:
    """One subject's history, what it owes by id, and when it began to be a subject.

    ``cell_id`` is where a subject lies that has no register of where it lay.
    """

    active_from: date = date.max
    cell_id: uuid.UUID | None = None
    changes: list[rules.StatusChange] = field(default_factory=list)
    scopes: list[rules.StatusChange] = field(default_factory=list)
    placements: list[rules.Placement] = field(default_factory=list)
    owed: dict[uuid.UUID, Owed] = field(default_factory=dict)
    facts: list[rules.Fact] = field(default_factory=list)
    attempts: list[rules.Attempt] = field(default_factory=list)
    waivers: list[rules.Waiver] = field(default_factory=list)
    # Where only the end of the history was loaded: the day on which each tier was last met before it.
    last_met: dict[rules.Track, date] = field(default_factory=dict)

    @property
    def history(self) -> rules.History:
        """The history as the rules take it."""
        return rules.History(
            obligations=[one.as_ruled for one in self.owed.values()],
            facts=self.facts,
            attempts=self.attempts,
            waivers=self.waivers,
            changes=self.changes,
            scopes=self.scopes,
            placements=self.placements,
        )


def subject_ids(work: Work, outlet_ids: Sequence[uuid.UUID] | None) -> list[uuid.UUID]:
    """Which outlets of the bureau, of those named or of all, are subjects: see ``load_subjects``."""
    return list(work.session.scalars(_subjects(work, outlet_ids)))


def load_subjects(
    work: Work, outlet_ids: Sequence[uuid.UUID] | None, *which: ColumnElement[bool]
) -> dict[uuid.UUID, Loaded]:
    """The e-cigarette outlets of the bureau with what their tiers owe, without what was done: those named, or all.

    An outlet is a subject if its licence covers e-cigarettes, or if it has owed something before, and it is one
    from the day on which its licence began and the register had it. What its licence covered, and where it lay,
    are facts with the day from which they hold. Only the obligations that hold for all
    of ``which`` are loaded.
    """
    subjects = _subjects(work, outlet_ids)
    loaded = {outlet_id: Loaded(active_from) for outlet_id, active_from in work.session.execute(subjects)}
    _add_owed(work, loaded, OF_OUTLETS, OF_TIERS, *which)
    _add_register(work, loaded)
    return loaded


def _subjects(work: Work, outlet_ids: Sequence[uuid.UUID] | None) -> Select[uuid.UUID, date]:
    owing = select(Obligation.id).where(OF_OUTLETS, OF_TIERS, Obligation.subject_id == Outlet.id)
    subjects = select(Outlet.id, Outlet.licence_from).where(
        Outlet.bureau_id == work.bureau_id,
        or_(Outlet.licence_scope.contains(["ecig"]), owing.exists()),
    )
    return subjects if outlet_ids is None else subjects.where(among(Outlet.id, outlet_ids))


def _add_owed(work: Work, loaded: dict[uuid.UUID, Loaded], *which: ColumnElement[bool]) -> None:
    columns = [getattr(Obligation, name) for name in Owed._fields]
    for row in work.session.execute(_of(select(*columns).where(*which), Obligation.subject_id, loaded)):
        owed = Owed._make(row)
        loaded[owed.subject_id].owed[owed.id] = owed


def _add_register(work: Work, loaded: dict[uuid.UUID, Loaded]) -> None:
    """What the register said of the outlets, and when they began to be subjects."""
    statuses = select(
        OutletStatus.outlet_id, OutletStatus.from_day, OutletStatus.status, OutletStatus.known_at
    )
    for outlet_id, from_day, status, known_at in work.session.execute(
        _of(statuses, OutletStatus.outlet_id, loaded)
    ):
        loaded[outlet_id].changes.append(rules.StatusChange(from_day, status == "active", known_at))
    _add_registrations(work, loaded)
    for one in loaded.values():
        # Nobody can have owed a check of a shop that the register did not have yet.
        entered = min((change.known_at for change in one.changes), default=work.now)
        one.active_from = max(one.active_from, entered.astimezone(work.zone).date())


def _add_registrations(work: Work, loaded: dict[uuid.UUID, Loaded]) -> None:
    registrations = select(
        Registration.outlet_id,
        Registration.from_day,
        Registration.known_at,
        Registration.cell_id,
        Registration.licence_scope,
    ).order_by(Registration.seq)
    # Of what was noted at one moment the last holds.
    latest = {
        (outlet_id, from_day, known_at): (cell_id, scope)
        for outlet_id, from_day, known_at, cell_id, scope in work.session.execute(
            _of(registrations, Registration.outlet_id, loaded)
        )
    }
    for (outlet_id, from_day, known_at), (cell_id, scope) in latest.items():
        one = loaded[outlet_id]
        one.placements.append(rules.Placement(from_day, cell_id, known_at))
        one.scopes.append(rules.StatusChange(from_day, LicenceScope.ECIG in scope, known_at))


def hold_subjects(work: Work, subject_ids: Sequence[uuid.UUID]) -> None:
    """Hold the subjects until commit, in one order: what two transactions do to one subject is settled in turn.

    Without it each would match its own fact without seeing the other's, and the later commit would win.
    """
    left = set(subject_ids)
    for register in (Outlet, Site, DutySubject):
        if left:
            held = select(register.id).where(among(register.id, sorted(left))).order_by(register.id)
            left -= set(work.session.scalars(held.with_for_update(key_share=True)))


def load_triggered(work: Work, subject_ids: Sequence[uuid.UUID] | None) -> dict[uuid.UUID, Loaded]:
    """The subjects, among those named or all, of whom something triggered is owed, with that alone and nothing done."""
    owing = select(Obligation.subject_id).where(
        Obligation.trigger_id.is_not(None), Obligation.bureau_id == work.bureau_id
    )
    if subject_ids is not None:
        owing = owing.where(among(Obligation.subject_id, subject_ids))
    loaded = {subject_id: Loaded() for subject_id in work.session.scalars(owing.distinct())}
    if loaded:
        _add_owed(work, loaded, Obligation.trigger_id.is_not(None))
        kinds = {row.subject_kind for one in loaded.values() for row in one.owed.values()}
        if kinds != {SubjectKind.OUTLET}:
            _add_cells(work, loaded)
    return loaded


def _add_cells(work: Work, loaded: dict[uuid.UUID, Loaded]) -> None:
    for register in (Site, DutySubject):
        lying = select(register.id, register.cell_id)
        for subject_id, cell_id in work.session.execute(_of(lying, register.id, loaded)):
            loaded[subject_id].cell_id = cell_id


def load_histories(work: Work, subject_ids: Sequence[uuid.UUID] | None) -> dict[uuid.UUID, Loaded]:
    """Everything that the subjects, or all, owe by tiers and by triggers, with visits, attempts and waivers."""
    loaded = load_subjects(work, subject_ids)
    triggered = load_triggered(work, subject_ids)
    _add_register(
        work, {subject_id: one for subject_id, one in triggered.items() if subject_id not in loaded}
    )
    for subject_id, one in triggered.items():
        loaded.setdefault(subject_id, one).owed.update(one.owed)
    _add_visits(loaded, _visits(work, list(loaded)))
    attempts = select(
        AttemptFact.subject_id, AttemptFact.record_id, AttemptFact.attempted_at, AttemptFact.known_at
    )
    for subject_id, record_id, attempted_at, known_at in work.session.execute(
        _of(attempts, AttemptFact.subject_id, loaded)
    ):
        loaded[subject_id].attempts.append(rules.Attempt(record_id, attempted_at, known_at))
    _add_waivers(work, loaded)
    return loaded


def load_ends(
    work: Work, outlet_ids: Sequence[uuid.UUID], since: datetime, rulebook: rules.Rulebook
) -> dict[uuid.UUID, Loaded]:
    """The ends of the histories from ``since`` on, enough to settle visits performed then or later.

    What was met before ``since`` stays met and is told as ``last_met``, as far back as a gap reaches. Left out are
    attempts, the tiers that none of the visits meets, and what begins only after today: no visit counts before its day.
    """
    visits = _visits(work, outlet_ids, VisitFact.performed_at >= since)
    done: set[Performed] = {performed(visit.tier) for visit in visits}
    tiers = [tier.value for tier in rulebook.tiers_met_by(done)]
    if not tiers:
        return {}
    loaded = load_subjects(
        work,
        outlet_ids,
        Obligation.tier.in_(tiers),
        Obligation.first_day <= rulebook.day(work.now),
        Obligation.grace_last_day >= rulebook.day(since) - LONGEST_GRACE,
        Obligation.met_at.is_(None) | (Obligation.met_at >= since),
    )
    longest_gap = timedelta(days=rulebook.longest_gap_days + 1)
    met_on = func.timezone(work.zone.key, Obligation.met_at).cast(Date)
    earlier = (
        select(Obligation.subject_id, Obligation.tier, func.max(met_on))
        # What was made up after its grace does not count for the gap.
        .where(
            OF_OUTLETS,
            OF_TIERS,
            Obligation.met_at < since,
            Obligation.met_at >= since - longest_gap,
            met_on <= Obligation.grace_last_day,
        )
        .group_by(Obligation.subject_id, Obligation.tier)
    )
    for subject_id, tier, last_day in work.session.execute(_of(earlier, Obligation.subject_id, loaded)):
        loaded[subject_id].last_met[CadenceTier(tier or "")] = last_day
    _add_visits(loaded, visits)
    _add_waivers(work, loaded)
    return loaded


def _visits(
    work: Work, outlet_ids: Sequence[uuid.UUID], *which: ColumnElement[bool]
) -> Sequence[Row[uuid.UUID, uuid.UUID, str, datetime, datetime, bool, str | None]]:
    visits = select(
        VisitFact.subject_id,
        VisitFact.record_id,
        VisitFact.tier,
        VisitFact.performed_at,
        VisitFact.known_at,
        VisitFact.valid,
        VisitFact.makes_up,
    )
    return work.session.execute(visits.where(among(VisitFact.subject_id, outlet_ids), *which)).all()


def _add_visits(
    loaded: dict[uuid.UUID, Loaded],
    visits: Iterable[Row[uuid.UUID, uuid.UUID, str, datetime, datetime, bool, str | None]],
) -> None:
    for subject_id, record_id, tier, performed_at, known_at, valid, makes_up in visits:
        if subject_id in loaded:
            loaded[subject_id].facts.append(
                rules.Fact(record_id, performed(tier), performed_at, known_at, valid, makes_up)
            )


def _add_waivers(work: Work, loaded: dict[uuid.UUID, Loaded]) -> None:
    owed_ids = [owed for one in loaded.values() for owed in one.owed]
    waivers = select(
        Obligation.subject_id, Waiver.obligation_id, Waiver.reason, Waiver.known_at, Waiver.revoked_at
    ).join(Obligation, Obligation.id == Waiver.obligation_id)
    for subject_id, obligation_id, reason, known_at, revoked_at in work.session.execute(
        waivers.where(among(Waiver.obligation_id, owed_ids))
    ):
        loaded[subject_id].waivers.append(
            rules.Waiver(obligation_id, reason, known_at, revoked_at=revoked_at)
        )


def _of(query: Select[*Ts], column: Any, loaded: dict[uuid.UUID, Loaded]) -> Select[*Ts]:
    return query.where(among(column, list(loaded)))
