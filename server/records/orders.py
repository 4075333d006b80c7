"""Orders to put something right (责令改正) as the desk sees them: what is overdue, and what proves that one is fulfilled."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, cast, func, or_, select
from sqlalchemy.orm import aliased

from schemas.record import KINDS
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.ids import new_edit_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.privacy.masking import mask_text
from server.records.kinds import INSPECTION, attendance_of
from server.records.models import Record, Rectification
from server.records.rectification import tell_edited
from server.records.superseding import stands

STATES = ("open", "rechecked", "overdue", "done", "withdrawn")
_INSPECTIONS = [kind for kind in KINDS if attendance_of(kind) == INSPECTION]


def orders_visible_to(actor: Actor) -> Select[Rectification]:
    """The orders of the actor's cells."""
    orders = select(Rectification).where(
        Rectification.bureau_id == actor.bureau_id, Rectification.deleted.is_(False)
    )
    if actor.reaches_bureau(Permission.RECORD_READ):
        return orders
    return orders.where(Rectification.cell_id.in_(cells_in_scope(actor, Permission.RECORD_READ)))


def in_state(work: Work, state: str) -> ColumnElement[bool]:
    """A condition on ``Rectification``.

    ``open``: its day is not over and nothing proves it yet. ``rechecked``: open, and a later valid inspection may prove
    it, which a person decides. ``overdue``: open, its day is over, and nobody looked again. The others are as officers
    settled it.
    """
    if state in ("done", "withdrawn"):
        return Rectification.status == state
    today = work.now.astimezone(work.zone).date()
    proved = _proof(work).correlate(Rectification).exists()
    is_open = Rectification.status == "open"
    if state == "rechecked":
        return and_(is_open, proved)
    over = Rectification.due_on < today
    return and_(is_open, ~proved, over if state == "overdue" else ~over)


def _proof(work: Work) -> Select[uuid.UUID]:
    """Inspections that may prove an order: valid, standing, at its subject, later than the order's own.

    One before the order's day is over counts where it says that former findings were re-checked and are in order (the
    item 上次问题已复查); after that day any inspection is a re-check.
    """
    ordered = aliased(Record)
    made = select(ordered.performed_at).where(ordered.id == Rectification.record_id)
    said = Record.document["answers"]["items"]["findings_rechecked"]["result"].as_string()
    day = cast(func.timezone(work.zone.key, Record.performed_at), Date)
    return select(Record.id).where(
        stands(work, work.now),
        Record.valid,
        Record.kind.in_(_INSPECTIONS),
        Record.subject_kind == Rectification.subject_kind,
        Record.subject_id == Rectification.subject_id,
        Record.id != Rectification.record_id,
        Record.performed_at > made.correlate(Rectification).scalar_subquery(),
        or_(said == "pass", day > Rectification.due_on),
    )


def described(work: Work, orders: Sequence[Rectification]) -> list[dict[str, Any]]:
    """Orders as schemas.records.OrderOut shows them, with the first inspection that may prove each that is open."""
    ids = [order.id for order in orders]
    first = (
        _proof(work)
        .order_by(Record.performed_at, Record.id)
        .limit(1)
        .correlate(Rectification)
        .scalar_subquery()
    )
    proposed = dict(
        work.session.execute(
            select(Rectification.id, first).where(Rectification.id.in_(ids), Rectification.status == "open")
        ).all()
    )
    today = work.now.astimezone(work.zone).date()
    return [_described(order, proposed.get(order.id), today) for order in orders]


def _described(order: Rectification, proposed: uuid.UUID | None, today: date) -> dict[str, Any]:
    state = order.status
    if state == "open" and proposed is not None:
        state = "rechecked"
    elif state == "open" and order.due_on < today:
        state = "overdue"
    names = ("id", "record_id", "subject_kind", "subject_id", "cell_id", "due_on", "done_on")
    told = {name: getattr(order, name) for name in names}
    return told | {
        "demand": mask_text(order.demand),
        "note": mask_text(order.note) if order.note else order.note,
        "state": state,
        "proof_record_id": order.proof_record_id,
        "proposed_proof_id": proposed,
        "days_overdue": (today - order.due_on).days if state == "overdue" else None,
    }


def settle(work: Work, order_id: uuid.UUID, proof_record_id: uuid.UUID, note: str | None) -> Rectification:
    """Note that an order is fulfilled, proved by a later valid inspection of its subject; handhelds are told.

    Raises:
        Problem: ``not_found`` out of scope; ``conflict`` for one that is not open; ``invalid`` for a record that does not
            prove it.
    """
    cells = cells_in_scope(work.actor, Permission.SYNC_SETTLE)
    order = work.session.scalar(
        select(Rectification)
        .where(
            Rectification.id == order_id,
            Rectification.bureau_id == work.bureau_id,
            Rectification.cell_id.in_(cells),
        )
        .with_for_update()
    )
    if order is None:
        raise Problem("not_found")
    if order.status != "open":
        raise Problem("conflict", detail="该整改令已办结或撤回。The order is done or withdrawn already.")
    proving = _proof(work).with_only_columns(Record.performed_at).where(Record.id == proof_record_id)
    performed = work.session.scalar(
        proving.select_from(Record).join(Rectification, Rectification.id == order.id)
    )
    if performed is None:
        detail = "该记录不是其后对同一对象的有效复查。It is no later valid inspection of this subject."
        raise invalid("/proof_record_id", "proof_of_nothing", detail)
    order.status, order.done_on = "done", performed.astimezone(work.zone).date()
    order.proof_record_id, order.edit_id = proof_record_id, new_edit_id()
    order.note = note or order.note
    tell_edited(work, [order])
    return order
