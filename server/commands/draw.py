"""``xunge draw``: draws of outlets and officers (双随机), from the frozen pool to the public result sheet."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from schemas.draws import DrawIn, DrawReason, RecusalIn, RecusalList, ReplacementIn, SeedIn
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import loaded, print_json, read_file, read_json
from server.commands.printing import console, headed, print_table
from server.commands.sheets import deliver, delivered
from server.draws import ops, recusing, rules
from server.draws.api import awaited_told, recusals_told, told
from server.draws.freezing import freeze_draw
from server.draws.queries import STATES, Progress, find_draw, progress_of, published_file, visible_to
from server.draws.results import RESULTS, outcomes_of, public_sheet
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.sheets import NO_FIGURE

READ, MANAGE = Permission.DRAW_READ, Permission.DRAW_MANAGE
DIFFERS = 3
_id = click.argument("draw_id", type=click.UUID)


def _seeded(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a seed that was made public elsewhere."""
    for option in (
        click.option("--seed-at", help="种子公布的时间（RFC 3339）· when it became public"),
        click.option("--seed-source", help="种子来源 · where it is from"),
        click.option("--seed", help="公开的种子；不写则由服务器现在产生 · default: made by the server now"),
    ):
        command = option(command)
    return command


@click.group("draw")
def group() -> None:
    """双随机抽取 · draws of outlets and officers."""


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def freeze(file: Path, username: str | None, bureau: str | None) -> None:
    """冻结备选名单（JSON，同 POST /draws）· freeze the pool; nothing is drawn yet."""
    given = read_file(file, DrawIn())
    with acting(bureau, username, MANAGE) as work:
        made = freeze_draw(work, given)
        line = f"{made.id}\n名单 SHA-256 {made.pool_sha256}：请先公布，再抽取 · publish it, then draw"
    click.echo(line)


@group.command("draw")
@_id
@_seeded
@as_account
@of_bureau
def draw_(draw_id: uuid.UUID, username: str | None, bureau: str | None, **seed: str | None) -> None:
    """从冻结的名单抽取，只能一次 · draw from the frozen pool, once."""
    given = loaded(seed, SeedIn())
    with acting(bureau, username, MANAGE) as work:
        progress = ops.carry_out_draw(work, draw_id, given)
        _show(progress)


@group.command()
@_id
@as_account
@of_bureau
def publish(draw_id: uuid.UUID, username: str | None, bureau: str | None) -> None:
    """公布抽取结果，检查组得到临时网格 · publish it; the teams get their cells."""
    with acting(bureau, username, MANAGE) as work:
        ops.publish_draw(work, draw_id)
    click.echo("已公布，检查组手持机下次同步时得到网格 · published")


@group.command()
@_id
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def cancel(draw_id: uuid.UUID, reason: str, username: str | None, bureau: str | None) -> None:
    """取消，收回临时网格，记录保留 · cancel it; it stays to be seen."""
    given = loaded({"reason": reason}, DrawReason())
    with acting(bureau, username, MANAGE) as work:
        ops.cancel_draw(work, draw_id, given["reason"])
    click.echo("已取消 · cancelled")


@group.command()
@_id
@click.option("--officer", required=True, help="不能去的人的执法证号 · certificate of whoever drops out")
@click.option("--licence", "licence_no", help="只换这一户；不写则换其全部 · this outlet only")
@click.option("--reason", required=True, help="理由 · why")
@_seeded
@as_account
@of_bureau
def replace(
    draw_id: uuid.UUID, officer: str, username: str | None, bureau: str | None, **given: str | None
) -> None:
    """有人不能去时，从原名单重新抽人 · draw somebody else from the frozen pool."""
    with acting(bureau, username, MANAGE) as work:
        person = find_draw(work, draw_id).identities["officers"].get(officer)
        if person is None:
            raise Problem("not_found", detail=f"名单中没有执法证号 {officer}。The pool has no such officer.")
        progress = ops.replace_officer(work, draw_id, loaded({**given, "person_id": person}, ReplacementIn()))
        _show(progress)


@group.command("list")
@as_account
@of_bureau
def list_(username: str | None, bureau: str | None) -> None:
    """列出全部抽取 · list the draws."""
    table = Table()
    for heading in ("编号", "名称", "状态", "检查日期", "备选户", "抽中户"):
        table.add_column(heading, min_width=36 if heading == "编号" else None)
    with acting(bureau, username, READ) as work:
        found = work.session.scalars(visible_to(work.actor)).all()
        for one in map(told, progress_of(work, sorted(found, key=lambda draw: draw.known_at))):
            days = f"{one['from_day']} 至 {one['to_day']}"
            counts = (one["outlets"], len(one["teams"]))
            table.add_row(str(one["id"]), one["name"], STATES[one["state"]], days, *map(str, counts))
        waiting = awaited_told(work)
    print_table(table)
    for one in waiting:
        late = "已开始，本期没有抽样" if one["too_late"] else f"{one['first_day']} 前须抽样"
        console().print(f"待抽样 · awaited: {one['tier']} {one['period']}（{late}）", highlight=False)


