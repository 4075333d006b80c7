"""``xunge report``: the reports on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
from rich.table import Table

from schemas.reports import CadenceAnswer, HealthAnswer
from server.commands.bureau import bureau_work
from server.commands.printing import console, print_table
from server.reports import cap_export, health_export
from server.reports.cadence import By, CadenceReport, cadence_report
from server.reports.cap import CapReport, cap_report, year_for
from server.reports.export import COLUMNS, as_csv, as_row, as_xlsx
from server.reports.machine import Machine, machine_now
from server.reports.moment import moment_for, period_for
from server.reports.sheets import NO_FIGURE
from server.reports.sync_health import SyncHealth, sync_health, week_for

_NARROW = {
    "group",
    "tier_zh",
    "period",
    "obligations",
    "waived",
    "due",
    "on_time",
    "late",
    "missed",
    "pending",
}
_NARROW |= {"unknown", "on_time_rate", "completion_rate"}


_NARROW_HEALTH = {
    "group",
    "devices_in_use",
    "devices_silent",
    "queue_length",
    "queue_age_h",
    "records",
    "late_share",
    "flagged_share",
    "evidence_missing",
    "conflicts_open",
    "quarantine_open",
}


class Moment(click.ParamType[datetime]):
    """An RFC 3339 moment; without an offset it is the bureau's own time."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
            if 1970 <= moment.year < 2200:
                return moment
            raise ValueError("another age")
        except ValueError:
            self.fail(f"{value} 不是时间，例如 2026-08-01T00:00+08:00", param, ctx)


def _delivered(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every report has: in what shape, where to, and whose."""
    for option in (
        click.option("--bureau", help="单位名称 · bureau"),
        click.option(
            "--output", type=click.Path(path_type=Path), help="写入文件（xlsx 必填）· file to write"
        ),
        click.option(
            "--format",
            "shape",
            type=click.Choice(["table", "csv", "json", "xlsx"]),
            default="table",
            show_default=True,
        ),
    ):
        command = option(command)
    return command


def _deliver(
    shape: str,
    output: Path | None,
    *,
    table: Callable[[], None],
    csv: Callable[[], str],
    json: Callable[[], str],
    xlsx: Callable[[], bytes],
) -> None:
    """Print a report or write it to a file, in the shape that was asked for; a table in a file is CSV."""
    if shape == "xlsx":
        if output is None:
            raise click.UsageError("xlsx 需要 --output 文件名 · xlsx needs --output")
        output.write_bytes(xlsx())
        return
    if shape == "table" and output is None:
        table()
        return
    text = json() if shape == "json" else csv()
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8-sig" if shape == "csv" else "utf-8")


@click.group("report")
def group() -> None:
    """报表 · reports."""


@group.command()
@click.option("--period", help="2026Q3、2026-07、2026-W31、2026；默认当前季度 · default: this quarter")
@click.option("--as-of", type=Moment(), help="按此刻所知 · as known by this moment")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default=By.TOTAL.value,
    show_default=True,
    help="分组 · rows",
)
@click.option("--each-period", is_flag=True, help="逐周、逐月、逐季 · one row a period")
@_delivered
def cadence(
    period: str | None,
    as_of: datetime | None,
    by: str,
    each_period: bool,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """R1：周复查、月核查、季抽查执行情况 · cadence compliance."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = cadence_report(
            work, period_for(work, period, moment), moment, By(by), each_period=each_period
        )
    _deliver(
        shape,
        output,
        table=lambda: _show(report),
        csv=lambda: as_csv(report),
        json=lambda: _as_json(report),
        xlsx=lambda: as_xlsx(report),
    )


def _as_json(report: CadenceReport) -> str:
    body = CadenceAnswer().dump(
        {
            "period": report.period.key,
            "as_of": report.as_of,
            "by": report.by,
            "provisional": report.provisional,
            "rows": [as_row(line) for line in report.lines],
        }
    )
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _show(report: CadenceReport) -> None:
    title = f"{report.period.key}，截至 {report.as_of.isoformat(timespec='minutes')}"
    table = Table(title=title + ("（含暂定期限）" if report.provisional else ""))
    shown = [(name, heading) for name, heading in COLUMNS if name in _NARROW]
    for name, heading in shown:
        table.add_column(heading, justify="left" if name in ("group", "tier_zh", "period") else "right")
    for line in report.lines:
        row = as_row(line)
        table.add_row(*(NO_FIGURE if row[name] is None else str(row[name]) for name, _ in shown))
    print_table(table)


