"""``xunge campaign``: campaigns and how far they reached. ``xunge tag``: tags of key places."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from schemas.campaigns import CampaignIn, CampaignPage, FiguresOut, ReachedList, TagIn, TagKindIn, TagPage
from schemas.vocabulary import CampaignState
from server.campaigns import ops, queries, tag_queries, tags
from server.campaigns.figures import figures_of, outlet_told
from server.campaigns.models import Campaign, PlaceTag
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import loaded, print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.grids.models import GridCell
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.sheets import NO_FIGURE

_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_limit = click.option("--limit", default=100, show_default=True, help="条数 · how many")
_after = click.option("--after", help="接上一页 · the “after” of the page before")
_number = click.argument("number")


@click.group("campaign")
def group() -> None:
    """专项行动：起止、范围，覆盖了多少户 · campaigns, and how far they reached."""


@group.command("list")
@click.option("--state", type=click.Choice([state.value for state in CampaignState]))
@_limit
@_after
@_shape
@of_bureau
def list_(state: str | None, limit: int, after: str | None, shape: str, bureau: str | None) -> None:
    """列出专项行动，最近的在前 · list the campaigns, the latest first."""
    with bureau_work(bureau) as work:
        rows = queries.listed(work)
        if state:
            rows = rows.where(queries.in_state(work, state))
        keys = [Campaign.first_day, Campaign.id]
        page = page_of_rows(work.session, rows, keys, after, limit, newest_first=True)
        page["items"] = queries.described(work, page["items"])
    if shape == "json":
        print_json(CampaignPage(), page)
        return
    table = headed("文号", "名称", "起", "止", "状态", "标签", "网格", "对象", "编号")
    for one in page["items"]:
        table.add_row(
            one["number"],
            one["name"],
            str(one["first_day"]),
            str(one["last_day"]),
            one["state_zh"],
            "、".join(one["tags"]) or NO_FIGURE,
            str(len(one["cell_ids"])),
            str(len(one["subject_ids"])),
            str(one["id"]),
        )
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多：--after {page['after']} · there are more")


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def add(file: Path, username: str | None, bureau: str | None) -> None:
    """部署一次专项行动（JSON，同 POST /campaigns）· set one up."""
    given = read_file(file, CampaignIn())
    with acting(bureau, username, Permission.CAMPAIGN_MANAGE) as work:
        campaign = ops.set_up(work, given)
        click.echo(f"已部署 {campaign.number}：{campaign.first_day} 至 {campaign.last_day} · set up")


@group.command()
@_number
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def withdraw(number: str, reason: str, username: str | None, bureau: str | None) -> None:
    """撤销，此前的检查仍计入 · end it now; what was checked before still counts."""
    with acting(bureau, username, Permission.CAMPAIGN_MANAGE) as work:
        ops.withdraw(work, _campaign(work, number).id, reason)
    click.echo(f"已撤销 {number} · withdrawn")


@group.command()
@_number
@_shape
@of_bureau
def figures(number: str, shape: str, bureau: str | None) -> None:
    """覆盖情况：应查户、已查户、发现问题 · outlets in scope, visited, and what was found."""
    with bureau_work(bureau) as work:
        campaign = _campaign(work, number)
        found = figures_of(work, campaign)
        title = f"{campaign.name}（{campaign.first_day} 至 {campaign.last_day}）"
    if shape == "json":
        print_json(FiguresOut(), found)
        return
    table = headed("范围", "户数", "已查户数", "覆盖率", "发现问题户数", title=title)
    for label, line in (
        *((one["name"], one) for one in found["by_tag"]),
        *((f"{one['code']} {one['name']}", one) for one in found["by_cell"]),
        ("合计", found),
    ):
        covered = NO_FIGURE if line["coverage"] is None else f"{line['coverage']:.1%}"
        counts = (line["outlets"], line["visited"], covered, line["outlets_with_findings"])
        table.add_row(label, *map(str, counts))
    print_table(table)
    click.echo(
        f"专项检查记录 {found['records']} 条，有效 {found['valid_records']} 条，"
        f"其中发现问题 {found['findings']} 条 · records, valid, with findings"
    )


@group.command()
@_number
@click.option("--visited/--not-visited", default=None, help="只列已查的／未查的 · those visited, or not")
@_shape
@of_bureau
def outlets(number: str, visited: bool | None, shape: str, bureau: str | None) -> None:
    """范围内的零售户及各户的检查记录 · the outlets in scope with their records."""
    with bureau_work(bureau) as work:
        reached = queries.outlets_of(work, _campaign(work, number))
        items = [outlet_told(one) for one in reached if visited in (None, one.visited)]
    if shape == "json":
        print_json(ReachedList(), {"items": items})
        return
    table = headed("许可证号", "店名", "标签", "已查", "发现问题", "记录")
    for one in items:
        table.add_row(
            one["licence_no"],
            one["name"],
            "、".join(one["tags"]) or NO_FIGURE,
            "是" if one["visited"] else "否",
            str(one["findings"]),
            "\n".join(map(str, one["record_ids"])) or NO_FIGURE,
        )
    print_table(table)


@click.group("tag")
def tag() -> None:
    """重点场所标签：列管与撤下 · tags of key places: listing and delisting."""


@tag.command()
@of_bureau
def kinds(bureau: str | None) -> None:
    """全部标签的代码和名称 · every tag with its name."""
    with bureau_work(bureau) as work:
        names = tag_queries.tag_names(work)
    table = headed("代码", "名称")
    for code, name in names.items():
        table.add_row(code, name)
    print_table(table)


@tag.command()
@click.argument("code")
@click.argument("name")
@as_account
@of_bureau
def define(code: str, name: str, username: str | None, bureau: str | None) -> None:
    """定义本单位自己的标签 · define a tag of the bureau's own."""
    given = loaded({"code": code, "name": name}, TagKindIn())
    with acting(bureau, username, Permission.CAMPAIGN_MANAGE) as work:
        tags.define(work, given["code"], given["name"])
    click.echo(f"已定义 {code}（{name}）· defined")


