"""Writing hand-over sheets: made when duty moves or by hand, signed over, acknowledged, objected to, withdrawn."""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import insert, or_, select, true
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from schemas.vocabulary import HandoverAct
from server.audit.canonical import canonical
from server.grids.granting import check_granter
from server.grids.models import DutyFact, GridCell
from server.grids.ops import await_turn
from server.grids.queries import on_duty
from server.handovers.content import content_of
from server.handovers.models import HandoverCell, HandoverContent, HandoverSheet, HandoverStep
from server.handovers.queries import Standing, find, signer_of
from server.handovers.rules import FAR, Side, may_follow, may_take
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.reports.heading import bureau_name


def open_sheets(work: Work, cell_ids: Sequence[uuid.UUID]) -> None:
    """Upkeep of ``duty_fact``, keyed by cell: a sheet for each pair of sides and day between which duty moves.

    A cell that nobody answered for on the day before is handed over by nobody, and one that stays with its squad and lead
    is not handed over. Cells join the sheet of their pair and day as long as nobody has signed it.
    """
    fact = aliased(DutyFact)
    before = on_duty(fact.cell_id, fact.from_day - 1, work.now)
    moves = work.session.execute(
        select(
            fact.cell_id,
            fact.from_day,
            before.c.squad_id,
            before.c.lead_person_id,
            fact.squad_id,
            fact.lead_person_id,
        )
        .join(before, true())
        .where(
            among(fact.cell_id, cell_ids),
            fact.known_at == work.now,
            or_(before.c.squad_id != fact.squad_id, before.c.lead_person_id != fact.lead_person_id),
        )
    )
    grouped: dict[tuple[Side, Side, date], list[uuid.UUID]] = defaultdict(list)
    for cell_id, from_day, from_squad, from_lead, to_squad, to_lead in moves:
        grouped[Side(from_squad, from_lead), Side(to_squad, to_lead), from_day].append(cell_id)
    for (giving, taking, from_day), cells in grouped.items():
        sheet_id = _unsigned(work, giving, taking, from_day)
        if sheet_id is None:
            sheet_id = _write(work, giving, taking, from_day, cells).id
        else:
            _add_cells(work, sheet_id, cells)


def _unsigned(work: Work, giving: Side, taking: Side, from_day: date) -> uuid.UUID | None:
    steps = select(HandoverStep.id).where(HandoverStep.sheet_id == HandoverSheet.id)
    return work.session.scalar(
        select(HandoverSheet.id)
        .where(
            HandoverSheet.bureau_id == work.bureau_id,
            HandoverSheet.origin == "duty",
            HandoverSheet.from_squad_id == giving.squad_id,
            HandoverSheet.from_lead_id == giving.lead_id,
            HandoverSheet.to_squad_id == taking.squad_id,
            HandoverSheet.to_lead_id == taking.lead_id,
            HandoverSheet.from_day == from_day,
            ~steps.exists(),
        )
        .order_by(HandoverSheet.id)
        .limit(1)
    )


