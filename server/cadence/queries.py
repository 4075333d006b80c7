"""Reads of cadence for devices and lists, always from what the actor may see."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, Text, and_, cast, func, select, tuple_
from sqlalchemy.orm import aliased

from schemas.vocabulary import DutyRule
from server.cadence.duty_models import DutySubject
from server.cadence.models import Obligation, Policy, PolicyTier, Waiver
from server.grids.queries import cells_in_scope, scope_holds
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.calendar import Workday, WorkdayYear
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.outlets.models import Outlet, Site


def visible_to(actor: Actor) -> Select[Obligation]:
    """The obligations of the subjects in the actor's cells, without those that a change of policy took away."""
    owed = select(Obligation).where(Obligation.bureau_id == actor.bureau_id, Obligation.voided_at.is_(None))
    if actor.reaches_bureau(Permission.OBLIGATION_READ):
        return owed
    return owed.where(Obligation.cell_id.in_(cells_in_scope(actor, Permission.OBLIGATION_READ)))


def subjects_visible_to(actor: Actor) -> Select[DutySubject]:
    """The subjects that no other register holds, in the actor's cells."""
    subjects = select(DutySubject).where(DutySubject.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.OBLIGATION_READ):
        return subjects
    return subjects.where(DutySubject.cell_id.in_(cells_in_scope(actor, Permission.OBLIGATION_READ)))


def standing(zone: str) -> ColumnElement[bool]:
    """Whether an obligation is still owed if nobody met it: not withdrawn, and not superseded by a later trigger."""
    later = aliased(Obligation)
    superseded = (
        select(later.id)
        .where(
            Obligation.rule.in_([rule.value for rule in DutyRule if rule.supersedes]),
            later.subject_id == Obligation.subject_id,
            later.rule == Obligation.rule,
            later.withdrawn_at.is_(None),
            tuple_(later.triggered_at, later.trigger_id)
            > tuple_(Obligation.triggered_at, Obligation.trigger_id),
            cast(func.timezone(zone, later.triggered_at), Date) <= Obligation.last_day,
        )
        .exists()
    )
    return and_(Obligation.withdrawn_at.is_(None), ~superseded)


def waived() -> ColumnElement[bool]:
    """Whether a waiver that was not withdrawn lets an obligation off."""
    return (
        select(Waiver.id).where(Waiver.obligation_id == Obligation.id, Waiver.revoked_at.is_(None)).exists()
    )


def synced(ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``obligations``: facts, never the state, which the device computes."""
    waived = (
        select(Waiver.reason)
        .where(Waiver.obligation_id == Obligation.id, Waiver.revoked_at.is_(None))
        .order_by(Waiver.known_at)
        .limit(1)
        .scalar_subquery()
    )
    # Those that no other collection tells of come with their number and name.
    named = func.json_build_object("number", DutySubject.number, "name", DutySubject.name)
    subject = select(named).where(DutySubject.id == Obligation.subject_id).scalar_subquery()
    fields = func.json_build_object(
        "id", Obligation.id,
        "edit_id", Obligation.edit_id,
        "_deleted", False,
        "subject_kind", Obligation.subject_kind,
        "subject_id", Obligation.subject_id,
        "rule", Obligation.rule,
        "key", Obligation.key,
        "tier", Obligation.tier,
        "policy_tier_id", Obligation.policy_tier_id,
        "trigger_id", Obligation.trigger_id,
        "triggered_at", Obligation.triggered_at,
        "known_at", Obligation.known_at,
        "withdrawn_at", Obligation.withdrawn_at,
        "due_from", Obligation.due_from,
        "accepts", Obligation.accepts,
        "min_gap_days", Obligation.min_gap_days,
        "subject", subject,
        "first_day", Obligation.first_day,
        "last_day", Obligation.last_day,
        "grace_last_day", Obligation.grace_last_day,
        "provisional", Obligation.provisional,
        "cell_id", Obligation.cell_id,
        "met_by", Obligation.met_by,
        "met_at", Obligation.met_at,
        "attempts", Obligation.attempt_count,
        "waiver", waived,
        "voided", Obligation.voided_at.is_not(None),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Obligation.edit_id).where(
        Obligation.id == ids, scope_holds(person_id, Obligation.cell_id)
    )


def synced_policies(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """Policies that are or were in force, with their tiers, as documents of the collection ``reference``."""
    tier: Any = func.json_build_object(
        "id", PolicyTier.id,
        "tier", PolicyTier.tier,
        "population", PolicyTier.population,
        "form_code", PolicyTier.form_code,
        "form_version", PolicyTier.form_version,
        "satisfies", PolicyTier.satisfies,
        "grace_working_days", PolicyTier.grace_working_days,
        "min_gap_days", PolicyTier.min_gap_days,
        "due_soon_working_days", PolicyTier.due_soon_working_days,
        "min_workdays", PolicyTier.min_workdays,
        "min_officers", PolicyTier.min_officers,
        "radius_m", PolicyTier.radius_m,
        "max_accuracy_m", PolicyTier.max_accuracy_m,
        "min_duration_s", PolicyTier.min_duration_s,
        "counts_to_cap", PolicyTier.counts_to_cap,
    )  # fmt: skip
    tiers = select(func.json_agg(tier)).where(PolicyTier.policy_id == Policy.id).scalar_subquery()
    fields = func.json_build_object(
        "id", Policy.id,
        "edit_id", Policy.edit_id,
        "_deleted", False,
        "kind", "policy",
        "code", Policy.code,
        "version", Policy.version,
        "name", Policy.name,
        "legal_basis", Policy.legal_basis,
        "effective_from", Policy.effective_from,
        "effective_to", Policy.effective_to,
        "tiers", tiers,
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Policy.edit_id).where(
        Policy.id == ids, Policy.bureau_id == bureau_id, Policy.state.in_(("active", "retired"))
    )


def synced_workdays(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """Each loaded year of the workday table as one document of the collection ``reference``."""

    def days(kind: str) -> Any:
        return (
            select(func.coalesce(func.json_agg(Workday.day), func.json_build_array()))
            .where(
                Workday.bureau_id == WorkdayYear.bureau_id,
                Workday.kind == kind,
                func.extract("year", Workday.day) == WorkdayYear.year,
            )
            .scalar_subquery()
        )

    fields = func.json_build_object(
        "id", WorkdayYear.document_id,
        "edit_id", WorkdayYear.edit_id,
        "_deleted", False,
        "kind", "workdays",
        "year", WorkdayYear.year,
        "source", WorkdayYear.source,
        "off", days("off"),
        "make_up", days("make_up"),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), WorkdayYear.edit_id).where(
        WorkdayYear.document_id == ids, WorkdayYear.bureau_id == bureau_id
    )


def names_of(work: Work, subject_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, str]]:
    """What the subjects are called, and the number by which they are known."""
    found: dict[uuid.UUID, tuple[str, str]] = {}
    for entity, number in ((Outlet, Outlet.licence_no), (Site, Site.code), (DutySubject, DutySubject.number)):
        named = select(entity.id, entity.name, number).where(among(entity.id, subject_ids))
        found.update((subject_id, (name, no)) for subject_id, name, no in work.session.execute(named))
    return found
