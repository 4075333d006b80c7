"""``xunge clue``: clues, what is done with them, and which may be one."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from schemas.clues import ClueActIn, ClueIn, CluePage, ClueWhole, InformantIn, InformantList
from schemas.records import ReadingIn
from schemas.vocabulary import ClueActKind, ClueMatter, ClueSource, ClueStatus
from server.clues import ops
from server.clues.informants import keep_informant, read_informants
from server.clues.models import Clue
from server.clues.queries import described, find_clue, hints_for, possible_duplicates, visible_to
from server.commands.acting import acting, as_account, of_bureau, signed_as
from server.commands.bodies import loaded, print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.kernel.permissions import Permission
from server.reports.sheets import NO_FIGURE

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_clue = click.argument("clue_id", type=click.UUID)
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_LAST_LISTED = 500


@click.group("clue")
def group() -> None:
    """线索：登记、通报、移交、移送、查重 · clues and what is done with them."""


@group.command("list")
@click.option(
    "--status", type=click.Choice([one.value for one in ClueStatus]), help="只列一种状态 · one status only"
)
@_shape
@of_bureau
def list_(status: str | None, shape: str, bureau: str | None) -> None:
    """列出线索，新的在前 · list the clues, the newest first."""
    with bureau_work(bureau) as work:
        wanted = visible_to(work.actor).order_by(Clue.found_at.desc(), Clue.id.desc()).limit(_LAST_LISTED)
        if status is not None:
            wanted = wanted.where(Clue.status == status)
        found = described(work, work.session.scalars(wanted).all())
        if shape == "json":
            print_json(CluePage(), {"items": found, "after": None})
            return
        table = headed("编号", "来源", "类别", "内容", "状态", "最近期限", "线索")
        for one in found:
            due = min(
                (clock for clock in one["clocks"] if clock.done_at is None), key=lambda c: c.due, default=None
            )
            said = NO_FIGURE
            if due is not None:
                firm = "（暂定）" if due.provisional else ""
                over = "（逾期）" if due.state == "overdue" else ""
                said = f"{_step_name(due.step)} {due.due.astimezone(work.zone):%Y-%m-%d %H:%M}前{firm}{over}"
            source = ClueSource(one["source"]).label_zh
            table.add_row(
                one["number"],
                source,
                one["matter_zh"],
                one["summary"][:40],
                one["status_zh"],
                said,
                str(one["id"]),
            )
    print_table(table)


def _step_name(step: str) -> str:
    """What waits in Chinese; what is to be verified is told by its outcome."""
    return (ClueActKind.OUTCOME if step == "verify" else ClueActKind(step)).label_zh


@group.command()
@_clue
@of_bureau
def show(clue_id: uuid.UUID, bureau: str | None) -> None:
    """显示一条线索及办理经过 · show a clue with what was done (JSON)."""
    with bureau_work(bureau) as work:
        clue = find_clue(work, clue_id)
        print_json(ClueWhole(), {**described(work, [clue])[0], "hints": hints_for(work, clue)})


@group.command()
@_file
@as_account
@of_bureau
def register(file: Path, username: str | None, bureau: str | None) -> None:
    """登记线索（JSON，同 POST /clues）· write a clue down."""
    given = read_file(file, ClueIn())
    with acting(bureau, username, Permission.CLUE_WRITE) as work:
        clue = ops.register(work, given)
    click.echo(f"已登记 {clue.number}（{clue.id}）· written down")


@group.command()
@_clue
@_file
@as_account
@of_bureau
def act(clue_id: uuid.UUID, file: Path, username: str | None, bureau: str | None) -> None:
    """登记办理：通报、移交、移送各步骤、核查结果（JSON，同 POST /clues/…/acts）· write down what was done."""
    given = read_file(file, ClueActIn())
    with acting(bureau, username, Permission.CLUE_WRITE) as work:
        status = ClueStatus(ops.act(work, clue_id, given).status)
    click.echo(f"已登记，现状态：{status.label_zh} · written down")


@group.command()
@click.option(
    "--radius",
    "radius_m",
    type=click.FloatRange(1, 2000),
    default=100.0,
    show_default=True,
    help="米 · metres",
)
@of_bureau
def duplicates(radius_m: float, bureau: str | None) -> None:
    """列出可能重复的线索，由人决定是否合并 · clues that may be one."""
    table = headed("线索", "另一条", "类别", "理由", "相距（米）")
    with bureau_work(bureau) as work:
        for pair in possible_duplicates(work, radius_m):
            matter = ClueMatter(find_clue(work, pair["clue_id"]).matter).label_zh
            reasons = "、".join(
                {"near": "地点相近", "plate": "车牌相同"}[reason] for reason in pair["reasons"]
            )
            metres = NO_FIGURE if pair["distance_m"] is None else str(pair["distance_m"])
            table.add_row(str(pair["clue_id"]), str(pair["other_clue_id"]), matter, reasons, metres)
    print_table(table)


@group.command("keep-informant")
@_clue
@_file
@as_account
@of_bureau
def keep(clue_id: uuid.UUID, file: Path, username: str | None, bureau: str | None) -> None:
    """加密保存举报人（JSON，同 POST /clues/…/informants）；完成后请删除该文件 · seal who told it."""
    given = read_file(file, InformantIn())
    with acting(bureau, username, Permission.CLUE_WRITE) as work:
        keep_informant(work, clue_id, given)
    click.echo("已加密保存；请删除所用的文件 · sealed; now delete the file")


@group.command("informants")
@_clue
@click.option("--purpose", required=True, help="查阅事由 · what for")
@signed_as
@of_bureau
def informants(clue_id: uuid.UUID, purpose: str, username: str, bureau: str | None) -> None:
    """查阅举报人，须以本人账号并写明事由，查阅留痕 · read who told it; the reading is kept."""
    given = loaded({"purpose": purpose}, ReadingIn())
    with acting(bureau, username, Permission.INFORMANT_READ) as work:
        print_json(InformantList(), {"items": read_informants(work, clue_id, given["purpose"])})