@group.command()
@_id
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@as_account
@of_bureau
def show(draw_id: uuid.UUID, shape: str, username: str | None, bureau: str | None) -> None:
    """显示抽取结果；json 为可公布的完整文件 · show a draw; json is the file to publish."""
    with acting(bureau, username, READ) as work:
        progress = _found(work, draw_id)
        if shape == "json":
            click.echo(json.dumps(published_file(progress), ensure_ascii=False, indent=1))
        else:
            _show(progress)


@group.command()
@_id
@as_account
@of_bureau
def verify(draw_id: uuid.UUID, username: str | None, bureau: str | None) -> None:
    """重新抽取并比较，不符时退出码 3 · draw again and compare; exit 3 where it differs."""
    with acting(bureau, username, READ) as work:
        published = published_file(_found(work, draw_id))
    _compare(published)


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def run(file: Path) -> None:
    """只凭公布的文件重新抽取，不用数据库 · draw again from a published file alone, offline."""
    _compare(read_json(file))


@group.command()
@_id
@as_account
@of_bureau
def results(draw_id: uuid.UUID, username: str | None, bureau: str | None) -> None:
    """逐户进展，来的是否抽中的组 · what became of each outlet, and who came."""
    table = Table()
    for heading in (
        "序",
        "许可证号",
        "店名",
        "责任中队",
        "检查组",
        "期限",
        "状态",
        "结果",
        "按抽取派员",
        "记录",
    ):
        # A licence number that is cut short names nobody.
        table.add_column(heading, min_width=12 if heading == "许可证号" else None)
    with acting(bureau, username, READ) as work:
        for one in outcomes_of(work, _found(work, draw_id)):
            visit = one.visit
            as_drawn = {None: NO_FIGURE, True: "是", False: "否"}[one.team_as_drawn]
            result = RESULTS.get(visit.result or "", NO_FIGURE) if visit else NO_FIGURE
            table.add_row(
                *(str(one.ordinal), one.licence_no, one.outlet, one.squad or NO_FIGURE, "、".join(one.team)),
                *(str(one.due), one.state.label_zh, result, as_drawn),
                str(visit.record_id) if visit else NO_FIGURE,
            )
    print_table(table)


@group.command()
@_id
@as_account
@delivered
def public(
    draw_id: uuid.UUID, shape: str, output: Path | None, username: str | None, bureau: str | None
) -> None:
    """一公开：可公布的结果表 · the result sheet to be made public."""
    with acting(bureau, username, READ) as work:
        sheet = public_sheet(work, _found(work, draw_id))
    deliver(sheet, shape, output)


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def recuse(file: Path, username: str | None, bureau: str | None) -> None:
    """登记回避（JSON，同 POST /recusals）· note a recusal."""
    given = read_file(file, RecusalIn())
    with acting(bureau, username, MANAGE) as work:
        made = recusing.recuse(work, given).id
    click.echo(str(made))


@group.command("end-recusal")
@click.argument("recusal_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def end_recusal(recusal_id: uuid.UUID, reason: str, username: str | None, bureau: str | None) -> None:
    """解除回避 · end a recusal."""
    given = loaded({"reason": reason}, DrawReason())
    with acting(bureau, username, MANAGE) as work:
        recusing.end_recusal(work, recusal_id, given["reason"])
    click.echo("已解除 · ended")


@group.command()
@as_account
@of_bureau
def recusals(username: str | None, bureau: str | None) -> None:
    """以 JSON 列出回避 · list the recusals as JSON."""
    with acting(bureau, username, MANAGE) as work:
        print_json(RecusalList(), {"items": recusals_told(work)})


def _found(work: Work, draw_id: uuid.UUID) -> Progress:
    return progress_of(work, [find_draw(work, draw_id)])[0]


def _show(progress: Progress) -> None:
    one = told(progress)
    days = f"{one['from_day']} 至 {one['to_day']}"
    console().print(f"{one['name']}，{days}，{STATES[one['state']]}", highlight=False)
    console().print(f"名单 SHA-256 {one['pool_sha256']}", highlight=False)
    table = headed("序", "许可证号", "检查组（执法证号）")
    for number, team in enumerate(one["teams"], start=1):
        table.add_row(str(number), team["licence_no"], "、".join(team["cert_nos"]))
    print_table(table)
    for made in progress.rounds:
        console().print(f"第 {made.number} 轮种子 {made.seed}（{made.seed_source}）", highlight=False)


def _compare(published: Any) -> None:
    try:
        again = rules.draw_again(published)
    except rules.Unreadable as error:
        raise Problem("draw_unreadable", detail=f"不是完整的抽取公开文件：{error}") from error
    except rules.TooSmall as error:
        raise ops.too_small(error) from error
    click.echo(f"名单 SHA-256 {again.pool_sha256}")
    for team in again.teams:
        click.echo(f"{team.licence_no}\t{'、'.join(team.cert_nos)}")
    for fault in again.faults:
        click.echo(f"不符 · differs: {fault}", err=True)
    if again.faults:
        sys.exit(DIFFERS)
    click.echo("与公布的一致 · agrees with what was published")
