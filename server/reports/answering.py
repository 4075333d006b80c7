"""A sheet as the answer of a request, in the shape that was asked for."""

from __future__ import annotations

from flask import Response, jsonify

from server.reports.pdf import MOST_CELLS, html_of, pdf_of
from server.reports.sheets import XLSX, Sheet, csv_of, xlsx_of


def answer(sheet: Sheet, shape: str) -> Response:
    """JSON, a file to keep (CSV, XLSX or PDF), or a page to look at and to print (HTML).

    Raises:
        Problem: ``report_too_long`` or ``unavailable``, see pdf_of.
    """
    if shape == "csv":
        # The mark tells spreadsheet programs that the text is UTF-8.
        return _file("\ufeff" + csv_of(sheet), "text/csv; charset=utf-8", f"{sheet.stem}.csv")
    if shape == "xlsx":
        return _file(xlsx_of(sheet), XLSX, f"{sheet.stem}.xlsx")
    if shape == "pdf":
        return _file(pdf_of(sheet, most_cells=MOST_CELLS), "application/pdf", f"{sheet.stem}.pdf")
    if shape == "html":
        page = Response(html_of(sheet), content_type="text/html; charset=utf-8")
        page.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return page
    return jsonify(sheet.answer)


def _file(body: str | bytes, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, content_type=content_type, headers=headers)
