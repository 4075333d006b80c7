"""Reads of approvals. They name no person but the approver, and everybody in the bureau may see them."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, select

from server.access.models import Account
from server.approvals.models import ApprovalWithdrawal, ApprovalWriteUp, InspectionApproval
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person


def listed(work: Work) -> Select[Any]:
    """The bureau's approvals with who gave them, and whether they were written up or withdrawn; unordered."""
    columns = (getattr(InspectionApproval, column.key) for column in InspectionApproval.__table__.columns)
    return (
        select(
            *columns,
            func.coalesce(Person.name, Account.username).label("approver"),
            ApprovalWriteUp.written_up_at,
            ApprovalWithdrawal.withdrawn_at,
            ApprovalWithdrawal.reason.label("withdraw_reason"),
        )
        .join(Account, Account.id == InspectionApproval.approver_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(ApprovalWriteUp, ApprovalWriteUp.approval_id == InspectionApproval.id)
        .outerjoin(ApprovalWithdrawal, ApprovalWithdrawal.approval_id == InspectionApproval.id)
        .where(InspectionApproval.bureau_id == work.bureau_id)
    )


def told(work: Work, approval_id: uuid.UUID) -> Any:
    """One of them.

    Raises:
        Problem: ``not_found``.
    """
    row = work.session.execute(listed(work).where(InspectionApproval.id == approval_id)).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def find(work: Work, approval_id: uuid.UUID, *, hold: bool = False) -> InspectionApproval:
    """An approval of the bureau, held against others who write to it if asked for.

    Raises:
        Problem: ``not_found``.
    """
    wanted = select(InspectionApproval).filter_by(id=approval_id, bureau_id=work.bureau_id)
    approval = work.session.scalar(wanted.with_for_update() if hold else wanted)
    if approval is None:
        raise Problem("not_found")
    return approval


def synced_approvals(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """Approvals as documents of the collection ``reference``, for officers who fill in a number without a network."""
    withdrawn = select(ApprovalWithdrawal.withdrawn_at).where(
        ApprovalWithdrawal.approval_id == InspectionApproval.id
    )
    fields = func.json_build_object(
        "id", InspectionApproval.id,
        "edit_id", InspectionApproval.edit_id,
        "_deleted", False,
        "kind", "approval",
        "approval_no", InspectionApproval.approval_no,
        "title", InspectionApproval.title,
        "record_kinds", InspectionApproval.record_kinds,
        "subject_ids", InspectionApproval.subject_ids,
        "cell_ids", InspectionApproval.cell_ids,
        "first_day", InspectionApproval.first_day,
        "last_day", InspectionApproval.last_day,
        "withdrawn_at", withdrawn.scalar_subquery(),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), InspectionApproval.edit_id).where(
        InspectionApproval.id == ids, InspectionApproval.bureau_id == bureau_id
    )
