"""``xunge plan``: a squad's day, or a week of days, planned with reasons. ``xunge plans``: those that there are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress as Bar
from sqlalchemy import select

from gis.routing.days import Progress
from schemas.plans import MOST_DAYS, PlanPage, PlansMade, TeamsIn
from schemas.vocabulary import PlanState, SolvingState, UnfittedCode
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.naming import squad_called
from server.commands.printing import console, count_progress, headed, print_table
from server.commands.times import Day
from server.house import compose
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.settings import read_settings
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.patrols.models import PatrolPlan, PlanSolving
from server.planning import drafting, publishing, solving
from server.planning.queries import described, find_plan, heads, visible_to
from server.planning.reasons import day_zh, in_words
from server.reports.sheets import NO_FIGURE

PLAN = Permission.PATROL_PLAN
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_seconds = click.option(
    "--seconds",
    type=click.IntRange(1, 600),
    default=10,
    show_default=True,
    help="编排时限，秒 · time for the solver",
)


@click.command("plan")
@click.option("--squad", required=True, help="中队名称或编号 · squad, by name or id")
@click.option(
    "--date", "first_day", type=Day(), help="哪一天，默认今天 · the day, or the first of them; default: today"
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=1,
    show_default=True,
    help="连续几天，只排工作日 · so many days, working days only",
)
@click.option(
    "--teams",
    "teams_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="小组（JSON，同 PUT /plans/…/teams）；不写则按值勤自动编组 · default: proposed",
)
@click.option(
    "--random", "random_checks", type=click.IntRange(0, 50), default=0, help="不定期抽查户数 · at random"
)
@click.option("--seed", help="抽查的种子 · seed of what is picked at random")
@click.option(
    "--shortest", is_flag=True, help="只求路程最短，不均衡各组 · shortest way, teams need not be even"
)
@click.option("--include", multiple=True, metavar="许可证号", help="必须去的零售户 · a shop to be in it")
@click.option("--exclude", multiple=True, metavar="许可证号", help="不去的零售户 · a shop to stay out")
@_seconds
@click.option("--publish", is_flag=True, help="编排后下发到手持机 · give it out to the handhelds")
@click.option("--approval", type=click.UUID, help="所依据的检查审批 · the approval it goes by")
@_shape
@as_account
@of_bureau
def plan(
    squad: str,
    first_day: date | None,
    days: int,
    teams_file: Path | None,
    random_checks: int,
    seed: str | None,
    shortest: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    seconds: int,
    publish: bool,
    approval: uuid.UUID | None,
    shape: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """编排中队的巡查计划，列出理由和排不下的对象 · plan a squad's patrols, with reasons and what did not fit."""
    teams = read_file(teams_file, TeamsIn())["teams"] if teams_file else None
    with acting(bureau, username, PLAN) as work:
        given = {
            "squad_id": squad_called(work, squad),
            "first_day": first_day or work.now.astimezone(work.zone).date(),
            "days": days,
            "every_day": False,
            "teams": teams,
            "random_checks": random_checks,
            "seed": seed,
            "even": not shortest,
        }
        plans = drafting.make_plans(work, given)
        for wish, licences in (("include", include), ("exclude", exclude)):
            for licence_no in licences:
                _wish(work, plans, wish, licence_no)
        ids = [one.id for one in plans]
        run = solving.ask(work, ids, seconds, enqueue=False)
    _solve(run, seconds)
    with acting(bureau, username, PLAN) as work:
        if publish:
            for plan_id in ids:
                publishing.publish(work, plan_id, approval)
            work.session.flush()
        told = described(work, [find_plan(work, plan_id) for plan_id in ids])
        faults = work.session.get_one(PlanSolving, run.id).faults
    _show(told, faults, shape)


