"""``xunge make-up``: link a late visit to the missed check that it makes up, and undo it."""

from __future__ import annotations

import uuid

import click

from server.cadence import making_up
from server.commands.acting import acting, of_bureau, signed_as
from server.kernel.permissions import Permission

_record = click.argument("record_id", type=click.UUID)
_reason = click.option("--reason", required=True, help="理由，记入案卷 · the reason, which is kept")


@click.group("make-up")
def group() -> None:
    """逾期补查 · checks made up for."""


@group.command()
@_record
@click.argument("key")
@_reason
@signed_as
@of_bureau
def link(record_id: uuid.UUID, key: str, reason: str, username: str, bureau: str | None) -> None:
    """把一次检查记为漏查周期（如 2026-W36）的补查 · have a visit make up a missed period."""
    with acting(bureau, username, Permission.CADENCE_MAKE_UP) as work:
        making_up.link(work, record_id, key, reason)
    click.echo(f"{key} 已由该次检查补查 · {key} is made up by this visit")


@group.command()
@_record
@_reason
@signed_as
@of_bureau
def undo(record_id: uuid.UUID, reason: str, username: str, bureau: str | None) -> None:
    """撤销事后关联 · undo the link."""
    with acting(bureau, username, Permission.CADENCE_MAKE_UP) as work:
        making_up.unlink(work, record_id, reason)
    click.echo("已撤销 · undone")
