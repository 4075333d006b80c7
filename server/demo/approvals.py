"""The demo's approvals: each Friday the bureau's leader approves the plan of the week that follows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from server.approvals.models import InspectionApproval
from server.demo.city import City
from server.demo.documents import approval_of_week
from server.demo.identity import stable_id
from server.demo.staff import ZONE
from server.kernel.ids import new_edit_id
from server.kernel.permissions import Role
from server.kernel.work import Work
from sync.feed import touch

_WEEK = timedelta(days=7)
_PLAN = "按周计划对辖区零售户、电子烟零售点、寄递网点和路段开展日常检查，依据烟草专卖法实施条例第四十六条。"


def approve_weeks(work: Work, city: City, first: date) -> int:
    """Approve the plan of every week from that of ``first`` on whose Friday before has come; how many were not yet."""
    leader = next(one for one in city.accounts if Role.BUREAU_LEADER in one.roles)
    have = set(
        work.session.scalars(select(InspectionApproval.approval_no).filter_by(bureau_id=work.bureau_id))
    )
    monday = first - timedelta(days=first.weekday())
    approved = []
    while (friday := datetime.combine(monday - timedelta(days=3), time(16, 0), ZONE)) <= work.now:
        number = approval_of_week(monday)
        if number not in have:
            approved.append(
                InspectionApproval(
                    id=stable_id("approval", number),
                    bureau_id=work.bureau_id,
                    approval_no=number,
                    kind="batch",
                    title=f"{monday.isoformat()} 当周日常检查计划",
                    plan=_PLAN,
                    record_kinds=[],
                    subject_ids=[],
                    cell_ids=[],
                    first_day=monday,
                    last_day=monday + timedelta(days=6),
                    channel="desk",
                    approver_id=leader.id,
                    approved_at=friday,
                    write_up_due=None,
                    known_at=friday,
                    entered_by=leader.id,
                    edit_id=new_edit_id(),
                )
            )
        monday += _WEEK
    work.session.add_all(approved)
    work.session.flush()
    bureau = f"bureau:{work.bureau_id}"
    touch(work.session, work.bureau_id, "reference", [(bureau, one.id) for one in approved])
    return len(approved)
