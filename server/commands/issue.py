"""``xunge issue``: signing monthly and quarterly reports off. A signer gives their own password."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from rich.table import Table

from schemas.issuing import IssueOut, UnsyncedOut
from server.commands.acting import acting, of_bureau, signed_as
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.sheets import as_known_by, deliver
from server.commands.sheets import show as show_sheet
from server.commands.times import Moment
from server.issuing import ops, queries
from server.issuing.models import ReportIssue
from server.issuing.paper import paper_of
from server.issuing.queries import Standing
from server.issuing.restated_sheet import differences_sheet, sheet_of
from server.issuing.rules import Act, day_over
from server.issuing.unsynced import unsynced
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.moment import moment_for
from server.reports.sheets import NO_FIGURE

_kind = click.option("--kind", type=click.Choice(["R1", "R3"]), default="R1", show_default=True)
_version = click.option("--version", type=int, help="版本，默认最新 · default: the newest")
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_remark = click.option("--remark", help="意见 · a remark")


SHAPES = ("table", "csv", "json", "xlsx", "pdf")


@click.group("issue")
def group() -> None:
    """报表签发：拟稿、审核、签发 · reports that are signed off."""


@group.command("list")
@click.option("--period", help="2026-07、2026Q3；默认全部 · default: all")
@of_bureau
def list_(period: str | None, bureau: str | None) -> None:
    """列出各期报表 · list the versions."""
    table = headed("报表", "周期", "版本", "状态", "截止时刻", "更正", "最后办理", "SHA-256")
    with bureau_work(bureau) as work:
        wanted = queries.visible_to(work.actor)
        if period is not None:
            wanted = wanted.where(ReportIssue.period == ops.period_to_sign(period).key)
        found = queries.standings(work, wanted)
        for one, told in zip(found, queries.described(work, found), strict=True):
            table.add_row(
                told["kind"],
                told["period"],
                str(told["version"]),
                one.state.label_zh,
                told["as_of"].isoformat(timespec="minutes"),
                NO_FIGURE if told["changed"] is None else str(told["changed"]),
                f"{told['steps'][-1]['person']} {told['steps'][-1]['at'].isoformat(timespec='minutes')}",
                told["sha256"][:12],
            )
    print_table(table)


@group.command()
@click.argument("period")
@_kind
@_version
@of_bureau
def show(period: str, kind: str, version: int | None, bureau: str | None) -> None:
    """以 JSON 显示一版及各步办理 · show a version and its steps as JSON."""
    with bureau_work(bureau) as work:
        found = _find(work, kind, period, version)
        told = IssueOut().dump(queries.described(work, [found])[0])
    click.echo(json.dumps(told, ensure_ascii=False, indent=2))


@group.command("unsynced")
@click.argument("period")
@as_known_by
@_shape
@of_bureau
def list_unsynced(period: str, as_of: datetime | None, shape: str, bureau: str | None) -> None:
    """周期结束后尚未同步的设备 · who has not synced since the period's end."""
    with bureau_work(bureau) as work:
        moment, wanted = moment_for(work, as_of), ops.period_to_sign(period)
        told = UnsyncedOut().dump(
            {"period": wanted.key, "as_of": moment, "items": unsynced(work, day_over(wanted), moment)}
        )
    if shape == "json":
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not told["items"]:
        click.echo("没有未同步的设备 · every device has synced")
        return
    table = Table(title=f"{told['period']}，截至 {told['as_of']}")
    shown = {
        "squad": "中队",
        "person": "人员",
        "label": "设备",
        "last_heard_at": "最近联系",
        "last_empty_at": "最近清空队列",
        "queue_length": "待传条数",
    }
    for heading in shown.values():
        table.add_column(heading)
    for one in told["items"]:
        table.add_row(*(NO_FIGURE if one[name] is None else str(one[name]) for name in shown))
    print_table(table)


@group.command()
@click.argument("period")
@click.option(
    "--as-of",
    type=Moment(),
    help="截止时刻，默认宽限期届满 · default: when the last grace has run out",
)
@click.option("--unsynced-remark", help="有设备未同步时的说明 · what of the devices that have not synced")
@_remark
@_kind
@signed_as
@of_bureau
def draft(
    period: str,
    as_of: datetime | None,
    unsynced_remark: str | None,
    remark: str | None,
    kind: str,
    username: str,
    bureau: str | None,
) -> None:
    """拟稿：冻结一个月或一季的报表 · freeze a month's or quarter's report."""
    given = {
        "kind": kind,
        "period": period,
        "as_of": as_of,
        "unsynced_remark": unsynced_remark,
        "remark": remark,
    }
    with acting(bureau, username, Permission.REPORT_DRAFT) as work:
        drafted = ops.draft(work, given)
        told = queries.described(work, [drafted])[0]
    click.echo(
        f"{told['period']} 第 {told['version']} 版已拟稿，截至 {told['as_of'].isoformat(timespec='minutes')}："
        f"待查 {told['pending']}，待同步 {told['unknown']}，未同步设备 {told['unsynced']}，"
        f"较上一版更正 {NO_FIGURE if told['changed'] is None else told['changed']} · drafted"
    )
    click.echo(f"SHA-256 {told['sha256']}")


