"""``xunge workdays``: the State Council's yearly notices, in."""

from __future__ import annotations

from pathlib import Path

import click

from server.commands.bureau import bureau_work
from server.kernel.calendar import import_workdays
from server.kernel.packaged_workdays import read_notice_file


@click.group("workdays")
def group() -> None:
    """工作日表 · the workday table."""


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--bureau", help="单位名称 · bureau")
def import_(file: Path, bureau: str | None) -> None:
    """导入 JSON {"source": {"2027": …}, "off": […], "make_up_work": […]} · import a notice."""
    off, make_up, sources = read_notice_file(file)
    with bureau_work(bureau) as work:
        changed = import_workdays(work, off, make_up, sources)
    click.echo(f"变更的年度 · changed years: {'、'.join(map(str, changed)) or '无 · none'}")
