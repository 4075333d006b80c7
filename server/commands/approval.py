"""``xunge approval``: approvals of inspections, and inspections whose approval does not stand."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from pathlib import Path

import click

from schemas.approvals import ApprovalIn, ApprovalOut
from server.approvals import ops
from server.approvals.models import InspectionApproval
from server.approvals.queries import listed, told
from server.commands.acting import acting, as_account, of_bureau, signed_as
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day, Moment
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.records.approval_standing import unapproved
from server.records.models import Record

_CHANNELS = {"desk": "当面", "phone": "电话", "urgent": "紧急补批"}
STANDINGS = {
    "missing": "未填审批编号",
    "unknown": "查无此审批",
    "withdrawn": "检查时审批已撤回",
    "not_covering": "不在审批范围内",
    "after_the_fact": "先查后批",
    "not_written_up": "电话审批逾期未补签",
    "written_up_late": "电话审批补签逾期",
}
_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))


@click.group("approval")
def group() -> None:
    """检查审批 · approvals of inspections."""


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@signed_as
@of_bureau
def add(file: Path, username: str, bureau: str | None) -> None:
    """批准或登记审批（JSON，同 POST /approvals）· approve, or enter an approval."""
    given = read_file(file, ApprovalIn())
    with acting(bureau, username, Permission.INSPECTION_REQUEST) as work:
        print_json(ApprovalOut(), told(work, ops.give(work, given).id)._mapping)


@group.command("list")
@click.option("--on", type=Day(), help="当日有效的 · that cover this day")
@_limit
@of_bureau
def list_approvals(on: date | None, limit: int, bureau: str | None) -> None:
    """列出审批，新的在前 · list them, the newest first."""
    with bureau_work(bureau) as work:
        rows = listed(work)
        if on is not None:
            rows = rows.where(InspectionApproval.first_day <= on, InspectionApproval.last_day >= on)
        keys = [InspectionApproval.known_at, InspectionApproval.id]
        page = page_of_rows(work.session, rows, keys, None, limit, newest_first=True)
        zone = work.zone
    table = headed("编号", "事项", "起", "止", "批准人", "方式", "补签", "撤回", "id")
    for one in page["items"]:
        written = "" if one.channel != "phone" else "已补签" if one.written_up_at else "待补签"
        withdrawn = one.withdrawn_at.astimezone(zone).strftime("%Y-%m-%d") if one.withdrawn_at else ""
        days = (one.first_day.isoformat(), one.last_day.isoformat())
        table.add_row(
            one.approval_no,
            one.title,
            *days,
            one.approver,
            _CHANNELS[one.channel],
            written,
            withdrawn,
            str(one.id),
        )
    print_table(table)
    if page["after"]:
        click.echo(f"只列出前 {limit} 条，用 --limit 多列 · there are more")


@group.command("write-up")
@click.argument("approval_id", type=click.UUID)
@click.option("--note", required=True, help="补签内容 · what is confirmed")
@signed_as
@of_bureau
def write_up(approval_id: uuid.UUID, note: str, username: str, bureau: str | None) -> None:
    """补签电话审批（须批准人本人）· confirm in writing what was approved by phone."""
    with acting(bureau, username, Permission.INSPECTION_APPROVE) as work:
        approval = ops.write_up(work, approval_id, note)
        click.echo(f"已补签 {approval.approval_no} · written up")


@group.command()
@click.argument("approval_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def withdraw(approval_id: uuid.UUID, reason: str, username: str | None, bureau: str | None) -> None:
    """撤回审批，此前的检查不受影响 · end an approval."""
    with acting(bureau, username, Permission.INSPECTION_APPROVE) as work:
        approval = ops.withdraw(work, approval_id, reason)
        click.echo(f"已撤回 {approval.approval_no} · withdrawn")


@group.command()
@click.option("--since", type=Moment(), required=True)
@click.option("--until", type=Moment(), required=True)
@_limit
@of_bureau
def exceptions(since: datetime, until: datetime, limit: int, bureau: str | None) -> None:
    """审批不成立的检查 · inspections whose approval does not stand."""
    with bureau_work(bureau) as work:
        rows = unapproved(work).where(Record.performed_at >= since, Record.performed_at < until)
        page = page_of_rows(work.session, rows, [Record.performed_at, Record.id], None, limit)
        zone = work.zone
    if not page["items"]:
        click.echo("没有 · none")
        return
    table = headed("检查时间", "审批编号", "原因", "记录")
    for one in page["items"]:
        at = one.performed_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        table.add_row(at, one.approval_no or "", STANDINGS[one.standing], str(one.id))
    print_table(table)
    if page["after"]:
        click.echo(f"只列出前 {limit} 条，用 --limit 多列 · there are more")
