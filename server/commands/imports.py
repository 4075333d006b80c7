"""``xunge import``: registers in, from spreadsheets and map layers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gis.crs import Crs, crs_named_in
from gis.exchange.files import read_file
from gis.exchange.judging import BadRow, Judged
from gis.exchange.rows import SheetRow, Table
from gis.exchange.unreadable import UnreadableFile
from server.commands.bureau import bureau_work
from server.commands.printing import console
from server.commands.roads import command as roads
from server.grids import register as cell_register
from server.grids.importing import CellPlan, apply_cells, plan_cells
from server.grids.ops import apply_due_scope
from server.org import register as people_register
from server.org.importing import PeoplePlan, apply_people, plan_people
from server.outlets import register as outlet_register
from server.outlets.importing import Plan, apply_outlets, plan_outlets
from server.outlets.models import Outlet
from server.outlets.upkeep import misplaced
from server.patrols.opening_importing import OpeningPlan
from server.roster.importing import RosterPlan

SHOWN = 20


class _OnlyLooking(Exception):
    """Leaves a unit of work without committing it."""


@dataclass(slots=True)
class Outcome:
    """What an import did, or in a dry run would do."""

    rows: int
    good: int
    new: int
    changed: int
    unchanged: int
    applied: bool
    bad: list[BadRow]
    warnings: list[dict[str, Any]]
    changes: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    # Outlets that come to lie in another cell, with all that they owe.
    moved: int = 0

    def as_json(self) -> dict[str, Any]:
        """The machine-readable answer."""
        return {
            "rows": self.rows,
            "good": self.good,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "applied": self.applied,
            "moved": self.moved,
            "skipped": self.skipped,
            "bad": [bad.as_json() for bad in sorted(self.bad, key=lambda bad: bad.row)],
            "warnings": self.warnings,
            "changes": self.changes,
        }


@click.group("import")
def group() -> None:
    """导入台账 · import registers."""


group.add_command(roads)


def import_options(command: Callable[..., None]) -> Callable[..., None]:
    """The file, and what every import can be told."""
    for option in (
        click.option("--bureau", help="单位名称 · bureau"),
        click.option(
            "--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True
        ),
        click.option(
            "--strict", is_flag=True, help="有一行不合格就全部不导入 · any bad row stops the import"
        ),
        click.option(
            "--dry-run", is_flag=True, help="只检查，不写入 · show what would change, write nothing"
        ),
        click.option("--layer", help="工作表或图层名称 · sheet or layer"),
        click.argument("file", type=click.Path(path_type=Path, dir_okay=False)),
    ):
        command = option(command)
    return command


_crs_option = click.option(
    "--crs",
    type=click.Choice([crs.value for crs in Crs]),
    default=Crs.WGS84.value,
    show_default=True,
    help="文件中坐标的坐标系 · coordinate system of the positions",
)


@group.command()
@import_options
@_crs_option
@click.option("--allow-unlocated", is_flag=True, help="没有坐标的零售户也导入 · take rows without a position")
def outlets(
    file: Path,
    layer: str | None,
    dry_run: bool,
    strict: bool,
    shape: str,
    bureau: str | None,
    crs: str,
    allow_unlocated: bool,
) -> None:
    """导入零售户台账 · import outlets."""
    position = () if allow_unlocated else outlet_register.POSITION
    table = open_table(file, outlet_register.HEADINGS, outlet_register.REQUIRED, position, layer)
    with progress_bar(shape) as bar:
        judged = outlet_register.read_register(
            counted(table, bar, "读取 · read"), crs=Crs(crs), allow_unlocated=allow_unlocated
        )
        with bureau_work(bureau) as work:
            plan = plan_outlets(work, judged.good, table.columns)
            outcome = outcome_of(
                judged, table, plan.outside, plan, dry_run or (strict and bool(judged.bad or plan.outside))
            )
            outcome.warnings = _crs_warning(table, Crs(crs)) + outcome.warnings
            if outcome.applied:
                task = bar.add_task("写入 · write", total=outcome.new + outcome.changed)
                apply_outlets(work, plan, lambda done: bar.advance(task, done))
    tell(outcome, shape, strict)


@group.command()
@import_options
@_crs_option
def cells(
    file: Path, layer: str | None, dry_run: bool, strict: bool, shape: str, bureau: str | None, crs: str
) -> None:
    """导入网格 · import grid cells."""
    table = open_table(file, cell_register.HEADINGS, cell_register.REQUIRED, cell_register.POSITION, layer)
    with progress_bar(shape) as bar:
        judged = cell_register.read_register(counted(table, bar, "读取 · read"), crs=Crs(crs))
        # What new borders do to outlets is seen by drawing them; a dry run takes them back.
        with suppress(_OnlyLooking), bureau_work(bureau) as work:
            plan = plan_cells(work, judged.good, table.columns)
            outcome = outcome_of(
                judged, table, plan.orphans, plan, dry_run or (strict and bool(judged.bad or plan.orphans))
            )
            apply_cells(work, plan)
            outcome.moved = len(misplaced(work, Outlet)) if plan.moved else 0
            if not outcome.applied:
                raise _OnlyLooking
    tell(outcome, shape, strict)


@group.command()
@import_options
def people(
    file: Path, layer: str | None, dry_run: bool, strict: bool, shape: str, bureau: str | None
) -> None:
    """导入人员 · import people."""
    table = open_table(file, people_register.HEADINGS, people_register.REQUIRED, (), layer)
    with progress_bar(shape) as bar:
        judged = people_register.read_register(counted(table, bar, "读取 · read"))
        with bureau_work(bureau) as work:
            plan = plan_people(work, judged.good, table.columns)
            outcome = outcome_of(
                judged, table, plan.refused, plan, dry_run or (strict and bool(judged.bad or plan.refused))
            )
            if outcome.applied:
                apply_people(work, plan)
                apply_due_scope(work, changed=True)
    tell(outcome, shape, strict)


def open_table(file: Path, headings: Any, required: Any, position: Any, layer: str | None) -> Table:
    try:
        return read_file(file, headings, required, position=position, layer=layer)
    except UnreadableFile as error:
        raise click.ClickException(f"{error.code}: {error.sentence}") from error


def counted(table: Table, bar: Progress, words: str) -> Iterator[SheetRow]:
    """The rows, with the bar moved on; a file that breaks off in the middle is told as one that cannot be read."""
    task = bar.add_task(words, total=table.expected_rows)
    try:
        for row in table:
            yield row
            bar.advance(task)
    except UnreadableFile as error:
        raise click.ClickException(f"{error.code}: {error.sentence}") from error


def progress_bar(shape: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=shape == "json",
    )


def outcome_of(
    judged: Judged[Any],
    table: Table,
    more_bad: list[BadRow],
    plan: Plan | CellPlan | PeoplePlan | RosterPlan | OpeningPlan,
    held_back: bool,
) -> Outcome:
    bad = [*judged.bad, *more_bad]
    outside = {row.row for row in more_bad}
    return Outcome(
        rows=judged.rows,
        good=judged.rows - len(bad),
        new=len(plan.new),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        applied=not held_back,
        bad=bad,
        warnings=[remark.as_json() for remark in judged.warnings if remark.row not in outside],
        changes=[_change(entry) for entry in plan.changed],
        skipped=dict(table.skipped),
    )


def _change(entry: tuple[Any, list[str], Any]) -> dict[str, Any]:
    row, names, _ = entry
    given = row if isinstance(row, dict) else {"code": row.staff_no}
    return {"key": given.get("licence_no") or given.get("code"), "fields": names}


def _crs_warning(table: Table, crs: Crs) -> list[dict[str, Any]]:
    """The sheet says of itself which coordinate system it is in; another one on the command line is worth a word."""
    named = crs_named_in(table.preamble)
    if named is None or named is crs:
        return []
    detail = f"表头写明坐标系为 {named}，命令行给的是 {crs}，请核对 --crs"
    return [{"row": 0, "code": "crs_differs", "detail": detail}]


def tell(outcome: Outcome, shape: str, strict: bool) -> None:
    if shape == "json":
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False, indent=1))
    else:
        _print(outcome)
    if strict and outcome.bad:
        raise click.ClickException(
            "有不合格的行，按 --strict 未导入任何内容 · nothing was imported (--strict)"
        )


def _print(outcome: Outcome) -> None:
    out = console()
    done = "已写入 · written" if outcome.applied else "未写入 · nothing written"
    out.print(
        f"{outcome.rows} 行：{outcome.good} 行合格，{len(outcome.bad)} 行不合格；"
        f"新增 {outcome.new}，变更 {outcome.changed}，不变 {outcome.unchanged}。{done}"
    )
    if outcome.moved:
        verb = "已随新边界改属" if outcome.applied else "将随新边界改属"
        out.print(f"  {outcome.moved} 户零售户{verb}其他网格；没有责任中队的网格请先分派责任（duty）")
    for bad in sorted(outcome.bad, key=lambda bad: bad.row)[:SHOWN]:
        out.print(f"  第 {bad.row} 行 {bad.code}：{bad.detail}", markup=False)
    if len(outcome.bad) > SHOWN:
        out.print(f"  …… 另有 {len(outcome.bad) - SHOWN} 行，用 --format json 查看全部")
    if outcome.warnings:
        out.print(f"  {len(outcome.warnings)} 处已修正或存疑，用 --format json 查看")
