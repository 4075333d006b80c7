"""``xunge briefing``: the morning's packs, to look at, to print and to make once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from schemas.briefings import BriefingWhole
from server.briefings import ops, queries
from server.briefings.models import Briefing
from server.briefings.paper import pdf_of
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import print_json
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Squad
from server.reports.heading import day_text
from server.reports.sheets import NO_FIGURE


@click.group("briefing")
def group() -> None:
    """例会材料：今日到期、提醒、线路 · the morning's packs: what is due, alerts, routes."""


def _wanted(command: Callable[..., None]) -> Callable[..., None]:
    """Whose pack of which day, in what shape and where to."""
    for option in (
        of_bureau,
        as_account,
        click.option("--output", type=click.Path(path_type=Path), help="写入文件（pdf 必填）· file to write"),
        click.option(
            "--format",
            "shape",
            type=click.Choice(["table", "json", "pdf"]),
            default="table",
            show_default=True,
        ),
        click.option("--date", "day", type=Day(), help="日期，默认今天 · default: today"),
        click.option("--squad", required=True, help="中队名称 · the squad's name"),
    ):
        command = option(command)
    return command


@group.command()
@_wanted
@click.option("--version", type=int, help="第几版，默认最新 · which version; default: the newest")
def show(
    squad: str,
    day: date | None,
    shape: str,
    output: Path | None,
    username: str | None,
    bureau: str | None,
    version: int | None,
) -> None:
    """查看已做的材料 · show a pack that was made."""
    _ready(shape, output)
    with acting(bureau, username, Permission.BRIEFING_READ) as work:
        wanted = queries.visible_to(work.actor).where(
            Briefing.squad_id == _squad(work, squad), Briefing.day == (day or _today(work))
        )
        if version is not None:
            wanted = wanted.where(Briefing.version == version)
        pack = work.session.scalar(wanted.order_by(Briefing.version.desc()).limit(1))
        if pack is None:
            detail = (
                f"“{squad}”没有这一天的例会材料，可用 xunge briefing make 制作。There is no pack of that day."
            )
            raise Problem("not_found", detail=detail)
        _deliver(work, pack, shape, output)


@group.command()
@_wanted
def make(
    squad: str, day: date | None, shape: str, output: Path | None, username: str | None, bureau: str | None
) -> None:
    """立即另做一版（今天或其后七天内）· make one more version now, of today or up to a week ahead."""
    _ready(shape, output)
    with acting(bureau, username, Permission.BRIEFING_MAKE) as work:
        pack = ops.make(work, _squad(work, squad), day)
        _deliver(work, pack, shape, output)


def _ready(shape: str, output: Path | None) -> None:
    if shape == "pdf" and output is None:
        raise click.UsageError("pdf 需要 --output 文件名 · pdf needs --output")
    if shape == "table" and output is not None:
        raise click.UsageError("写入文件请用 --format json 或 pdf · a file is json or pdf")


def _today(work: Work) -> date:
    return work.now.astimezone(work.zone).date()


def _squad(work: Work, name: str) -> Any:
    found = work.session.scalar(select(Squad.id).filter_by(bureau_id=work.bureau_id, name=name))
    if found is None:
        detail = f"没有名为“{name}”的中队。There is no squad of this name."
        raise Problem("not_found", detail=detail)
    return found


def _deliver(work: Work, pack: Briefing, shape: str, output: Path | None) -> None:
    """A table on the terminal, or the answer as over HTTP; into a file goes the paper, or the frozen bytes themselves."""
    content = queries.content_of(pack)
    if output is not None:
        output.write_bytes(pdf_of(pack) if shape == "pdf" else pack.content)
        click.echo(f"{output}  第 {pack.version} 版  冻结内容 SHA-256 {pack.sha256}")
    elif shape == "table":
        _show(pack, content)
    else:
        print_json(BriefingWhole(), {**queries.described(work, [pack])[0], "content": content})


def _show(pack: Briefing, content: Mapping[str, Any]) -> None:
    """What is due, and the teams; a paper has the rest."""
    counts = pack.summary
    click.echo(
        f"{content['squad']}　{day_text(pack.day)}　第 {pack.version} 版："
        f"今日应完成 {counts['due']} 项（未排入 {counts['not_planned']}），临期 {counts['due_soon']}，"
        f"查一补三 {counts['chains']}，{counts['patrols']} 组 {counts['stops']} 站"
    )
    for alert in content["alerts"]:
        click.echo(f"· {alert['zh']}")
    due = headed("网格", "对象", "编号", "任务", "期限", "状态", "今日安排", title="今日应完成")
    for row in content["due"]:
        planned = row["planned"]
        due.add_row(
            row["cell"] or NO_FIGURE,
            row["name"],
            row["number"],
            " ".join(part for part in (row["duty_zh"], row["key"]) if part),
            row["last_day"],
            row["state_zh"],
            f"{planned['squad']} 第 {planned['ordinal']} 组" if planned else row["left_out_zh"] or "未排入",
        )
    print_table(due)
    if content["plan"]:
        teams = headed("组", "人员", "车辆", "班次", "站数", title="巡查小组")
        for patrol in content["plan"]["patrols"]:
            teams.add_row(
                f"{patrol['ordinal']} {patrol['name']}",
                "、".join(member["name"] for member in patrol["members"]),
                patrol["vehicle"] or NO_FIGURE,
                f"{patrol['starts_at'][11:16]}—{patrol['ends_at'][11:16]}",
                str(len(patrol["stops"])),
            )
        print_table(teams)
