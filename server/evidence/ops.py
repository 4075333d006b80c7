"""Uploads: begun, settled by what their bytes turned out to be, given up, expired."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.evidence import UploadClaim
from schemas.vocabulary import FileKind
from schemas.wording import told
from server.evidence.models import EvidenceFile, FileErasure, RecordFile, Thumbnail, Upload
from server.evidence.rules import DRAWABLE, OPEN_UPLOADS, UPLOADS_OF_A_RECORD, judge_upload
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem
from server.kernel.work import Work

THUMBNAIL_JOB = "server.worker.make_thumbnails"
_QUARANTINED = frozenset({"unfit", "mismatch"})


@dataclass(frozen=True, slots=True)
class Found:
    """What the bytes of a complete upload are."""

    sha256: str
    size: int
    media_type: str


def read_claim(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the device says of the file.

    Raises:
        Problem: ``invalid``, with the pairs at fault.
    """
    if any("\0" in value for value in metadata.values()):
        raise Problem(
            "invalid", detail="元数据中有无法保存的字符。The metadata hold a character that cannot be stored."
        )
    try:
        claim: dict[str, Any] = UploadClaim().load(dict(metadata))
    except ValidationError as error:
        faults = [
            {"path": f"/{name}", "code": code, "detail": sentence}
            for name, messages in error.messages_dict.items()
            for code, sentence in map(told, messages)
        ]
        raise Problem("invalid", errors=faults) from error
    return claim


def begin_upload(work: Work, length: int, metadata: str, claim: Mapping[str, Any]) -> Upload:
    """A new upload of the actor's device.

    Raises:
        Problem: ``file_too_large`` for a file of any kind, ``too_many_uploads``, ``forbidden`` for an account that is
            nobody in the field. An empty file, and one too large for its own kind, are taken and settled as unfit.
    """
    actor = work.actor
    if actor.person_id is None or actor.account_id is None:
        raise Problem("forbidden", detail="该账号没有对应的外勤人员。The account is tied to no field person.")
    limit = max(work.settings.file_limits.values())
    if length > limit:
        raise Problem(
            "file_too_large", detail=f"{length} 字节，上限 {limit}。{length} bytes, {limit} at most."
        )
    mine = select(func.count()).where(Upload.account_id == actor.account_id)
    unfinished = mine.where(
        Upload.bureau_id == work.bureau_id,
        Upload.state == "open",
        Upload.expires_at > work.now,
        Upload.device_id.is_not_distinct_from(actor.device_id),
    )
    of_record = mine.where(Upload.record_id == claim["record_id"])
    for counted, most in ((unfinished, OPEN_UPLOADS), (of_record, UPLOADS_OF_A_RECORD)):
        if work.session.scalars(counted).one() >= most:
            raise Problem("too_many_uploads", headers={"Retry-After": "60"})
    upload = Upload(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        account_id=actor.account_id,
        device_id=actor.device_id,
        person_id=actor.person_id,
        metadata_header=metadata,
        length=length,
        created_at=work.now,
        expires_at=work.now + timedelta(days=work.settings.upload_days),
        state="open",
        **claim,
    )
    work.session.add(upload)
    return upload


def own_upload(work: Work, upload_id: uuid.UUID) -> Upload:
    """An upload of this account on this device.

    Raises:
        Problem: ``not_found``, or ``upload_gone`` where it has ended without being received.
    """
    upload = work.session.scalar(
        select(Upload).where(
            Upload.id == upload_id,
            Upload.account_id == work.actor.account_id,
            Upload.device_id.is_not_distinct_from(work.actor.device_id),
        )
    )
    if upload is None:
        raise Problem("not_found")
    if upload.state in ("mismatch", "expired", "terminated") or (
        upload.state == "open" and upload.expires_at <= work.now
    ):
        raise Problem("upload_gone")
    return upload


