"""Verifying a backup: the manifest, the dump and every file are read and hashed."""

from __future__ import annotations

from pathlib import Path

from server.backups.failure import BackupFailed
from server.backups.files import Original, is_intact, read_sums
from server.backups.folder import BackupFolder
from server.backups.making import Progress
from server.backups.manifest import DUMP, FILE_LIST, Manifest, Piece, piece_of, read_manifest
from server.backups.postgres import find_program, run_program


def verify_backup(folder: BackupFolder, backup: Path, progress: Progress) -> tuple[Manifest, list[Original]]:
    """Read and hash all that a backup holds; its manifest and its files.

    Raises:
        BackupFailed: when it was not finished, or anything is missing or damaged; every fault is named.
    """
    manifest = read_manifest(backup)
    faults = [fault for piece in manifest.pieces if (fault := _fault_of(piece, backup))]
    if faults:
        raise BackupFailed("\n".join(faults))
    major = int(manifest.postgresql.split(".")[0].split()[0])
    run_program(find_program("pg_restore", major), None, ["--list", str(backup / DUMP)])
    files = read_sums((backup / FILE_LIST).read_text(encoding="utf-8"), folder.pool)
    total, done = sum(max(file.bytes, 0) for file in files), 0
    for file in files:
        if not is_intact(file, folder.pool):
            faults.append(
                f"文件缺失或已损坏；从池中删除后再备份一次即可补上 · missing or damaged; remove it and back up again: "
                f"{folder.pool / file.place}"
            )
        done += max(file.bytes, 0)
        progress("校验文件 files", done, total)
    if faults:
        raise BackupFailed("\n".join(faults))
    return manifest, files


def _fault_of(piece: Piece, backup: Path) -> str | None:
    path = backup / piece.name
    try:
        held = piece_of(path)
    except OSError:
        return f"缺失 · missing: {path}"
    if held != piece:
        return f"已损坏，与清单不符 · damaged, not what the manifest says: {path}"
    return None
