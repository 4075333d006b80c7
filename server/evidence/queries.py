"""Reads of files, always from the records that the actor may see."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, Select, and_, exists, literal, or_, select, tuple_, union
from sqlalchemy.orm import aliased

from server.evidence.models import EvidenceFile, FileErasure, PhotoExif, RecordFile, Thumbnail, Upload
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.paging import decode_after, encode_after
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import SquadMember
from server.records.models import DeclaredFile, Record
from server.records.queries import visible_to
from server.records.reading import visible_record

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
REVIEW_AFTER_DAYS: Final = 7
"""A declared file that has not come after so many days goes to review."""


class Kept(NamedTuple):
    """A file of a record, as it is served."""

    sha256: str
    size: int
    media_type: str
    kind: str
    received_at: datetime


def files_of(work: Work, record_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, tuple[list[str], list[str]]]:
    """By record, the SHA-256 of its files received and of those it declares that are missing, each sorted.

    What was given without being declared counts as received: its device may let it go. A record that the server does
    not know is there too, where files came before it. Whoever asks must have seen to it that the ids may be told.
    """
    received: dict[uuid.UUID, set[str]] = defaultdict(set)
    declared: dict[uuid.UUID, set[str]] = defaultdict(set)
    for table, found in ((RecordFile, received), (DeclaredFile, declared)):
        rows = work.session.execute(
            select(table.record_id, table.sha256).where(
                table.bureau_id == work.bureau_id, among(table.record_id, record_ids)
            )
        )
        for record_id, sha256 in rows:
            found[record_id].add(sha256)
    return {one: (sorted(received[one]), sorted(declared[one] - received[one])) for one in record_ids}


def files_of_record(work: Work, record: Record) -> dict[str, Any]:
    """What a record declares and what has come: counts, and each file in the order of the document.

    A file that was given without being declared stands at the end and is not counted. One that was erased when its
    time was over had come, and counts so.
    """
    declared = work.session.execute(
        select(DeclaredFile.sha256, DeclaredFile.kind)
        .filter_by(record_id=record.id)
        .order_by(DeclaredFile.ordinal)
    )
    received = work.session.execute(
        select(
            RecordFile,
            EvidenceFile.size,
            EvidenceFile.media_type,
            Thumbnail.made_at,
            FileErasure.erased_at,
            PhotoExif,
        )
        .where(RecordFile.bureau_id == record.bureau_id, RecordFile.record_id == record.id)
        .join(EvidenceFile, _same_file(EvidenceFile))
        .outerjoin(Thumbnail, and_(_same_file(Thumbnail), Thumbnail.failure.is_(None)))
        .outerjoin(FileErasure, _same_file(FileErasure))
        .outerjoin(PhotoExif, _same_file(PhotoExif))
        .order_by(RecordFile.received_at, RecordFile.sha256)
    )
    mismatched = set(
        work.session.scalars(
            select(Upload.sha256).filter_by(bureau_id=record.bureau_id, record_id=record.id, state="mismatch")
        )
    )
    there = {
        given.sha256: _received(given, size, media_type, drawn, erased, exif)
        for given, size, media_type, drawn, erased, exif in received
    }
    items: list[dict[str, Any]] = []
    for sha256, kind in declared:
        item = there.pop(sha256, {"state": "mismatch" if sha256 in mismatched else "missing"})
        items.append({**item, "sha256": sha256, "kind": kind, "declared": True})
    count = sum(item["state"] in ("received", "erased") for item in items)
    return {
        "declared": len(items),
        "received": count,
        "missing": len(items) - count,
        "evidence_complete": count == len(items),
        "items": [*items, *({**item, "declared": False} for item in there.values())],
    }


def _same_file(table: type[EvidenceFile | Thumbnail | FileErasure | PhotoExif]) -> Any:
    return and_(table.bureau_id == RecordFile.bureau_id, table.sha256 == RecordFile.sha256)


def _received(
    given: RecordFile, size: int, media_type: str, drawn: Any, erased: Any, exif: PhotoExif | None
) -> dict[str, Any]:
    return {
        "sha256": given.sha256,
        "kind": given.kind,
        "state": "erased" if erased else "received",
        "erased_at": erased,
        "size": size,
        "media_type": media_type,
        "taken_at": given.taken_at,
        "received_at": given.received_at,
        "person_id": given.person_id,
        "thumbnail": drawn is not None,
        "exif": exif,
    }


def kept_file(work: Work, sha256: str, record_id: uuid.UUID) -> Kept:
    """A file of a record that the actor may see.

    Raises:
        Problem: ``not_found``, alike for a file that is not there, not of this record, or of a record out of scope;
            ``file_erased`` where its time was over.
    """
    record = visible_record(work, record_id)
    if not _SHA256.fullmatch(sha256):
        raise Problem("not_found")
    row = work.session.execute(
        select(
            EvidenceFile.sha256,
            EvidenceFile.size,
            EvidenceFile.media_type,
            RecordFile.kind,
            RecordFile.received_at,
            FileErasure.erased_at,
        )
        .join(RecordFile, _same_file(EvidenceFile))
        .outerjoin(FileErasure, _same_file(FileErasure))
        .where(
            RecordFile.bureau_id == record.bureau_id,
            RecordFile.record_id == record.id,
            RecordFile.sha256 == sha256,
        )
    ).one_or_none()
    if row is None:
        raise Problem("not_found")
    erased_at: datetime | None = row.erased_at
    if erased_at is not None:
        raise Problem("file_erased")
    return Kept(row.sha256, row.size, row.media_type, row.kind, row.received_at)


def missing_files(work: Work, days: int, after: str | None, limit: int) -> dict[str, Any]:
    """Declared files of visible records received ``days`` ago or earlier that have not come; the oldest first."""
    record = aliased(Record, visible_to(work.actor).subquery())
    came = select(RecordFile.sha256).where(
        RecordFile.bureau_id == DeclaredFile.bureau_id,
        RecordFile.record_id == DeclaredFile.record_id,
        RecordFile.sha256 == DeclaredFile.sha256,
    )
    keys = (record.received_at, DeclaredFile.record_id, DeclaredFile.sha256)
    query = (
        select(
            DeclaredFile.record_id,
            DeclaredFile.sha256,
            DeclaredFile.kind,
            record.received_at.label("declared_at"),
        )
        .join(record, record.id == DeclaredFile.record_id)
        .where(record.received_at <= work.now - timedelta(days=days), ~came.exists())
    )
    if after:
        values = decode_after(after, [key.type.python_type for key in keys])
        typed = (literal(value, key.type) for key, value in zip(keys, values, strict=True))
        query = query.where(tuple_(*keys) > tuple_(*typed))
    rows = work.session.execute(query.order_by(*keys).limit(limit + 1)).mappings().all()
    items = rows[:limit]
    following = None
    if len(rows) > limit:
        last = items[-1]
        following = encode_after([last["declared_at"], last["record_id"], last["sha256"]])
    return {"items": items, "after": following}


def quarantined(actor: Actor, today: Any) -> Select[Upload]:
    """Uploads of other bytes or another type than claimed: of visible records, or of unknown ones by own people."""
    listed = select(Upload).where(
        Upload.bureau_id == actor.bureau_id, Upload.state.in_(("unfit", "mismatch"))
    )
    if actor.reaches_bureau(Permission.SYNC_SETTLE):
        return listed
    seen = visible_to(actor).where(Record.id == Upload.record_id).with_only_columns(Record.id)
    known = select(Record.id).where(Record.id == Upload.record_id, Record.bureau_id == actor.bureau_id)
    mates = select(SquadMember.person_id).where(
        SquadMember.squad_id.in_(actor.squad_ids), SquadMember.valid.op("@>")(today)
    )
    return listed.where(or_(seen.exists(), and_(~known.exists(), Upload.person_id.in_(mates))))


def every_original(sha256: str | None = None) -> Select[str]:
    """The SHA-256 of every file whose bytes the storage must have, of every bureau; or of the one asked for."""
    erased = _erased(EvidenceFile.bureau_id, EvidenceFile.sha256)
    mismatched = select(Upload.found_sha256).where(
        Upload.found_sha256.is_not(None), ~_erased(Upload.bureau_id, Upload.found_sha256)
    )
    kept = union(select(EvidenceFile.sha256).where(~erased), mismatched).subquery()
    return select(kept.c.sha256) if sha256 is None else select(kept.c.sha256).where(kept.c.sha256 == sha256)


def every_erased() -> CompoundSelect[str]:
    """The SHA-256 of every file that had to go and that no bureau keeps."""
    return select(FileErasure.sha256).where(FileErasure.removed_at.is_not(None)).except_(every_original())


def _erased(bureau_id: Any, sha256: Any) -> Any:
    return exists().where(FileErasure.bureau_id == bureau_id, FileErasure.sha256 == sha256)


def thumbnail_of(work: Work, sha256: str) -> Thumbnail | None:
    """What is known of the small pictures of a file; ``None`` while their job has not run."""
    return work.session.get(Thumbnail, (work.bureau_id, sha256))
