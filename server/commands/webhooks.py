"""``xunge webhook``: where digests are sent as signed messages, and what became of what was sent."""

from __future__ import annotations

import time
import uuid

import click
from marshmallow import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from schemas.notices import WebhookIn
from schemas.vocabulary import NoticeKind
from server.commands.bureau import bureau_work
from server.commands.printing import print_table
from server.kernel.http import problem_of_fields
from server.notices import webhooks
from server.notices.models import Delivery, Webhook
from server.notices.queries import deliveries_of, webhooks_of

_bureau = click.option("--bureau", help="单位名称 · bureau")
_webhook = click.argument("webhook_id", type=click.UUID)
LOOK_AGAIN_S = 0.5
# An id that is cut in two cannot be copied.
ID_WIDTH = 36


@click.group("webhook")
def group() -> None:
    """网络回调：通知的签名推送 · webhooks."""


@group.command()
@click.argument("name")
@click.argument("url")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in NoticeKind]),
    help="只要这几类，默认全部 · only these kinds",
)
@_bureau
def add(name: str, url: str, kinds: tuple[str, ...], bureau: str | None) -> None:
    """新增，显示一次签名密钥 · add one; its secret is shown this once."""
    try:
        given = WebhookIn().load({"name": name, "url": url, "kinds": list(kinds)})
    except ValidationError as error:
        raise problem_of_fields(error) from error
    with bureau_work(bureau) as work:
        webhook, secret = webhooks.add_webhook(work, given["name"], given["url"], given["kinds"])
        webhook_id = webhook.id
    click.echo(f"编号 · id: {webhook_id}")
    click.echo(f"密钥，只显示这一次 · secret, shown this once: {secret}")


@group.command("list")
@_bureau
def list_(bureau: str | None) -> None:
    """列出 · list them."""
    table = Table()
    table.add_column("编号 · id", min_width=ID_WIDTH)
    for heading in ("名称 · name", "网址 · address", "类别 · kinds", "状态 · state"):
        table.add_column(heading)
    with bureau_work(bureau) as work:
        for one in work.session.scalars(webhooks_of(work.bureau_id).order_by(Webhook.id)):
            kinds = "、".join(NoticeKind(kind).label_zh for kind in one.kinds) or "全部 · all"
            table.add_row(
                str(one.id), one.name, one.url, kinds, "停用 · disabled" if one.disabled_at else "在用 · ok"
            )
    print_table(table)


@group.command()
@_webhook
@click.option("--wait", default=30, show_default=True, help="最多等几秒 · seconds to wait")
@_bureau
def test(webhook_id: uuid.UUID, wait: int, bureau: str | None) -> None:
    """由后台任务发一条测试消息并等结果 · have the worker send a test message, and wait for the outcome."""
    with bureau_work(bureau) as work:
        delivery_id = webhooks.post_test(work, webhooks.find_webhook(work, webhook_id)).id
    until = time.monotonic() + wait
    with Console(stderr=True).status("等待后台任务 · waiting for the worker"):
        state, attempts, error = _outcome(delivery_id, bureau)
        while state == "waiting" and error is None and time.monotonic() < until:
            time.sleep(LOOK_AGAIN_S)
            state, attempts, error = _outcome(delivery_id, bureau)
    if state == "sent":
        click.echo("已送达 · delivered")
    elif not attempts:
        raise click.ClickException(
            "还没有发出，后台任务是否在运行？见 xunge doctor · not sent yet: does the worker run?"
        )
    else:
        raise click.ClickException(
            f"没有送达，将自动重试 · not delivered, it will be tried again: {error or state}"
        )


@group.command()
@_webhook
@_bureau
def remove(webhook_id: uuid.UUID, bureau: str | None) -> None:
    """删除 · remove it."""
    with bureau_work(bureau) as work:
        webhooks.remove_webhook(work, webhooks.find_webhook(work, webhook_id))
    click.echo("已删除 · removed")


@group.command()
@click.option("--all", "ended", is_flag=True, help="含已送达的 · those that got through as well")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@_bureau
def deliveries(ended: bool, limit: int, bureau: str | None) -> None:
    """列出没有送达的邮件和推送 · mail and webhooks that have not got through, the newest first."""
    table = Table()
    table.add_column("编号 · id", min_width=ID_WIDTH)
    for heading in ("途径 · by", "状态 · state", "次数 · tries", "原因 · error", "时间 · made"):
        table.add_column(heading)
    with bureau_work(bureau) as work:
        messages = deliveries_of(work.bureau_id).order_by(Delivery.id.desc()).limit(limit)
        if not ended:
            messages = messages.where(Delivery.state.in_(("waiting", "failed")))
        for one in work.session.scalars(messages):
            made = one.made_at.astimezone(work.zone).strftime("%Y-%m-%d %H:%M")
            table.add_row(str(one.id), one.channel, one.state, str(one.attempts), one.error or "", made)
    print_table(table)


@group.command()
@click.argument("delivery_id", type=click.UUID)
@_bureau
def retry(delivery_id: uuid.UUID, bureau: str | None) -> None:
    """重发一条发送失败的 · send once more what failed for good."""
    with bureau_work(bureau) as work:
        webhooks.send_again(work, delivery_id)
    click.echo("已交后台重发 · handed to the worker")


def _outcome(delivery_id: uuid.UUID, bureau: str | None) -> tuple[str, int, str | None]:
    columns = select(Delivery.state, Delivery.attempts, Delivery.error).where(Delivery.id == delivery_id)
    with bureau_work(bureau) as work:
        state, attempts, error = work.session.execute(columns).one()
    return state, attempts, error
