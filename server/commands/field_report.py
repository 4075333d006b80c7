"""``xunge report road``, ``monthly`` and ``patrols``: what the field produced, and what was planned beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from server.commands.bureau import bureau_work
from server.commands.naming import squad_called
from server.commands.sheets import as_known_by, deliver, delivered
from server.reports.moment import moment_for, period_for
from server.reports.monthly import month_for, monthly_report
from server.reports.monthly_sheet import monthly_sheet
from server.reports.patrols import PatrolsBy, patrol_report
from server.reports.patrols_sheet import patrols_sheet
from server.reports.road import RoadBy, road_report
from server.reports.road_sheet import road_sheet


@click.command()
@click.option("--period", help="2026Q3、2026-07、2026-W31、2026；默认当前季度 · default: this quarter")
@as_known_by
@click.option(
    "--by",
    type=click.Choice([by.value for by in RoadBy]),
    default=RoadBy.SQUAD.value,
    show_default=True,
    help="分组 · rows",
)
@delivered
def road(
    period: str | None,
    as_of: datetime | None,
    by: str,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """R6：路检路查与寄递网点检查 · road checks and depots."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = road_report(work, period_for(work, period, moment), moment, RoadBy(by))
        sheet = road_sheet(work, report)
    deliver(sheet, shape, output)


@click.command()
@click.option("--month", help="2026-07；默认上一个月 · default: the last month that is over")
@as_known_by
@delivered
def monthly(
    month: str | None, as_of: datetime | None, shape: str, output: Path | None, bureau: str | None
) -> None:
    """R3：月度统计（现场部分）· monthly statistics, the field's part."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        report = monthly_report(work, month_for(work, month, moment), moment)
        sheet = monthly_sheet(work, report)
    deliver(sheet, shape, output)


@click.command()
@click.option("--squad", help="中队名称或编号，默认全部 · a squad by name or id; default: all")
@click.option("--period", help="2026Q3、2026-07、2026-W31、2026；默认当前季度 · default: this quarter")
@as_known_by
@click.option(
    "--by",
    type=click.Choice([by.value for by in PatrolsBy]),
    default=PatrolsBy.SQUAD.value,
    show_default=True,
    help="分组 · rows",
)
@delivered
def patrols(
    squad: str | None,
    period: str | None,
    as_of: datetime | None,
    by: str,
    shape: str,
    output: Path | None,
    bureau: str | None,
) -> None:
    """R13：巡查计划与实绩，只到中队和巡查，不到个人 · plan and deed of patrols, never of people."""
    with bureau_work(bureau) as work:
        moment = moment_for(work, as_of)
        squad_id = squad_called(work, squad) if squad else None
        report = patrol_report(work, period_for(work, period, moment), moment, PatrolsBy(by), squad_id)
        sheet = patrols_sheet(work, report)
    deliver(sheet, shape, output)
