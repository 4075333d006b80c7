"""``xunge sync``: what waits at the desk, on the command line."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import click

from schemas.sync import ConflictOut, ConflictWhole, KeptRowOut, KeptRowWhole, RetryAnswer
from server.commands.bureau import bureau_work
from server.desk import ops, queries
from server.kernel.paging import page_of_rows
from sync.tables import push_log, quarantine

_bureau = click.option("--bureau", help="单位名称 · bureau")
_open = click.option("--all", "settled", is_flag=True, help="含已处理的 · settled ones as well")
_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))


@click.group("sync")
def group() -> None:
    """同步裁定：冲突与隔离 · conflicts and quarantine."""


@group.group()
def conflicts() -> None:
    """冲突中落败的修改 · edits that lost."""


@conflicts.command("list")
@_bureau
@_open
@_limit
def list_conflicts(bureau: str | None, settled: bool, limit: int) -> None:
    """列出待裁定的冲突，最早的在前 · list them, the oldest first."""
    with bureau_work(bureau) as work:
        query = queries.conflicts(work)
        if not settled:
            query = query.where(push_log.c.resolved_at.is_(None))
        page = page_of_rows(work.session, query, [push_log.c.seq], None, limit)
        _print(ConflictOut(many=True).dump(page["items"]), page["after"] is not None)


@conflicts.command("show")
@click.argument("conflict_id", type=int)
@_bureau
def show_conflict(conflict_id: int, bureau: str | None) -> None:
    """显示一条冲突的三方内容（记入日志）· show its three sides; this is recorded."""
    with bureau_work(bureau) as work:
        _write(ConflictWhole().dump(ops.open_conflict(work, conflict_id)))


@group.group("quarantine")
def kept_rows() -> None:
    """不能入库的上传 · rows that could not be taken."""


@kept_rows.command("list")
@_bureau
@_open
@_limit
def list_kept_rows(bureau: str | None, settled: bool, limit: int) -> None:
    """列出隔离的上传，最早的在前 · list them, the oldest first."""
    with bureau_work(bureau) as work:
        query = queries.kept_rows(work)
        if not settled:
            query = query.where(quarantine.c.resolved_at.is_(None))
        page = page_of_rows(work.session, query, [quarantine.c.at, quarantine.c.id], None, limit)
        _print(KeptRowOut(many=True).dump(page["items"]), page["after"] is not None)


@kept_rows.command("show")
@click.argument("kept_id", type=click.UUID)
@_bureau
def show_kept_row(kept_id: uuid.UUID, bureau: str | None) -> None:
    """显示原始字节（记入日志）· show the bytes as they came; this is recorded."""
    with bureau_work(bureau) as work:
        _write(KeptRowWhole().dump(ops.open_kept_row(work, kept_id)))


@kept_rows.command("retry")
@click.argument("kept_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@click.option(
    "--document",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="更正后的文档（JSON）· the document put right",
)
@_bureau
def retry_kept_row(kept_id: uuid.UUID, reason: str, document: Path | None, bureau: str | None) -> None:
    """以原发送人的名义重试 · try it again as the one who sent it."""
    corrected = _read(document) if document else None
    with bureau_work(bureau) as work:
        answer = ops.retry_kept_row(work, kept_id, corrected, reason)
    _write(RetryAnswer().dump(answer))
    if answer["review"]:
        raise click.ClickException("仍不能入库 · it still cannot be taken")


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise click.ClickException(f"{path} 不是一个 JSON 对象 · is no JSON object")
    return value


def _write(body: dict[str, Any]) -> None:
    click.echo(json.dumps(body, ensure_ascii=False, indent=1))


def _print(items: list[dict[str, Any]], more: bool) -> None:
    """A line each, in tabs: ids are there to be copied, and no terminal is wide enough for two of them in a table."""
    for item in items:
        said = "、".join(fault["code"] for fault in item.get("review", []))
        state = "已处理 settled" if item["resolved_at"] else "待处理 open"
        who = f"{item['person_name'] or '—'} · {item['device_label'] or '—'}"
        told = (item["id"], item["at"], item["collection"], item["document_id"] or "—", who, state, said)
        click.echo("\t".join(map(str, told)).rstrip())
    if not items:
        click.echo("没有 · none")
    if more:
        click.echo("还有更多，请加大 --limit · there are more: raise --limit")
