"""``xunge waiver``: let a check off with a reason, see what was let off, withdraw it."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from schemas.cadence import WaiverOut
from schemas.vocabulary import CadenceTier
from server.cadence import waivers
from server.cadence.models import Waiver
from server.cadence.ops import waive
from server.commands.acting import acting, of_bureau, signed_as
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE

_reason = click.option("--reason", required=True, help="理由，记入案卷 · the reason, which is kept")


@click.group("waiver")
def group() -> None:
    """经批准免查 · checks that are waived."""


@group.command()
@click.option(
    "--id", "ids", multiple=True, type=click.UUID, help="应查任务，可多次 · an obligation; repeatable"
)
@click.option("--outlet", "outlets", multiple=True, help="许可证号，可多次 · a licence number; repeatable")
@click.option("--period", help="周期，如 2026-W31、2026-08 · what is reported in this period")
@click.option("--tier", type=click.Choice([tier.value for tier in CadenceTier], case_sensitive=False))
@_reason
@signed_as
@of_bureau
def add(
    ids: tuple[uuid.UUID, ...],
    outlets: tuple[str, ...],
    period: str | None,
    tier: str | None,
    reason: str,
    username: str,
    bureau: str | None,
) -> None:
    """免查：按任务，或按商户与周期 · waive by obligation, or by shop and period."""
    if bool(ids) == bool(outlets) or bool(outlets) != bool(period):
        raise click.UsageError("请写 --id，或写 --outlet 和 --period · give --id, or --outlet with --period")
    with acting(bureau, username, Permission.CADENCE_WAIVE) as work:
        named = CadenceTier(tier) if tier else None
        chosen = list(ids) if period is None else waivers.chosen(work, outlets, period, named)
        count = waive(work, chosen, reason)
    click.echo(f"已免查 {count} 项，其余早已免查 {len(set(chosen)) - count} 项 · waived {count}")


@group.command("list")
@click.option("--all", "withdrawn", is_flag=True, help="含已撤回的 · those withdrawn as well")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@of_bureau
def list_(withdrawn: bool, shape: str, bureau: str | None) -> None:
    """列出免查、批准人与理由 · list waivers with author and reason."""
    with bureau_work(bureau) as work:
        query = waivers.list_waivers(work).order_by(Waiver.known_at, Waiver.id)
        if not withdrawn:
            query = query.where(Waiver.revoked_at.is_(None))
        zone = work.zone
        rows = WaiverOut(many=True).dump(work.session.execute(query).all())
    if shape == "json":
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = headed("编号", "许可证号", "对象", "周期", "理由", "批准", "时间", "撤回")
    for row in rows:
        told = {at: _local(row[at], zone) for at in ("known_at", "revoked_at")}
        taken_back = f"{told['revoked_at']} {row['withdrawn_by'] or ''} {row['revoke_reason']}"
        table.add_row(
            row["id"],
            row["licence_no"] or NO_FIGURE,
            row["subject_name"] or row["subject_kind"],
            row["key"],
            row["reason"],
            row["waived_by"] or NO_FIGURE,
            told["known_at"],
            taken_back if row["revoked_at"] else NO_FIGURE,
        )
    print_table(table)


def _local(moment: str | None, zone: ZoneInfo) -> str:
    """A moment of an answer as the bureau's clocks show it."""
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M") if moment else NO_FIGURE


@group.command()
@click.argument("waiver_ids", nargs=-1, required=True, type=click.UUID)
@_reason
@signed_as
@of_bureau
def withdraw(waiver_ids: tuple[uuid.UUID, ...], reason: str, username: str, bureau: str | None) -> None:
    """撤回免查：从现在起照常应查 · withdraw: owed again from now on."""
    with acting(bureau, username, Permission.CADENCE_WAIVE) as work:
        count = waivers.withdraw(work, waiver_ids, reason)
    click.echo(f"已撤回 {count} 项 · withdrawn: {count}")
