"""``xunge retention``: what is kept of persons for a time only, and ending it."""

from __future__ import annotations

import click

from server import retention
from server.commands.acting import of_bureau
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table


@click.command("retention")
@click.option("--dry-run", is_flag=True, help="只显示到期数量，不删除 · only show what is due")
@of_bureau
def command(dry_run: bool, bureau: str | None) -> None:
    """到期个人信息的清除（每晚自动进行）· end what is kept of persons for a time only; done every night by itself."""
    with bureau_work(bureau) as work:
        ended = retention.carry_out(work)
        if dry_run:
            # Every step is really taken, so that what is shown is what would be done, and then taken back.
            work.session.rollback()
            work.jobs.clear()
        settings = work.settings
    table = headed(
        "内容 · what",
        "保存天数 · kept for days",
        "到期 · due" if dry_run else "清除 · ended",
        title="试运行，未删除 · dry run, nothing is gone" if dry_run else "已清除 · ended",
    )
    for step in retention.STEPS:
        table.add_row(f"{step.name_zh} · {step.name_en}", str(step.days(settings)), str(ended[step.code]))
    print_table(table)
