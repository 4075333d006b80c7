"""Files of records over HTTP. They come in by tus; here they are listed and handed out."""

from __future__ import annotations

import uuid
from io import SEEK_END
from typing import Any, BinaryIO

from flask import Response, request, send_file

from schemas.evidence import (
    FileQuery,
    MissingFilePage,
    MissingQuery,
    QuarantinedFilePage,
    RecordFiles,
    ThumbnailQuery,
)
from schemas.paging import PageQuery
from server.evidence.jobs import small_name
from server.evidence.models import Upload
from server.evidence.ops import THUMBNAIL_JOB
from server.evidence.queries import (
    Kept,
    files_of_record,
    kept_file,
    missing_files,
    quarantined,
    thumbnail_of,
)
from server.evidence.rules import DRAWABLE, SERVED, UNKNOWN_TYPE
from server.evidence.storage import LocalDisk
from server.kernel.events import record_event
from server.kernel.http import Noun, answer_problem
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.records.reading import visible_record

blueprint = Noun("evidence", "文件 Files of records")


@blueprint.endpoint(
    "GET", "/records/<uuid:record_id>/files", permission=Permission.RECORD_READ, gives=RecordFiles
)
def list_record_files(work: Work, record_id: uuid.UUID) -> dict[str, Any]:
    """Which files a record declares, and which of them have come."""
    return files_of_record(work, visible_record(work, record_id))


@blueprint.endpoint(
    "GET", "/files/missing", permission=Permission.RECORD_READ, takes=MissingQuery, gives=MissingFilePage
)
def list_missing_files(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Declared files that have not come for some days, of the records in scope."""
    return missing_files(work, query["days"], query["after"], query["limit"])


@blueprint.endpoint(
    "GET",
    "/files/quarantine",
    permission=Permission.SYNC_SETTLE,
    takes=PageQuery,
    gives=QuarantinedFilePage,
)
def list_quarantined_files(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Uploads whose bytes are not what was claimed, or of no type that their kind has. All are kept."""
    listed = quarantined(work.actor, work.now.astimezone(work.zone).date())
    return page_of(work.session, listed, [Upload.id], query["after"], query["limit"])


@blueprint.endpoint("GET", "/files/<sha256>", permission=Permission.RECORD_READ, takes=FileQuery)
def get_file(work: Work, query: dict[str, Any], sha256: str) -> Response:
    """The original, byte for byte; parts of it by Range. Each look is noted, for it shows people."""
    kept = kept_file(work, sha256, query["record"])
    record_event(work, "file.read", [query["record"]], sha256=sha256)
    try:
        stream = LocalDisk(work.settings.files_dir).open(sha256)
    except FileNotFoundError as error:
        raise Problem(
            "unavailable",
            detail="文件不在存储中，请管理员运行 xunge files check。"
            "The file is not in the storage; an administrator should run xunge files check.",
        ) from error
    return _hand_out(stream, kept, kept.media_type)


@blueprint.endpoint(
    "GET", "/files/<sha256>/thumbnail", permission=Permission.RECORD_READ, takes=ThumbnailQuery
)
def get_thumbnail(work: Work, query: dict[str, Any], sha256: str) -> Response:
    """A small picture of a file, made after it came."""
    kept = kept_file(work, sha256, query["record"])
    drawn = thumbnail_of(work, sha256)
    if kept.media_type not in DRAWABLE or (drawn and drawn.failure):
        raise Problem("thumbnail_unavailable")
    not_ready = Problem("thumbnail_not_ready", headers={"Retry-After": "5"})
    if drawn is None:
        raise not_ready
    try:
        small = LocalDisk(work.settings.files_dir).open_derived(small_name(sha256, query["size"]))
    except FileNotFoundError:
        # Backups leave them out. This is answered and not raised, for what is raised enqueues nothing.
        work.later(THUMBNAIL_JOB, str(work.bureau_id), sha256)
        return answer_problem(not_ready)
    return _hand_out(small, kept, "image/webp")


def _hand_out(stream: BinaryIO, kept: Kept, media_type: str) -> Response:
    """The stream as an answer that no browser runs, whatever it is."""
    served = media_type if media_type in SERVED else UNKNOWN_TYPE
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    # A name of ours: the one that the device gave might be made to mislead.
    name = f"{kept.kind}-{kept.sha256[:12]}.{SERVED.get(served, 'bin')}"
    response = send_file(
        stream,
        mimetype=served,
        as_attachment=not served.startswith("image/"),
        download_name=name,
        etag=f"{kept.sha256}-{size}",
        last_modified=kept.received_at,
        conditional=False,
    )
    response.content_length = size
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    if response.status_code == 304 or request.method == "HEAD":
        # Nothing is read of it, so nobody else would close it.
        stream.close()
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
