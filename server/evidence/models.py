"""Tables of evidence. What has arrived is a fact and is never changed; only an upload moves on."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Upload(Owned, Base):
    """A file that a device sends, and what it says of it. Its bytes so far are counted by the storage.

    ``open`` → ``stored`` (bytes as claimed), ``unfit`` (as claimed, of a type that its kind does not have), ``mismatch``
    (other bytes than claimed: kept under ``found_sha256``), ``expired`` or ``terminated``.
    """

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint(
            "state in ('open', 'stored', 'unfit', 'mismatch', 'expired', 'terminated')", name="state"
        ),
        CheckConstraint("length >= 0", name="length"),
        Index("ix_upload_record_id", "record_id"),
        Index("ix_upload_open", "bureau_id", "expires_at", postgresql_where="state = 'open'"),
        Index("ix_upload_quarantine", "bureau_id", "id", postgresql_where="state in ('unfit', 'mismatch')"),
    )

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    device_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("device.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    record_id: Mapped[uuid.UUID]
    sha256: Mapped[str]
    kind: Mapped[str]
    taken_at: Mapped[datetime]
    filename: Mapped[str | None]
    filetype: Mapped[str | None]
    metadata_header: Mapped[str]
    length: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str]
    settled_at: Mapped[datetime | None]
    found_sha256: Mapped[str | None]
    reason: Mapped[str | None]


class EvidenceFile(Base):
    """Bytes that this bureau has been given, by their SHA-256; ``media_type`` as told by the bytes themselves."""

    __tablename__ = "evidence_file"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    media_type: Mapped[str]
    stored_at: Mapped[datetime]


class FileErasure(Base):
    """That the bytes of a file had to go, and when they left the disk. That there was a file stays."""

    __tablename__ = "file_erasure"
    __table_args__ = (Index("ix_file_erasure_waiting", "bureau_id", postgresql_where="removed_at is null"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class RecordFile(Base):
    """A file given for a record, by whom and when. The record may be yet to come, or may not have declared it."""

    __tablename__ = "record_file"
    __table_args__ = (Index("ix_record_file_bureau_id_sha256", "bureau_id", "sha256"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    record_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    taken_at: Mapped[datetime]
    received_at: Mapped[datetime]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    device_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("device.id"))
    upload_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("upload.id"))


class PhotoExif(Base):
    """What a camera wrote into a picture: its clock as ISO 8601, with an offset where it told one, and a place.

    Degrees are of EPSG:4326. Pictures that say neither have no row.
    """

    __tablename__ = "photo_exif"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    read_at: Mapped[datetime] = mapped_column(index=True)
    taken_at: Mapped[str | None]
    lon: Mapped[float | None]
    lat: Mapped[float | None]


class Thumbnail(Base):
    """That small pictures of a file were made, or why they could not be; they lie beside the originals."""

    __tablename__ = "thumbnail"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    failure: Mapped[str | None]
