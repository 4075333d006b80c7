"""``xunge rectification``: orders to put something right, what is overdue, and what proves them."""

from __future__ import annotations

import uuid

import click

from server.cadence.queries import names_of
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.kernel.permissions import Permission
from server.records.models import Rectification
from server.records.orders import STATES, described, in_state, orders_visible_to, settle
from server.reports.sheets import NO_FIGURE

_STATES = {
    "open": "未到期",
    "rechecked": "已复查，待办结",
    "overdue": "逾期未复查",
    "done": "已办结",
    "withdrawn": "已撤回",
}


@click.group("rectification")
def group() -> None:
    """责令改正：逾期、复查证明、办结 · orders to put something right."""


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="只列一种状态 · one state only")
@of_bureau
def list_(state: str | None, bureau: str | None) -> None:
    """列出责令改正，按期限 · list the orders by their day."""
    table = headed("期限", "状态", "对象", "要求", "可作证明的复查", "整改令")
    with bureau_work(bureau) as work:
        wanted = orders_visible_to(work.actor).order_by(Rectification.due_on, Rectification.id)
        if state is not None:
            wanted = wanted.where(in_state(work, state))
        found = described(work, work.session.scalars(wanted).all())
        names = names_of(work, [one["subject_id"] for one in found])
        for one in found:
            name, number = names.get(one["subject_id"], (NO_FIGURE, ""))
            proof = one["proof_record_id"] or one["proposed_proof_id"] or NO_FIGURE
            due = one["due_on"].isoformat()
            demand = one["demand"][:40]
            subject = f"{name} {number}".strip()
            table.add_row(due, _STATES[one["state"]], subject, demand, str(proof), str(one["id"]))
    print_table(table)


@group.command()
@click.argument("order_id", type=click.UUID)
@click.argument("proof_record_id", type=click.UUID)
@click.option("--note", help="说明 · a note")
@as_account
@of_bureau
def prove(
    order_id: uuid.UUID,
    proof_record_id: uuid.UUID,
    note: str | None,
    username: str | None,
    bureau: str | None,
) -> None:
    """以其后的有效检查证明已整改，办结 · note that it is fulfilled, by a later valid inspection."""
    with acting(bureau, username, Permission.SYNC_SETTLE) as work:
        done = settle(work, order_id, proof_record_id, note).done_on
    click.echo(f"已办结，整改完成日 {done} · done")
