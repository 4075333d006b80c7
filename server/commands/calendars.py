"""``xunge calendar``: the secret addresses of people's calendars."""

from __future__ import annotations

import uuid

import click

from server.calendars import ops, queries
from server.calendars.models import CalendarToken
from server.commands.acting import acting, as_account, of_bureau, signed_as
from server.commands.printing import headed, print_table
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE


@click.group("calendar")
def group() -> None:
    """日历订阅：每人自己的巡查日历 · calendars that people subscribe to."""


@group.command()
@click.option("--label", required=True, help="名称，如 我的手机 · what you call it")
@click.option(
    "--due-counts", is_flag=True, help="另列本周到期待查户数 · also how much is due by the week's end"
)
@signed_as
@of_bureau
def issue(label: str, due_counts: bool, username: str, bureau: str | None) -> None:
    """为本人开通一个订阅地址，只显示这一次 · an address for your own phone, told this once."""
    with acting(bureau, username, Permission.SELF_READ) as work:
        issued = ops.issue(work, {"label": label, "due_counts": due_counts})
        base = work.settings.public_url
    click.echo(f"{base}/calendar/{issued.secret}.ics")
    if not base:
        click.echo(
            "前面请加上本系统的网址（XUNGE_PUBLIC_URL 未设）· put this server's address before it", err=True
        )


@group.command("list")
@as_account
@of_bureau
def list_(username: str | None, bureau: str | None) -> None:
    """列出全部订阅 · list everybody's."""
    table = headed("账号", "名称", "开通", "到期", "最近读取", "停用", "编号")
    with acting(bureau, username, Permission.ACCOUNT_MANAGE) as work:
        tokens = queries.of_bureau(work.actor).order_by(CalendarToken.issued_at.desc(), CalendarToken.id)
        for one in queries.described(work, work.session.scalars(tokens).all()):
            table.add_row(
                one["username"],
                one["label"],
                f"{one['issued_at']:%Y-%m-%d}",
                f"{one['expires_at']:%Y-%m-%d}",
                str(one["last_used_on"] or NO_FIGURE),
                f"{one['revoked_at']:%Y-%m-%d}" if one["revoked_at"] else NO_FIGURE,
                str(one["id"]),
            )
    print_table(table)


@group.command()
@click.argument("token_id", type=click.UUID)
@as_account
@of_bureau
def revoke(token_id: uuid.UUID, username: str | None, bureau: str | None) -> None:
    """停用一个订阅地址 · let an address lead nowhere any more."""
    with acting(bureau, username, Permission.ACCOUNT_MANAGE) as work:
        ops.revoke(work, queries.find(work, queries.of_bureau(work.actor), token_id))
    click.echo(f"已停用 {token_id} · revoked")
