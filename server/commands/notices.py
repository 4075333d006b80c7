"""``xunge notices``: the day's digests on demand, and what was told."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time

import click
from sqlalchemy import func, select

from schemas.vocabulary import NoticeKind
from server.access.models import Account
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.kernel.settings import read_settings
from server.kernel.work import Work
from server.notices import wording
from server.notices.models import Notice
from server.notices.ops import plan, send_digests
from server.notices.rules import Recipient
from server.org.models import Person

_bureau = click.option("--bureau", help="单位名称 · bureau")


@click.group("notices")
def group() -> None:
    """通知：到期、漏查、未同步 · digests of what is due, missed or not synced."""


@group.command()
@click.option("--day", type=Day(), help="哪一天，默认今天；只能试算 · a day, to look at only")
@click.option("--dry-run", is_flag=True, help="只显示将通知谁 · only show who would be told what")
@_bureau
def send(day: date | None, dry_run: bool, bureau: str | None) -> None:
    """发出当天的通知，重复运行不会重发 · make the day's digests; a second run makes none."""
    settings = read_settings()
    now = datetime.now(UTC)
    if day is not None and day != now.astimezone(settings.zone).date():
        if not dry_run:
            raise click.UsageError("只能补发今天的通知，其他日期请加 --dry-run · only today's can be sent")
        now = datetime.combine(day, time(settings.notice_hour), settings.zone)
    with bureau_work(bureau, now) as work:
        if not dry_run:
            click.echo(f"已发出 {send_digests(work)} 份通知 · notices made")
            return
        drafts = plan(work)
        names = _names(work, [draft.digest.recipient for draft in drafts])
        table = headed("通知对象 · who", "身份 · as", "内容 · what")
        for draft in drafts:
            zh, en = wording.title(
                draft.digest.kind, now.astimezone(work.zone).date(), draft.content["counts"]
            )
            table.add_row(names[draft.digest.recipient], draft.digest.role.value, f"{zh}\n{en}")
    print_table(table)
    click.echo(f"{len(drafts)} 份，未发出 · digests, none of them sent")


@group.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@_bureau
def list_(limit: int, bureau: str | None) -> None:
    """列出已发通知，最新的在前 · what was told, the newest first."""
    with bureau_work(bureau) as work:
        newest = select(Notice).where(Notice.bureau_id == work.bureau_id).order_by(Notice.id.desc())
        found = work.session.scalars(newest.limit(limit)).all()
        of = func.count().label("n")
        total = work.session.scalar(select(of).where(Notice.bureau_id == work.bureau_id)) or 0
        names = _names(work, [Recipient(notice.person_id, notice.account_id) for notice in found])
        table = headed("日期 · day", "通知对象 · who", "身份 · as", "内容 · what", "已读 · read")
        for notice in found:
            zh, _ = wording.title(NoticeKind(notice.kind), notice.day, notice.content["counts"])
            read = notice.read_at.astimezone(work.zone).strftime("%m-%d %H:%M") if notice.read_at else ""
            who = names[Recipient(notice.person_id, notice.account_id)]
            table.add_row(str(notice.day), who, notice.role, zh, read)
    print_table(table)
    if total > len(found):
        click.echo(f"共 {total} 份，只列出 {len(found)} 份 · there are more; see --limit")


def _names(work: Work, recipients: list[Recipient]) -> dict[Recipient, str]:
    people = {one.person_id for one in recipients if one.person_id}
    accounts = {one.account_id for one in recipients if one.account_id}
    named: dict[uuid.UUID, str] = dict(
        work.session.execute(select(Person.id, Person.name).where(Person.id.in_(people))).all()
    )
    named.update(
        work.session.execute(select(Account.id, Account.username).where(Account.id.in_(accounts))).all()
    )
    return {one: named[one.person_id or one.account_id] for one in recipients}  # type: ignore[index]
