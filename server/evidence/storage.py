"""Where the bytes of files lie: a protocol, and the local disk behind it.

A file is named by its SHA-256. It is written once, whole, and never again; what is still being uploaded lies apart.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

BLOCK = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageFull(Exception):
    """There is no room for more. What was acknowledged is kept."""


class Overtaken(Exception):
    """The partial file does not end where the writer believed: somebody else has written, or it is gone."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(f"the file ends at {offset}")


class Storage(Protocol):
    """What evidence needs of a place for bytes. Names of partial files are upload ids, of kept ones their SHA-256."""

    def room(self) -> int:
        """Free bytes."""

    def size(self, upload: str) -> int:
        """Bytes of a partial file that outlast a loss of power; 0 when there is none."""

    def append(self, upload: str, offset: int, chunks: Iterable[bytes]) -> int:
        """Write on at ``offset``; the new size, all of it durable.

        Two writers may race: each chunk goes in only where the file still ends where that writer left it.

        Raises:
            Overtaken: when the file ends elsewhere.
            StorageFull: when the disk is full; what was written before stays.
        """

    def scratch(self) -> AbstractContextManager[BinaryIO]:
        """A nameless file to write and read, gone when the block ends. Writing raises StorageFull."""

    def digest(self, upload: str) -> str:
        """The SHA-256 of a partial file, read back from the disk. Raises FileNotFoundError."""

    def keep(self, upload: str, sha256: str) -> None:
        """Make the partial file the kept one of that name, durably, unless there is one. Raises FileNotFoundError."""

    def discard(self, upload: str) -> None:
        """Forget a partial file, if there is one."""

    def erase(self, sha256: str) -> None:
        """Take a kept file and all that was derived from it off the disk, if they are there."""

    def partial(self) -> Iterator[str]:
        """The names of all partial files."""

    def open(self, sha256: str) -> BinaryIO:
        """A kept file for reading. Raises FileNotFoundError."""

    def open_partial(self, upload: str) -> BinaryIO:
        """A partial file for reading. Raises FileNotFoundError."""

    def put_derived(self, name: str, content: bytes) -> None:
        """Write what can be made again (``<sha256>.<suffix>``), whole or not at all."""

    def open_derived(self, name: str) -> BinaryIO:
        """What was written by ``put_derived``. Raises FileNotFoundError."""


def sha256_of(stream: BinaryIO, told: Callable[[int], None] = lambda _read: None) -> str:
    """The SHA-256 of a stream in lower-case hexadecimal; ``told`` hears of the bytes of each block."""
    state = hashlib.sha256()
    while block := stream.read(BLOCK):
        state.update(block)
        told(len(block))
    return state.hexdigest()


