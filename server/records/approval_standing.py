"""Whether the approval that an inspection names stands: looked up when asked, for an approval may come after the record.

An inspection needs leave beforehand (国办发〔2024〕54号); one by phone is written up in time, and what could not wait is
approved afterwards.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB

from server.approvals.models import ApprovalWithdrawal, ApprovalWriteUp, InspectionApproval
from server.kernel.work import Work
from server.records.models import OF_ITS_FORM, Form, Record
from server.records.queries import visible_to

APPROVED = "approved"
AWAITING = "awaiting_write_up"
_SOUND = (APPROVED, AWAITING)


def unapproved(work: Work) -> Select[Any]:
    """The inspections in the actor's scope whose approval does not stand, with the reason; unordered."""
    standing = _standing(work)
    return _inspections(work, standing).where(standing.not_in(_SOUND))


def standing_of(work: Work, record_id: uuid.UUID) -> str | None:
    """How the approval of a visible inspection stands; ``None`` for a record that needs none."""
    found = _inspections(work, _standing(work)).where(Record.id == record_id)
    row = work.session.execute(found).one_or_none()
    return row.standing if row else None


def _inspections(work: Work, standing: ColumnElement[str]) -> Select[Any]:
    approval = InspectionApproval
    columns: list[Any] = [
        *(Record.id, Record.kind, Record.performed_at, Record.subject_id, Record.cell_id),
        *(Record.squad_id, Record.approval_no, standing.label("standing")),
    ]
    return (
        visible_to(work.actor)
        .with_only_columns(*columns)
        .join(Form, OF_ITS_FORM)
        .outerjoin(
            approval,
            and_(approval.bureau_id == Record.bureau_id, approval.approval_no == Record.approval_no),
        )
        .outerjoin(ApprovalWriteUp, ApprovalWriteUp.approval_id == approval.id)
        .outerjoin(ApprovalWithdrawal, ApprovalWithdrawal.approval_id == approval.id)
        # Forms say nothing of it where they demand what an inspection does.
        .where(func.coalesce(cast(Form.demands["approval"], Boolean), True), Record.amends_id.is_(None))
    )


def _standing(work: Work) -> ColumnElement[str]:
    approval, at = InspectionApproval, Record.performed_at
    day = cast(func.timezone(work.zone.key, at), Date)
    late = at + literal(timedelta(hours=work.settings.write_up_hours))
    nobody_named = literal([], JSONB)
    covers = and_(
        day.between(approval.first_day, approval.last_day),
        or_(approval.record_kinds == nobody_named, approval.record_kinds.op("?")(Record.kind)),
        or_(
            and_(approval.subject_ids == nobody_named, approval.cell_ids == nobody_named),
            approval.subject_ids.op("?")(cast(Record.subject_id, Text)),
            approval.cell_ids.op("?")(cast(Record.cell_id, Text)),
        ),
    )
    written_up, by_phone = ApprovalWriteUp.written_up_at, approval.channel == "phone"
    return case(
        (Record.approval_no.is_(None), "missing"),
        (approval.id.is_(None), "unknown"),
        (ApprovalWithdrawal.withdrawn_at <= at, "withdrawn"),
        (func.coalesce(covers, False).is_(False), "not_covering"),
        (and_(approval.channel == "urgent", approval.approved_at > late), "after_the_fact"),
        (and_(approval.channel != "urgent", approval.approved_at > at), "after_the_fact"),
        (and_(by_phone, written_up > approval.write_up_due), "written_up_late"),
        (and_(by_phone, written_up.is_(None), approval.write_up_due < work.now), "not_written_up"),
        (and_(by_phone, written_up.is_(None)), AWAITING),
        else_=APPROVED,
    )
