"""The folder that backups are kept in: one sub-folder a backup, and one pool of files that they share.

::

    xunge-backups.json             says that the folder is ours
    files/…                        originals by their SHA-256, removed only when they had to go
    20261122T021500.123456Z/       one backup: database.dump, files.sha256, manifest.json
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from server.backups.failure import BackupFailed
from server.backups.files import originals
from server.backups.manifest import FILE_LIST, MANIFEST, write_safely

MARK = "xunge-backups.json"
POOL = "files"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")


class BackupFolder:
    """A folder of backups."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = path / POOL

    def prepare(self) -> None:
        """Make the folder, or see that it is one of ours.

        Raises:
            BackupFailed: when something else is in it, or it cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self.path / MARK).exists():
                if any(self.path.iterdir()):
                    raise BackupFailed(
                        f"{self.path} 不是空文件夹，也不是巡格的备份文件夹，请另选一个。"
                        "The folder holds something else: name an empty one, or one that backups are kept in."
                    )
                write_safely(self.path / MARK, json.dumps({"folder": "xunge backups"}).encode())
            self.pool.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BackupFailed(f"不能写入 {self.path}。The folder cannot be written: {error}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One backup at a time.

        Raises:
            BackupFailed: when another one is at work in this folder.
        """
        with (self.path / MARK).open("rb") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupFailed(
                    f"另一个备份正在写入 {self.path}。Another backup is being written to this folder."
                ) from error
            yield

    def begin(self, at: datetime) -> Path:
        """The folder of a new backup. What an interrupted one left goes; the files in the pool stay and are used."""
        for left in self._folders():
            if not (left / MANIFEST).exists():
                shutil.rmtree(left)
        made = self.path / at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        made.mkdir(mode=0o700)
        return made

    def finished(self) -> list[Path]:
        """The folders of finished backups, the oldest first."""
        return [folder for folder in self._folders() if (folder / MANIFEST).exists()]

    def keep(self, number: int) -> list[str]:
        """Remove all but the newest ``number`` backups; their names. The pool stays: what the store has lost is in it."""
        gone = self.finished()[:-number]
        for folder in gone:
            # Without its manifest first: half a backup must not pass for one.
            (folder / MANIFEST).unlink()
            shutil.rmtree(folder)
        return [folder.name for folder in gone]

    def forget(self, erased: set[str]) -> int:
        """Remove those of the ``erased`` originals, by SHA-256, that no finished backup names; how many."""
        named = {
            line.partition(" ")[0]
            for backup in self.finished()
            for line in (backup / FILE_LIST).read_text().splitlines()
        }
        due = erased - named
        gone = [self.pool / file.place for file in originals(self.pool) if file.sha256 in due] if due else []
        for path in gone:
            path.unlink()
        return len(gone)

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.path.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


def backup_at(path: Path) -> tuple[BackupFolder, Path]:
    """The backup that ``path`` names: one backup's folder, or the newest of a folder of backups.

    Raises:
        BackupFailed: when there is none.
    """
    path = path.absolute()
    if _NAME.fullmatch(path.name) and (path.parent / MARK).exists():
        return BackupFolder(path.parent), path
    if (path / MARK).exists():
        folder = BackupFolder(path)
        if finished := folder.finished():
            return folder, finished[-1]
    raise BackupFailed(f"{path} 中没有完成的备份。There is no finished backup.")
