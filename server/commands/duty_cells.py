"""``xunge duty-cells``: who answers for which cell; handed over in bulk, left vacant, taken back, and watched over."""

from __future__ import annotations

import csv
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from marshmallow import Schema

from schemas.duty_cells import DutyChangeIn, DutyChangePage, DutyMoved, DutyPage, UnfitPage, VacancyPage
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import loaded, print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.naming import cell_called, person_called, squad_called
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.duty_cells import ops
from server.duty_cells.answers import described
from server.grids.duties import KEYS, duties_on, page_of_unfit, vacancies_on
from server.grids.duty_changes import visible_to
from server.grids.models import Duty, DutyChange
from server.kernel.paging import page_of, page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.sheets import NO_FIGURE, plain_cell
from server.reports.workload_sheet import NOBODY

# Field and heading.
Columns = tuple[tuple[str, str], ...]
_CELL: Columns = (("code", "网格编号"), ("name", "网格"), ("town", "镇街"))
_HOLDER: Columns = (("squad", "责任中队"), ("lead", "责任人"))
_STATES = {"pending": "未开始", "begun": "已开始", "withdrawn": "已撤回", "withdrawal": "撤回"}

_day = click.option("--day", type=Day(), help="哪一天，默认今天 · default: today")
_limit = click.option("--limit", default=1000, show_default=True, help="条数 · how many")
_after = click.option("--after", help="接上一页 · the “after” of the page before")
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
)
_answer = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_dry_run = click.option(
    "--dry-run", is_flag=True, help="只预演，不写入 · tell what it would do, write nothing"
)
_from_day = click.option("--from", "from_day", type=Day(), required=True, help="自哪一天起 · from which day")


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name cells, of which one is to be given."""
    for option in (
        click.option("--prefix", help="网格编号的开头 · cells whose codes begin so"),
        click.option("--below", help="某镇街（上级网格编号）之下 · all below the cell of this code"),
        click.option("--bbox", help="地图框 西,南,东,北 · cells that have their inner point in the box"),
        click.option("--cell", "codes", multiple=True, help="网格编号，可多次 · a cell's code, repeatable"),
    ):
        command = option(command)
    return command


@click.group("duty-cells")
def group() -> None:
    """片区责任：哪个网格由哪个中队、谁负责 · which squad and which officer answer for which cell."""


@group.command("list")
@_day
@click.option("--squad", help="中队名称 · of one squad")
@_limit
@_after
@_shape
@of_bureau
def list_(
    day: date | None, squad: str | None, limit: int, after: str | None, shape: str, bureau: str | None
) -> None:
    """列出某日各网格的责任中队和责任人 · who answers for each cell on a day."""
    with bureau_work(bureau) as work:
        on = day or _today(work)
        duties = duties_on(work.actor, on)
        if squad:
            duties = duties.where(Duty.squad_id == squad_called(work, squad))
        page = {"day": on, **page_of_rows(work.session, duties, KEYS, after, limit)}
    _tell(shape, DutyPage(), page, (*_CELL, *_HOLDER, ("from_day", "自"), ("until", "至（不含）")))


@group.command()
@_day
@_limit
@_after
@_shape
@of_bureau
def vacancies(day: date | None, limit: int, after: str | None, shape: str, bureau: str | None) -> None:
    """列出没有落实责任的网格 · the cells that nobody answers for."""
    with bureau_work(bureau) as work:
        on = day or _today(work)
        page = {
            "day": on,
            **page_of_rows(work.session, vacancies_on(work.actor, on), KEYS, after, limit),
        }
    since = (("vacant_since", "空缺自"), ("next_from_day", "下一任自"), ("next_squad", "下一任中队"))
    _tell(shape, VacancyPage(), page, (*_CELL, *since))


@group.command()
@_day
@_limit
@_after
@_shape
@of_bureau
def unfit(day: date | None, limit: int, after: str | None, shape: str, bureau: str | None) -> None:
    """列出责任人不能再负责的网格（离队、证件过期等）· cells whose lead cannot carry the duty any more."""
    with bureau_work(bureau) as work:
        on = day or _today(work)
        page = {"day": on, **page_of_unfit(work, on, after, limit)}
    why = (("certificate_to", "执法证至"), ("concerns", "原因"))
    _tell(shape, UnfitPage(), page, (*_CELL, *_HOLDER, *why))


@group.command()
@_choosing
@click.option("--squad", required=True, help="中队名称 · the squad")
@click.option("--lead", required=True, help="责任人的执法证号或账号 · the officer, by certificate or account")
@_from_day
@_dry_run
@_answer
@as_account
@of_bureau
def assign(
    codes: Sequence[str],
    bbox: str | None,
    below: str | None,
    prefix: str | None,
    squad: str,
    lead: str,
    from_day: date,
    dry_run: bool,
    shape: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """把网格交给一个中队和责任人 · hand cells over to a squad and its lead officer."""
    with acting(bureau, username, Permission.DUTY_ASSIGN) as work:
        line = {
            "cells": _chosen(work, codes, bbox, below, prefix),
            "squad_id": str(squad_called(work, squad)),
            "lead_person_id": str(person_called(work, lead)),
            "from_day": from_day.isoformat(),
        }
        told = _change(work, {"assignments": [line], "dry_run": dry_run})
    _tell_change(shape, told)


@group.command()
@_choosing
@_from_day
@click.option("--reason", required=True, help="理由 · why")
@_dry_run
@_answer
@as_account
@of_bureau
def end(
    codes: Sequence[str],
    bbox: str | None,
    below: str | None,
    prefix: str | None,
    from_day: date,
    reason: str,
    dry_run: bool,
    shape: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """网格自某日起空缺，须写明理由 · leave cells vacant from a day on, and why."""
    with acting(bureau, username, Permission.DUTY_ASSIGN) as work:
        line = {"cells": _chosen(work, codes, bbox, below, prefix), "from_day": from_day.isoformat()}
        told = _change(work, {"endings": [line], "reason": reason, "dry_run": dry_run})
    _tell_change(shape, told)


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_dry_run
@_answer
@as_account
@of_bureau
def change(file: Path, dry_run: bool, shape: str, username: str | None, bureau: str | None) -> None:
    """批量变更（JSON，同 POST /duty-changes）：全部办理或全部不办 · many at once, all or none."""
    given = read_file(file, DutyChangeIn())
    with acting(bureau, username, Permission.DUTY_ASSIGN) as work:
        told = ops.change(work, ops.lines_of(given), given["reason"], dry_run or given["dry_run"])
    _tell_change(shape, told)


@group.command()
@click.argument("change_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@_dry_run
@_answer
@as_account
@of_bureau
def withdraw(
    change_id: uuid.UUID, reason: str, dry_run: bool, shape: str, username: str | None, bureau: str | None
) -> None:
    """撤回尚未开始的变更，被取代的责任恢复 · take back a change that has not begun."""
    with acting(bureau, username, Permission.DUTY_ASSIGN) as work:
        told = ops.withdraw(work, change_id, reason, dry_run)
    _tell_change(shape, told)


@group.command()
@_limit
@_after
@_shape
@of_bureau
def changes(limit: int, after: str | None, shape: str, bureau: str | None) -> None:
    """列出责任变更，新的在前 · the changes of duty, the newest first."""
    with bureau_work(bureau) as work:
        keys = [DutyChange.made_at, DutyChange.id]
        page = page_of(work.session, visible_to(work.actor), keys, after, limit, newest_first=True)
        page["items"] = [{**one, "state_zh": _STATES[one["state"]]} for one in described(work, page["items"])]
    columns = (
        ("made_at", "时间"),
        ("state_zh", "状态"),
        ("cells", "网格数"),
        ("vacated", "其中空缺"),
        ("first_day", "最早自"),
        ("last_day", "最晚自"),
        ("reason", "理由"),
        ("id", "编号"),
    )
    _tell(shape, DutyChangePage(), page, columns)


def _today(work: Work) -> date:
    return work.now.astimezone(work.zone).date()


def _chosen(
    work: Work, codes: Sequence[str], bbox: str | None, below: str | None, prefix: str | None
) -> dict[str, Any]:
    """The cells as schemas.duty_cells.CellChoice takes them; what does not fit is refused there."""
    chosen: dict[str, Any] = {}
    if codes:
        chosen["cell_ids"] = [str(cell_called(work, code)) for code in codes]
    if bbox is not None:
        chosen["bbox"] = [_number(part) for part in bbox.split(",")]
    if below is not None:
        chosen["parent_id"] = str(cell_called(work, below))
    if prefix is not None:
        chosen["code_prefix"] = prefix
    return chosen


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _change(work: Work, body: Mapping[str, Any]) -> dict[str, Any]:
    given = loaded(body, DutyChangeIn())
    return ops.change(work, ops.lines_of(given), given["reason"], given["dry_run"])


def _tell(shape: str, schema: Schema, page: Mapping[str, Any], columns: Columns) -> None:
    """A page as JSON, as CSV with field names in the first line, or as a table."""
    if shape == "json":
        print_json(schema, page)
        return
    items = [one if isinstance(one, Mapping) else one._mapping for one in page["items"]]
    rows = [[_text(item[name]) for name, _ in columns] for item in items]
    if shape == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([name for name, _ in columns])
        writer.writerows([plain_cell(value) for value in row] for row in rows)
        return
    table = headed(*(heading for _, heading in columns))
    for row in rows:
        table.add_row(*row)
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多：--after {page['after']} · there are more")


def _text(value: Any) -> str:
    if value is None:
        return NO_FIGURE
    if isinstance(value, list):
        return "；".join(one["code"] for one in value)
    return str(value)


def _tell_change(shape: str, told: Mapping[str, Any]) -> None:
    if shape == "json":
        print_json(DutyMoved(), told)
        return
    table = headed("网格编号", "网格", "自", "原责任", "现责任")
    for one in told["changed"]:
        before, after = _holder(one["before"]), _holder(one["after"])
        table.add_row(one["code"], one["name"], str(one["from_day"]), before, after)
    print_table(table)
    load = headed("中队", "责任人", "网格", "在业户", "待办", "走一遍约（公里）")
    for one in (*told["workload"]["squads"], *told["workload"]["leads"]):
        before, after = one["before"], one["after"]
        owed = ("weekly", "monthly", "quarterly", "triggered")
        load.add_row(
            one["squad"],
            one["lead"] or NO_FIGURE,
            f"{before['cells']} → {after['cells']}",
            f"{before['outlets']} → {after['outlets']}",
            f"{sum(before[name] for name in owed)} → {sum(after[name] for name in owed)}",
            f"{before['km']} → {after['km']}",
        )
    print_table(load)
    for warning in told["warnings"]:
        click.echo(f"{warning['code']}：{warning['detail']} {'、'.join(warning['cells'])}")
    devices = len(told["devices"])
    if told["change_id"]:
        click.echo(f"已写入 {told['change_id']}，涉及 {devices} 台设备 · written")
    else:
        click.echo(f"没有写入；涉及 {devices} 台设备 · nothing was written")


def _holder(holder: Mapping[str, Any] | None) -> str:
    return f"{holder['squad']} {holder['lead']}" if holder else NOBODY