@group.command("cap")
@click.option("--year", type=click.IntRange(2000, 2199), help="年度，默认当年 · default: this year")
@click.option("--as-of", type=Moment(), help="按此刻所知 · as known by this moment")
@click.option(
    "--which",
    type=click.Choice(["over", "visited", "all"]),
    default="over",
    show_default=True,
    help="超限、有检查或全部零售户 · outlets over the cap, visited, or all",
)
@_delivered
def cap(
    year: int | None, as_of: datetime | None, which: str, shape: str, output: Path | None, bureau: str | None
) -> None:
    """R10：年度检查频次台账与超限名单 · inspections beside the annual cap."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = cap_report(work, year_for(work, year, moment), moment)
    _deliver(
        shape,
        output,
        table=lambda: _show_cap(report, which),
        csv=lambda: cap_export.as_csv(report, which),
        json=lambda: json.dumps(cap_export.as_json(report, which), ensure_ascii=False, indent=2) + "\n",
        xlsx=lambda: cap_export.as_xlsx(report, which),
    )


def _show_cap(report: CapReport, which: str) -> None:
    title = f"{report.year}，截至 {report.as_of.isoformat(timespec='minutes')}"
    by_grade = Table(title=f"{title}，{report.cap.name if report.cap else '未公布上限 · no cap published'}")
    for name, heading in (("grade", "信用等级"), ("cap", "年度上限"), ("outlets", "户数"), ("visited", "已查户数"),
                          ("used", "检查次数"), ("exempt", "豁免次数"), ("over", "超限户数")):  # fmt: skip
        by_grade.add_column(heading, justify="left" if name == "grade" else "right")
    for total in report.totals:
        counts = (total.outlets, total.visited, total.used, total.exempt, total.over)
        limit = NO_FIGURE if total.cap is None else str(total.cap)
        by_grade.add_row(total.grade, limit, *map(str, counts))
    print_table(by_grade)
    table = Table(title={"over": "超限名单", "visited": "有检查的零售户", "all": "全部零售户"}[which])
    shown = [(name, heading) for name, heading in cap_export.COLUMNS if name not in ("grounds", "relabelled")]
    for name, heading in shown:
        # A licence number that is cut short names nobody.
        justify: Literal["left", "right"] = "left" if name in ("licence_no", "name", "grade") else "right"
        table.add_column(heading, justify=justify, min_width=12 if name == "licence_no" else None)
    for row in cap_export.rows_of(report, which):
        table.add_row(*(NO_FIGURE if row[name] is None else str(row[name]) for name, _ in shown))
    print_table(table)


@group.command("sync-health")
@click.option("--period", help="2026-W31、2026-07、2026Q3；默认本周 · default: this week")
@click.option("--as-of", type=Moment(), help="按此刻所知 · as known by this moment")
@click.option(
    "--by", type=click.Choice(["squad", "device"]), default="squad", show_default=True, help="分组 · rows"
)
@_delivered
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
    _deliver(
        shape,
        output,
        table=lambda: _show_health(report, machine),
        csv=lambda: health_export.as_csv(report),
        json=lambda: _health_as_json(report, machine),
        xlsx=lambda: health_export.as_xlsx(report),
    )


def _health_as_json(report: SyncHealth, machine: Machine | None) -> str:
    body = HealthAnswer().dump(
        {
            "period": report.period.key,
            "as_of": report.as_of,
            "by": report.by,
            "rows": health_export.rows_of(report),
            "machine": machine,
        }
    )
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _show_health(report: SyncHealth, machine: Machine | None) -> None:
    table = Table(title=f"{report.period.key}，截至 {report.as_of.isoformat(timespec='minutes')}")
    shown = [(name, heading) for name, heading in health_export.COLUMNS if name in _NARROW_HEALTH]
    for name, heading in shown:
        table.add_column(heading, justify="left" if name == "group" else "right")
    for row in health_export.rows_of(report):
        table.add_row(*(NO_FIGURE if row[name] is None else str(row[name]) for name, _ in shown))
    print_table(table)
    if machine is not None:
        since = machine.oldest_writer_since
        writer = f"{machine.oldest_writer}，自 {since.isoformat(timespec='seconds')}" if since else "无"
        backup = machine.last_backup_at.isoformat(timespec="minutes") if machine.last_backup_at else "无"
        console().print(
            f"尚不能下发的行：{machine.rows_above_horizon}；最久的写入事务：{writer}；最近备份：{backup}"
        )
