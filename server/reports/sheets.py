"""Rows as CSV and as a workbook, alike for every report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter

NO_FIGURE = "—"

# Field name and Chinese heading; the order is that of the sheet.
Columns = Sequence[tuple[str, str]]


def cells_of(columns: Columns, rows: Iterable[dict[str, Any]]) -> Iterable[list[Any]]:
    """Each row's values in the order of the columns; a figure of nothing is a dash."""
    for row in rows:
        yield [NO_FIGURE if row[name] is None else row[name] for name, _ in columns]


def csv_of(columns: Columns, rows: Iterable[dict[str, Any]]) -> str:
    """CSV with field names in the first row."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows([_safe(value) for value in row] for row in cells_of(columns, rows))
    return sheet.getvalue()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is shown as text instead."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def xlsx_of(name: str, title: str, note: str, columns: Columns, rows: Iterable[dict[str, Any]]) -> bytes:
    """A workbook of one sheet: title, note, Chinese headings, rows."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(name)
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, len(columns), 12)
        sheet.write_row(0, 0, [title], bold)
        sheet.write_row(1, 0, [note])
        sheet.write_row(2, 0, [heading for _, heading in columns], bold)
        for number, row in enumerate(cells_of(columns, rows), start=3):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(3, 1)
    return file.getvalue()
