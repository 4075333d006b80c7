"""``xunge custody``: registration lists, and the goods that the keeper answers for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from schemas.custody import (
    ACTS,
    OUTCOMES,
    STATES,
    CustodyActIn,
    CustodyActPage,
    CustodyDecisionIn,
    HandOverIn,
    RegistrationPage,
    RegistrationWhole,
    RegistrationWriteUpIn,
    StoreIn,
    StoreList,
    ValuationIn,
)
from server.access.models import Account
from server.commands.acting import acting, of_bureau, signed_as
from server.commands.bodies import loaded, print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.naming import account_called, list_called, person_called, store_called
from server.commands.printing import console, headed, print_table
from server.commands.times import Day
from server.custody import deciding, ops, stores
from server.custody.models import CustodyAct
from server.custody.queries import acts_of, find_list
from server.custody.rules import ACT_NAMES, OUTCOME_NAMES
from server.custody.showing import acts_told, lists_query, stores_told, whole_list, with_states
from server.kernel.permissions import Permission
from server.records.models import Record
from server.records.units import CATEGORY_NAMES, UNIT_NAMES, in_yuan
from server.reports.sheets import NO_FIGURE

STATE_NAMES = {"undecided": "未决定", "nearing": "临近期限", "overdue": "逾期", "decided": "已决定"}
PLACE_NAMES = {
    "field": "未入库",
    "store": "在库",
    "appraisal": "送检",
    "used_up": "检验损耗",
    "handed_back": "已退还",
    "transferred": "已移送",
    "destroyed": "已销毁",
}
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_list = click.argument("said", metavar="LIST")


@click.group("custody")
def group() -> None:
    """先行登记与证物保管 · registered goods and their custody."""


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="只列一种 · one state only")
@_shape
@of_bureau
def list_(state: str | None, shape: str, bureau: str | None) -> None:
    """列出先行登记清单：临近七个工作日的、逾期的、审批未补办的 · list them by the time of registration."""
    with bureau_work(bureau) as work:
        query, known = lists_query(work, state, None)
        rows = with_states(
            work, list(work.session.execute(query.order_by(known.c.registered_at, known.c.id)))
        )
        if shape == "json":
            print_json(RegistrationPage(), {"items": rows, "after": None})
            return
        number = Record.numbers["registration_list"].astext
        listed = select(Record.id, number).where(Record.id.in_([row["id"] for row in rows]))
        numbers: dict[uuid.UUID, str | None] = dict(work.session.execute(listed).all())
        table = headed("编号", "登记时间", "决定期限", "状态", "行数", "未决定", "审批", "有效", "清单")
        for row in rows:
            due = row["decide_by"].isoformat() + ("（暂定）" if row["provisional"] else "")
            approval = row["approval_no"] or ("须补办" if row["write_up_due"] else NO_FIGURE)
            table.add_row(
                numbers.get(row["id"]) or NO_FIGURE,
                row["registered_at"].astimezone(work.zone).strftime("%Y-%m-%d %H:%M"),
                due,
                STATE_NAMES[row["state"]],
                str(row["lines"]),
                str(row["undecided"]),
                approval,
                "是" if row["valid"] else "否",
                str(row["id"]),
            )
    print_table(table)


@group.command()
@_list
@_shape
@of_bureau
def show(said: str, shape: str, bureau: str | None) -> None:
    """一份清单：各行在何处、如何处理、核价 · one list: where its goods are."""
    with bureau_work(bureau) as work:
        told = whole_list(work, list_called(work, said))
    if shape == "json":
        print_json(RegistrationWhole(), told)
        return
    provisional = "（暂定）" if told["provisional"] else ""
    title = f"决定期限 {told['decide_by']}{provisional}　{STATE_NAMES[told['state']]}"
    table = headed(
        "行",
        "品类",
        "品规",
        "登记",
        "何处",
        "决定",
        "核价",
        title=title,
    )
    for line in told["goods"]:
        unit = UNIT_NAMES.get(line["base_unit"], line["base_unit"])
        where = "，".join(f"{PLACE_NAMES[one['place']]} {one['quantity']}{unit}" for one in line["places"])
        table.add_row(
            str(line["seq"]),
            CATEGORY_NAMES.get(line["category"], line["category"]),
            line["product_spec"] or NO_FIGURE,
            f"{line['base_quantity']}{unit}",
            where or NO_FIGURE,
            OUTCOME_NAMES.get(line["outcome"], NO_FIGURE),
            NO_FIGURE if line["total_fen"] is None else in_yuan(line["total_fen"]),
        )
    print_table(table)
    if told["valued_on"] is not None:
        console().print(
            f"核价合计 {in_yuan(told['total_fen'])}，未核价 {told['unpriced']} 行 · lines without a price"
        )


@group.command()
@_list
@_shape
@of_bureau
def chain(said: str, shape: str, bureau: str | None) -> None:
    """保管链：何时、何事、由何处到何处、凭何文书 · the chain of custody of a list."""
    with bureau_work(bureau) as work:
        list_id = find_list(work, list_called(work, said))
        acts = acts_of(work.bureau_id, list_id).order_by(CustodyAct.known_at, CustodyAct.id)
        told = acts_told(work, list(work.session.scalars(acts)))
        if shape == "json":
            print_json(CustodyActPage(), {"items": told, "after": None})
            return
        table = headed("时间", "事项", "行", "数量", "由", "至", "文书", "登记")
        for act in told:
            for entry in act["entries"]:
                if entry.list_id != list_id:
                    continue
                unit = UNIT_NAMES.get(entry.base_unit, entry.base_unit)
                table.add_row(
                    act["happened_at"].astimezone(work.zone).strftime("%Y-%m-%d %H:%M"),
                    ACT_NAMES[act["kind"]],
                    str(entry.seq),
                    f"{entry.quantity}{unit}",
                    PLACE_NAMES[entry.from_place],
                    PLACE_NAMES[entry.to_place],
                    act["document_no"] or NO_FIGURE,
                    str(act["id"]),
                )
    print_table(table)


def _act(kind: str) -> Callable[..., None]:
    """The command of one kind of act; all take the same file or lists and a few options."""

    @click.argument("lists", metavar="LIST", nargs=-1)
    @click.option(
        "--file", type=_FILE, help="逐行写明数量等（JSON，同 POST /custody/acts）· lines with quantities"
    )
    @click.option("--store", help="转入的库，编号 · code of the store that they go to")
    @click.option("--from-store", help="转出的库，编号 · code of the store that they lie in")
    @click.option(
        "--person", help="交来的人员，执法证号或账号 · who hands them in, by certificate or account"
    )
    @click.option("--to-unit", help="接收单位 · the unit that receives them")
    @click.option("--place", help="地点 · the place")
    @click.option("--document-no", help="文书编号 · number of the document")
    @click.option("--seal", "seals", multiple=True, help="封签编号 · seal number")
    @click.option("--witness", "witnesses", multiple=True, help="监销人，执法证号或账号 · a witness")
    @signed_as
    @of_bureau
    def command(
        lists: tuple[str, ...],
        file: Path | None,
        store: str | None,
        from_store: str | None,
        person: str | None,
        to_unit: str | None,
        place: str | None,
        document_no: str | None,
        seals: tuple[str, ...],
        witnesses: tuple[str, ...],
        username: str,
        bureau: str | None,
    ) -> None:
        given = None if file is None else read_file(file, CustodyActIn())
        if given is not None and given["kind"] != kind:
            raise click.UsageError(f"文件中的 kind 不是 {kind} · the file tells of another act")
        with acting(bureau, username, Permission.CUSTODY_KEEP) as work:
            if given is None:
                body = {
                    "kind": kind,
                    "lines": [{"list_id": str(list_called(work, one))} for one in lists],
                    "store_id": str(store_called(work, store)) if store else None,
                    "from_store_id": str(store_called(work, from_store)) if from_store else None,
                    "person_id": str(person_called(work, person)) if person else None,
                    "to_unit": to_unit,
                    "place": place,
                    "document_no": document_no,
                    "seal_nos": list(seals),
                    "witness_ids": [str(person_called(work, one)) for one in witnesses],
                }
                given = loaded(body, CustodyActIn())
            act_id = ops.write_act(work, given).id
        click.echo(f"已登记{ACT_NAMES[kind]} {act_id} · written down")

    command.__doc__ = f"{ACT_NAMES[kind]}：清单全部物品，或按文件逐行 · whole lists, or lines by a file."
    return command


for _kind in ACTS:
    group.command(_kind.replace("_", "-"))(_act(_kind))


@group.command()
@click.argument("act_id", type=click.UUID)
@click.option("--reason", required=True, help="理由 · why")
@signed_as
@of_bureau
def correct(act_id: uuid.UUID, reason: str, username: str, bureau: str | None) -> None:
    """更正一次登记：物品退回原处，原登记保留 · take an act back; both stay."""
    with acting(bureau, username, Permission.CUSTODY_KEEP) as work:
        made = ops.correct_act(work, act_id, reason).id
    click.echo(f"已更正 {made} · corrected")


@group.command()
@_list
@click.option("--outcome", required=True, type=click.Choice(OUTCOMES), help="处理决定 · what was decided")
@click.option("--on", "decided_on", required=True, type=Day(), help="决定日期 · the day of the decision")
@click.option("--document-no", required=True, help="文书编号 · number of the document")
@click.option("--reason", required=True, help="理由 · why")
@click.option("--line", "seqs", type=int, multiple=True, help="只对这些行；默认全部 · these lines only")
@click.option("--case-closed-on", type=Day(), help="结案日期，销毁必填 · needed for a destruction")
@signed_as
@of_bureau
def decide(
    said: str,
    outcome: str,
    decided_on: date,
    document_no: str,
    reason: str,
    seqs: tuple[int, ...],
    case_closed_on: date | None,
    username: str,
    bureau: str | None,
) -> None:
    """登记处理决定：退还、解除、没收、移送、销毁 · write down what was decided on the goods."""
    body: dict[str, Any] = {
        "outcome": outcome,
        "decided_on": decided_on.isoformat(),
        "document_no": document_no,
        "reason": reason,
        "seqs": list(seqs),
        "case_closed_on": case_closed_on and case_closed_on.isoformat(),
    }
    given = loaded(body, CustodyDecisionIn())
    with acting(bureau, username, Permission.CUSTODY_DECIDE) as work:
        made = deciding.decide(work, list_called(work, said), given).id
    click.echo(f"已登记决定 {made} · written down")


@group.command("write-up")
@_list
@click.option("--approval-no", required=True, help="审批编号 · number of the approval")
@signed_as
@of_bureau
def write_up(said: str, approval_no: str, username: str, bureau: str | None) -> None:
    """补办审批（电话批准、事后补办的）· write an approval up that was not given in writing."""
    given = loaded({"approval_no": approval_no}, RegistrationWriteUpIn())
    with acting(bureau, username, Permission.CUSTODY_DECIDE) as work:
        deciding.write_up_approval(work, list_called(work, said), given)
    click.echo("已补办 · written up")


@group.command()
@_list
@click.argument("file", type=_FILE)
@signed_as
@of_bureau
def value(said: str, file: Path, username: str, bureau: str | None) -> None:
    """登记核价表（JSON，同 POST /registration-lists/…/valuations）· write down a valuation sheet."""
    given = read_file(file, ValuationIn())
    with acting(bureau, username, Permission.CUSTODY_KEEP) as work:
        list_id = list_called(work, said)
        deciding.value_goods(work, list_id, given)
        told = whole_list(work, list_id)
    click.echo(f"核价合计 {in_yuan(told['total_fen'])}，未核价 {told['unpriced']} 行 · lines without a price")


@group.command("stores")
@_shape
@of_bureau
def stores_(shape: str, bureau: str | None) -> None:
    """列出证物库和保管员 · list the stores and who answers for them."""
    with bureau_work(bureau) as work:
        told = stores_told(work)
        keepers = [one["keeper_id"] for one in told]
        named = select(Account.id, Account.username).where(Account.id.in_(keepers))
        names = dict(work.session.execute(named).all())
    if shape == "json":
        print_json(StoreList(), {"items": told})
        return
    table = headed("编号", "名称", "保管员", "待确认的移交", "库房")
    for one in told:
        keeper = names.get(one["keeper_id"], NO_FIGURE)
        offered = str(one["offered_id"] or NO_FIGURE)
        table.add_row(one["code"], one["name"], keeper, offered, str(one["id"]))
    print_table(table)


@group.command("open-store")
@click.option("--code", required=True, help="编号 · code")
@click.option("--name", required=True, help="名称 · name")
@click.option("--keeper", required=True, help="保管员账号 · the account of the keeper")
@signed_as
@of_bureau
def open_store(code: str, name: str, keeper: str, username: str, bureau: str | None) -> None:
    """设立证物库，交给保管员（须其确认）· open a store; its keeper has to acknowledge it."""
    with acting(bureau, username, Permission.CUSTODY_DECIDE) as work:
        body = {"code": code, "name": name, "keeper_id": str(account_called(work, keeper))}
        given = loaded(body, StoreIn())
        made = stores.open_store(work, given).id
    click.echo(f"已设立 {made} · opened")


@group.command("hand-over")
@click.argument("store")
@click.option("--to", "receiver", required=True, help="接收的保管员账号 · the account of the other keeper")
@click.option("--document-no", help="移交清单编号 · number of the sheet")
@signed_as
@of_bureau
def hand_over(store: str, receiver: str, document_no: str | None, username: str, bureau: str | None) -> None:
    """提出移交证物库 · offer a store with all that it holds to another keeper."""
    with acting(bureau, username, Permission.CUSTODY_READ) as work:
        body = {"to_account_id": str(account_called(work, receiver)), "document_no": document_no}
        given = loaded(body, HandOverIn())
        offer = stores.offer_store(work, store_called(work, store), given)
        line = f"已提出移交 {offer.id}，在库 {len(offer.held)} 行 · offered"
    click.echo(line)


@group.command()
@click.argument("hand_over_id", type=click.UUID)
@signed_as
@of_bureau
def acknowledge(hand_over_id: uuid.UUID, username: str, bureau: str | None) -> None:
    """确认接收证物库 · take a store over as it was told."""
    with acting(bureau, username, Permission.CUSTODY_KEEP) as work:
        stores.acknowledge_store(work, hand_over_id)
    click.echo("已接收 · taken over")
