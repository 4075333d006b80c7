"""Giving, writing up and withdrawing approvals of inspections."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from server.access.models import Account
from server.approvals.models import ApprovalWithdrawal, ApprovalWriteUp, InspectionApproval
from server.approvals.queries import find
from server.approvals.rules import number_as_written, write_up_due
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Permission, Role, permissions_of
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from sync.feed import touch


def give(work: Work, given: Mapping[str, Any]) -> InspectionApproval:
    """Enter an approval, as schemas.approvals.ApprovalIn reads it.

    At the desk the actor is the approver. One given by phone, or for what could not wait, is entered by somebody else and
    names the approver; by phone it must be written up by him within ``write_up_hours``.

    Raises:
        Problem: ``forbidden`` where whoever signs at the desk may not approve; ``invalid`` with the field at fault;
            ``number_taken``.
    """
    channel = given["channel"]
    if channel == "desk" and given["approved_at"] is not None:
        raise invalid(
            "/approved_at", "not_now", "当面审批即时生效，不写时间。At the desk it is approved now."
        )
    approved_at: datetime = given["approved_at"] or work.now
    if approved_at > work.now:
        raise invalid("/approved_at", "in_future", "批准时间晚于现在。It lies ahead.")
    approver = _approver(work, channel, given["approver_id"])
    cells = sorted(set(given["cell_ids"]), key=str)
    known = select(func.count()).where(GridCell.bureau_id == work.bureau_id, among(GridCell.id, cells))
    if work.session.scalars(known).one() != len(cells):
        raise invalid("/cell_ids", "cell_unknown", "有不属于本单位的网格。A cell is not of this bureau.")
    approval = InspectionApproval(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        approval_no=_number(work, given["approval_no"]),
        kind=given["kind"],
        title=given["title"],
        plan=given["plan"],
        record_kinds=sorted(set(given["record_kinds"])),
        subject_ids=sorted({str(subject) for subject in given["subject_ids"]}),
        cell_ids=[str(cell) for cell in cells],
        first_day=given["first_day"],
        last_day=given["last_day"],
        channel=channel,
        approver_id=approver,
        approved_at=approved_at,
        write_up_due=write_up_due(channel, approved_at, work.settings.write_up_hours),
        known_at=work.now,
        entered_by=work.actor.account_id,
        edit_id=new_edit_id(),
    )
    work.session.add(approval)
    work.session.flush()
    _announce(work, approval)
    record_event(work, "approval.given", [approval.id], number=approval.approval_no, channel=channel)
    return approval


def write_up(work: Work, approval_id: uuid.UUID, note: str) -> InspectionApproval:
    """Confirm in writing an approval that was given by phone.

    Raises:
        Problem: ``not_found``; ``not_by_phone``; ``forbidden`` for anybody but the approver; ``written_up_already``.
    """
    approval = find(work, approval_id, hold=True)
    if approval.channel != "phone":
        raise Problem("not_by_phone")
    if work.actor.account_id != approval.approver_id:
        raise Problem("forbidden", detail="须由批准人本人补签。Only the approver may write it up.")
    if work.session.get(ApprovalWriteUp, approval.id) is not None:
        raise Problem("written_up_already")
    work.session.add(
        ApprovalWriteUp(
            bureau_id=work.bureau_id,
            approval_id=approval.id,
            written_up_at=work.now,
            account_id=approval.approver_id,
            note=note,
        )
    )
    record_event(work, "approval.written_up", [approval.id])
    return approval


def withdraw(work: Work, approval_id: uuid.UUID, reason: str) -> InspectionApproval:
    """End an approval: what is inspected from now on needs another one; handhelds hear of it.

    Raises:
        Problem: ``not_found``; ``approval_withdrawn``.
    """
    approval = find(work, approval_id, hold=True)
    if work.session.get(ApprovalWithdrawal, approval.id) is not None:
        raise Problem("approval_withdrawn")
    work.session.add(
        ApprovalWithdrawal(
            bureau_id=work.bureau_id,
            approval_id=approval.id,
            withdrawn_at=work.now,
            account_id=work.actor.account_id,
            reason=reason,
        )
    )
    approval.edit_id = new_edit_id()
    work.session.flush()
    _announce(work, approval)
    record_event(work, "approval.withdrawn", [approval.id], reason=reason)
    return approval


def _approver(work: Work, channel: str, named: uuid.UUID | None) -> uuid.UUID:
    own = work.actor.account_id
    if channel == "desk":
        work.actor.must(Permission.INSPECTION_APPROVE)
        if own is not None and named in (None, own):
            return own
        if own is not None:
            raise invalid(
                "/approver_id", "not_oneself", "当面审批由批准人本人操作。The approver signs for himself."
            )
    if named is None:
        raise invalid("/approver_id", "required", "请写明批准人。Name the approver.")
    roles = work.session.scalar(
        select(Account.roles).where(
            Account.id == named, Account.bureau_id == work.bureau_id, Account.disabled_at.is_(None)
        )
    )
    held = permissions_of(frozenset(Role(role) for role in roles or ()))
    if Permission.INSPECTION_APPROVE not in held:
        raise invalid(
            "/approver_id", "may_not_approve", "此人没有检查审批权限。This account may not approve."
        )
    return named


def _number(work: Work, given: str | None) -> str:
    """The number given, or the next of the year's; one after the other, for the desk has a network."""
    if (number := number_as_written(given)) is not None:
        return number
    year = work.now.astimezone(work.zone).year
    work.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"approval_no|{work.bureau_id}", 0)))
    )
    series = f"检审〔{year}〕自"
    taken = select(InspectionApproval.approval_no).where(
        InspectionApproval.bureau_id == work.bureau_id, InspectionApproval.approval_no.startswith(series)
    )
    serials = (one.removeprefix(series).removesuffix("号") for one in work.session.scalars(taken))
    # Whoever writes a number of his own may write it like ours, and no serial.
    numbers = [int(one) for one in serials if one.isascii() and one.isdigit()]
    return f"{series}{max(numbers, default=0) + 1}号"


def _announce(work: Work, approval: InspectionApproval) -> None:
    touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", approval.id)])
