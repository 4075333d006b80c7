"""``xunge policy`` and ``xunge cap``: versions of the re-inspection policy, and the annual caps beside them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from rich.table import Table
from sqlalchemy import select

from schemas.policies import CapIn, CapList, PlanOut, PolicyDraft, PolicyOut
from server.cadence import policies
from server.cadence.cap_policies import list_caps, publish_cap
from server.cadence.models import Policy
from server.cadence.policy_api import described
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import console, headed, print_table
from server.commands.times import Day
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.reports.sheets import NO_FIGURE


@click.group("policy")
def group() -> None:
    """复查制度版本 · versions of the re-inspection policy."""


@group.command("list")
@of_bureau
def list_(bureau: str | None) -> None:
    """列出全部版本 · list the versions."""
    table = headed("版本", "状态", "起", "止", "层级", "名称")
    with bureau_work(bureau) as work:
        found = work.session.scalars(
            select(Policy).where(Policy.bureau_id == work.bureau_id).order_by(Policy.version)
        ).all()
        for one in described(work, list(found)):
            tiers = "、".join(tier.tier for tier in one["tiers"])
            last = str(one["effective_to"] or NO_FIGURE)
            state = policies.POLICY_STATES[one["state"]]
            table.add_row(str(one["version"]), state, str(one["effective_from"]), last, tiers, one["name"])
    print_table(table)


@group.command()
@click.argument("version", type=int)
@click.option("--as-draft", is_flag=True, help="只要起草时填写的各项 · only what a draft says, to start from")
@of_bureau
def show(version: int, as_draft: bool, bureau: str | None) -> None:
    """以 JSON 显示一个版本 · show a version as JSON."""
    with bureau_work(bureau) as work:
        print_json(PolicyDraft() if as_draft else PolicyOut(), described(work, [_find(work, version)])[0])


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def draft(file: Path, username: str | None, bureau: str | None) -> None:
    """起草新版本（JSON，同 POST /policies）· draft a version from a JSON file."""
    given = read_file(file, PolicyDraft())
    with acting(bureau, username, Permission.POLICY_MANAGE) as work:
        made = policies.draft_policy(work, given)
        version = made.version
    click.echo(f"已起草第 {version} 版 · drafted version {version}")


@group.command()
@click.argument("version", type=int)
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@as_account
@of_bureau
def plan(version: int, shape: str, username: str | None, bureau: str | None) -> None:
    """推算生效后的变化 · what activating it would do."""
    with acting(bureau, username, Permission.POLICY_MANAGE) as work:
        figures = policies.plan_policy(work, _find(work, version).id).to_json()
    if shape == "json":
        print_json(PlanOut(), figures)
        return
    title = f"第 {version} 版，{figures['effective_from']} 至 {figures['until']}"
    tiers = Table(title=title)
    for heading in ("层级", "新增应查", "取消", "不变"):
        tiers.add_column(heading, justify="left" if heading == "层级" else "right")
    for row in figures["tiers"]:
        tiers.add_row(row["tier"], str(row["added"]), str(row["voided"]), str(row["kept"]))
    console().print(tiers)
    grades = Table(title="每户每年至少检查次数 · visits a year and outlet, at least")
    for heading in ("信用等级", "户数", "现行", "拟行", "上限", "超限"):
        grades.add_column(heading, justify="left" if heading == "信用等级" else "right")
    for row in figures["grades"]:
        cap = NO_FIGURE if row["cap"] is None else str(row["cap"])
        figures_of = (row["grade"], row["outlets"], row["visits_now"], row["visits_planned"], cap)
        grades.add_row(*map(str, figures_of), "是" if row["over"] else "否")
    console().print(grades)
    if figures["above_cap"]:
        click.echo("超过年度频次上限，须经法制人员签批方可生效 · above the cap: it needs a sign-off")


@group.command("sign-off")
@click.argument("version", type=int)
@click.option("--ground", required=True, help="理由和依据 · on what ground")
@click.option("--as", "username", required=True, help="法制人员账号 · the account that signs")
@of_bureau
def sign_off(version: int, ground: str, username: str, bureau: str | None) -> None:
    """法制人员签批超限 · let a version ask more than the cap; asks for the signer's password."""
    with acting(bureau, username, Permission.POLICY_SIGN_OFF) as work:
        policies.sign_off_policy(work, _find(work, version).id, ground)
    click.echo(f"第 {version} 版已签批 · signed off")


@group.command()
@click.argument("version", type=int)
@as_account
@of_bureau
def activate(version: int, username: str | None, bureau: str | None) -> None:
    """使版本自生效日起施行 · put a planned version in force."""
    with acting(bureau, username, Permission.POLICY_MANAGE) as work:
        first = policies.activate_policy(work, _find(work, version).id).effective_from
    click.echo(f"第 {version} 版自 {first} 起施行 · in force from then on")


@group.command()
@click.argument("version", type=int)
@click.option(
    "--last-day",
    required=True,
    type=Day(),
    help="施行的最后一天 · the last day it holds",
)
@as_account
@of_bureau
def retire(version: int, last_day: date, username: str | None, bureau: str | None) -> None:
    """废止版本 · end a version after a day."""
    with acting(bureau, username, Permission.POLICY_MANAGE) as work:
        ended = policies.retire_policy(work, _find(work, version).id, last_day).effective_to
    click.echo(f"第 {version} 版施行至 {ended} · it holds until then")


@click.group("cap")
def caps() -> None:
    """年度检查频次上限 · annual caps on inspections."""


@caps.command("list")
@of_bureau
def list_cap(bureau: str | None) -> None:
    """以 JSON 列出全部版本 · list the versions as JSON."""
    with bureau_work(bureau) as work:
        print_json(CapList(), {"items": list_caps(work)})


@caps.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def publish(file: Path, username: str | None, bureau: str | None) -> None:
    """公布上限（JSON，同 POST /caps）· publish caps from a JSON file."""
    given = read_file(file, CapIn())
    with acting(bureau, username, Permission.CAP_MANAGE) as work:
        version = publish_cap(work, given).version
    click.echo(f"已公布上限第 {version} 版 · published")


def _find(work: Work, version: int) -> Policy:
    found = work.session.scalar(
        select(Policy).where(Policy.bureau_id == work.bureau_id, Policy.version == version)
    )
    if found is None:
        raise Problem("not_found")
    return found
