"""``xunge workdays``: the State Council's yearly notices, single days, and which years are known."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import cast

import click

from server.cadence.workday_edits import Kind, Moved, load_notice, set_day, years
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.kernel.calendar import load_workdays
from server.kernel.packaged_workdays import read_notice_file
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE

_KINDS = {"off": "放假", "make_up": "调休上班", "ordinary": "照常"}


@click.group("workdays")
def group() -> None:
    """工作日表 · the workday table."""


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@of_bureau
def import_(file: Path, bureau: str | None) -> None:
    """导入 JSON {"source": {"2027": …}, "off": […], "make_up_work": […]} · import a notice."""
    off, make_up, sources = read_notice_file(file)
    with bureau_work(bureau) as work:
        changed, moved = load_notice(work, off, make_up, sources)
    click.echo(f"变更的年度 · changed years: {'、'.join(map(str, changed)) or '无 · none'}")
    _tell(moved)


@group.command("set")
@click.argument("day", type=Day())
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.option("--source", required=True, help="依据的通知 · the notice")
@as_account
@of_bureau
def set_(day: date, kind: str, source: str, username: str | None, bureau: str | None) -> None:
    """改一天：放假、调休上班或照常 · make one day off, worked, or as its weekday has it."""
    with acting(bureau, username, Permission.WORKDAY_MANAGE) as work:
        moved = set_day(work, day, cast(Kind, kind), source)
    click.echo(f"{day} {_KINDS[kind]} · {kind}")
    _tell(moved)


@group.command("list")
@click.argument("year", type=int)
@of_bureau
def list_(year: int, bureau: str | None) -> None:
    """列出一年中与周一至周五不同的日子 · list the days of a year that differ from Monday to Friday."""
    table = headed("日期", "安排")
    with bureau_work(bureau) as work:
        workdays = load_workdays(work.session, work.bureau_id)
    kinds: dict[date, str] = dict.fromkeys(workdays.off, "off") | dict.fromkeys(workdays.make_up, "make_up")
    for day in sorted(day for day in kinds if day.year == year):
        table.add_row(day.isoformat(), _KINDS[kinds[day]])
    print_table(table)


@group.command()
@of_bureau
def check(bureau: str | None) -> None:
    """各年度是否已载入、有多少工作日 · which years are loaded, and how many working days each has."""
    table = headed("年度", "工作日表", "工作日", "依据")
    with bureau_work(bureau) as work:
        for one in years(work):
            known = "已载入 · loaded" if one.loaded else "未载入，暂按周一至周五 · missing, provisional"
            table.add_row(str(one.year), known, str(one.working_days), one.source or NO_FIGURE)
    print_table(table)


def _tell(moved: Moved) -> None:
    click.echo(f"日期有变动的应查任务 · obligations with other days: {moved.obligations}")
    if moved.past_periods:
        past = "、".join(moved.past_periods)
        click.echo(f"注意：其中已结束的周期 · attention, periods that were over already: {past}")
