"""What a hand-over sheet says of its cells: as it is now, and as plain JSON, so that it can be frozen and signed.

Everything open goes along with the cells: what is due, chains of triggered duties, orders to put something right, goods on
which it is not decided or which are kept, clues. It names shops and officers; what people wrote is masked.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from schemas.vocabulary import (
    CadenceTier,
    ClueMatter,
    ClueStatus,
    DutyRule,
    ObligationState,
    PaperKind,
    SubjectKind,
)
from server.cadence.histories import Owed, load_histories
from server.cadence.models import Obligation
from server.cadence.queries import names_of
from server.cadence.rules import Judgement, judge
from server.cadence.timeline import load_timeline
from server.clues.models import Clue
from server.custody.models import CustodyHolding
from server.custody.queries import lists_known, officers_of
from server.grids.models import GridCell
from server.issuing.freezing import bureau_eyes
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.records.models import Record, Rectification
from server.records.orders import described as orders_described
from server.records.orders import orders_visible_to

FORMAT = "xunge-handover/1"
STILL_OPEN = frozenset(
    {ObligationState.OPEN, ObligationState.ATTEMPTED, ObligationState.DUE, ObligationState.MISSED}
)
MISSED_LATELY = timedelta(days=31)
"""How long after grace what was missed goes along: it may still be made up. What is older stands in the reports."""

_UNSETTLED = tuple(
    status.value
    for status in (
        ClueStatus.OPEN,
        ClueStatus.NOTIFIED,
        ClueStatus.TRANSFER_PROPOSED,
        ClueStatus.TRANSFER_APPROVED,
        ClueStatus.TRANSFERRED,
    )
)
_ORDER_STATES = {"open": "整改中", "rechecked": "已复查，待办结", "overdue": "逾期未复查"}

Line = dict[str, Any]


def content_of(work: Work, cell_ids: Sequence[uuid.UUID], giver_id: uuid.UUID) -> Line:
    """What is open in the cells now, with the whole bureau in sight, as JSON values alone.

    ``giver_id`` is the lead officer who hands over: his own cases are told apart.
    """
    eyes = bureau_eyes(work)
    cells = _cells(eyes, cell_ids)
    codes = {uuid.UUID(cell["cell_id"]): cell["code"] for cell in cells}
    owed, chains = _duties(eyes, codes)
    return {
        "format": FORMAT,
        "as_of": work.now.astimezone(work.zone).isoformat(timespec="seconds"),
        "cells": cells,
        "outlets": sum(cell["outlets"] for cell in cells),
        "obligations": owed,
        "chains": chains,
        "rectifications": _orders(eyes, codes),
        "goods": _goods(eyes, codes, giver_id),
        "clues": _clues(eyes, codes),
    }


def _cells(work: Work, cell_ids: Sequence[uuid.UUID]) -> list[Line]:
    """The cells by code, each with its licensed outlets in business or out of it for a while."""
    shops = (
        select(func.count())
        .where(Outlet.cell_id == GridCell.id, Outlet.status.in_(("active", "suspended")))
        .scalar_subquery()
    )
    rows = work.session.execute(
        select(GridCell.id, GridCell.code, GridCell.name, shops)
        .where(among(GridCell.id, cell_ids))
        .order_by(GridCell.code)
    )
    return [
        {"cell_id": str(cell_id), "code": code, "name": name, "outlets": count}
        for cell_id, code, name, count in rows
    ]


def _duties(work: Work, codes: Mapping[uuid.UUID, str]) -> tuple[list[Line], list[Line]]:
    """What tiers ask for and is not done, a row each; and what a trigger asks for, a row for each trigger."""
    today = work.now.astimezone(work.zone).date()
    open_there = (
        Obligation.bureau_id == work.bureau_id,
        among(Obligation.cell_id, list(codes)),
        Obligation.met_by.is_(None),
        Obligation.voided_at.is_(None),
        Obligation.withdrawn_at.is_(None),
        or_(Obligation.trigger_id.is_not(None), Obligation.first_day <= today),
        Obligation.grace_last_day >= today - MISSED_LATELY,
    )
    subjects = work.session.scalars(select(Obligation.subject_id).where(*open_there).distinct()).all()
    if not subjects:
        return [], []
    names = names_of(work, subjects)
    rulebook = load_timeline(work).rulebook
    owed: list[Line] = []
    by_trigger: dict[uuid.UUID, list[tuple[Owed, Judgement]]] = defaultdict(list)
    for loaded in load_histories(work, subjects).values():
        for judgement in judge(loaded.history, rulebook, work.now, loaded.last_met):
            row = loaded.owed[judgement.obligation.id]
            if row.cell_id not in codes:
                continue
            if row.trigger_id is not None:
                by_trigger[row.trigger_id].append((row, judgement))
            elif judgement.state in STILL_OPEN and row.grace_last_day >= today - MISSED_LATELY:
                owed.append(_owed(row, judgement, names, codes))
    chains = [_chain(trigger, found, names, codes, work) for trigger, found in by_trigger.items()]
    return (
        sorted(owed, key=lambda one: (one["last_day"], one["cell_code"], one["number"], one["duty"])),
        sorted(
            (one for one in chains if one is not None),
            key=lambda one: (one["last_day"], one["cell_code"], one["number"], one["trigger_id"]),
        ),
    )


def _owed(row: Owed, judgement: Judgement, names: Any, codes: Mapping[uuid.UUID, str]) -> Line:
    assert row.tier is not None
    return {
        "obligation_id": str(row.id),
        **_subject(row, names, codes),
        "duty": row.tier,
        "duty_zh": CadenceTier(row.tier).label_zh,
        "key": row.key,
        "first_day": row.first_day.isoformat(),
        "last_day": row.last_day.isoformat(),
        "grace_last_day": row.grace_last_day.isoformat(),
        "state": judgement.state.value,
        "state_zh": judgement.state.label_zh,
    }


def _chain(
    trigger_id: uuid.UUID,
    found: Sequence[tuple[Owed, Judgement]],
    names: Any,
    codes: Mapping[uuid.UUID, str],
    work: Work,
) -> Line | None:
    """What one trigger asks for; None where nothing of it is left to do, or has been lately."""
    today = work.now.astimezone(work.zone).date()
    counted = [one for one in found if one[1].state is not ObligationState.VOID]
    left = [
        row
        for row, judgement in counted
        if judgement.state in STILL_OPEN | {ObligationState.UPCOMING}
        and row.grace_last_day >= today - MISSED_LATELY
    ]
    if not left:
        return None
    row = min(left, key=lambda one: (one.last_day, one.key))
    assert row.triggered_at is not None
    return {
        "trigger_id": str(trigger_id),
        **_subject(row, names, codes),
        "rule": row.rule,
        "rule_zh": DutyRule(row.rule).label_zh,
        "triggered_on": row.triggered_at.astimezone(work.zone).date().isoformat(),
        "last_day": row.last_day.isoformat(),
        "grace_last_day": row.grace_last_day.isoformat(),
        "checks": len(counted),
        "left": len(left),
        "overdue": row.last_day < today,
        "obligation_ids": sorted(str(one.id) for one in left),
    }


def _subject(row: Owed, names: Any, codes: Mapping[uuid.UUID, str]) -> Line:
    name, number = names.get(row.subject_id, ("", ""))
    assert row.cell_id is not None
    return {
        "cell_code": codes[row.cell_id],
        "subject_kind": row.subject_kind,
        "subject_kind_zh": SubjectKind(row.subject_kind).label_zh,
        "subject_id": str(row.subject_id),
        "name": name,
        "number": number,
    }


def _orders(work: Work, codes: Mapping[uuid.UUID, str]) -> list[Line]:
    """Orders to put something right that are open; what is demanded is masked."""
    found = work.session.scalars(
        orders_visible_to(work.actor)
        .where(among(Rectification.cell_id, list(codes)), Rectification.status == "open")
        .order_by(Rectification.due_on, Rectification.id)
    ).all()
    names = names_of(work, [one.subject_id for one in found])
    return [
        {
            "order_id": str(told["id"]),
            "cell_code": codes[told["cell_id"]],
            "name": names.get(told["subject_id"], ("", ""))[0],
            "number": names.get(told["subject_id"], ("", ""))[1],
            "demand": told["demand"],
            "due_on": told["due_on"].isoformat(),
            "state": told["state"],
            "state_zh": _ORDER_STATES[told["state"]],
        }
        for told in orders_described(work, found)
    ]


def _goods(work: Work, codes: Mapping[uuid.UUID, str], giver_id: uuid.UUID) -> list[Line]:
    """Registration lists of the cells on which it is not decided, or of which the bureau still keeps something."""
    known = lists_known(work.actor)
    kept = exists().where(
        and_(
            CustodyHolding.bureau_id == work.bureau_id,
            CustodyHolding.list_id == known.c.id,
            CustodyHolding.quantity > 0,
        )
    )
    number = Record.numbers[PaperKind.REGISTRATION_LIST.value].astext
    rows = work.session.execute(
        select(known, Record.subject_id, number.label("number"), kept.label("kept"))
        .join(Record, Record.id == known.c.record_id)
        .where(among(known.c.cell_id, list(codes)), or_(known.c.undecided > 0, kept))
        .order_by(known.c.decide_by, known.c.id)
    ).all()
    names = names_of(work, [row.subject_id for row in rows if row.subject_id])
    signed = officers_of(work, [row.id for row in rows])
    return [
        {
            "list_id": str(row.id),
            "number": row.number,
            "cell_code": codes[row.cell_id],
            "name": names.get(row.subject_id, ("", ""))[0],
            "licence_no": names.get(row.subject_id, ("", ""))[1],
            "registered_on": row.registered_at.astimezone(work.zone).date().isoformat(),
            "decide_by": row.decide_by.isoformat(),
            "provisional": row.provisional,
            "lines": row.lines,
            "undecided": row.undecided,
            "kept": row.kept,
            "of_giver": giver_id in signed[row.id],
        }
        for row in rows
    ]


def _clues(work: Work, codes: Mapping[uuid.UUID, str]) -> list[Line]:
    """Clues of the cells with which something is still to be done; what they say stays with them."""
    rows = work.session.scalars(
        select(Clue)
        .where(
            Clue.bureau_id == work.bureau_id,
            among(Clue.cell_id, list(codes)),
            Clue.status.in_(_UNSETTLED),
        )
        .order_by(Clue.found_at, Clue.id)
    )
    return [
        {
            "clue_id": str(one.id),
            "number": one.number,
            "cell_code": codes[one.cell_id] if one.cell_id else "",
            "matter": one.matter,
            "matter_zh": ClueMatter(one.matter).label_zh,
            "status": one.status,
            "status_zh": ClueStatus(one.status).label_zh,
            "found_on": _day_of(work, one.found_at).isoformat(),
        }
        for one in rows
    ]


def _day_of(work: Work, moment: Any) -> date:
    day: date = moment.astimezone(work.zone).date()
    return day