@tag.command("list")
@click.option("--tag", "code", help="标签代码 · the tag")
@click.option("--on", type=Day(), help="此日列管的 · that hold on this day")
@click.option("--all", "every", is_flag=True, help="含已撤下的 · also what was ended")
@_limit
@_after
@_shape
@of_bureau
def list_tags(
    code: str | None,
    on: date | None,
    every: bool,
    limit: int,
    after: str | None,
    shape: str,
    bureau: str | None,
) -> None:
    """列出标签 · list the tags."""
    query: dict[str, Any] = {"tag": code, "subject_id": None, "on": on, "all": every}
    with bureau_work(bureau) as work:
        keys = [PlaceTag.known_at, PlaceTag.id]
        page = page_of_rows(work.session, tag_queries.listed(work, query), keys, after, limit)
        page["items"] = tag_queries.described(work, page["items"])
    if shape == "json":
        print_json(TagPage(), page)
        return
    table = headed("标签", "对象", "证号或编号", "起", "止", "依据", "状态", "编号")
    for one in page["items"]:
        table.add_row(
            one["tag_zh"],
            one["name"] or NO_FIGURE,
            one["number"] or NO_FIGURE,
            str(one["from_day"]),
            str(one["last_day"] or one["to_day"] or NO_FIGURE),
            one["ground"],
            "已撤下" if one["ended"] else "列管",
            str(one["id"]),
        )
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多：--after {page['after']} · there are more")


@tag.command()
@click.argument("code")
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="每行一个许可证号 · a licence number a line",
)
@click.option("--licence", "licences", multiple=True, help="许可证号，可多次 · may be given often")
@click.option("--outlets-of", "cells", multiple=True, help="网格编码：其中全部零售户 · all outlets of a cell")
@click.option("--cell", "own_cells", multiple=True, help="网格编码：网格本身 · the cell itself")
@click.option("--from", "from_day", type=Day(), required=True, help="列管日期 · from this day")
@click.option("--to", "to_day", type=Day(), help="截止日期 · up to this day")
@click.option("--ground", required=True, help="事由或依据 · why")
@as_account
@of_bureau
def put(
    code: str,
    file: Path | None,
    licences: tuple[str, ...],
    cells: tuple[str, ...],
    own_cells: tuple[str, ...],
    from_day: date,
    to_day: date | None,
    ground: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """列管：按许可证号（可用文件）、网格内全部零售户，或网格本身 · list places as something."""
    read = _lines(file) if file else []
    with acting(bureau, username, Permission.TAG_MANAGE) as work:
        body = {
            "tag": code,
            "from_day": from_day.isoformat(),
            "to_day": to_day.isoformat() if to_day else None,
            "ground": ground,
            "licence_nos": [*read, *licences],
            "outlets_of_cells": [str(_cell(work, one)) for one in cells],
            "subjects": [{"kind": "cell", "id": str(_cell(work, one))} for one in own_cells],
        }
        done = tags.put(work, loaded(body, TagIn()))
    click.echo(f"新列管 {len(done.new)}，已在列 {done.unchanged} · newly listed, listed already")


@tag.command()
@click.argument("tag_ids", type=click.UUID, nargs=-1, required=True)
@click.option("--last-day", type=Day(), help="列管到此日；不写为误列 · none: it never held")
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def end(
    tag_ids: tuple[uuid.UUID, ...],
    last_day: date | None,
    reason: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """撤下标签；事实保留 · delist; what was listed stays to be read."""
    with acting(bureau, username, Permission.TAG_MANAGE) as work:
        ended = tags.end(work, tag_ids, last_day, reason)
    click.echo(f"已撤下 {len(ended)} · ended")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").split()
    except ValueError as error:
        raise Problem("bad_request", detail=f"{file} 不是 UTF-8 文本。It is no text in UTF-8.") from error


def _campaign(work: Work, number: str) -> Campaign:
    own = select(Campaign).where(Campaign.bureau_id == work.bureau_id, Campaign.number == number)
    campaign = work.session.scalar(own)
    if campaign is None:
        raise Problem("not_found", detail=f"没有文号为“{number}”的专项行动。No campaign has this number.")
    return campaign


def _cell(work: Work, code: str) -> uuid.UUID:
    own = select(GridCell.id).where(GridCell.bureau_id == work.bureau_id, GridCell.code == code)
    found = work.session.scalar(own)
    if found is None:
        raise Problem("not_found", detail=f"没有编码为“{code}”的网格。No cell has this code.")
    return found
