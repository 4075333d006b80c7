"""Approvals of inspections over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.approvals import (
    ApprovalIn,
    ApprovalOut,
    ApprovalPage,
    ApprovalQuery,
    ApprovalWithdrawalIn,
    WriteUpIn,
)
from server.approvals import ops
from server.approvals.models import ApprovalWithdrawal, ApprovalWriteUp, InspectionApproval
from server.approvals.queries import listed, told
from server.kernel.http import Noun
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("approvals", "检查审批 Approvals of inspections")


@blueprint.endpoint(
    "GET", "/approvals", permission=Permission.RECORD_READ, takes=ApprovalQuery, gives=ApprovalPage
)
def list_approvals(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The bureau's approvals, the newest first."""
    rows = listed(work)
    if query["on"]:
        rows = rows.where(
            InspectionApproval.first_day <= query["on"],
            InspectionApproval.last_day >= query["on"],
            ApprovalWithdrawal.withdrawn_at.is_(None),
        )
    if query["awaiting"]:
        rows = rows.where(InspectionApproval.channel == "phone", ApprovalWriteUp.written_up_at.is_(None))
    keys = [InspectionApproval.known_at, InspectionApproval.id]
    return page_of_rows(work.session, rows, keys, query["after"], query["limit"], newest_first=True)


@blueprint.endpoint(
    "POST",
    "/approvals",
    permission=Permission.INSPECTION_REQUEST,
    takes=ApprovalIn,
    gives=ApprovalOut,
    status=201,
)
def give_approval(work: Work, given: dict[str, Any]) -> Any:
    """Approve an inspection or a plan, or enter what was approved by phone or after an urgent check."""
    return told(work, ops.give(work, given).id)


@blueprint.endpoint(
    "GET", "/approvals/<uuid:approval_id>", permission=Permission.RECORD_READ, gives=ApprovalOut
)
def get_approval(work: Work, approval_id: uuid.UUID) -> Any:
    """One approval."""
    return told(work, approval_id)


@blueprint.endpoint(
    "POST",
    "/approvals/<uuid:approval_id>/write-up",
    permission=Permission.INSPECTION_APPROVE,
    takes=WriteUpIn,
    gives=ApprovalOut,
)
def write_up_approval(work: Work, given: dict[str, Any], approval_id: uuid.UUID) -> Any:
    """Confirm in writing what was approved by phone."""
    return told(work, ops.write_up(work, approval_id, given["note"]).id)


@blueprint.endpoint(
    "POST",
    "/approvals/<uuid:approval_id>/withdrawal",
    permission=Permission.INSPECTION_APPROVE,
    takes=ApprovalWithdrawalIn,
    gives=ApprovalOut,
)
def withdraw_approval(work: Work, given: dict[str, Any], approval_id: uuid.UUID) -> Any:
    """End an approval; what was inspected under it stays approved."""
    return told(work, ops.withdraw(work, approval_id, given["reason"]).id)
