"""A sheet as a page to print: HTML, and PDF made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader

from server.kernel.problems import Problem
from server.reports.charts import svg_of
from server.reports.sheets import Column, Row, Sheet, cells_of

# A web worker sets about a thousand cells in a second, and does little for others meanwhile.
MOST_CELLS = 4_000
# Up to so many columns the text is as large as on a letter.
WIDE = 13


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("server.reports"), autoescape=True, trim_blocks=True)


def html_of(sheet: Sheet) -> str:
    """The sheet as one page of HTML that needs no other file; what people wrote is escaped."""
    parts = [_part(one) for one in (sheet, *sheet.annexes)]
    return _templates().get_template("paper.html").render(sheet=sheet, parts=parts)


def _part(sheet: Sheet) -> dict[str, Any]:
    """What the template reads of a sheet, or of one of its annexes."""
    columns = [column for column in sheet.columns if column.printed and column.name != sheet.grouped_by]
    return {
        "sheet": sheet,
        "columns": columns,
        "whole": sum(column.width for column in columns),
        "size": 8.3 if len(columns) <= WIDE else 7.2,
        "groups": list(_groups(sheet, columns)),
        "totals": [_paired(columns, row) for row in sheet.totals],
        "total_of": sheet.totals[0][sheet.grouped_by] if sheet.grouped_by and sheet.totals else None,
        "chart": svg_of(sheet.chart) if sheet.chart and sheet.chart.bars else None,
    }


def pdf_of(sheet: Sheet, *, most_cells: int | None = None) -> bytes:
    """The sheet as PDF on A4 with numbered pages, repeated table heads and selectable Chinese text.

    The same sheet gives the same pages: the moment of the report is the document's date, and no clock is asked.

    Raises:
        Problem: ``report_too_long`` for more than ``most_cells`` cells; ``unavailable`` where the machine lacks Pango.
    """
    parts = (sheet, *sheet.annexes)
    cells = sum(len(part.rows) * sum(column.printed for column in part.columns) for part in parts)
    if most_cells is not None and cells > most_cells:
        rows = sum(len(part.rows) for part in parts)
        detail = (
            f"共 {rows} 行，太长，不能即时排成 PDF。请改用 CSV 或 XLSX，或缩小范围。"
            f"{rows} rows are too many to set as PDF at once: take CSV or XLSX, or ask for less."
        )
        raise Problem("report_too_long", detail=detail)
    return typeset(html_of(sheet))


def typeset(html: str, *, pictures: bool = False, **options: Any) -> bytes:
    """HTML as PDF; the same gives the same. No address is ever fetched; ``pictures`` lets in those that the HTML holds
    itself, as data URIs. ``options`` are WeasyPrint's.

    Raises:
        Problem: ``unavailable`` where the machine lacks Pango.
    """
    try:
        # Importing it takes a second and a half, and loads Pango from the system.
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as missing:
        detail = f"本机缺少排版库（{missing}），不能生成 PDF。This machine lacks Pango, so there is no PDF."
        raise Problem("unavailable", detail=detail) from missing
    fetcher = URLFetcher(allowed_protocols=("data",) if pictures else ())
    pdf: bytes = HTML(string=html, url_fetcher=fetcher).write_pdf(**options)
    return pdf


def _groups(sheet: Sheet, columns: Sequence[Column]) -> Iterator[tuple[str | None, list[Any]]]:
    name = sheet.grouped_by
    for group, rows in groupby(sheet.rows, key=lambda row: name and row[name]):
        yield group, [_paired(columns, row) for row in rows]


def _paired(columns: Sequence[Column], row: Row) -> list[tuple[Column, Any]]:
    (values,) = cells_of(columns, [row])
    return [(column, _told(column, value)) for column, value in zip(columns, values, strict=True)]


def _told(column: Column, value: Any) -> Any:
    """A moment to the minute, and in two words, so that it can be folded between them."""
    return value[:16].replace("T", " ") if column.moment and isinstance(value, str) else value
