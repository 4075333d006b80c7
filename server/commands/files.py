"""``xunge files``: what lies in the folder of files."""

from __future__ import annotations

import sys

import click

from server.commands.printing import byte_progress
from server.evidence.fixity import find_faults, known_files
from server.evidence.storage import LocalDisk
from server.house import compose
from server.kernel.settings import read_settings

# As for a backup that found such files: done, and somebody has to look.
WITH_FAULTS = 3
_WORDS = {"missing": "缺失 · missing", "damaged": "损坏 · damaged"}


@click.group("files")
def group() -> None:
    """照片等文件 · photos and other files."""


@group.command()
def check() -> None:
    """逐个读出并核对 SHA-256 · read every file and compare its SHA-256. 退出码 exit code 3：有缺失或损坏 · faults."""
    settings = read_settings()
    kernel = compose(settings)
    with kernel.sessions() as session:
        files = known_files(session)
    kernel.close()
    faults = []
    with byte_progress() as bar:
        task = bar.add_task("核对 · checking", total=sum(file.size for file in files))
        for fault in find_faults(LocalDisk(settings.files_dir), files, lambda read: bar.advance(task, read)):
            faults.append(fault)
            click.echo(f"{fault.sha256}  {_WORDS[fault.what]}", err=True)
    click.echo(f"文件 {len(files)} 个，有问题 {len(faults)} 个 · {len(files)} files, {len(faults)} faults")
    if faults:
        sys.exit(WITH_FAULTS)