def _wish(work: Work, plans: Sequence[PatrolPlan], wish: str, licence_no: str) -> None:
    outlet_id = work.session.scalar(
        select(Outlet.id).where(Outlet.bureau_id == work.bureau_id, Outlet.licence_no == licence_no)
    )
    if outlet_id is None:
        raise Problem("not_found", detail=f"没有许可证号为 {licence_no} 的零售户。There is no such outlet.")
    nothing = {"patrol_id": None, "not_before": None, "not_after": None, "note": None}
    # Whoever is to be visited is visited once; who is kept out stays out on every day.
    for one in plans[:1] if wish == "include" else plans:
        drafting.wish(work, one.id, {"subject_id": outlet_id, "wish": wish, **nothing})


def _solve(run: PlanSolving, seconds: int) -> None:
    """Carry the run out here, with a bar of seconds."""
    kernel = compose(read_settings())
    with closing(kernel), count_progress() as bar:
        task = bar.add_task("编排 · solving", total=seconds)

        def watch(progress: Progress) -> None:
            _advance(bar, task, progress)

        state = solving.run(kernel, run.bureau_id, run.id, lambda: datetime.now(UTC), watch)
    if state is not SolvingState.DONE:
        raise click.ClickException(
            f"编排没有完成：{state.label_zh} · the solver did not finish: {state.value}"
        )


def _advance(bar: Bar, task: Any, progress: Progress) -> None:
    bar.update(task, completed=int(progress.elapsed_s), description=f"编排 · {progress.served} 户")


def _show(plans: Sequence[dict[str, Any]], faults: Sequence[dict[str, Any]], shape: str) -> None:
    if shape == "json":
        print_json(PlansMade(), {"items": plans})
        return
    for one in plans:
        show_plan(one)
    for fault in faults:
        console().print(f"! {fault['zh']} · {fault['en']}")


def show_plan(one: dict[str, Any]) -> None:
    """Print a plan: each team's stops with times and reasons, then what did not fit."""
    to = console()
    state = PlanState(one["state"]).label_zh
    to.print(f"\n[bold]{one['squad']} {day_zh(one['day'])}巡查计划[/]（{state}）  [dim]{one['id']}[/]")
    if one["approval_no"]:
        to.print(f"检查审批 {one['approval_no']}")
    for warning in one["warnings"]:
        to.print(f"! {warning['zh']} · {warning['en']}")
    zone = read_settings().zone
    for patrol in one["patrols"]:
        people = "、".join(member["name"] for member in patrol["members"])
        to.print(f"\n[bold]{_heading(patrol, people)}[/]")
        if not patrol["stops"]:
            to.print("  没有安排 · nothing to do")
            continue
        table = headed("序", "到达", "离开", "对象", "编号", "路程", "理由")
        for stop in patrol["stops"]:
            table.add_row(
                str(stop["ordinal"]),
                f"{stop['begins_at'].astimezone(zone):%H:%M}",
                f"{stop['departs_at'].astimezone(zone):%H:%M}",
                stop["name"],
                stop["number"],
                f"{stop['leg_metres'] / 1000:.1f} km{'' if stop['leg_by_road'] else ' *'}",
                in_words(stop["reasons"]),
            )
        print_table(table)
        out, back = (patrol[name].astimezone(zone) for name in ("leaves_at", "returns_at"))
        to.print(
            f"  {out:%H:%M} 出发，{back:%H:%M} 返回；行程 {patrol['metres'] / 1000:.1f} km，"
            f"路上 {patrol['travel_s'] // 60} 分钟，检查 {patrol['service_s'] // 60} 分钟，"
            f"等候 {patrol['waiting_s'] // 60} 分钟"
        )
    _show_unfitted(one["unfitted"])
    if ways := one["ways"]:
        to.print(f"* {ways['zh']} · {ways['en']}")


def _show_unfitted(unfitted: Sequence[dict[str, Any]]) -> None:
    if not unfitted:
        console().print("\n应查对象全部排入 · everything that is due is in the plan")
        return
    console().print("\n[bold]未排入计划 · not in the plan[/]")
    table = headed("对象", "编号", "为何未排入", "何日逾期")
    for left in unfitted:
        table.add_row(
            left["name"],
            left["number"],
            UnfittedCode(left["code"]).label_zh,
            str(left["late_on"] or NO_FIGURE),
        )
    print_table(table)


