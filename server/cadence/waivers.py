"""Waivers (经批准免查) after they were given: found by shop and period, listed with author and reason, withdrawn."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from schemas.vocabulary import CadenceTier
from server.access.models import Account
from server.cadence.histories import OF_OUTLETS, hold_subjects
from server.cadence.models import Obligation, Waiver
from server.cadence.periods import BadPeriod, reporting_period
from server.cadence.queries import visible_to
from server.grids.granting import check_own
from server.grids.ops import announce, hold_cells
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person
from server.outlets.models import Outlet


def chosen(
    work: Work, licence_nos: Sequence[str], period: str, tier: CadenceTier | None = None
) -> list[uuid.UUID]:
    """The obligations of the shops whose periods are reported in ``period`` and that are not met, of one tier or all.

    Raises:
        Problem: ``bad_period``; ``invalid`` for licences that are not in scope; ``nothing_chosen`` where nothing is owed
            and unmet.
    """
    try:
        keys = reporting_period(period).keys
    except BadPeriod as error:
        raise Problem("bad_period", detail=str(error)) from error
    seen = visible_to(work.actor).where(OF_OUTLETS).join(Outlet, Outlet.id == Obligation.subject_id)
    ours = seen.where(Outlet.licence_no.in_(licence_nos))
    known = set(work.session.scalars(ours.with_only_columns(Outlet.licence_no).distinct()))
    if strange := [number for number in licence_nos if number not in known]:
        raise Problem(
            "invalid",
            errors=[
                {
                    "path": f"/licence_nos/{licence_nos.index(number)}",
                    "code": "outlet_unknown",
                    "detail": f"{number} 不在您的辖区内，或没有应查任务。Not in your scope, or nothing is owed there.",
                }
                for number in strange
            ],
        )
    wanted = ours.where(
        Obligation.key.in_([key for one in CadenceTier for key in keys[one] if tier in (None, one)]),
        Obligation.tier.is_not(None),
        Obligation.met_by.is_(None),
    )
    found = list(work.session.scalars(wanted.with_only_columns(Obligation.id).order_by(Obligation.id)))
    if not found:
        raise Problem("nothing_chosen")
    return found


def list_waivers(work: Work) -> Select[Any]:
    """The waivers in the actor's scope with what they let off and who gave and who withdrew them."""
    seen = visible_to(work.actor).with_only_columns(Obligation.id)
    columns: list[Any] = [
        *(Waiver.id, Waiver.obligation_id, Waiver.reason, Waiver.known_at),
        *(Waiver.revoked_at, Waiver.revoke_reason),
        *(Obligation.subject_kind, Obligation.subject_id, Obligation.rule, Obligation.tier, Obligation.key),
        *(Outlet.licence_no, Outlet.name.label("subject_name")),
        _name_of(Waiver.account_id).label("waived_by"),
        _name_of(Waiver.revoked_by).label("withdrawn_by"),
    ]
    return (
        select(*columns)
        .join(Obligation, Obligation.id == Waiver.obligation_id)
        .outerjoin(Outlet, Outlet.id == Obligation.subject_id)
        .where(Waiver.obligation_id.in_(seen))
    )


def _name_of(account_id: InstrumentedAttribute[uuid.UUID | None]) -> ColumnElement[str | None]:
    """Who it was: the person's name, or the account's where nobody in the field has it."""
    named = (
        select(func.coalesce(Person.name, Account.username))
        .select_from(Account)
        .outerjoin(Person, Person.id == Account.person_id)
    )
    return named.where(Account.id == account_id).scalar_subquery()


def withdraw(work: Work, waiver_ids: Sequence[uuid.UUID], reason: str) -> int:
    """Withdraw waivers: from now on the check is owed again, and a visit that was made meanwhile meets it.

    A report as of a moment before now still shows it waived. Returns how many were withdrawn.

    Raises:
        Problem: ``not_found`` out of scope; ``cell_lent``; ``waiver_withdrawn`` for one that was withdrawn before.
    """
    wanted = set(waiver_ids)
    seen = visible_to(work.actor).join(Waiver, Waiver.obligation_id == Obligation.id)
    owed = work.session.scalars(seen.where(among(Waiver.id, sorted(wanted))).distinct()).all()
    hold_subjects(work, [one.subject_id for one in owed])
    waivers = work.session.scalars(
        select(Waiver)
        .where(among(Waiver.id, sorted(wanted)), among(Waiver.obligation_id, [one.id for one in owed]))
        .order_by(Waiver.id)
        .with_for_update()
    ).all()
    if len(waivers) != len(wanted):
        raise Problem("not_found")
    check_own(work, Permission.CADENCE_WAIVE, (one.cell_id for one in owed))
    if any(waiver.revoked_at is not None for waiver in waivers):
        raise Problem("waiver_withdrawn")
    hold_cells(work.session, sorted({one.cell_id for one in owed if one.cell_id}))
    work.session.execute(
        update(Waiver),
        [
            {
                "id": waiver.id,
                "revoked_at": work.now,
                "revoked_by": work.actor.account_id,
                "revoke_reason": reason,
            }
            for waiver in waivers
        ],
    )
    work.session.execute(update(Obligation), [{"id": one.id, "edit_id": new_edit_id()} for one in owed])
    announce(work, "obligations", [(one.id, one.cell_id) for one in owed])
    record_event(
        work,
        "waiver.withdrawn",
        [waiver.id for waiver in waivers],
        obligations=[str(one.id) for one in owed],
        reason=reason,
    )
    work.wrote("waiver", {one.subject_id for one in owed})
    return len(waivers)
