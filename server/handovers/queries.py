"""Reads of hand-over sheets, always from what the actor may see."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select, true
from sqlalchemy.orm import aliased, undefer

from schemas.vocabulary import HandoverAct, HandoverState
from server.access.models import Account
from server.grids.models import GridCell
from server.grids.queries import on_duty
from server.handovers.content import content_of
from server.handovers.models import HandoverCell, HandoverContent, HandoverSheet, HandoverStep
from server.handovers.rules import (
    ACKNOWLEDGED_WITHIN,
    WAITING,
    Side,
    Signer,
    is_overdue,
    may_follow,
    may_take,
    overdue_after,
)
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person, Squad

_SETTLED = (HandoverState.ACKNOWLEDGED.value, HandoverState.WITHDRAWN.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """A sheet with its state, its steps in order, and the cells that it is about now."""

    sheet: HandoverSheet
    state: HandoverState
    steps: tuple[HandoverStep, ...]
    cell_ids: tuple[uuid.UUID, ...]

    @property
    def giving(self) -> Side:
        """Who hands over."""
        return Side(self.sheet.from_squad_id, self.sheet.from_lead_id)

    @property
    def taking(self) -> Side:
        """Who takes over."""
        return Side(self.sheet.to_squad_id, self.sheet.to_lead_id)

    @property
    def signed(self) -> HandoverStep | None:
        """The last step that signed it over; None where nobody did."""
        signed = [step for step in self.steps if step.act == HandoverAct.SIGNED.value]
        return signed[-1] if signed else None

    @property
    def is_frozen(self) -> bool:
        """Whether what was signed is what it says, and not what is open now."""
        return self.state not in (HandoverState.OPEN, HandoverState.OBJECTED)


def signer_of(actor: Actor) -> Signer:
    """Who the actor is to a sheet: he leads the squads that he is in where he may manage hand-overs."""
    manages = Permission.HANDOVER_MANAGE in actor.permissions
    return Signer(
        person_id=actor.person_id,
        leads=actor.squad_ids if manages else (),
        for_bureau=actor.reaches_bureau(Permission.HANDOVER_MANAGE),
    )


def visible_to(actor: Actor) -> Select[HandoverSheet]:
    """The sheets that his squads give or take, and those that he himself does; all for who sees the bureau's."""
    sheets = select(HandoverSheet).where(HandoverSheet.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.HANDOVER_READ):
        return sheets
    return sheets.where(
        or_(
            HandoverSheet.from_squad_id.in_(actor.squad_ids),
            HandoverSheet.to_squad_id.in_(actor.squad_ids),
            HandoverSheet.from_lead_id == actor.person_id,
            HandoverSheet.to_lead_id == actor.person_id,
        )
    )


def live_cells(work: Work) -> Select[uuid.UUID, uuid.UUID]:
    """(sheet, cell) of every cell that its sheet still is about.

    All of a sheet that was written by hand; of one that duty made those whose duty goes, from its day on and as known now,
    to whom it names: what was assigned otherwise before it took place is handed over by another sheet, or by none.
    """
    sheet = aliased(HandoverSheet)
    duty = on_duty(HandoverCell.cell_id, sheet.from_day, work.now)
    goes_there = (duty.c.squad_id == sheet.to_squad_id) & (duty.c.lead_person_id == sheet.to_lead_id)
    return (
        select(HandoverCell.sheet_id, HandoverCell.cell_id)
        .join(sheet, sheet.id == HandoverCell.sheet_id)
        .outerjoin(duty, true())
        .where(HandoverCell.bureau_id == work.bureau_id, or_(sheet.origin == "desk", goes_there))
    )


