"""Uploads over time: bytes go to the disk without a transaction open, and each step of the database is one of its own.

An open transaction would hold back the sync horizon of everybody for as long as a phone takes to send a photo.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO

from server.evidence import ops
from server.evidence.media import sniff
from server.evidence.models import Upload
from server.evidence.storage import BLOCK, Overtaken, Storage, StorageFull
from server.evidence.tus import Checksum, UploadState, wrong_offset
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Work

OpenWork = Callable[[], AbstractContextManager[Work]]


class EvidenceUploads:
    """tus uploads that become files of records. ``work`` opens a unit of work of whoever asks."""

    def __init__(self, work: OpenWork, storage: Storage, settings: Settings) -> None:
        self._work, self._storage = work, storage
        self._reserve = settings.files_reserve_bytes
        self.max_size = max(settings.file_limits.values())

    def create(self, length: int, metadata: str, parsed: Mapping[str, str]) -> UploadState:
        """Begin an upload; nothing is read of its body before this is committed.

        Raises:
            Problem: as ``ops.read_claim`` and ``ops.begin_upload``; ``storage_full``.
        """
        claim = ops.read_claim(parsed)
        with self._work() as work:
            upload = ops.begin_upload(work, length, metadata, claim)
            if self._storage.room() - length < self._reserve:
                raise Problem("storage_full", headers={"Retry-After": "600"})
            begun = _state(upload, 0)
        # Nothing more comes of an empty file: it is settled as what it is.
        return self.append(upload.id, 0, iter(()), None) if length == 0 else begun

    def find(self, upload_id: uuid.UUID) -> UploadState:
        """Where it stands. One whose bytes are all here, but whose last answer was never given, is settled now."""
        upload = self._own(upload_id)
        if upload.state != "open":
            return _state(upload, upload.length)
        size = self._storage.size(str(upload_id))
        return self._settle(upload) if size == upload.length else _state(upload, size)

    def append(
        self, upload_id: uuid.UUID, offset: int, chunks: Iterator[bytes], checksum: Checksum | None
    ) -> UploadState:
        """Write on, and settle the upload with its last byte.

        Raises:
            Problem: ``upload_offset_wrong``, ``checksum_mismatch``, ``storage_full``, ``file_mismatch``.
        """
        upload = self._own(upload_id)
        if upload.state != "open":
            return _state(upload, upload.length)
        try:
            if checksum is None:
                size = self._storage.append(str(upload_id), offset, chunks)
            else:
                # Nothing of a body may be kept before the whole of it has proved right.
                with self._storage.scratch() as whole:
                    _check(whole, chunks, checksum)
                    size = self._storage.append(str(upload_id), offset, iter(lambda: whole.read(BLOCK), b""))
        except Overtaken as error:
            raise wrong_offset(error.offset) from error
        except StorageFull as error:
            raise Problem("storage_full", headers={"Retry-After": "600"}) from error
        return self._settle(upload) if size == upload.length else _state(upload, size)

    def terminate(self, upload_id: uuid.UUID) -> None:
        """Give it up and forget its bytes.

        Raises:
            Problem: ``upload_settled``.
        """
        with self._work() as work:
            ops.terminate_upload(work, ops.own_upload(work, upload_id))
        self._storage.discard(str(upload_id))

    def _own(self, upload_id: uuid.UUID) -> Upload:
        with self._work() as work:
            return ops.own_upload(work, upload_id)

    def _settle(self, upload: Upload) -> UploadState:
        """Hash, keep, note, and only then let the partial file go: a crash in between is made good by the next HEAD."""
        name = str(upload.id)
        try:
            with self._storage.open_partial(name) as stream:
                media_type = sniff(stream)
            found = ops.Found(self._storage.digest(name), upload.length, media_type)
            self._storage.keep(name, found.sha256)
        except FileNotFoundError:
            # Another request of the same device has settled it meanwhile, or it was given up.
            return _state(self._own(upload.id), upload.length)
        except StorageFull as error:
            raise Problem("storage_full", headers={"Retry-After": "600"}) from error
        with self._work() as work:
            state = ops.settle_upload(work, upload.id, found)
        self._storage.discard(name)
        if state == "mismatch":
            raise Problem("file_mismatch")
        if state in ("expired", "terminated"):
            raise Problem("upload_gone")
        return _state(upload, upload.length)


def _check(whole: BinaryIO, chunks: Iterator[bytes], checksum: Checksum) -> None:
    state = checksum.make()
    for chunk in chunks:
        state.update(chunk)
        whole.write(chunk)
    if state.digest() != checksum.digest:
        raise Problem("checksum_mismatch")
    whole.seek(0)


def _state(upload: Upload, offset: int) -> UploadState:
    finished = offset == upload.length
    return UploadState(
        id=upload.id,
        offset=offset,
        length=upload.length,
        metadata=upload.metadata_header,
        expires_at=None if finished else upload.expires_at,
    )
