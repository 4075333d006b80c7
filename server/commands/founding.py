"""``xunge bureau`` and ``xunge account``: from an empty database to a bureau whose people can sign in."""

from __future__ import annotations

from datetime import UTC, date, datetime

import click
from marshmallow import ValidationError
from sqlalchemy import func, select

from schemas.access import MailSettings
from server.access.models import Account
from server.access.ops import create_account, hash_password, set_mail
from server.cadence.duty_editions import publish_default_duty_rules
from server.cadence.policies import publish_default_policy
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.house import compose
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.events import record_event
from server.kernel.http import problem_of_fields
from server.kernel.ids import new_id
from server.kernel.packaged_workdays import packaged_workdays
from server.kernel.permissions import Role
from server.kernel.settings import read_settings
from server.org.models import Bureau, Person
from server.records.form_versions import publish_forms

_password = click.option(
    "--password",
    prompt="口令 · password",
    hide_input=True,
    confirmation_prompt="再输一次 · again",
    envvar="XUNGE_NEW_PASSWORD",
    help="也可用环境变量 XUNGE_NEW_PASSWORD · or that variable",
)


@click.group("bureau")
def bureau() -> None:
    """单位 · bureaus."""


@bureau.command()
@click.option("--name", required=True, help="单位全称 · the bureau's full name")
@click.option("--region", required=True, help="六位行政区划代码 · six-digit region code")
@click.option("--admin", "username", required=True, help="管理员用户名 · the first administrator")
@click.option(
    "--policy-from",
    type=Day(),
    help="复查制度生效日，默认今天 · first day of the re-inspection policy",
)
@_password
def found(name: str, region: str, username: str, policy_from: date | None, password: str) -> None:
    """新建单位：工作日、表单、复查制度和管理员 · found a bureau."""
    kernel = compose(read_settings())
    now = datetime.now(UTC)
    with kernel.sessions() as session:
        if session.scalar(select(Bureau.id).where(Bureau.name == name)) is not None:
            raise click.ClickException(f"单位“{name}”已存在 · this bureau exists already")
        # The public duty board is addressed by it.
        if (other := session.scalar(select(Bureau.name).where(Bureau.region_code == region))) is not None:
            raise click.ClickException(f"区划代码 {region} 已由“{other}”使用 · this region code is taken")
    first_day = policy_from or now.astimezone(kernel.settings.zone).date()
    bureau_id = new_id(now)
    with kernel.work(house(bureau_id), now) as work:
        work.session.add(Bureau(id=bureau_id, name=name, level="county", region_code=region))
        work.session.flush()
        import_workdays(work, *packaged_workdays())
        publish_forms(work)
        publish_default_policy(work, first_day)
        publish_default_duty_rules(work, first_day)
        create_account(work, username, hash_password(password), frozenset({Role.ADMIN}), None)
        record_event(work, "bureau.founded", [bureau_id], name=name)
    click.echo(f"已建立 {name}，制度自 {first_day} 起生效 · founded")


@click.group("account")
def account() -> None:
    """账号 · accounts."""


@account.command()
@click.argument("username")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice([role.value for role in Role])
)
@click.option("--staff-no", help="外勤人员的工号 · the staff number of a field person")
@click.option("--bureau", "bureau_name", help="单位名称 · bureau")
@_password
def create(
    username: str, roles: tuple[str, ...], staff_no: str | None, bureau_name: str | None, password: str
) -> None:
    """新建账号 · create an account."""
    with bureau_work(bureau_name) as work:
        person_id = None
        if staff_no is not None:
            person_id = work.session.scalar(
                select(Person.id).where(Person.bureau_id == work.bureau_id, Person.staff_no == staff_no)
            )
            if person_id is None:
                raise click.ClickException(f"没有工号为 {staff_no} 的人员 · nobody has this staff number")
        create_account(
            work, username, hash_password(password), frozenset(Role(role) for role in roles), person_id
        )
    click.echo(f"已建立账号 {username} · created")


@account.command("list")
@click.option("--bureau", "bureau_name", help="单位名称 · bureau")
def list_accounts(bureau_name: str | None) -> None:
    """账号及对应人员 · the accounts, whose they are, and the ids that files name them by."""
    with bureau_work(bureau_name) as work:
        rows = work.session.execute(
            select(Account, Person.name, Person.staff_no)
            .outerjoin(Person, Person.id == Account.person_id)
            .where(Account.bureau_id == work.bureau_id)
            .order_by(func.lower(Account.username))
        ).all()
    table = headed("用户名", "角色", "人员", "工号", "状态", "账号 id", "人员 id")
    for one, name, staff_no in rows:
        state = "停用" if one.disabled_at else "在用"
        ids = (str(one.id), str(one.person_id) if one.person_id else "")
        table.add_row(one.username, "、".join(one.roles), name or "", staff_no or "", state, *ids)
    print_table(table)


@account.command()
@click.argument("username")
@click.option("--to", "address", help="邮箱地址，不填则不再发邮件 · the address; without it no mail is sent")
@click.option(
    "--notices/--no-notices",
    default=True,
    show_default=True,
    help="是否接收通知邮件 · whether digests are mailed",
)
@click.option("--bureau", "bureau_name", help="单位名称 · bureau")
def mail(username: str, address: str | None, notices: bool, bureau_name: str | None) -> None:
    """通知邮件发到哪里 · where an account's digests are mailed to."""
    try:
        given = MailSettings().load({"email": address, "email_notices": notices})
    except ValidationError as error:
        raise problem_of_fields(error) from error
    with bureau_work(bureau_name) as work:
        found = work.session.scalar(
            select(Account).where(
                Account.bureau_id == work.bureau_id, func.lower(Account.username) == username.lower()
            )
        )
        if found is None:
            raise click.ClickException(f"没有账号 {username} · no such account")
        set_mail(work, found, given["email"], wanted=given["email_notices"])
    click.echo("已设置 · set")
