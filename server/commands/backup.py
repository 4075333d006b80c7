"""``xunge backup`` and ``xunge restore``: the whole installation out, and back into an empty database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from server import migrate
from server.backups import making
from server.backups.failure import BackupFailed
from server.backups.folder import BackupFolder, backup_at
from server.backups.making import make_backup
from server.backups.manifest import Manifest
from server.backups.restoring import Revisions, restore_backup
from server.backups.verifying import verify_backup
from server.commands.printing import byte_progress
from server.kernel.settings import read_settings

# A backup that was finished and found files of the store missing or damaged.
WITH_FAULTS = 3

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
_shape = click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json：输出清单，供程序读取 · the manifest, for programs",
)


class WithSubcommands(click.Group):
    """``xunge backup DIR`` makes a backup and ``xunge backup verify DIR`` verifies one: what is no name is a folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the default command before a folder."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group("backup", cls=WithSubcommands)
def group() -> None:
    """备份：xunge backup DIR · back up the database and the files; verify a backup."""


@group.command()
@_folder
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="只保留最近 N 份 · keep the newest N only"
)
@_shape
def make(folder: Path, keep: int | None, shape: str) -> None:
    """备份数据库和文件到 DIR · back up into DIR ("make" may be left out)."""
    settings = read_settings()
    with _told() as progress:
        manifest = make_backup(
            settings, BackupFolder(folder.absolute()), lambda: datetime.now(UTC), progress, keep
        )
    _print(manifest, shape, f"备份完成 · backed up: {folder / manifest.name}")
    if manifest.faults:
        for fault in manifest.faults:
            click.echo(fault, err=True)
        sys.exit(WITH_FAULTS)


@group.command()
@_folder
@_shape
def verify(folder: Path, shape: str) -> None:
    """校验 DIR 中最近一份（或指定的一份）备份 · verify the newest backup of DIR, or the one named."""
    with _told() as progress:
        manifest, _ = verify_backup(*backup_at(folder), progress)
    _print(manifest, shape, f"备份完好 · the backup is sound: {manifest.name}")


@click.command("restore")
@_folder
@click.option(
    "--into",
    metavar="URL",
    help="空数据库的所有者地址，默认 XUNGE_OWNER_DATABASE_URL · owner's URL of an empty database",
)
@click.option(
    "--files",
    "store",
    type=click.Path(path_type=Path, file_okay=False),
    help="文件放在何处，默认 XUNGE_FILES_DIR · where the files go",
)
@_shape
def restore(folder: Path, into: str | None, store: Path | None, shape: str) -> None:
    """把备份恢复到空数据库 · restore the newest backup of DIR, or the one named, into an empty database."""
    settings = read_settings()
    revisions = Revisions(known=migrate.known_revisions(), upgrade=migrate.apply)
    with _told() as progress:
        manifest = restore_backup(
            folder, into or settings.owner_database_url, store or settings.files_dir, revisions, progress
        )
    _print(manifest, shape, f"已恢复 · restored: {manifest.name}")
    click.echo(
        "请启动 web、worker 和 scheduler。手持机下次同步时会发现新的纪元，自行从头拉取并对账，"
        "补传备份之后的记录和照片；在此之前请勿停用任何手持机。\n"
        "Now start web, worker and scheduler. At their next sync the handhelds see the new epoch, start over, reconcile "
        "and push what came after the backup; revoke no handheld before that.",
        err=True,
    )


@contextmanager
def _told() -> Iterator[making.Progress]:
    """A progress bar on standard error; a failure becomes a sentence and exit 1."""
    with byte_progress() as bar:
        tasks = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        try:
            yield tell
        except BackupFailed as failed:
            raise click.ClickException(str(failed)) from failed


def _print(manifest: Manifest, shape: str, sentence: str) -> None:
    if shape == "json":
        click.echo(manifest.text(), nl=False)
        return
    click.echo(sentence)
    click.echo(
        f"快照 {manifest.snapshot_at.isoformat(timespec='seconds')}，数据库 {manifest.dump.bytes:,} 字节，"
        f"文件 {manifest.file_count:,} 个 {manifest.file_bytes:,} 字节 · snapshot, dump, files"
    )
