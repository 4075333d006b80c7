"""Reports on the command line: the options that every one has, and a sheet printed or written to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click
from rich.table import Table

from server.commands.printing import print_table
from server.commands.times import Moment
from server.reports.pdf import pdf_of
from server.reports.sheets import Sheet, cells_of, csv_of, xlsx_of

FILES = ("xlsx", "pdf")


as_known_by = click.option("--as-of", type=Moment(), help="按此刻所知 · as known by this moment")


def delivered(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every report has: in what shape, where to, and whose."""
    for option in (
        click.option("--bureau", help="单位名称 · bureau"),
        click.option(
            "--output", type=click.Path(path_type=Path), help="写入文件（xlsx、pdf 必填）· file to write"
        ),
        click.option(
            "--format",
            "shape",
            type=click.Choice(["table", "csv", "json", *FILES]),
            default="table",
            show_default=True,
        ),
    ):
        command = option(command)
    return command


def deliver(
    sheet: Sheet, shape: str, output: Path | None, *, table: Callable[[Sheet], None] | None = None
) -> None:
    """Print a report or write it to a file, in the shape that was asked for; a table in a file is CSV.

    ``table`` prints it for a terminal where its brief columns are not all there is to show.
    """
    if shape in FILES:
        if output is None:
            raise click.UsageError(f"{shape} 需要 --output 文件名 · {shape} needs --output")
        # However long it is: nobody else waits for this process.
        output.write_bytes(xlsx_of(sheet) if shape == "xlsx" else pdf_of(sheet))
        return
    if shape == "table" and output is None:
        (table or show)(sheet)
        return
    text = json.dumps(sheet.answer, ensure_ascii=False, indent=2) + "\n" if shape == "json" else csv_of(sheet)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8-sig" if shape == "csv" else "utf-8")


def show(sheet: Sheet) -> None:
    """The brief columns as a table, what must not be overlooked in its title, totals last."""
    title = f"{sheet.title}（{sheet.period}）\n{sheet.moment}"
    table = Table(title="\n".join([title, *sheet.marks]))
    brief = [column for column in sheet.columns if column.brief]
    for column in brief:
        # A licence number that is cut short names nobody.
        least = 12 if column.name == "licence_no" else None
        justify: Literal["left", "right"] = "left" if column.text else "right"
        table.add_column(column.heading, justify=justify, min_width=least)
    table.caption = "\n".join(sheet.basis)
    for rows, style in ((sheet.rows, None), (sheet.totals, "bold")):
        for row in cells_of(brief, rows):
            table.add_row(*map(str, row), style=style)
    print_table(table)
    if sheet.totals and not sheet.rows:
        click.echo("没有数据 · nothing to list")
