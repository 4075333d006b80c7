"""``xunge cadence``: what the nightly job does, on demand."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from server.cadence.ops import materialise
from server.cadence.rebuilding import (
    Differences,
    answer_again,
    cells_counted,
    settle_again,
    subjects_counted,
    sum_again,
)
from server.cadence.upkeep import BATCH, bring_up_to_date
from server.commands.bureau import bureau_work, bureau_works
from server.commands.printing import count_progress

DIFFERS = 3


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


@group.command("rebuild")
@click.option(
    "--check",
    is_flag=True,
    help="只核对，不改；有差异时退出码为 3 · compare only; exit code 3 if anything differs",
)
@click.option("--bureau", help="单位名称 · bureau")
def rebuild(check: bool, bureau: str | None) -> None:
    """重算复查汇总并报告差异 · recompute what is kept for R1 from the facts, and say what differed."""
    found = Differences()
    with bureau_works(bureau) as open_work, count_progress() as progress:
        with open_work(datetime.now(UTC)) as work:
            if not check:
                bring_up_to_date(work)
            subjects, cells = subjects_counted(work), cells_counted(work)
        # Each batch is a transaction, so that pushes wait for no more than one and a rebuild may be broken off.
        for ids, again, words in (
            (subjects, settle_again, "对象 · subjects"),
            (cells, answer_again, "责任片区 · cells"),
        ):
            task = progress.add_task(words, total=len(ids))
            for start in range(0, len(ids), BATCH):
                batch = ids[start : start + BATCH]
                with open_work(datetime.now(UTC)) as work:
                    again(work, batch, found, write=not check)
                progress.advance(task, len(batch))
        with open_work(datetime.now(UTC)) as work:
            sum_again(work, found, write=not check)
    click.echo(
        f"状态不符 {found.settled} 项，责任人不符 {found.answered} 项，汇总不符 {found.sums} 组"
        f" · {found.settled} obligations, {found.answered} responsible, {found.sums} sums differed"
    )
    if check and found.any:
        sys.exit(DIFFERS)
