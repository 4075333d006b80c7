"""A report as a sheet: its columns and rows once, from which JSON, CSV, XLSX and PDF are made alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter

NO_FIGURE = "—"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: field name and Chinese heading.

    A ``brief`` one is in the table of a terminal too; one that is not ``printed`` is too much for paper. ``text`` is set
    from the left, a figure from the right; a ``moment`` is told to the minute on paper. ``width`` is its share of the
    page.
    """

    name: str
    heading: str
    brief: bool = False
    printed: bool = True
    text: bool = False
    moment: bool = False
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: how many of each mark, by the names in ``look.MARKS``, and the figure that stands beside it."""

    label: str
    parts: Mapping[str, int]
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars. As shares every bar is as long as the others; else its length tells its sum."""

    title: str
    bars: Sequence[Bar]
    shares: bool = True


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report with everything that stands on its paper.

    ``answer`` is what JSON tells, as the report's schema dumps it, and has the same rows. ``marks`` are what must not be
    overlooked (provisional, restated), ``basis`` the versions that it rests on, ``notes`` how to read it. On paper the
    column ``grouped_by`` is told once, above its rows, and ``annexes`` follow, each on a page of its own or (``flowing``)
    one below the other; ``signers`` have a line each to sign on at the end.
    """

    code: str
    stem: str
    tab: str
    title: str
    bureau: str
    period: str
    as_of: datetime
    columns: Sequence[Column]
    rows: Sequence[Row]
    answer: Mapping[str, Any]
    totals: Sequence[Row] = ()
    marks: Sequence[str] = ()
    basis: Sequence[str] = ()
    notes: Sequence[str] = ()
    chart: Chart | None = None
    portrait: bool = False
    grouped_by: str | None = None
    annexes: Sequence[Sheet] = ()
    flowing: bool = False
    signers: Sequence[str] = ()

    @property
    def moment(self) -> str:
        """As of when, as a sentence."""
        offset = self.as_of.isoformat(timespec="minutes")[16:]
        return f"数据截至 {self.as_of:%Y-%m-%d %H:%M}（UTC{offset}）"


def cells_of(columns: Sequence[Column], rows: Iterable[Row]) -> Iterable[list[Any]]:
    """Each row's values in the order of the columns; a figure of nothing is a dash."""
    for row in rows:
        yield [NO_FIGURE if row[column.name] is None else row[column.name] for column in columns]


def csv_of(sheet: Sheet) -> str:
    """The rows as CSV with field names in the first line, without totals: what reads it adds up for itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in sheet.columns])
    writer.writerows([plain_cell(value) for value in row] for row in cells_of(sheet.columns, sheet.rows))
    return text.getvalue()


def plain_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is shown as text instead."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def xlsx_of(sheet: Sheet) -> bytes:
    """A workbook of one page: title, what it rests on, Chinese headings, rows, totals in bold."""
    file = io.BytesIO()
    # What people wrote stays text: neither a formula nor a link to wherever they like.
    told_as_text = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, {"constant_memory": True, **told_as_text}) as book:
        bold = book.add_format({"bold": True})
        page = book.add_worksheet(sheet.tab)
        page.set_column(0, 0, 30)
        page.set_column(1, len(sheet.columns), 12)
        page.write_row(0, 0, [f"{sheet.title}（{sheet.period}）"], bold)
        page.write_row(1, 0, ["；".join([sheet.bureau, sheet.moment, *sheet.marks, *sheet.basis])])
        page.write_row(2, 0, [column.heading for column in sheet.columns], bold)
        number = 3
        for rows, style in ((sheet.rows, None), (sheet.totals, bold)):
            for row in cells_of(sheet.columns, rows):
                page.write_row(number, 0, row, style)
                number += 1
        page.freeze_panes(3, 1)
    return file.getvalue()
