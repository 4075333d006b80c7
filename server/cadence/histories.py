"""Loading whole histories of subjects for the rules, in a handful of set-based queries."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVarTuple

from sqlalchemy import ColumnElement, Date, Row, Select, func, or_, select

from schemas.vocabulary import CadenceTier, LicenceScope
from server.cadence import rules
from server.cadence.models import AttemptFact, Obligation, VisitFact, Waiver
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet, OutletStatus, Registration

Ts = TypeVarTuple("Ts")

# Far longer than any grace in working days with holidays in it.
LONGEST_GRACE = timedelta(days=60)

# The unique index that finds a subject's obligations begins with the kind.
OF_OUTLETS = Obligation.subject_kind == "outlet"


class Owed(NamedTuple):
    """What is kept of an obligation, beside what the rules read."""

    id: uuid.UUID
    tier: str
    key: str
    first_day: date
    last_day: date
    grace_last_day: date
    provisional: bool
    policy_tier_id: uuid.UUID
    voided_at: datetime | None
    cell_id: uuid.UUID | None
    subject_id: uuid.UUID
    met_by: uuid.UUID | None
    met_at: datetime | None
    attempt_count: int


@dataclass(slots=True)
class Loaded:
    """One subject's history, what it owes by id, and when it began to be a subject."""

    active_from: date
    changes: list[rules.StatusChange] = field(default_factory=list)
    scopes: list[rules.StatusChange] = field(default_factory=list)
    placements: list[rules.Placement] = field(default_factory=list)
    owed: dict[uuid.UUID, Owed] = field(default_factory=dict)
    facts: list[rules.Fact] = field(default_factory=list)
    attempts: list[rules.Attempt] = field(default_factory=list)
    waivers: list[rules.Waiver] = field(default_factory=list)
    # Where only the end of the history was loaded: the day on which each tier was last met before it.
    last_met: dict[CadenceTier, date] = field(default_factory=dict)

    @property
    def history(self) -> rules.History:
        """The history as the rules take it."""
        return rules.History(
            obligations=[
                rules.Obligation(
                    one.id,
                    CadenceTier(one.tier),
                    one.key,
                    one.first_day,
                    one.last_day,
                    voided=one.voided_at is not None,
                )
                for one in self.owed.values()
            ],
            facts=self.facts,
            attempts=self.attempts,
            waivers=self.waivers,
            changes=self.changes,
            scopes=self.scopes,
            placements=self.placements,
        )


def load_subjects(
    work: Work, outlet_ids: Sequence[uuid.UUID] | None, *which: ColumnElement[bool]
) -> dict[uuid.UUID, Loaded]:
    """The e-cigarette outlets of the bureau with what they owe, without what was done: those named, or all.

    An outlet is a subject if its licence covers e-cigarettes, or if it has owed something before, and it is one
    from the day on which its licence began and the register had it. What its licence covered, and where it lay,
    are facts with the day from which they hold. Only the obligations that hold for all
    of ``which`` are loaded.
    """
    owing = select(Obligation.id).where(OF_OUTLETS, Obligation.subject_id == Outlet.id)
    subjects = select(Outlet.id, Outlet.licence_from).where(
        Outlet.bureau_id == work.bureau_id,
        or_(Outlet.licence_scope.contains(["ecig"]), owing.exists()),
    )
    if outlet_ids is not None:
        subjects = subjects.where(among(Outlet.id, outlet_ids))
    loaded = {outlet_id: Loaded(active_from) for outlet_id, active_from in work.session.execute(subjects)}
    columns = [getattr(Obligation, name) for name in Owed._fields]
    owed_by = select(*columns).where(OF_OUTLETS, *which)
    for row in work.session.execute(_of(owed_by, Obligation.subject_id, loaded)):
        owed = Owed._make(row)
        loaded[owed.subject_id].owed[owed.id] = owed
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
    return loaded


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


def hold_subjects(work: Work, outlet_ids: Sequence[uuid.UUID]) -> None:
    """Hold the subjects until commit, in one order: what two transactions do to one subject is settled in turn.

    Without it each would match its own fact without seeing the other's, and the later commit would win.
    """
    work.session.execute(
        select(Outlet.id)
        .where(among(Outlet.id, outlet_ids))
        .order_by(Outlet.id)
        .with_for_update(key_share=True)
    )


def load_histories(work: Work, outlet_ids: Sequence[uuid.UUID] | None) -> dict[uuid.UUID, Loaded]:
    """Like ``load_subjects``, with visits, attempts and waivers."""
    loaded = load_subjects(work, outlet_ids)
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
    performed = {CadenceTier(visit.tier) for visit in visits}
    tiers = [tier.value for tier in rulebook.tiers_met_by(performed)]
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
            Obligation.met_at < since,
            Obligation.met_at >= since - longest_gap,
            met_on <= Obligation.grace_last_day,
        )
        .group_by(Obligation.subject_id, Obligation.tier)
    )
    for subject_id, tier, last_day in work.session.execute(_of(earlier, Obligation.subject_id, loaded)):
        loaded[subject_id].last_met[CadenceTier(tier)] = last_day
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
                rules.Fact(record_id, CadenceTier(tier), performed_at, known_at, valid, makes_up)
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
