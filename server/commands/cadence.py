"""``xunge cadence``: what the nightly job does, on demand."""

from __future__ import annotations

import click

from server.cadence.ops import materialise
from server.commands.bureau import bureau_work


@click.group("cadence")
def group() -> None:
    """复查制度 · cadence."""


@group.command("materialise")
@click.option("--bureau", help="单位名称 · bureau")
def materialise_now(bureau: str | None) -> None:
    """立即生成应查任务 · write down what is owed now; a second run adds nothing."""
    with bureau_work(bureau) as work:
        created = materialise(work)
    click.echo(f"新增应查 {created} 项 · {created} new obligations")