def settle_upload(work: Work, upload_id: uuid.UUID, found: Found) -> str:
    """Note what a complete upload's bytes are, which are kept already; the state it is in now.

    Bytes as claimed belong to the record from here on, whether or not it has come, and whoever sends them first. Other
    bytes belong to nothing: they are listed for the desk.
    """
    upload = work.session.scalars(select(Upload).where(Upload.id == upload_id).with_for_update()).one()
    if upload.state != "open":
        return upload.state
    limit = work.settings.file_limits[upload.kind]
    upload.state, upload.reason = judge_upload(
        upload.kind, upload.sha256, found.sha256, found.media_type, upload.length, limit
    )
    upload.settled_at, upload.found_sha256 = work.now, found.sha256
    work.session.execute(
        upsert(table_of(EvidenceFile))
        .values(
            bureau_id=work.bureau_id,
            sha256=found.sha256,
            size=found.size,
            media_type=found.media_type,
            stored_at=work.now,
        )
        .on_conflict_do_nothing()
    )
    if upload.kind == FileKind.TRACK:
        # A track whose bytes had to go and come again, as with an amendment, go again.
        work.session.execute(
            update(FileErasure)
            .where(FileErasure.bureau_id == work.bureau_id, FileErasure.sha256 == found.sha256)
            .values(removed_at=None)
        )
    if upload.state != "mismatch":
        work.session.execute(
            upsert(table_of(RecordFile))
            .values(
                bureau_id=work.bureau_id,
                record_id=upload.record_id,
                sha256=upload.sha256,
                kind=upload.kind,
                taken_at=upload.taken_at,
                received_at=work.now,
                person_id=upload.person_id,
                device_id=upload.device_id,
                upload_id=upload.id,
            )
            .on_conflict_do_nothing()
        )
    name = "file.quarantined" if upload.state in _QUARANTINED else "file.received"
    record_event(
        work, name, [upload.record_id], upload_id=str(upload.id), sha256=found.sha256, kind=upload.kind
    )
    if upload.state == "stored" and found.media_type in DRAWABLE:
        work.later(THUMBNAIL_JOB, str(work.bureau_id), found.sha256)
    return upload.state


def terminate_upload(work: Work, upload: Upload) -> None:
    """Give an unfinished upload up.

    Raises:
        Problem: ``upload_settled``: what has been received is evidence and stays.
    """
    locked = work.session.scalars(
        select(Upload)
        .where(Upload.id == upload.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if locked.state != "open":
        raise Problem("upload_settled")
    locked.state, locked.settled_at = "terminated", work.now


def expire_uploads(work: Work) -> list[uuid.UUID]:
    """End the unfinished uploads whose time is over; their ids."""
    ended = update(Upload).where(
        Upload.bureau_id == work.bureau_id, Upload.state == "open", Upload.expires_at <= work.now
    )
    return list(work.session.scalars(ended.values(state="expired", settled_at=work.now).returning(Upload.id)))


def ended_among(work: Work, upload_ids: Sequence[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Those of the bureau's uploads that are not open any more: what was received of them is kept elsewhere."""
    return work.session.scalars(
        select(Upload.id).where(
            Upload.bureau_id == work.bureau_id, Upload.state != "open", among(Upload.id, upload_ids)
        )
    ).all()


def note_thumbnail(work: Work, sha256: str, failure: str | None) -> None:
    """Small pictures of a file were made, or could not be."""
    work.session.execute(
        upsert(table_of(Thumbnail))
        .values(bureau_id=work.bureau_id, sha256=sha256, made_at=work.now, failure=failure)
        .on_conflict_do_nothing()
    )


def without_thumbnail(work: Work, limit: int = 1000) -> Sequence[str]:
    """Pictures of the bureau of which no small one was tried: their job was lost."""
    tried = select(Thumbnail.sha256).where(
        Thumbnail.bureau_id == EvidenceFile.bureau_id, Thumbnail.sha256 == EvidenceFile.sha256
    )
    of_record = select(RecordFile.sha256).where(
        RecordFile.bureau_id == EvidenceFile.bureau_id, RecordFile.sha256 == EvidenceFile.sha256
    )
    erased = select(FileErasure.sha256).where(
        FileErasure.bureau_id == EvidenceFile.bureau_id, FileErasure.sha256 == EvidenceFile.sha256
    )
    return work.session.scalars(
        select(EvidenceFile.sha256)
        .where(
            EvidenceFile.bureau_id == work.bureau_id,
            EvidenceFile.media_type.in_(DRAWABLE),
            of_record.exists(),
            ~tried.exists(),
            ~erased.exists(),
        )
        .limit(limit)
    ).all()
