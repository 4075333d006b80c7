"""``xunge dispatch``: dispatches that no handheld told of, and the list of all. ``xunge road-check``: sessions and stops."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from schemas.dispatches import DispatchCorrection, DispatchIn, DispatchPage
from schemas.road_checks import SessionPage, StopPage
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Moment
from server.dispatches import ops
from server.dispatches.models import Dispatch
from server.dispatches.queries import counting, described, visible_to
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.records import road_checks
from server.reports.sheets import NO_FIGURE

_SOURCES = {"form": "出动登记", "road_check": "路检场次", "patrol": "巡查", "desk": "后台登记"}
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_since = click.option("--since", type=Moment(), help="此刻及以后 · at this moment or later")
_until = click.option("--until", type=Moment(), help="此刻以前 · before this moment")
_limit = click.option("--limit", default=100, show_default=True, help="条数 · how many")
_after = click.option("--after", help="接上一页 · the “after” of the page before")
_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group("dispatch")
def group() -> None:
    """出动：谁、哪些车、哪些联合单位 · who was out, with which vehicles and partner units."""


@group.command("list")
@_since
@_until
@click.option("--all", "every", is_flag=True, help="含已更正、已撤销的 · also what was replaced or withdrawn")
@_limit
@_after
@_shape
@of_bureau
def list_(
    since: datetime | None,
    until: datetime | None,
    every: bool,
    limit: int,
    after: str | None,
    shape: str,
    bureau: str | None,
) -> None:
    """按开始时间列出出动 · list dispatches by their start."""
    with bureau_work(bureau) as work:
        wanted = visible_to(work.actor)
        if not every:
            wanted = wanted.where(counting(work, work.now))
        if since:
            wanted = wanted.where(Dispatch.started_at >= _aware(since, work))
        if until:
            wanted = wanted.where(Dispatch.started_at < _aware(until, work))
        page = page_of(work.session, wanted, [Dispatch.started_at, Dispatch.id], after, limit)
        page["items"] = described(work, page["items"])
    if shape == "json":
        print_json(DispatchPage(), page)
        return
    rows = [
        (
            str(one["day"]),
            f"{one['started_at']:%H:%M}—{one['ended_at']:%H:%M}",
            one["squad"] or NO_FIGURE,
            _SOURCES[one["source"]],
            one["task"] or NO_FIGURE,
            str(one["officers"]),
            str(one["vehicle_count"]),
            str(one["partner_people"]),
            str(one["id"]),
        )
        for one in page["items"]
    ]
    _print(
        ("日期", "时间", "中队", "来源", "事由", "人次", "辆次", "联合单位人次", "编号"), rows, page["after"]
    )


@group.command()
@_file
@as_account
@of_bureau
def add(file: Path, username: str | None, bureau: str | None) -> None:
    """补登记一次出动（JSON，同 POST /dispatches）· write down one that no handheld told of."""
    given = read_file(file, DispatchIn())
    with acting(bureau, username, Permission.DISPATCH_WRITE) as work:
        told = described(work, [ops.register(work, given)])[0]
    click.echo(f"已登记 {told['id']}：{told['officers']} 人次，{told['vehicle_count']} 辆次 · written down")


@group.command()
@click.argument("dispatch_id", type=click.UUID)
@_file
@as_account
@of_bureau
def correct(dispatch_id: uuid.UUID, file: Path, username: str | None, bureau: str | None) -> None:
    """更正后台登记的出动，须写明理由（JSON）· correct one of the desk, and why."""
    given = read_file(file, DispatchCorrection())
    with acting(bureau, username, Permission.DISPATCH_WRITE) as work:
        told = described(work, [ops.correct(work, dispatch_id, given)])[0]
    click.echo(f"已更正为 {told['id']}：{told['officers']} 人次，{told['vehicle_count']} 辆次 · corrected")


@group.command()
@click.argument("dispatch_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def withdraw(dispatch_id: uuid.UUID, reason: str, username: str | None, bureau: str | None) -> None:
    """撤销后台登记的出动，须写明理由 · note that one of the desk never was."""
    with acting(bureau, username, Permission.DISPATCH_WRITE) as work:
        ops.withdraw(work, dispatch_id, reason)
    click.echo(f"已撤销 {dispatch_id} · withdrawn")


@click.group("road-check")
def road_check() -> None:
    """路检路查：场次与拦检车辆 · road-check sessions and stops."""


@road_check.command("list")
@click.option("--site", type=click.UUID, help="卡点 · the checkpoint")
@_since
@_until
@_limit
@_after
@_shape
@of_bureau
def list_sessions(
    site: uuid.UUID | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
    shape: str,
    bureau: str | None,
) -> None:
    """列出路检场次 · list the sessions."""
    with bureau_work(bureau) as work:
        query: dict[str, Any] = {
            "site_id": site,
            "squad_id": None,
            "valid": None,
            "since": _aware(since, work),
            "until": _aware(until, work),
            "after": after,
            "limit": limit,
        }
        page = road_checks.sessions(work, query)
    if shape == "json":
        print_json(SessionPage(), page)
        return
    rows = [
        (
            str(one["day"]),
            f"{one['performed_at']:%H:%M}—{one['ended_at']:%H:%M}",
            one["site"] or one["road"] or "（流动）",
            str(one["stops"]),
            str(one["hits"]),
            str(one["sticks"]),
            "是" if one["valid"] else "否",
            str(one["id"]),
        )
        for one in page["items"]
    ]
    _print(
        ("日期", "时间", "卡点", "拦检车次", "查获车次", "卷烟（支）", "有效", "编号"), rows, page["after"]
    )


@road_check.command("stops")
@click.option("--session", "record_id", type=click.UUID, help="场次 · the session")
@click.option("--site", type=click.UUID, help="卡点 · the checkpoint")
@click.option("--plate", help="完整车牌 · the whole plate")
@click.option("--with-goods", is_flag=True, default=None, help="只列查获的 · only where goods were found")
@_since
@_until
@_limit
@_after
@_shape
@of_bureau
def list_stops(
    record_id: uuid.UUID | None,
    site: uuid.UUID | None,
    plate: str | None,
    with_goods: bool | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
    shape: str,
    bureau: str | None,
) -> None:
    """列出拦检车辆，车牌遮蔽 · list the vehicles stopped, plates masked."""
    with bureau_work(bureau) as work:
        query: dict[str, Any] = {
            "record_id": record_id,
            "site_id": site,
            "squad_id": None,
            "valid": None,
            "plate": plate,
            "goods_found": with_goods or None,
            "since": _aware(since, work),
            "until": _aware(until, work),
            "after": after,
            "limit": limit,
        }
        page = road_checks.stops(work, query)
        zone = work.zone
    if shape == "json":
        print_json(StopPage(), page)
        return
    rows = [
        (
            f"{one['stopped_at'].astimezone(zone):%Y-%m-%d %H:%M}",
            one["plate"] or NO_FIGURE,
            "是" if one["goods_found"] else "否",
            str(one["stick_total"]),
            "".join(hint["detail"] for hint in one["hints"]) or NO_FIGURE,
            f"{one['record_id']} 第{one['ordinal']}辆",
        )
        for one in page["items"]
    ]
    _print(("时间", "车牌", "查获", "卷烟（支）", "提示", "记录"), rows, page["after"])


def _aware(moment: datetime | None, work: Any) -> datetime | None:
    """A moment without an offset is the bureau's own time."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=work.zone)


def _print(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], after: str | None) -> None:
    table = headed(*headings)
    for row in rows:
        table.add_row(*row)
    print_table(table)
    if after:
        click.echo(f"还有更多：--after {after} · there are more")
