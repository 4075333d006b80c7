"""``xunge opening-hours``: when outlets are open, from a sheet, and what is known of one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from sqlalchemy import select

from schemas.opening import OpeningHoursOut
from schemas.vocabulary import SubjectKind
from server.commands.acting import of_bureau
from server.commands.bodies import print_json
from server.commands.bureau import bureau_work
from server.commands.imports import counted, import_options, open_table, outcome_of, progress_bar, tell
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.kernel.problems import Problem
from server.outlets.models import Outlet
from server.patrols import opening_register
from server.patrols.opening import described, hours_on
from server.patrols.opening_importing import apply_hours, plan_hours
from server.patrols.opening_week import told_zh


@click.group("opening-hours")
def group() -> None:
    """营业时间：供编排线路用 · when outlets are open; plans are made by it."""


@group.command("import")
@import_options
def import_(
    file: Path, layer: str | None, dry_run: bool, strict: bool, shape: str, bureau: str | None
) -> None:
    """按许可证号导入营业时间：“营业时间”一列，或“周一”至“周日”七列 · import a sheet by licence number."""
    table = open_table(file, opening_register.HEADINGS, opening_register.REQUIRED, (), layer)
    with progress_bar(shape) as bar:
        judged = opening_register.read_register(counted(table, bar, "读取 · read"))
        with bureau_work(bureau) as work:
            plan = plan_hours(work, judged.good)
            outcome = outcome_of(
                judged, table, plan.unknown, plan, dry_run or (strict and bool(judged.bad or plan.unknown))
            )
            if outcome.applied:
                apply_hours(work, plan)
    tell(outcome, shape, strict)


@group.command()
@click.argument("licence_no")
@click.option("--date", "day", type=Day(), help="只看这一天 · what it says of one day")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@of_bureau
def show(licence_no: str, day: date | None, shape: str, bureau: str | None) -> None:
    """查看一户的营业时间 · what is known of one outlet, and who said so when."""
    with bureau_work(bureau) as work:
        outlet = work.session.scalar(
            select(Outlet).filter_by(bureau_id=work.bureau_id, licence_no=licence_no)
        )
        if outlet is None:
            detail = f"没有许可证号为“{licence_no}”的零售户。There is no outlet of this licence."
            raise Problem("not_found", detail=detail)
        told = described(work, SubjectKind.OUTLET.value, outlet.id)
        on_day = hours_on(work, [outlet.id], day).get(outlet.id) if day else None
    if shape == "json":
        print_json(OpeningHoursOut(), told)
        return
    if told["week"] is None:
        click.echo(f"{outlet.name} {licence_no}：没有登记营业时间 · nobody noted its hours")
        return
    if on_day is not None:
        spans = "，".join(f"{opens:%m-%d %H:%M} 至 {closes:%m-%d %H:%M}" for opens, closes in on_day)
        click.echo(f"{day}：{spans or '休息'}")
        return
    table = headed("星期", "营业时间", title=f"{outlet.name} {licence_no}")
    for name, hours in told_zh(told["week"]):
        table.add_row(name, hours)
    by = told["by"] or "导入"
    table.caption = f"{by} 于 {told['known_at']:%Y-%m-%d %H:%M} 登记，此前有 {len(told['history'])} 次登记"
    print_table(table)
