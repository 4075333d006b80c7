"""``xunge duty``: duties that something triggers, and the rules by which they are owed."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy import select

from schemas.duties import DutyOpening, DutyRuleIn, DutyRuleList
from schemas.vocabulary import Deed, DutyRule, SubjectKind
from server.cadence.duty_acts import open_duty, record_act, withdraw_duties
from server.cadence.duty_editions import load_duty_rules, publish_default_duty_rules, publish_duty_rule
from server.cadence.models import Obligation
from server.cadence.queries import names_of, standing, waived
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day, Moment
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE


@click.group("duty")
def group() -> None:
    """触发任务（查一补三、回访、通报等）· duties that something triggers."""


@group.command()
@click.option(
    "--import",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="公布新版本（JSON，同 POST /duty-rules）· publish a version",
)
@click.option(
    "--defaults",
    type=Day(),
    help="自该日起施行尚缺的默认规则 · publish the packaged rules that are missing, from that day",
)
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@as_account
@of_bureau
def rules(
    file: Path | None, defaults: date | None, shape: str, username: str | None, bureau: str | None
) -> None:
    """列出规则的全部版本，或公布新版本 · list the versions of the rules, or publish one."""
    if file is not None:
        given = read_file(file, DutyRuleIn())
        with acting(bureau, username, Permission.POLICY_MANAGE) as work:
            version = publish_duty_rule(work, given)
            click.echo(
                f"{version.name} 第 {version.version} 版自 {version.effective_from} 起施行 · published"
            )
        return
    if defaults is not None:
        with acting(bureau, username, Permission.POLICY_MANAGE) as work:
            count = publish_default_duty_rules(work, defaults)
        click.echo(f"已公布默认规则 {count} 项 · published")
        return
    with bureau_work(bureau) as work:
        versions = load_duty_rules(work).versions
        if shape == "json":
            print_json(DutyRuleList(), {"items": versions})
            return
        table = headed("规则", "名称", "版本", "起", "次数", "期限", "依据")
        for one in versions:
            days = f"{one.days} {'工作日' if one.day_kind == 'working' else '日'}"
            begins = one.effective_from.isoformat()
            table.add_row(
                one.code, one.name, str(one.version), begins, str(one.checks), days, one.legal_basis
            )
    print_table(table)


@group.command("list")
@click.option("--rule", type=click.Choice([rule.value for rule in DutyRule]), help="只列一种 · one rule only")
@click.option("--overdue", is_flag=True, help="只列逾期的 · only what is overdue")
@of_bureau
def list_(rule: str | None, overdue: bool, bureau: str | None) -> None:
    """列出未完成的触发任务 · list what is still owed, by its last day."""
    table = headed("规则", "对象", "编号", "名称", "起", "止", "暂定", "任务")
    with bureau_work(bureau) as work:
        owed = select(Obligation).where(
            Obligation.bureau_id == work.bureau_id,
            Obligation.trigger_id.is_not(None),
            Obligation.met_by.is_(None),
            standing(work.zone.key),
            ~waived(),
        )
        if rule is not None:
            owed = owed.where(Obligation.rule == rule)
        if overdue:
            owed = owed.where(Obligation.last_day < work.now.astimezone(work.zone).date())
        found = work.session.scalars(owed.order_by(Obligation.last_day, Obligation.id)).all()
        names = names_of(work, [one.subject_id for one in found])
        for one in found:
            name, number = names[one.subject_id]
            table.add_row(
                DutyRule(one.rule).label_zh,
                SubjectKind(one.subject_kind).label_zh,
                number,
                name,
                one.first_day.isoformat(),
                one.last_day.isoformat(),
                "是" if one.provisional else NO_FIGURE,
                str(one.id),
            )
    print_table(table)


@group.command("open")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def open_(file: Path, username: str | None, bureau: str | None) -> None:
    """下达任务（JSON，同 POST /obligations）：回访、通报、入户、轮次、回头看 · open a duty."""
    given = read_file(file, DutyOpening())
    with acting(bureau, username, Permission.OBLIGATION_OPEN) as work:
        opened = open_duty(work, given)
    click.echo(f"新增任务 {len(opened)} 项 · new obligations")
    for obligation_id in opened:
        click.echo(str(obligation_id))


@group.command()
@click.argument("obligation_id", type=click.UUID)
@click.option(
    "--deed", required=True, type=click.Choice([deed.value for deed in Deed]), help="做了什么 · what was done"
)
@click.option(
    "--at", "moment", required=True, type=Moment(), help="完成时间，如 2026-10-08T10:00 · when it was done"
)
@click.option("--note", required=True, help="情况说明 · what came of it")
@as_account
@of_bureau
def done(
    obligation_id: uuid.UUID,
    deed: str,
    moment: datetime,
    note: str,
    username: str | None,
    bureau: str | None,
) -> None:
    """登记已完成（电话回访、通报等没有现场表单的）· write down that it was done."""
    with acting(bureau, username, Permission.OBLIGATION_RECORD) as work:
        moment = moment if moment.tzinfo else moment.replace(tzinfo=work.zone)
        act = record_act(work, obligation_id, Deed(deed), moment, note)
    click.echo(f"已登记 {act.id} · written down")


@group.command()
@click.argument("obligation_ids", type=click.UUID, nargs=-1, required=True)
@click.option("--reason", required=True, help="理由 · why")
@as_account
@of_bureau
def withdraw(
    obligation_ids: tuple[uuid.UUID, ...], reason: str, username: str | None, bureau: str | None
) -> None:
    """撤回任务，须写明理由 · take back what a trigger asks for."""
    with acting(bureau, username, Permission.CADENCE_WAIVE) as work:
        count = withdraw_duties(work, obligation_ids, reason)
    click.echo(f"已撤回 {count} 项 · withdrawn")
