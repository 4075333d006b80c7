"""The end of raw tracks: where somebody went is kept for as long as its purpose asks, and then its bytes go.

That there was a track, of which record, and its SHA-256 stay; so does everything else that belongs to a record.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import FileKind
from server.evidence.models import FileErasure, RecordFile
from server.evidence.queries import every_original
from server.evidence.storage import Storage
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.work import Work
from server.records.models import DeclaredFile

ERASE_JOB = "server.worker.erase_file"


def erase_tracks(work: Work) -> int:
    """Note as erased every track taken ``track_days`` ago or earlier; their number. Their bytes go after commit.

    A file that was given as something else too is kept for that, and so is one that a record declares as something else,
    whatever it was called when it was sent: a photo is not made a track by its upload. What an earlier run noted and
    whose job was lost is asked for again.
    """
    before = work.now - timedelta(days=work.settings.track_days)
    declared = exists().where(
        DeclaredFile.bureau_id == RecordFile.bureau_id,
        DeclaredFile.sha256 == RecordFile.sha256,
        DeclaredFile.kind != FileKind.TRACK,
    )
    old = (
        select(RecordFile.bureau_id, RecordFile.sha256, literal(work.now))
        .where(RecordFile.bureau_id == work.bureau_id, ~declared)
        .group_by(RecordFile.bureau_id, RecordFile.sha256)
        .having(
            func.bool_and(RecordFile.kind == FileKind.TRACK) & (func.max(RecordFile.taken_at) < before),
        )
    )
    erased = work.session.scalars(
        upsert(table_of(FileErasure))
        .from_select(["bureau_id", "sha256", "erased_at"], old)
        .on_conflict_do_nothing()
        .returning(table_of(FileErasure).c.sha256)
    ).all()
    if erased:
        record_event(work, "file.erased", [], sha256=sorted(erased), taken_before=before.isoformat())
    waiting = select(FileErasure.sha256).filter_by(bureau_id=work.bureau_id, removed_at=None)
    for sha256 in work.session.scalars(waiting.order_by(FileErasure.sha256)):
        work.later(ERASE_JOB, str(work.bureau_id), sha256)
    return len(erased)


def remove_bytes(work: Work, storage: Storage, sha256: str) -> None:
    """Take an erased file off the disk, unless another bureau was given the same bytes and keeps them."""
    noted = work.session.scalar(
        select(FileErasure).filter_by(bureau_id=work.bureau_id, sha256=sha256).with_for_update()
    )
    if noted is None:
        return
    if work.session.scalar(every_original(sha256)) is None:
        storage.erase(sha256)
    work.session.execute(
        update(FileErasure)
        .where(FileErasure.bureau_id == work.bureau_id, FileErasure.sha256 == sha256)
        .values(removed_at=work.now)
    )
