"""Originals of files: from the store into the pool of a backup folder, checked, and back."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from server.backups.manifest import sync_to_disk

_ORIGINAL = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20

# Told after each file: how many bytes of it there are.
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Original:
    """A file of the store, named by its SHA-256; ``place`` is its path below the store."""

    place: Path
    bytes: int

    @property
    def sha256(self) -> str:
        """The name that the contents must have."""
        return self.place.name


def originals(store: Path) -> Iterator[Original]:
    """Every original below ``store``, in the order of their names. What is still being received has another name."""
    for folder, folders, names in os.walk(store):
        folders.sort()
        for name in sorted(names):
            if _ORIGINAL.fullmatch(name):
                path = Path(folder, name)
                yield Original(path.relative_to(store), path.stat().st_size)


def copy_original(original: Original, source: Path, target: Path) -> bool:
    """Copy one original between a store and a pool, unless it is there with the right size; is it as its name says?

    The contents are hashed on the way. A damaged file is not copied. A hard link would be quicker and no backup: what
    spoils the one would spoil the other.
    """
    copy = target / original.place
    if copy.exists() and copy.stat().st_size == original.bytes:
        return True
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = copy.with_name(copy.name + ".partial")
    digest = hashlib.sha256()
    with (source / original.place).open("rb") as reading, partial.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
        os.fchmod(writing.fileno(), 0o440)
    if digest.hexdigest() != original.sha256:
        partial.unlink()
        return False
    partial.replace(copy)
    sync_to_disk(copy.parent)
    return True


def sums_of(files: list[Original]) -> str:
    """The list as ``sha256sum -c`` reads it, from inside the folder of a backup."""
    return "".join(f"{file.sha256}  ../files/{file.place}\n" for file in files)


def read_sums(text: str, pool: Path) -> list[Original]:
    """The originals of a list, with the sizes that they have in the pool (-1 where one is missing)."""
    found = []
    for line in text.splitlines():
        place = Path(line.partition("  ../files/")[2])
        held = pool / place
        found.append(Original(place, held.stat().st_size if held.exists() else -1))
    return found


def is_intact(original: Original, folder: Path) -> bool:
    """True where the contents are what the name says."""
    try:
        with (folder / original.place).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == original.sha256
    except OSError:
        return False