def state_of_sheet(work: Work) -> ColumnElement[str]:
    """The state of a ``HandoverSheet`` (schemas.vocabulary.HandoverState), by its last step and by duty."""
    last = (
        select(HandoverStep.act)
        .where(HandoverStep.sheet_id == HandoverSheet.id)
        .order_by(HandoverStep.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    lives = HandoverSheet.id.in_(live_cells(work).with_only_columns(HandoverCell.sheet_id))
    return case(
        (last.in_(_SETTLED), last),
        (~lives, literal(HandoverState.VOID.value)),
        else_=func.coalesce(last, HandoverState.OPEN.value),
    )


def wanted(work: Work, query: Mapping[str, Any]) -> Select[HandoverSheet]:
    """The sheets in scope that a query asks for, as schemas.handovers.HandoverQuery has it; no page yet."""
    sheets = visible_to(work.actor)
    state = state_of_sheet(work)
    if query["state"]:
        sheets = sheets.where(state == query["state"])
    if query["cell_id"]:
        about = select(HandoverCell.sheet_id).where(HandoverCell.cell_id == query["cell_id"])
        sheets = sheets.where(HandoverSheet.id.in_(about))
    if query["squad_id"]:
        sides = (HandoverSheet.from_squad_id, HandoverSheet.to_squad_id)
        sheets = sheets.where(or_(*(side == query["squad_id"] for side in sides)))
    if query["overdue"]:
        today = work.now.astimezone(work.zone).date()
        known_on = func.date(func.timezone(work.zone.key, HandoverSheet.known_at))
        since = func.greatest(HandoverSheet.from_day, known_on)
        sheets = sheets.where(state.in_([one.value for one in WAITING]), since < today - ACKNOWLEDGED_WITHIN)
    if query["waiting"]:
        signer = signer_of(work.actor)
        to_sign = (HandoverSheet.from_lead_id == signer.person_id) | HandoverSheet.from_squad_id.in_(
            signer.leads
        )
        to_take = (HandoverSheet.to_lead_id == signer.person_id) | HandoverSheet.to_squad_id.in_(signer.leads)
        # Who signed it over does not take it.
        gave = (
            select(HandoverStep.account_id)
            .where(HandoverStep.sheet_id == HandoverSheet.id, HandoverStep.act == HandoverAct.SIGNED.value)
            .order_by(HandoverStep.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        given = state.in_((HandoverState.OPEN.value, HandoverState.OBJECTED.value))
        taken = (state == HandoverState.SIGNED.value) & gave.is_distinct_from(work.actor.account_id)
        sheets = sheets.where(or_(given & to_sign, taken & to_take))
    return sheets


def find(work: Work, sheet_id: uuid.UUID) -> Standing:
    """A sheet that the actor may see.

    Raises:
        Problem: ``not_found``.
    """
    found = work.session.scalars(visible_to(work.actor).where(HandoverSheet.id == sheet_id)).all()
    if not found:
        raise Problem("not_found")
    return standings(work, found)[0]


def standings(work: Work, sheets: Sequence[HandoverSheet]) -> list[Standing]:
    """How each of these sheets stands, in their order."""
    ids = [sheet.id for sheet in sheets]
    states: dict[uuid.UUID, str] = dict(
        work.session.execute(
            select(HandoverSheet.id, state_of_sheet(work)).where(among(HandoverSheet.id, ids))
        ).all()
    )
    steps: dict[uuid.UUID, list[HandoverStep]] = defaultdict(list)
    for step in work.session.scalars(
        select(HandoverStep).where(among(HandoverStep.sheet_id, ids)).order_by(HandoverStep.seq)
    ):
        steps[step.sheet_id].append(step)
    cells: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for sheet_id, cell_id in work.session.execute(
        live_cells(work)
        .join(GridCell, GridCell.id == HandoverCell.cell_id)
        .where(among(HandoverCell.sheet_id, ids))
        .order_by(GridCell.code)
    ):
        cells[sheet_id].append(cell_id)
    return [
        Standing(sheet, HandoverState(states[sheet.id]), tuple(steps[sheet.id]), tuple(cells[sheet.id]))
        for sheet in sheets
    ]


def frozen_of(work: Work, standing: Standing) -> HandoverContent | None:
    """What was signed over last; None where nobody signed."""
    if standing.signed is None:
        return None
    signed = select(HandoverContent).where(HandoverContent.id == standing.signed.content_id)
    return work.session.scalars(signed.options(undefer(HandoverContent.content))).one()


def content_now(work: Work, standing: Standing) -> dict[str, Any] | None:
    """What a sheet says: what was signed where that is what counts, what is open now while it waits to be signed.

    None for one that ended before anybody signed it.
    """
    if not standing.is_frozen:
        return content_of(work, standing.cell_ids, standing.sheet.from_lead_id)
    frozen = frozen_of(work, standing)
    content: dict[str, Any] | None = json.loads(frozen.content) if frozen else None
    return content


def described(work: Work, found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Sheets as schemas.handovers.HandoverLine shows them, with their steps."""
    today = work.now.astimezone(work.zone).date()
    squads, people = _names(work, found)
    accounts = {step.account_id for one in found for step in one.steps if step.account_id}
    signers = {
        account_id: name or username
        for account_id, username, name in work.session.execute(
            select(Account.id, Account.username, Person.name)
            .outerjoin(Person, Person.id == Account.person_id)
            .where(among(Account.id, sorted(accounts)))
        )
    }
    digests: dict[uuid.UUID | None, str] = dict(
        work.session.execute(
            select(HandoverContent.id, HandoverContent.sha256).where(
                among(HandoverContent.sheet_id, [one.sheet.id for one in found])
            )
        ).all()
    )
    signer = signer_of(work.actor)
    told = []
    for one in found:
        sheet = one.sheet
        known_on = sheet.known_at.astimezone(work.zone).date()
        told.append(
            {
                "id": sheet.id,
                "origin": sheet.origin,
                "state": one.state.value,
                "state_zh": one.state.label_zh,
                "giving": _side(one.giving, squads, people),
                "taking": _side(one.taking, squads, people),
                "from_day": sheet.from_day,
                "reason": sheet.reason,
                "known_at": sheet.known_at.astimezone(work.zone),
                "cells": len(one.cell_ids),
                "overdue": is_overdue(one.state, sheet.from_day, known_on, today),
                "overdue_after": overdue_after(sheet.from_day, known_on),
                "sha256": digests.get(one.signed.content_id) if one.signed else None,
                "you_may": [act.value for act in HandoverAct if _may(one, act, signer, work.actor)],
                "steps": [
                    {
                        "act": step.act,
                        "act_zh": HandoverAct(step.act).label_zh,
                        "person": signers.get(step.account_id) if step.account_id else None,
                        "note": step.note,
                        "at": step.at.astimezone(work.zone),
                        "sha256": digests.get(step.content_id),
                    }
                    for step in one.steps
                ],
            }
        )
    return told


def _may(one: Standing, act: HandoverAct, signer: Signer, actor: Actor) -> bool:
    """Whether the actor may take a step now: his side, its turn, and not what he signed over himself."""
    by_hand = one.sheet.origin == "desk"
    takes = act in (HandoverAct.ACKNOWLEDGED, HandoverAct.OBJECTED)
    own = takes and one.signed is not None and one.signed.account_id == actor.account_id
    return (
        may_follow(one.state, act)
        and may_take(act, one.giving, one.taking, by_hand=by_hand, signer=signer)
        and not own
    )


def _names(work: Work, found: Sequence[Standing]) -> tuple[dict[uuid.UUID, str], dict[uuid.UUID, str]]:
    sides = [side for one in found for side in (one.giving, one.taking)]
    squads = select(Squad.id, Squad.name).where(among(Squad.id, sorted({one.squad_id for one in sides})))
    people = select(Person.id, Person.name).where(among(Person.id, sorted({one.lead_id for one in sides})))
    return dict(work.session.execute(squads).all()), dict(work.session.execute(people).all())


def _side(side: Side, squads: Mapping[uuid.UUID, str], people: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "squad_id": side.squad_id,
        "squad": squads[side.squad_id],
        "lead_id": side.lead_id,
        "lead": people[side.lead_id],
    }