def _heading(patrol: dict[str, Any], people: str) -> str:
    with_what = patrol["plate"] or ("步行" if patrol["mode"] == "foot" else "未派车")
    return f"{patrol['name']}：{people}，{with_what}，{patrol['start']['name']}出发"


@click.group("plans")
def group() -> None:
    """巡查计划 · plans of patrols."""


@group.command("list")
@click.option("--squad", help="中队名称或编号 · squad")
@click.option("--since", type=Day(), help="此日及以后 · from this day on")
@click.option("--limit", default=50, show_default=True, help="条数 · how many")
@click.option("--after", help="接上一页 · the “after” of the page before")
@_shape
@of_bureau
def list_(
    squad: str | None, since: date | None, limit: int, after: str | None, shape: str, bureau: str | None
) -> None:
    """列出计划，日期近的在前 · list plans, the latest day first."""
    with bureau_work(bureau) as work:
        wanted = visible_to(work.actor)
        if squad:
            wanted = wanted.where(PatrolPlan.squad_id == squad_called(work, squad))
        if since:
            wanted = wanted.where(PatrolPlan.day >= since)
        page = page_of(work.session, wanted, [PatrolPlan.day, PatrolPlan.id], after, limit, newest_first=True)
        page["items"] = heads(work, page["items"])
    if shape == "json":
        print_json(PlanPage(), page)
        return
    table = headed("日期", "中队", "状态", "审批", "编号")
    for one in page["items"]:
        state = PlanState(one["state"]).label_zh
        table.add_row(str(one["day"]), one["squad"], state, one["approval_no"] or NO_FIGURE, str(one["id"]))
    print_table(table)
    if page["after"]:
        click.echo(f"还有更多，接着看：--after {page['after']} · there are more")


@group.command()
@click.argument("plan_id", type=click.UUID)
@_shape
@of_bureau
def show(plan_id: uuid.UUID, shape: str, bureau: str | None) -> None:
    """查看一份计划 · show one plan."""
    with bureau_work(bureau) as work:
        told = described(work, [find_plan(work, plan_id)])
    _show(told, [], shape)


@group.command()
@click.argument("plan_id", type=click.UUID)
@_seconds
@_shape
@as_account
@of_bureau
def solve(plan_id: uuid.UUID, seconds: int, shape: str, username: str | None, bureau: str | None) -> None:
    """重新编排，保留队长已定的 · solve a draft again, keeping what the leader fixed."""
    with acting(bureau, username, PLAN) as work:
        run = solving.ask(work, [plan_id], seconds, enqueue=False)
    _solve(run, seconds)
    with acting(bureau, username, PLAN) as work:
        told = described(work, [find_plan(work, plan_id)])
        faults = work.session.get_one(PlanSolving, run.id).faults
    _show(told, faults, shape)


@group.command()
@click.argument("plan_id", type=click.UUID)
@click.option("--approval", type=click.UUID, help="所依据的检查审批 · the approval it goes by")
@as_account
@of_bureau
def publish(plan_id: uuid.UUID, approval: uuid.UUID | None, username: str | None, bureau: str | None) -> None:
    """下发到手持机 · give a solved draft out."""
    with acting(bureau, username, PLAN) as work:
        publishing.publish(work, plan_id, approval)
    click.echo("已下发，手持机下次同步时收到 · given out; handhelds get it when they sync next")


@group.command()
@click.argument("plan_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def withdraw(plan_id: uuid.UUID, reason: str, username: str | None, bureau: str | None) -> None:
    """撤回计划，须写明理由 · take a plan back."""
    with acting(bureau, username, PLAN) as work:
        publishing.withdraw(work, plan_id, reason)
    click.echo("已撤回 · withdrawn")
