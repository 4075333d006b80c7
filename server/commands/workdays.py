"""``xunge workdays``: the State Council's yearly notices, in."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from server.commands.bureau import bureau_work
from server.kernel.calendar import import_workdays


@click.group("workdays")
def group() -> None:
    """工作日表 · the workday table."""


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--bureau", help="单位名称 · bureau")
def import_(file: Path, bureau: str | None) -> None:
    """导入 JSON {"source": {"2027": …}, "off": […], "make_up_work": […]} · import a notice."""
    off, make_up, sources = read_workdays(file)
    with bureau_work(bureau) as work:
        changed = import_workdays(work, off, make_up, sources)
    click.echo(f"变更的年度 · changed years: {'、'.join(map(str, changed)) or '无 · none'}")


def read_workdays(file: Path) -> tuple[set[date], set[date], dict[int, str]]:
    """Days off, days made up, and the notice of each year.

    Raises:
        click.ClickException: when the file is not of that form.
    """
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        sources = {int(year): str(notice) for year, notice in given["source"].items()}
        off = {date.fromisoformat(day) for day in given["off"]}
        return off, {date.fromisoformat(day) for day in given["make_up_work"]}, sources
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(f"不是工作日表 · not a workday table: {error}") from error
