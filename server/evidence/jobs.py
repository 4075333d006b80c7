"""What is done with files afterwards: small pictures, and the end of uploads that were never finished."""

from __future__ import annotations

from sqlalchemy import select

from server.evidence import ops
from server.evidence.media import Undrawable, draw_small
from server.evidence.models import EvidenceFile
from server.evidence.queries import thumbnail_of
from server.evidence.storage import Storage
from server.kernel.ids import parse_id
from server.kernel.work import Work


def small_name(sha256: str, edge: int) -> str:
    """The name of a small picture, by the pixels of its longer side."""
    return f"{sha256}.{edge}.webp"


def draw_thumbnails(work: Work, storage: Storage, sha256: str) -> None:
    """Make the small pictures of a file; where that cannot be done, note why and do not try again.

    Drawing them anew, as after a restore, gives the same.
    """
    drawn = thumbnail_of(work, sha256)
    if drawn is not None and drawn.failure:
        return
    media_type = work.session.scalars(
        select(EvidenceFile.media_type).filter_by(bureau_id=work.bureau_id, sha256=sha256)
    ).one()
    failure = None
    try:
        with storage.open(sha256) as stream:
            pictures = draw_small(stream, media_type)
        for edge, content in pictures.items():
            storage.put_derived(small_name(sha256, edge), content)
    except Undrawable as error:
        failure = str(error)
    ops.note_thumbnail(work, sha256, failure)


def clear_uploads(work: Work, storage: Storage) -> int:
    """End what has expired, forget its bytes, and ask again for thumbnails whose job was lost; the uploads ended.

    Bytes whose upload ended before go too: whoever ended it died, or lost the queue, before it could forget them.
    """
    left = [found for name in storage.partial() if (found := parse_id(name)) is not None]
    expired = ops.expire_uploads(work)
    for upload_id in {*expired, *ops.ended_among(work, left)}:
        storage.discard(str(upload_id))
    for sha256 in ops.without_thumbnail(work):
        work.later(ops.THUMBNAIL_JOB, str(work.bureau_id), sha256)
    return len(expired)
