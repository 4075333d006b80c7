"""The manifest: what a backup holds. It is written last and at once, so that a backup without one is none."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from server.backups.failure import BackupFailed

MANIFEST = "manifest.json"
DUMP = "database.dump"
FILE_LIST = "files.sha256"
PUBLIC_KEYS = "receipt-keys.public.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of the backup with its size in bytes and its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds and what it was made from.

    ``keys`` are the public halves of the keys that sign receipts, if there are any. ``rows`` are the rows of every table
    in the dump's own snapshot; ``files`` is the list of files, in the form that ``sha256sum -c`` reads; ``faults`` are
    sentences about files that were missing or damaged in the store.
    """

    name: str
    begun_at: datetime
    snapshot_at: datetime
    finished_at: datetime
    application: str
    revision: str
    postgresql: str
    postgis: str
    epoch: str
    rows: dict[str, int]
    dump: Piece
    files: Piece
    keys: Piece | None
    file_count: int
    file_bytes: int
    faults: list[str]
    format: int = FORMAT

    @property
    def pieces(self) -> list[Piece]:
        """What lies in the backup's own folder."""
        return [piece for piece in (self.dump, self.files, self.keys) if piece is not None]

    def text(self) -> str:
        """The manifest as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, default=datetime.isoformat) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of one backup.

    Raises:
        BackupFailed: when it is missing, cannot be read, or is of a later format.
    """
    path = folder / MANIFEST
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] > FORMAT:
            raise BackupFailed(
                f"{path} 由更新的版本写成，请先更新巡格。It was written by a later version: update Xunge first."
            )
        times = {
            name: datetime.fromisoformat(held[name]) for name in ("begun_at", "snapshot_at", "finished_at")
        }
        pieces = {name: Piece(**held[name]) if held[name] else None for name in ("dump", "files", "keys")}
        return Manifest(**{**held, **times, **pieces})
    except FileNotFoundError as error:
        raise BackupFailed(
            f"{folder} 没有 {MANIFEST}：备份没有完成，不能使用。"
            f"There is no {MANIFEST}: this backup was not finished and cannot be used."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupFailed(f"{path} 已损坏。The manifest is damaged: {error!r}") from error


def write_manifest(folder: Path, manifest: Manifest) -> bytes:
    """Write it whole or not at all; the SHA-256 of its text."""
    content = manifest.text().encode()
    write_safely(folder / MANIFEST, content)
    return hashlib.sha256(content).digest()


def write_safely(path: Path, content: bytes) -> None:
    """Write a file that is there whole, on the disk, or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk: a power cut may otherwise take back what was written."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def piece_of(path: Path) -> Piece:
    """Name, size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Piece(path.name, path.stat().st_size, digest)
