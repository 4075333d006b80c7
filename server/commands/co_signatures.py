"""``xunge co-signatures``: who co-signed which record, what does not fit, and what waits for its record."""

from __future__ import annotations

import click

from server.commands.acting import of_bureau
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.records.co_signing import list_co_signatures
from server.reports.sheets import NO_FIGURE


@click.command("co-signatures")
@click.option(
    "--state",
    type=click.Choice(["waiting", "concern"]),
    help="waiting 等待所签记录；concern 有疑问 · default: all",
)
@of_bureau
def command(state: str | None, bureau: str | None) -> None:
    """列出共同签名，不符的注明原因 · co-signatures, with what does not fit."""
    table = headed("签名人", "签名时间", "意见", "所签记录", "相符", "疑问")
    with bureau_work(bureau) as work:
        for one in list_co_signatures(work, state):
            fits = {True: "是", False: "否", None: "等待"}[one["matches"]]
            table.add_row(
                one["name"] or NO_FIGURE,
                f"{one['signed_at'].astimezone(work.zone):%Y-%m-%d %H:%M}",
                "同意" if one["decision"] == "agree" else "有异议",
                str(one["record_id"] or NO_FIGURE),
                fits,
                "；".join(concern["detail"] for concern in one["concerns"]) or NO_FIGURE,
            )
    print_table(table)
