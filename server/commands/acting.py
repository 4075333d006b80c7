"""Who acts on the command line: the house, or somebody who gives their own password."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import select

from server.access.ops import verified_account
from server.commands.bureau import bureau_work
from server.kernel.actor import Actor
from server.kernel.permissions import Permission, Role
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import SquadMember

of_bureau = click.option("--bureau", help="单位名称 · bureau")
as_account = click.option(
    "--as", "username", help="以本人账号操作，须输入口令 · act as yourself; asks for the password"
)
signed_as = click.option(
    "--as",
    "username",
    required=True,
    help="本人账号，须输入口令 · your own account; asks for the password",
)


@contextmanager
def acting(bureau: str | None, username: str | None, permission: Permission) -> Iterator[Work]:
    """A unit of work as the named account, whose password is asked for, or as the house.

    Raises:
        Problem: ``bad_credentials``, ``account_locked``; ``forbidden`` without the permission.
    """
    password = ""
    if username is not None:
        password = os.environ.get("XUNGE_PASSWORD") or click.prompt("口令 · password", hide_input=True)
    with bureau_work(bureau) as work:
        if username is not None:
            account = verified_account(work, username, password)
            if account.bureau_id != work.bureau_id:
                raise Problem("bad_credentials")
            today = work.now.astimezone(work.zone).date()
            squads = select(SquadMember.squad_id).where(
                SquadMember.person_id == account.person_id, SquadMember.valid.op("@>")(today)
            )
            work.actor = Actor(
                bureau_id=account.bureau_id,
                account_id=account.id,
                roles=frozenset(Role(role) for role in account.roles),
                person_id=account.person_id,
                squad_ids=tuple(work.session.scalars(squads.order_by(SquadMember.squad_id))),
            )
        work.actor.must(permission)
        yield work
