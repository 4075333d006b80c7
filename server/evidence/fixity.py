"""Whether every file that the database knows is on the disk, and is still what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.evidence.models import EvidenceFile
from server.evidence.queries import every_original
from server.evidence.storage import Storage, sha256_of


class Known(NamedTuple):
    """A file that the database knows, with its size in bytes."""

    sha256: str
    size: int


class Fault(NamedTuple):
    """A file that is ``missing`` or ``damaged``."""

    sha256: str
    what: str


def known_files(session: Session) -> list[Known]:
    """Every file of every bureau whose bytes must be there, once: bytes are shared on the disk."""
    sizes = select(EvidenceFile.sha256, func.max(EvidenceFile.size))
    grouped = sizes.where(EvidenceFile.sha256.in_(every_original())).group_by(EvidenceFile.sha256)
    return [Known(sha256, size) for sha256, size in session.execute(grouped.order_by(EvidenceFile.sha256))]


def find_faults(storage: Storage, files: Iterable[Known], told: Callable[[int], None]) -> Iterator[Fault]:
    """Read every byte; ``told`` hears of each block read, and of the whole size of what is missing."""
    for file in files:
        try:
            with storage.open(file.sha256) as stream:
                if sha256_of(stream, told) != file.sha256:
                    yield Fault(file.sha256, "damaged")
        except FileNotFoundError:
            told(file.size)
            yield Fault(file.sha256, "missing")
