"""What is done with files afterwards: small pictures, and the end of uploads that were never finished."""

from __future__ import annotations

from sqlalchemy import select

from server.evidence import ops
from server.evidence.exif import read_exif
from server.evidence.media import Undrawable, draw_small
from server.evidence.models import EvidenceFile
from server.evidence.photo_checks import flag_recent, note_exif
from server.evidence.queries import thumbnail_of
from server.evidence.storage import Storage
from server.kernel.ids import parse_id
from server.kernel.work import Work


def small_name(sha256: str, edge: int) -> str:
    """The name of a small picture, by the pixels of its longer side."""
    return f"{sha256}.{edge}.webp"


def draw_thumbnails(work: Work, storage: Storage, sha256: str) -> None:
    """Read where and when a picture says it was taken, and make the small ones of it; where that cannot be done, note
    why and do not try again.

    Drawing them anew, as after a restore, gives the same.
    """
    drawn = thumbnail_of(work, sha256)
    if drawn is not None and drawn.failure:
        return
    media_type = work.session.scalars(
        select(EvidenceFile.media_type).filter_by(bureau_id=work.bureau_id, sha256=sha256)
    ).one()
    with storage.open(sha256) as stream:
        told = read_exif(stream, media_type)
    if told is not None:
        note_exif(work, sha256, told)
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
    """End what has expired, forget its bytes, ask again for thumbnails whose job was lost, and flag records by their
    photos where the two crossed; the uploads ended.

    Bytes whose upload ended before go too: whoever ended it died, or lost the queue, before it could forget them.
    """
    left = [found for name in storage.partial() if (found := parse_id(name)) is not None]
    expired = ops.expire_uploads(work)
    for upload_id in {*expired, *ops.ended_among(work, left)}:
        storage.discard(str(upload_id))
    flag_recent(work)
    for sha256 in ops.without_thumbnail(work):
        work.later(ops.THUMBNAIL_JOB, str(work.bureau_id), sha256)
    return len(expired)
