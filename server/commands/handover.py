"""``xunge handover``: hand-over sheets, what waits for whom, and signing them over and taking them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import click

from schemas.handovers import HandoverIn, HandoverOut, HandoverPage
from schemas.vocabulary import HandoverAct, HandoverState
from server.commands.acting import acting, as_account, of_bureau, signed_as
from server.commands.bodies import print_json, read_file
from server.commands.printing import console, headed, print_table
from server.commands.sheets import FILES, deliver
from server.handovers import ops, queries
from server.handovers.models import HandoverSheet
from server.handovers.paper import paper_of, summary_rows, told
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE

_note = click.option("--note", help="说明 · a remark")
_sheet = click.argument("sheet_id", type=click.UUID)
_seen = click.option(
    "--sha256", required=True, help="所见内容的 SHA-256，见 show · of what you saw, as show tells it"
)


@click.group("handover")
def group() -> None:
    """交接单：网格换了责任人，未办结的随之交接 · what is open goes along when duty does."""


@group.command("list")
@click.option("--state", type=click.Choice([state.value for state in HandoverState]))
@click.option("--waiting", is_flag=True, help="等我办理的（须 --as）· what waits for me (needs --as)")
@click.option("--overdue", is_flag=True, help="逾期未接收的 · what nobody took in time")
@click.option("--limit", default=100, show_default=True, help="条数 · how many")
@click.option("--after", help="接上一页 · the “after” of the page before")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@as_account
@of_bureau
def list_(
    state: str | None,
    waiting: bool,
    overdue: bool,
    limit: int,
    after: str | None,
    shape: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """列出交接单，最近的在前 · list the sheets, the latest first."""
    query: dict[str, Any] = {
        "state": state,
        "waiting": waiting,
        "overdue": overdue,
        "cell_id": None,
        "squad_id": None,
    }
    with acting(bureau, username, Permission.HANDOVER_READ) as work:
        keys = [HandoverSheet.from_day, HandoverSheet.id]
        page = page_of(work.session, queries.wanted(work, query), keys, after, limit, newest_first=True)
        page["items"] = queries.described(work, queries.standings(work, page["items"]))
    if shape == "json":
        print_json(HandoverPage(), page)
        return
    table = headed("起始日期", "交出", "接收", "网格", "状态", "应在此日前接收", "编号")
    for one in page["items"]:
        table.add_row(
            str(one["from_day"]),
            _side(one["giving"]),
            _side(one["taking"]),
            str(one["cells"]),
            f"{one['state_zh']}{'（逾期）' if one['overdue'] else ''}",
            str(one["overdue_after"]),
            str(one["id"]),
        )
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多：--after {page['after']} · there are more")


@group.command()
@_sheet
@click.option("--format", "shape", type=click.Choice(["table", "json", *FILES]), default="table")
@click.option("--output", type=click.Path(path_type=Path), help="写入文件（xlsx、pdf 必填）· file to write")
@as_account
@of_bureau
def show(
    sheet_id: uuid.UUID, shape: str, output: Path | None, username: str | None, bureau: str | None
) -> None:
    """一份交接单：交接什么、谁办理过；也可打印 · one sheet, also to print."""
    with acting(bureau, username, Permission.HANDOVER_READ) as work:
        standing = queries.find(work, sheet_id)
        if shape in FILES:
            deliver(paper_of(work, standing), shape, output)
            return
        whole = told(work, standing)
    if shape == "json":
        print_json(HandoverOut(), whole)
        return
    out = console()
    out.print(f"{_side(whole['giving'])} → {_side(whole['taking'])}，{whole['from_day']} 起")
    out.print(f"{whole['state_zh']}{'（逾期）' if whole['overdue'] else ''}")
    if whole["content"] is not None:
        as_of = whole["content"]["as_of"]
        out.print(f"{'已交出的内容' if whole['frozen'] else '当前情况'}，截至 {as_of}", markup=False)
        table = headed("交接内容", "数量")
        for label, count in summary_rows(whole["content"]):
            table.add_row(label, str(count))
        print_table(table)
    if whole["sha256"]:
        out.print(f"SHA-256 {whole['sha256']}")
    steps = headed("办理", "人员", "时间", "说明")
    for step in whole["steps"]:
        steps.add_row(
            step["act_zh"],
            step["person"] or NO_FIGURE,
            f"{step['at']:%Y-%m-%d %H:%M}",
            step["note"] or NO_FIGURE,
        )
    if whole["steps"]:
        print_table(steps)


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def add(file: Path, username: str | None, bureau: str | None) -> None:
    """手工开一份交接单（JSON，同 POST /handovers）· write a sheet by hand."""
    given = read_file(file, HandoverIn())
    with acting(bureau, username, Permission.HANDOVER_MANAGE) as work:
        standing = ops.write_by_hand(work, given)
        click.echo(f"已开单 {standing.sheet.id}：{len(standing.cell_ids)} 个网格 · written")


@group.command()
@_sheet
@_note
@signed_as
@of_bureau
def sign(sheet_id: uuid.UUID, note: str | None, username: str, bureau: str | None) -> None:
    """交出：冻结当前未办结的内容并签字 · freeze what is open and sign it over."""
    with acting(bureau, username, Permission.HANDOVER_SIGN) as work:
        (line,) = queries.described(work, [ops.sign(work, sheet_id, note)])
    click.echo(f"已交出，SHA-256 {line['sha256']} · signed over")


@group.command()
@_sheet
@_seen
@_note
@signed_as
@of_bureau
def acknowledge(
    sheet_id: uuid.UUID, sha256: str, note: str | None, username: str, bureau: str | None
) -> None:
    """接收 · take what was signed over."""
    with acting(bureau, username, Permission.HANDOVER_SIGN) as work:
        ops.answer(work, sheet_id, HandoverAct.ACKNOWLEDGED, sha256, note)
    click.echo("已接收 · taken")


@group.command("object")
@_sheet
@_seen
@click.option("--note", required=True, help="异议 · what is wrong with it")
@signed_as
@of_bureau
def object_(sheet_id: uuid.UUID, sha256: str, note: str, username: str, bureau: str | None) -> None:
    """提出异议，须写明；待重新交出 · do not take it as it is, and say why."""
    with acting(bureau, username, Permission.HANDOVER_SIGN) as work:
        ops.answer(work, sheet_id, HandoverAct.OBJECTED, sha256, note)
    click.echo("已提出异议，待重新交出 · objected to")


@group.command()
@_sheet
@click.option("--reason", required=True, help="理由 · why")
@signed_as
@of_bureau
def withdraw(sheet_id: uuid.UUID, reason: str, username: str, bureau: str | None) -> None:
    """撤回：不再需要交接 · end a sheet that nobody is to take."""
    with acting(bureau, username, Permission.HANDOVER_MANAGE) as work:
        ops.withdraw(work, sheet_id, reason)
    click.echo("已撤回 · withdrawn")


def _side(side: dict[str, Any]) -> str:
    return f"{side['squad']} {side['lead']}"
