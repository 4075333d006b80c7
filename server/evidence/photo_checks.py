"""Photos whose own EXIF says another place or time than their record: the record is flagged, the photo is kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from geoalchemy2 import Geography
from sqlalchemy import ColumnElement, and_, cast, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import FileKind
from server.evidence.exif import Exif
from server.evidence.models import PhotoExif, RecordFile
from server.evidence.rules import judge_exif
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.work import Work
from server.records.models import Record
from server.records.stamping import stamp_flags

_RECENT = timedelta(hours=3)


def note_exif(work: Work, sha256: str, told: Exif) -> None:
    """Keep what a picture says of itself, and flag the records it was given for."""
    work.session.execute(
        upsert(table_of(PhotoExif))
        .values(bureau_id=work.bureau_id, sha256=sha256, read_at=work.now, **told._asdict())
        .on_conflict_do_nothing()
    )
    _flag(work, RecordFile.sha256 == sha256)


def flag_by_photos(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Flag records whose photos came, and were read, before them."""
    _flag(work, among(RecordFile.record_id, record_ids))


def flag_recent(work: Work) -> int:
    """Flag what a record and its photo, arriving in the same moment, have not seen of each other; how many records."""
    since = work.now - _RECENT
    # Each by its own index: asked for together they would take every record with every photo.
    return _flag(work, PhotoExif.read_at >= since) + _flag(work, Record.received_at >= since)


def _flag(work: Work, which: ColumnElement[bool]) -> int:
    place = func.ST_SetSRID(func.ST_MakePoint(PhotoExif.lon, PhotoExif.lat), 4326)
    rows = work.session.execute(
        select(
            Record.id,
            Record.kind,
            Record.started_at,
            Record.ended_at,
            Record.accuracy_m,
            PhotoExif.taken_at,
            func.ST_Distance(cast(Record.position, Geography), cast(place, Geography)),
        )
        .join(RecordFile, and_(RecordFile.bureau_id == Record.bureau_id, RecordFile.record_id == Record.id))
        .join(
            PhotoExif,
            and_(PhotoExif.bureau_id == RecordFile.bureau_id, PhotoExif.sha256 == RecordFile.sha256),
        )
        .where(Record.bureau_id == work.bureau_id, RecordFile.kind == FileKind.PHOTO.value, which)
    )
    found: dict[uuid.UUID, set[str]] = {}
    for record_id, kind, started_at, ended_at, accuracy_m, taken_at, distance_m in rows:
        flags = judge_exif(
            datetime.fromisoformat(taken_at) if taken_at else None,
            distance_m,
            kind=kind,
            started_at=started_at,
            ended_at=ended_at,
            accuracy_m=accuracy_m,
            zone=work.zone,
        )
        found.setdefault(record_id, set()).update(flags)
    return stamp_flags(work, {record_id: sorted(flags) for record_id, flags in found.items() if flags})
