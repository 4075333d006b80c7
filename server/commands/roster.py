"""``xunge roster``: who is away on which days, and who is seconded to whom."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from schemas.roster import RosterEntryIn, RosterPage
from schemas.vocabulary import RosterKind
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import loaded, print_json
from server.commands.bureau import bureau_work
from server.commands.imports import counted, import_options, open_table, outcome_of, progress_bar, tell
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.reports.sheets import NO_FIGURE
from server.roster import ops, register
from server.roster.importing import apply_roster, plan_roster
from server.roster.models import RosterEntry
from server.roster.queries import described, entries_of

_KINDS = [kind.value for kind in RosterKind]


@click.group("roster")
def group() -> None:
    """排班：休假、培训、借调（供排巡查用，不是考勤）· who is away; for planning, and no attendance."""


@group.command("list")
@click.option("--squad", help="中队名称 · the squad's name")
@click.option("--staff-no", help="工号 · a person's staff number")
@click.option("--from", "from_day", type=Day(), help="此日及以后 · on this day or later")
@click.option("--to", "to_day", type=Day(), help="此日及以前 · on this day or before")
@click.option("--all", "every", is_flag=True, help="含已撤销的 · also what was withdrawn")
@click.option("--limit", default=100, show_default=True, help="条数 · how many")
@click.option("--after", help="接上一页 · the “after” of the page before")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@of_bureau
def list_(
    squad: str | None,
    staff_no: str | None,
    from_day: date | None,
    to_day: date | None,
    every: bool,
    limit: int,
    after: str | None,
    shape: str,
    bureau: str | None,
) -> None:
    """按开始时间列出排班 · list entries by their beginning."""
    with bureau_work(bureau) as work:
        query: dict[str, Any] = {
            "squad_id": _squad(work, squad) if squad else None,
            "person_id": _person(work, staff_no) if staff_no else None,
            "kind": None,
            "from_day": from_day,
            "to_day": to_day,
            "all": every,
        }
        wanted = entries_of(work, query)
        page = page_of(work.session, wanted, [RosterEntry.begins, RosterEntry.id], after, limit)
        page["items"] = described(work, page["items"])
    if shape == "json":
        print_json(RosterPage(), page)
        return
    table = headed("人员", "类别", "起", "止", "去向", "备注", "状态", "编号")
    for one in page["items"]:
        table.add_row(
            one["person"],
            one["kind_zh"],
            f"{one['first_day']} {one['from_time'] or ''}".strip(),
            f"{one['last_day']} {one['to_time'] or ''}".strip(),
            one["squad"] or one["unit"] or NO_FIGURE,
            one["note"] or NO_FIGURE,
            "已撤销" if one["withdrawn_at"] else "有效",
            str(one["id"]),
        )
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多：--after {page['after']} · there are more")


@group.command()
@click.argument("staff_no")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("first_day", type=Day())
@click.argument("last_day", type=Day())
@click.option("--from-time", help="首日自几时起，如 12:00 · from this time of the first day")
@click.option("--to-time", help="末日至几时止，如 12:00 · until this time of the last day")
@click.option("--squad", help="借调到的中队 · the squad he is seconded to")
@click.option("--unit", help="借调到的外单位 · the unit outside he is seconded to")
@click.option("--note", help="事由，仅本人和排班人可见 · why; for himself and whoever writes his roster")
@as_account
@of_bureau
def add(
    staff_no: str,
    kind: str,
    first_day: date,
    last_day: date,
    from_time: str | None,
    to_time: str | None,
    squad: str | None,
    unit: str | None,
    note: str | None,
    username: str | None,
    bureau: str | None,
) -> None:
    """登记一条排班，起止两日都算在内 · write an entry down; both days are included."""
    with acting(bureau, username, Permission.ROSTER_WRITE) as work:
        body = {
            "person_id": str(_person(work, staff_no)),
            "kind": kind,
            "first_day": first_day.isoformat(),
            "last_day": last_day.isoformat(),
            "from_time": from_time,
            "to_time": to_time,
            "squad_id": str(_squad(work, squad)) if squad else None,
            "unit": unit,
            "note": note,
        }
        told = described(work, [ops.enter(work, loaded(body, RosterEntryIn()))])[0]
    click.echo(f"已登记 {told['id']}：{told['person']} {told['kind_zh']} · written down")


@group.command()
@click.argument("entry_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@click.option("--last-day", type=Day(), help="提前到此日为止 · let it end after this day")
@as_account
@of_bureau
def withdraw(
    entry_id: uuid.UUID, reason: str, last_day: date | None, username: str | None, bureau: str | None
) -> None:
    """撤销一条排班，或提前结束 · take an entry back, or let it end earlier."""
    with acting(bureau, username, Permission.ROSTER_WRITE) as work:
        left = ops.withdraw(work, entry_id, reason, last_day)
        told = f"已改为 {left.id}，至 {last_day} 止 · ends then" if last_day else "已撤销 · withdrawn"
    click.echo(told)


@group.command("import")
@import_options
@as_account
def import_(
    file: Path,
    layer: str | None,
    dry_run: bool,
    strict: bool,
    shape: str,
    bureau: str | None,
    username: str | None,
) -> None:
    """导入一个月的排班（XLSX、CSV）；重复导入不会重复登记 · a month's roster; a second run changes nothing."""
    table = open_table(file, register.HEADINGS, register.REQUIRED, (), layer)
    with acting(bureau, username, Permission.ROSTER_WRITE) as work, progress_bar(shape) as bar:
        judged = register.read_register(counted(table, bar, "读取 · read"))
        plan = plan_roster(work, judged.good)
        held_back = dry_run or (strict and bool(judged.bad or plan.refused))
        outcome = outcome_of(judged, table, plan.refused, plan, held_back)
        if outcome.applied:
            apply_roster(work, plan)
    tell(outcome, shape, strict)


def _person(work: Work, staff_no: str) -> uuid.UUID:
    own = select(Person.id).where(Person.bureau_id == work.bureau_id, Person.staff_no == staff_no)
    found = work.session.scalar(own)
    if found is None:
        raise Problem("not_found", detail=f"没有工号为“{staff_no}”的人员。Nobody has this staff number.")
    return found


def _squad(work: Work, name: str) -> uuid.UUID:
    own = select(Squad.id).where(Squad.bureau_id == work.bureau_id, Squad.name == name)
    found = work.session.scalar(own)
    if found is None:
        raise Problem("not_found", detail=f"没有名为“{name}”的中队。No squad has this name.")
    return found