def _write(
    work: Work,
    giving: Side,
    taking: Side,
    from_day: date,
    cell_ids: Sequence[uuid.UUID],
    reason: str | None = None,
) -> HandoverSheet:
    sheet = HandoverSheet(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        origin="desk" if reason else "duty",
        from_squad_id=giving.squad_id,
        from_lead_id=giving.lead_id,
        to_squad_id=taking.squad_id,
        to_lead_id=taking.lead_id,
        from_day=from_day,
        reason=reason,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(sheet)
    work.session.flush()
    _add_cells(work, sheet.id, cell_ids)
    record_event(work, "handover.opened", [sheet.id], origin=sheet.origin, cells=len(cell_ids))
    return sheet


def _add_cells(work: Work, sheet_id: uuid.UUID, cell_ids: Sequence[uuid.UUID]) -> None:
    work.session.execute(
        upsert(HandoverCell).on_conflict_do_nothing(),
        [
            {"bureau_id": work.bureau_id, "sheet_id": sheet_id, "cell_id": cell, "known_at": work.now}
            for cell in sorted(set(cell_ids))
        ],
    )


def write_by_hand(work: Work, given: Mapping[str, Any]) -> Standing:
    """A sheet for cells whose duty does not move, or not yet: somebody stands in; ``given`` as
    schemas.handovers.HandoverIn. Whoever answers for the cells today gives.

    Raises:
        Problem: ``not_found`` for a cell that is not the actor's squad's own, a squad or a person of another bureau;
            ``invalid`` where nobody, or not one squad and lead, answers for the cells, for a receiver who is no officer, or
            who gives himself.
    """
    wanted = sorted(set(given["cell_ids"]))
    check_granter(work, wanted)
    giving = _who_gives(work, wanted)
    taking = Side(given["to_squad_id"], given["to_lead_id"])
    squad = select(Squad.id).where(Squad.id == taking.squad_id, Squad.bureau_id == work.bureau_id)
    if work.session.scalar(squad) is None:
        raise Problem("not_found", detail="没有这个中队。No such squad.")
    lead = select(Person.kind).where(Person.id == taking.lead_id, Person.bureau_id == work.bureau_id)
    if work.session.scalar(lead) != "officer":
        raise invalid("/to_lead_id", "not_an_officer", "责任人须为执法人员。The lead must be an officer.")
    if giving == taking:
        detail = "接收方就是现在的责任中队和责任人。Whoever is to take it answers for the cells already."
        raise invalid("/to_lead_id", "same_side", detail)
    today = work.now.astimezone(work.zone).date()
    if abs(given["from_day"] - today) > FAR:
        detail = "交接日期须在前后一年之内。The day lies within a year of today."
        raise invalid("/from_day", "day_out_of_range", detail)
    sheet = _write(work, giving, taking, given["from_day"], wanted, given["reason"])
    return find(work, sheet.id)


def _who_gives(work: Work, cell_ids: Sequence[uuid.UUID]) -> Side:
    today = work.now.astimezone(work.zone).date()
    duty = on_duty(GridCell.id, today, work.now)
    rows = work.session.execute(
        select(GridCell.id, duty.c.squad_id, duty.c.lead_person_id)
        .outerjoin(duty, true())
        .where(among(GridCell.id, cell_ids), GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4)
    ).all()
    if len(rows) != len(cell_ids):
        raise Problem("not_found", detail="没有这些末级网格。No such leaf cells.")
    sides = {(squad_id, lead_id) for _, squad_id, lead_id in rows}
    if (None, None) in sides:
        raise invalid("/cell_ids", "cell_unassigned", "有网格尚未落实责任人。Nobody answers for a cell yet.")
    if len(sides) > 1:
        detail = "这些网格现由不同的责任人负责，请分单交接。Several leads answer for these cells; write a sheet for each."
        raise invalid("/cell_ids", "several_sides", detail)
    ((squad_id, lead_id),) = sides
    return Side(squad_id, lead_id)


def sign(work: Work, sheet_id: uuid.UUID, note: str | None) -> Standing:
    """Sign a sheet over: what is open in its cells now is frozen, and waits to be acknowledged.

    Raises:
        Problem: ``not_found``; ``forbidden`` unless for the giving side; ``handover_state``.
    """
    # A cell that duty moves meanwhile joins this sheet before it is signed, or another one.
    await_turn(work)
    standing = _ready(work, sheet_id, HandoverAct.SIGNED)
    sheet = standing.sheet
    content = canonical(
        {
            **content_of(work, standing.cell_ids, sheet.from_lead_id),
            "sheet_id": str(sheet.id),
            "bureau": bureau_name(work),
            "from_day": sheet.from_day.isoformat(),
            "giving": _side_json(standing.giving),
            "taking": _side_json(standing.taking),
            "signed_by": str(work.actor.account_id) if work.actor.account_id else None,
        }
    )
    frozen = HandoverContent(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        sheet_id=sheet.id,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        created_at=work.now,
    )
    work.session.add(frozen)
    work.session.flush()
    _step(work, standing, HandoverAct.SIGNED, frozen.id, note, sha256=frozen.sha256)
    return find(work, sheet_id)


def answer(work: Work, sheet_id: uuid.UUID, act: HandoverAct, sha256: str, note: str | None) -> Standing:
    """Take what was signed over, or object to it with a note; after an objection it is signed anew, and both stay.

    ``sha256`` is of what the receiver saw.

    Raises:
        Problem: ``not_found``; ``forbidden`` unless for the receiving side, and for whoever signed it over;
            ``handover_state``; ``conflict`` where something else was signed since.
    """
    standing = _ready(work, sheet_id, act)
    signed = standing.signed
    assert signed is not None
    if signed.account_id is not None and signed.account_id == work.actor.account_id:
        detail = "交出和接收不能是同一人。Whoever signed it over does not take it himself."
        raise Problem("forbidden", detail=detail)
    seen = work.session.scalar(select(HandoverContent.sha256).where(HandoverContent.id == signed.content_id))
    if seen != sha256:
        detail = "交接内容已重新交出，请核对最新内容。Something else was signed over since; look at it first."
        raise Problem("conflict", detail=detail)
    _step(work, standing, act, signed.content_id, note, sha256=seen)
    return find(work, sheet_id)


def withdraw(work: Work, sheet_id: uuid.UUID, reason: str) -> Standing:
    """End a sheet that nobody is to take; it stays to be read.

    Raises:
        Problem: ``not_found``; ``forbidden``, see rules.may_take; ``handover_state``.
    """
    standing = _ready(work, sheet_id, HandoverAct.WITHDRAWN)
    _step(work, standing, HandoverAct.WITHDRAWN, None, reason)
    return find(work, sheet_id)


def _ready(work: Work, sheet_id: uuid.UUID, act: HandoverAct) -> Standing:
    """The sheet, if the actor may take this step of it now.

    Of two who take a step at once the second breaks the steps' numbering, which is ``handover_state`` as well.
    """
    standing = find(work, sheet_id)
    by_hand = standing.sheet.origin == "desk"
    if not may_take(act, standing.giving, standing.taking, by_hand=by_hand, signer=signer_of(work.actor)):
        detail = f"“{act.label_zh}”不由您办理。This step of the sheet is not yours."
        raise Problem("forbidden", detail=detail)
    if not may_follow(standing.state, act):
        detail = (
            f"交接单现为“{standing.state.label_zh}”，不能“{act.label_zh}”。It is not in the state for this."
        )
        raise Problem("handover_state", detail=detail)
    return standing


def _step(
    work: Work,
    standing: Standing,
    act: HandoverAct,
    content_id: uuid.UUID | None,
    note: str | None,
    **facts: Any,
) -> None:
    work.session.execute(
        insert(HandoverStep).values(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            sheet_id=standing.sheet.id,
            seq=len(standing.steps) + 1,
            act=act.value,
            content_id=content_id,
            account_id=work.actor.account_id,
            note=note,
            at=work.now,
        )
    )
    record_event(work, f"handover.{act.value}", [standing.sheet.id], **facts)


def _side_json(side: Side) -> dict[str, str]:
    return {"squad_id": str(side.squad_id), "lead_id": str(side.lead_id)}