def _signing(name: str, act: Act, permission: Permission, text: str, *, reasoned: bool = False) -> None:
    """Register the command of one step: whoever signs names the period and gives a password."""
    label = "理由 · why" if reasoned else "意见 · a remark"

    @group.command(name, help=text)
    @click.argument("period")
    @click.option("--remark", required=reasoned, help=label)
    @_kind
    @signed_as
    @of_bureau
    def step(period: str, remark: str | None, kind: str, username: str, bureau: str | None) -> None:
        with acting(bureau, username, permission) as work:
            found = _find(work, kind, period, None)
            version = ops.take_step(work, found.issue.id, act, remark).issue.version
        click.echo(f"{found.issue.period} 第 {version} 版：{act.label_zh} · {act.value}")


_signing("submit", Act.SUBMITTED, Permission.REPORT_DRAFT, "送审 · hand a draft over for review.")
_signing(
    "return",
    Act.RETURNED,
    Permission.REPORT_READ,
    "退回拟稿人，须写明理由 · back to be drafted anew, and why.",
    reasoned=True,
)
_signing("review", Act.REVIEWED, Permission.REPORT_REVIEW, "审核通过 · let it go on to be issued.")
_signing("issue", Act.ISSUED, Permission.REPORT_ISSUE, "签发，该期锁定 · issue it; the period is locked.")


@group.command()
@click.argument("period")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="写入文件 · file to write")
@_kind
@_version
@of_bureau
def snapshot(period: str, output: Path, kind: str, version: int | None, bureau: str | None) -> None:
    """取出冻结的报表原文 · the frozen report, byte for byte."""
    with bureau_work(bureau) as work:
        found = _find(work, kind, period, version)
        output.write_bytes(found.snapshot.content)
    click.echo(f"SHA-256 {found.snapshot.sha256}")


@group.command("pdf")
@click.argument("period")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="写入文件 · file to write")
@_kind
@_version
@of_bureau
def pdf(period: str, output: Path, kind: str, version: int | None, bureau: str | None) -> None:
    """按冻结的原文打印，含附件和办理记录 · the frozen report on paper, with annexes and signers."""
    with bureau_work(bureau) as work:
        sheet = paper_of(work, _find(work, kind, period, version))
    deliver(sheet, "pdf", output)


@group.command()
@click.argument("period")
@_kind
@_version
@click.option("--output", type=click.Path(path_type=Path), help="写入文件 · file to write")
@click.option("--format", "shape", type=click.Choice(SHAPES), default="table", show_default=True)
@of_bureau
def differences(
    period: str, kind: str, version: int | None, output: Path | None, shape: str, bureau: str | None
) -> None:
    """与上一版的差异 · what a version tells differently from the one before."""
    with bureau_work(bureau) as work:
        sheet = differences_sheet(work, _find(work, kind, period, version))
    deliver(sheet, shape, output)


@group.command()
@click.argument("period")
@_kind
@_version
@of_bureau
def verify(period: str, kind: str, version: int | None, bureau: str | None) -> None:
    """按截止时刻重新计算并核对 · work it out again as of its moment, and check the SHA-256."""
    with bureau_work(bureau) as work:
        standing = _find(work, kind, period, version)
        verified = ops.verify(work, standing.snapshot)
        sheet = sheet_of(work, standing, verified.found)
    click.echo(f"SHA-256 {verified.sha256} {'相符 · intact' if verified.intact else '不符 · ALTERED'}")
    if verified.agrees:
        click.echo("重新计算，结果一致 · worked out again, it agrees")
        return
    show_sheet(sheet)
    raise Problem("issue_stale")


def _find(work: Work, kind: str, period: str, version: int | None) -> Standing:
    """The version named, with its bytes read while the transaction lasts."""
    found = queries.find_version(work, kind, ops.period_to_sign(period).key, version)
    # Loaded only when asked for, and the command asks after the transaction.
    _ = found.snapshot.content
    return found
