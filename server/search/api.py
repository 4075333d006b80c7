"""Finding records over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Response

from schemas.search import ExportQuery, HitPage, SearchQuery
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records.models import Record
from server.reports.sheets import XLSX
from server.search.exporting import export
from server.search.queries import described, find

blueprint = Noun("search", "检索 Finding records")

TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX, "gpkg": "application/geopackage+sqlite3"}


@blueprint.endpoint(
    "GET", "/search/records", permission=Permission.RECORD_READ, takes=SearchQuery, gives=HitPage
)
def search_records(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The records in scope that meet every condition, the newest first; persons are masked."""
    keys = [Record.performed_at, Record.id]
    page = page_of(work.session, find(work, query), keys, query["after"], query["limit"], newest_first=True)
    return {**page, "items": described(work, page["items"], query["q"])}


@blueprint.endpoint("GET", "/search/records/export", permission=Permission.RECORD_READ, takes=ExportQuery)
def export_records(work: Work, query: dict[str, Any]) -> Response:
    """The same as a file: CSV, XLSX, or a GeoPackage that opens in QGIS. It is noted who took it."""
    shape = query["format"]
    body = export(work, find(work, query), shape)
    headers = {"Content-Disposition": f'attachment; filename="records.{shape}"'}
    return Response(body, content_type=TYPES[shape], headers=headers)
