"""``xunge report``: the reports on the command line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click
from rich.table import Table

from server.commands.bureau import bureau_work
from server.commands.field_report import monthly, patrols, road
from server.commands.printing import console, print_table
from server.commands.restated import deliver_restated, restated_options
from server.commands.sheets import as_known_by, deliver, delivered, show
from server.commands.times import Day
from server.reports.cadence import By, cadence_report
from server.reports.cadence_sheet import cadence_sheet
from server.reports.cap import CapReport, cap_report, year_for
from server.reports.cap_sheet import cap_sheet
from server.reports.custody_report import custody_report
from server.reports.custody_sheet import custody_sheet
from server.reports.duty_board import duty_board
from server.reports.duty_sheet import duty_sheet
from server.reports.health_sheet import health_sheet
from server.reports.machine import Machine, machine_now
from server.reports.moment import moment_for, period_for
from server.reports.sheets import NO_FIGURE, Sheet
from server.reports.squads import squad_report, week_named
from server.reports.squads_sheet import squads_sheet
from server.reports.sync_health import sync_health, week_for
from server.reports.workload import DAYS
from server.reports.workload import workload as workload_of
from server.reports.workload_sheet import workload_sheet


@click.group("report")
def group() -> None:
    """报表 · reports."""


for _command in (road, monthly, patrols):
    group.add_command(_command)


@group.command()
@click.option("--period", help="2026Q3、2026-07、2026-W31、2026；默认当前季度 · default: this quarter")
@as_known_by
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default=By.TOTAL.value,
    show_default=True,
    help="分组 · rows",
)
@click.option("--each-period", is_flag=True, help="逐周、逐月、逐季 · one row a period")
@restated_options
@delivered
def cadence(
    period: str | None,
    as_of: datetime | None,
    by: str,
    each_period: bool,
    restated: bool,
    since: datetime | None,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """R1：周复查、月核查、季抽查执行情况 · cadence compliance."""
    if restated or since is not None:
        deliver_restated(period, since, as_of, shape, output, bureau)
        return
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = cadence_report(
            work, period_for(work, period, moment), moment, By(by), each_period=each_period
        )
        sheet = cadence_sheet(work, report)
    deliver(sheet, shape, output)


@group.command("cap")
@click.option("--year", type=click.IntRange(2000, 2199), help="年度，默认当年 · default: this year")
@as_known_by
@click.option(
    "--which",
    type=click.Choice(["over", "visited", "all"]),
    default="over",
    show_default=True,
    help="超限、有检查或全部零售户 · outlets over the cap, visited, or all",
)
@delivered
def cap(
    year: int | None, as_of: datetime | None, which: str, shape: str, output: Path | None, bureau: str | None
) -> None:
    """R10：年度检查频次台账与超限名单 · inspections beside the annual cap."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = cap_report(work, year_for(work, year, moment), moment)
        sheet = cap_sheet(work, report, which)
    deliver(sheet, shape, output, table=lambda sheet: _show_cap(sheet, report))


def _show_cap(sheet: Sheet, report: CapReport) -> None:
    by_grade = Table(
        title=f"{report.year} 年，{report.cap.name if report.cap else '未公布上限 · no cap published'}"
    )
    for name, heading in (("grade", "信用等级"), ("cap", "年度上限"), ("outlets", "户数"), ("visited", "已查户数"),
                          ("used", "检查次数"), ("exempt", "豁免次数"), ("over", "超限户数")):  # fmt: skip
        by_grade.add_column(heading, justify="left" if name == "grade" else "right")
    for total in report.totals:
        counts = (total.outlets, total.visited, total.used, total.exempt, total.over)
        limit = NO_FIGURE if total.cap is None else str(total.cap)
        by_grade.add_row(total.grade, limit, *map(str, counts))
    print_table(by_grade)
    show(sheet)


@group.command("custody")
@as_known_by
@click.option(
    "--by", type=click.Choice(["squad", "keeper"]), default="squad", show_default=True, help="分组 · rows"
)
@delivered
def custody(as_of: datetime | None, by: str, shape: str, output: Path | None, bureau: str | None) -> None:
    """R9：先行登记与证物保管：在库、临近七个工作日、逾期、已决定、销毁 · registered goods in custody."""
    with bureau_work(bureau) as work:
        sheet = custody_sheet(work, custody_report(work, moment_for(work, as_of), by))
    deliver(sheet, shape, output)


@group.command("sync-health")
@click.option("--period", help="2026-W31、2026-07、2026Q3；默认本周 · default: this week")
@as_known_by
@click.option(
    "--by", type=click.Choice(["squad", "device"]), default="squad", show_default=True, help="分组 · rows"
)
@delivered
def health(
    period: str | None,
    as_of: datetime | None,
    by: str,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """R11：手持设备同步情况 · how well the handhelds keep up."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = sync_health(work, week_for(work, period, moment), moment, by)
        machine = machine_now(work.session) if as_of is None else None
        sheet = health_sheet(work, report, machine)
    deliver(sheet, shape, output, table=lambda sheet: _show_health(sheet, machine))


def _show_health(sheet: Sheet, machine: Machine | None) -> None:
    show(sheet)
    if machine is not None:
        since = machine.oldest_writer_since
        writer = f"{machine.oldest_writer}，自 {since.isoformat(timespec='seconds')}" if since else "无"
        backup = machine.last_backup_at.isoformat(timespec="minutes") if machine.last_backup_at else "无"
        console().print(
            f"尚不能下发的行：{machine.rows_above_horizon}；最久的写入事务：{writer}；最近备份：{backup}"
        )


@group.command("squads")
@click.option("--period", help="2026-W31；默认上一周 · default: the last week that is over")
@as_known_by
@delivered
def squads(
    period: str | None, as_of: datetime | None, shape: str, output: Path | None, bureau: str | None
) -> None:
    """R7：各中队一周工作情况，与本队此前各周对照 · squads by their own figures."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        sheet = squads_sheet(work, squad_report(work, week_named(work, period, moment), moment))
    deliver(sheet, shape, output)


@group.command("duty-board")
@click.option("--day", type=Day(), help="哪一天，默认当天 · default: that of the moment")
@as_known_by
@delivered
def board(
    day: date | None, as_of: datetime | None, shape: str, output: Path | None, bureau: str | None
) -> None:
    """R12：职责公示 · which squad and which officer answer for each cell."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        sheet = duty_sheet(work, duty_board(work, day or moment.date(), moment))
    deliver(sheet, shape, output)


@group.command("workload")
@click.option(
    "--by", type=click.Choice(["squad", "lead"]), default="squad", show_default=True, help="分组 · rows"
)
@click.option(
    "--days",
    type=click.IntRange(0, 92),
    default=DAYS,
    show_default=True,
    help="待办看到几天以后 · how many days ahead",
)
@delivered
def workload(by: str, days: int, shape: str, output: Path | None, bureau: str | None) -> None:
    """各中队、责任人片区内的工作量（公里为估算）· what lies in the cells that each answers for."""
    with bureau_work(bureau) as work:
        sheet = workload_sheet(work, workload_of(work, days), by)
    deliver(sheet, shape, output)
