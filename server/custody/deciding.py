"""The desk's part: what is decided on registered goods, approvals written up, and what the goods are worth."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from server.custody.models import (
    CustodyDecision,
    CustodyDecisionLine,
    RegistrationWriteUp,
    Valuation,
    ValuationLine,
)
from server.custody.ops import hold_lists
from server.custody.queries import KnownLine, current_editions, load_lines
from server.custody.rules import fault_of_decision, line_total_fen
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import invalid, problem_at
from server.kernel.work import Work
from server.records.registered import base_amount
from server.records.units import MOST_FEN, in_yuan


def decide(work: Work, list_id: uuid.UUID, given: Mapping[str, Any]) -> CustodyDecision:
    """Write down what was decided on the lines named, or on all; ``given`` is a loaded ``CustodyDecisionIn``.

    A late decision is one as well: that it was late is what the list tells.

    Raises:
        Problem: ``not_found``, ``invalid``; ``custody_settled`` where goods have left by another decision.
    """
    root_id = hold_lists(work, [list_id])[list_id]
    lines = load_lines(work, [root_id])
    seqs = sorted(set(given["seqs"])) or [seq for _, seq in lines]
    if unknown := [seq for seq in seqs if (root_id, seq) not in lines]:
        raise invalid("/seqs", "line_unknown", f"清单没有第{unknown[0]}行。The list has no such line.")
    if not seqs:
        raise invalid("/seqs", "line_unknown", "清单没有物品。The list has no lines.")
    _check_days(work, root_id, given)
    fault = fault_of_decision(((seq, lines[root_id, seq].book) for seq in seqs), given["outcome"])
    if fault is not None:
        raise problem_at("/outcome", fault.code, fault.detail)
    decision = CustodyDecision(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        list_id=root_id,
        account_id=work.actor.account_id,
        known_at=work.now,
        **{
            name: given[name] for name in ("outcome", "decided_on", "document_no", "reason", "case_closed_on")
        },
    )
    work.session.add(decision)
    work.session.flush()
    own = {"bureau_id": work.bureau_id, "decision_id": decision.id, "list_id": root_id}
    work.session.execute(insert(table_of(CustodyDecisionLine)), [{**own, "seq": seq} for seq in seqs])
    record_event(
        work,
        "custody.decided",
        [root_id],
        outcome=decision.outcome,
        document_no=decision.document_no,
        lines=seqs,
    )
    return decision


def _check_days(work: Work, root_id: uuid.UUID, given: Mapping[str, Any]) -> None:
    edition = current_editions(work.bureau_id, None)
    registered_at = work.session.scalars(
        select(edition.c.registered_at).where(edition.c.root_id == root_id)
    ).one()
    first, today = registered_at.astimezone(work.zone).date(), work.now.astimezone(work.zone).date()
    if not first <= given["decided_on"] <= today:
        detail = f"决定日期应在登记之日{first}与今天之间。The day lies between registration and today."
        raise invalid("/decided_on", "day_out_of_range", detail)
    closed = given["case_closed_on"]
    if closed is not None and closed > given["decided_on"]:
        detail = "销毁决定不能早于结案。Goods of a case that is open are not destroyed."
        raise problem_at("/case_closed_on", "custody_not_decided", detail)


def write_up_approval(work: Work, list_id: uuid.UUID, given: Mapping[str, Any]) -> RegistrationWriteUp:
    """Note that an approval by phone, or one asked for afterwards, was written up under a number.

    Raises:
        Problem: ``not_found``; ``written_up_already``; ``invalid`` where the approval was given in writing.
    """
    root_id = hold_lists(work, [list_id])[list_id]
    edition = current_editions(work.bureau_id, None)
    due = work.session.scalar(select(edition.c.write_up_due).where(edition.c.root_id == root_id))
    if due is None:
        raise invalid(
            "", "approved_in_writing", "该清单的审批是书面的，无须补办。It was approved in writing."
        )
    written_up_at = given["written_up_at"] or work.now
    if written_up_at > work.now:
        raise invalid("/written_up_at", "in_future", "时间还没有到。The moment has not come.")
    made = RegistrationWriteUp(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        list_id=root_id,
        approval_no=given["approval_no"],
        written_up_at=written_up_at,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(made)
    work.session.flush()
    record_event(work, "custody.approval_written_up", [root_id], approval_no=made.approval_no)
    return made


def value_goods(work: Work, list_id: uuid.UUID, given: Mapping[str, Any]) -> Valuation:
    """Write down a valuation sheet (核价表): a price and where it is from for each line, or none.

    The lines that are not named have no price; they are counted apart. Money is in whole fen.

    Raises:
        Problem: ``not_found``; ``invalid`` for a line twice or unknown, or a unit that is not of its goods.
    """
    root_id = hold_lists(work, [list_id])[list_id]
    lines = load_lines(work, [root_id])
    priced: dict[int, Mapping[str, Any]] = {}
    for index, row in enumerate(given["lines"]):
        if row["seq"] in priced or (root_id, row["seq"]) not in lines:
            detail = f"第{row['seq']}行不在清单上，或写了两次。The line is not in the list, or named twice."
            raise invalid(f"/lines/{index}/seq", "line_unknown", detail)
        priced[row["seq"]] = row | {"path": f"/lines/{index}"}
    today = work.now.astimezone(work.zone).date()
    if given["valued_on"] > today:
        raise invalid("/valued_on", "in_future", "日期还没有到。The day has not come.")
    sheet = Valuation(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        list_id=root_id,
        valued_on=given["valued_on"],
        document_no=given["document_no"],
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(sheet)
    work.session.flush()
    rows = [
        {
            "bureau_id": work.bureau_id,
            "valuation_id": sheet.id,
            "seq": seq,
            **_valued(known, priced.get(seq)),
        }
        for (_, seq), known in lines.items()
    ]
    if rows:
        work.session.execute(insert(table_of(ValuationLine)), rows)
    total = sum(row["total_fen"] or 0 for row in rows)
    unpriced = sum(row["total_fen"] is None for row in rows)
    record_event(work, "custody.valued", [root_id], total_fen=total, unpriced=unpriced)
    return sheet


def _valued(known: KnownLine, row: Mapping[str, Any] | None) -> dict[str, Any]:
    line = known.line
    unit = (row and row["price_unit"]) or line.unit
    remark = row["remark"] if row else None
    if row is None or row["price_fen"] is None:
        return {
            "price_unit": unit,
            "price_fen": None,
            "price_basis": None,
            "total_fen": None,
            "remark": remark,
        }
    base_in_unit, base_unit = base_amount(line.category, 1, unit)
    if base_unit != line.base_unit:
        raise invalid(
            f"{row['path']}/price_unit",
            "unit_of_line",
            "该行不能以此计量。The line is not counted in this unit.",
        )
    total_fen = line_total_fen(line.base_quantity, row["price_fen"], base_in_unit)
    if total_fen > MOST_FEN:
        detail = f"该行共{in_yuan(total_fen)}，请核对单价和计价单位。The line comes to more than there is."
        raise invalid(f"{row['path']}/price_fen", "too_large", detail)
    return {
        "price_unit": unit,
        "price_fen": row["price_fen"],
        "price_basis": row["price_basis"],
        "total_fen": total_fen,
        "remark": remark,
    }
