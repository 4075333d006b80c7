"""What a search finds, as a file: a table, or a layer of points."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xlsxwriter
from geoalchemy2.shape import to_shape
from shapely import Point
from sqlalchemy import Select

from gis.exchange.writing import write_points
from server.kernel.events import record_event
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.records.models import Record
from server.reports.sheets import plain_cell
from server.search.queries import described

MOST_ROWS = 20_000
"""Rows of one file: what a spreadsheet still opens at once, and a request can wait for."""
_BATCH = 1000

_HEADINGS = {
    "id": "记录",
    "performed_at": "检查时间",
    "kind": "种类",
    "visit_kind": "性质",
    "valid": "有效",
    "subject_name": "对象",
    "licence_no": "许可证号",
    "cell_code": "网格",
    "squad_name": "中队",
    "officers": "人员",
    "cause": "案由",
    "numbers": "文书编号",
    "plates": "车牌",
    "flags": "提示",
    "received_at": "收到时间",
}


def export(work: Work, found: Select[Record], shape: str) -> bytes:
    """The records found, the newest first, as ``csv``, ``xlsx`` or ``gpkg``; persons are masked as in lists.

    Raises:
        Problem: ``too_many_found`` for more than ``MOST_ROWS``.
    """
    ordered = found.order_by(Record.performed_at.desc(), Record.id.desc()).limit(MOST_ROWS + 1)
    records = work.session.scalars(ordered).all()
    if len(records) > MOST_ROWS:
        raise Problem("too_many_found")
    rows = [
        _row(work, one)
        for start in range(0, len(records), _BATCH)
        for one in described(work, records[start : start + _BATCH])
    ]
    record_event(work, "records.exported", [], rows=len(rows), format=shape)
    if shape == "csv":
        return _csv(rows)
    return _xlsx(rows) if shape == "xlsx" else _geopackage(rows, [_place(record) for record in records])


def _row(work: Work, hit: Mapping[str, Any]) -> dict[str, Any]:
    """Each value as a text: a moment in the bureau's time, a list with signs between."""
    row: dict[str, Any] = {}
    for name in _HEADINGS:
        value = hit[name]
        if name.endswith("_at"):
            value = value.astimezone(work.zone).isoformat(timespec="seconds")
        elif name == "valid":
            value = "是" if value else "否"
        elif isinstance(value, list):
            value = "、".join(value)
        row[name] = None if value is None else str(value)
    return row


def _place(record: Record) -> tuple[float, float] | None:
    if record.position is None:
        return None
    point = to_shape(record.position)
    return (point.x, point.y) if isinstance(point, Point) else None


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADINGS)
    writer.writerows([plain_cell(row[name] or "") for name in _HEADINGS] for row in rows)
    # The mark tells spreadsheet programs that the text is UTF-8.
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _xlsx(rows: Sequence[Mapping[str, Any]]) -> bytes:
    file = io.BytesIO()
    told_as_text = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, {"constant_memory": True, **told_as_text}) as book:
        page = book.add_worksheet("记录")
        page.write_row(0, 0, list(_HEADINGS.values()), book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            page.write_row(number, 0, [row[name] or "" for name in _HEADINGS])
        page.freeze_panes(1, 1)
    return file.getvalue()


def _geopackage(rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[float, float] | None]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.gpkg"
        # A layer has an ``id`` of its own.
        named = [
            {("record_id" if name == "id" else name): value for name, value in row.items()} for row in rows
        ]
        fields = ["record_id" if name == "id" else name for name in _HEADINGS]
        write_points(path, "records", fields, named, places)
        return path.read_bytes()