class LocalDisk:
    """Files under one folder: ``originals/ab/<sha256>``, ``partial/<upload>``, ``derived/ab/<sha256>.<suffix>``, and
    in ``damaged`` what the disk has spoilt.

    Originals are read-only and linked into their place when they are whole and on disk; nothing here opens one for
    writing or removes it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def room(self) -> int:
        """Free bytes that the application may use."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def size(self, upload: str) -> int:
        """Flushed before it is told, so that no offset is acknowledged that a loss of power could take back."""
        try:
            # For reading, which is enough to flush: one that was kept already, and not yet noted, is read-only.
            file = os.open(self._partial(upload), os.O_RDONLY)
        except FileNotFoundError:
            return 0
        try:
            os.fsync(file)
            return os.fstat(file).st_size
        finally:
            os.close(file)

    def append(self, upload: str, offset: int, chunks: Iterable[bytes]) -> int:
        """The lock is held for a chunk, never while one is waited for: a connection that hangs keeps nobody out."""
        path = self._partial(upload)
        with _told_when_full():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except PermissionError as error:
                if not path.exists():
                    raise
                # All of it is here and was made read-only by whoever brought the last byte.
                raise Overtaken(self.size(upload)) from error
        try:
            with _told_when_full(), _locked(file):
                _must_end_at(file, offset)
            try:
                for chunk in chunks:
                    with _told_when_full(), _locked(file):
                        _must_end_at(file, offset)
                        offset += _write(file, offset, chunk)
            finally:
                # A cut connection ends the loop early; what came before it counts.
                with _told_when_full():
                    os.fsync(file)
                    _sync_folder(path.parent)
            return offset
        finally:
            os.close(file)

    @contextmanager
    def scratch(self) -> Iterator[BinaryIO]:
        """On the same disk, for memory is shorter than a video."""
        folder = self.root / "partial"
        with _told_when_full():
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder) as file:
                yield file

    def digest(self, upload: str) -> str:
        """Of what lies on the disk, not of what passed through memory."""
        with self.open_partial(upload) as stream:
            return sha256_of(stream)

    def keep(self, upload: str, sha256: str) -> None:
        """A link never replaces an older file that is sound, and at no moment has half a file the name."""
        source, target = self._partial(upload), self._original(sha256)
        with _told_when_full():
            _make_folder(target.parent)
            os.chmod(source, 0o440)
            try:
                os.link(source, target)
            except FileExistsError:
                self._heal(source, target, sha256)
            _sync_folder(target.parent)

    def _heal(self, source: Path, target: Path, sha256: str) -> None:
        """Where the disk has spoilt the older file, the bytes that came again take its place; the spoilt are kept.

        Else a receipt would name a file that nobody can read any more.
        """
        with target.open("rb") as older:
            if sha256_of(older) == sha256:
                return
        spoilt = self.root / "damaged" / f"{sha256}.{source.name}"
        _make_folder(spoilt.parent)
        os.link(target, spoilt)
        _sync_folder(spoilt.parent)
        source.replace(target)

    def discard(self, upload: str) -> None:
        """Originals are links of their own and stay."""
        self._partial(upload).unlink(missing_ok=True)

    def erase(self, sha256: str) -> None:
        """The folder is flushed, so that a power cut brings nothing back."""
        original = self._original(sha256)
        original.unlink(missing_ok=True)
        for derived in self._derived(sha256).parent.glob(f"{sha256}.*"):
            derived.unlink(missing_ok=True)
        if original.parent.exists():
            _sync_folder(original.parent)

    def partial(self) -> Iterator[str]:
        """In no order."""
        with suppress(FileNotFoundError):
            yield from (entry.name for entry in os.scandir(self.root / "partial"))

    def open(self, sha256: str) -> BinaryIO:
        """For reading only."""
        return self._original(sha256).open("rb")

    def open_partial(self, upload: str) -> BinaryIO:
        """For reading only."""
        return self._partial(upload).open("rb")

    def put_derived(self, name: str, content: bytes) -> None:
        """Written beside and renamed; not flushed, for it can be made again."""
        path = self._derived(name)
        with _told_when_full():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f"{path.name}.{os.getpid()}")
            beside.write_bytes(content)
            beside.replace(path)

    def open_derived(self, name: str) -> BinaryIO:
        """For reading only."""
        return self._derived(name).open("rb")

    def _partial(self, upload: str) -> Path:
        return self.root / "partial" / upload

    def _original(self, sha256: str) -> Path:
        return self.root / "originals" / sha256[:2] / sha256

    def _derived(self, name: str) -> Path:
        return self.root / "derived" / name[:2] / name


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        raise


def _must_end_at(file: int, offset: int) -> None:
    found = os.fstat(file)
    # Without a name it was discarded while this writer still held it open.
    if found.st_size != offset or not found.st_nlink:
        raise Overtaken(found.st_size if found.st_nlink else 0)


def _write(file: int, offset: int, chunk: bytes) -> int:
    written = 0
    while written < len(chunk):
        written += os.pwrite(file, chunk[written:], offset + written)
    return written


def _make_folder(folder: Path) -> None:
    """Make it, and its name in its parent durable."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        _sync_folder(folder.parent.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
