"""What custody keeps of registration lists: drawn out when their records are stored, their last days with the workdays."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, text, update

from server.custody.models import APPROVAL_CHANNELS, RegistrationDeadline, RegistrationLine, RegistrationList
from server.custody.queries import newest_deadlines
from server.custody.rules import decide_by, write_up_due
from server.kernel.bulk import among
from server.kernel.calendar import load_workdays
from server.kernel.db import table_of
from server.kernel.ids import new_id, parse_id
from server.kernel.work import Work
from server.records.extraction import moment_of
from server.records.forms import value_at
from server.records.models import Record
from server.records.registered import registered_lines

# Whoever amends himself in a ring is nobody's amendment; no honest chain is longer.
_LONGEST_CHAIN = 100

_ROOTS = text(
    """
    with recursive up as (
        select id as given, id, amends_id, 0 as depth from record where id = any(:given)
        union all
        select up.given, parent.id, parent.amends_id, up.depth + 1
        from up join record as parent on parent.id = up.amends_id
        where parent.bureau_id = :bureau_id and parent.kind = 'registration_list' and up.depth < :longest
    )
    select distinct on (given) given, case
        -- What is amended has not come yet, or it is no list: then this is a list of its own.
        when up.amends_id is null or exists (select from record where record.id = up.amends_id) then up.id
        else up.amends_id
    end as root
    from up order by given, depth desc
    """
)


def draw_out_lists(work: Work, record_ids: Sequence[uuid.UUID]) -> None:
    """Draw registration lists out of their stored records: head, lines and the day by which it must be decided."""
    records = work.session.scalars(
        select(Record).where(Record.bureau_id == work.bureau_id, among(Record.id, record_ids))
    ).all()
    given = {"given": list(record_ids), "bureau_id": work.bureau_id, "longest": _LONGEST_CHAIN}
    roots = {row.given: row.root for row in work.session.execute(_ROOTS, given)}
    workdays = load_workdays(work.session, work.bureau_id)
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    deadlines: list[dict[str, Any]] = []
    for record in records:
        head = _head(work, record, roots[record.id])
        heads.append(head)
        lines += [
            {"bureau_id": work.bureau_id, "list_id": record.id, **line._asdict()}
            for line in registered_lines(record.document["answers"])
        ]
        last = decide_by(head["registered_at"].astimezone(work.zone).date(), workdays)
        deadlines.append(_deadline(work, record.id, last.decide_by, last.provisional))
    work.session.execute(insert(table_of(RegistrationList)), heads)
    if lines:
        work.session.execute(insert(table_of(RegistrationLine)), lines)
    work.session.execute(insert(table_of(RegistrationDeadline)), deadlines)
    for head in heads:
        # Amendments that came before what they amend stood under its id.
        if head["root_id"] != head["id"]:
            work.session.execute(
                update(table_of(RegistrationList))
                .where(RegistrationList.root_id == head["id"])
                .values(root_id=head["root_id"])
            )


def move_deadlines(work: Work, _documents: Sequence[uuid.UUID]) -> None:
    """A year of workdays was loaded or changed: write down the last days that are others now, and what became firm."""
    today = work.now.astimezone(work.zone).date()
    newest = newest_deadlines(work.bureau_id, None)
    rows = work.session.execute(
        select(RegistrationList.id, RegistrationList.registered_at, newest.c.decide_by, newest.c.provisional)
        .join(newest, newest.c.list_id == RegistrationList.id)
        .where(or_(newest.c.provisional, newest.c.decide_by >= today))
    ).all()
    workdays = load_workdays(work.session, work.bureau_id) if rows else None
    moved: list[dict[str, Any]] = []
    for row in rows:
        assert workdays is not None
        last = decide_by(row.registered_at.astimezone(work.zone).date(), workdays)
        if (last.decide_by, last.provisional) != (row.decide_by, row.provisional):
            moved.append(_deadline(work, row.id, last.decide_by, last.provisional))
    if moved:
        work.session.execute(insert(table_of(RegistrationDeadline)), moved)


def _head(work: Work, record: Record, root_id: uuid.UUID) -> dict[str, Any]:
    answers: Mapping[str, Any] = record.document["answers"]
    offset = timedelta(seconds=record.clock_offset_s)
    channel = value_at(answers, ("approval", "channel"))
    registered_at = _moment(answers.get("registered_at"), offset) or record.performed_at
    approved_at = _moment(value_at(answers, ("approval", "approved_at")), offset) or registered_at
    known_channel = channel if channel in APPROVAL_CHANNELS else None
    return {
        "id": record.id,
        "bureau_id": work.bureau_id,
        "root_id": root_id,
        "amends_id": record.amends_id,
        "inspection_id": parse_id(answers.get("record_id")),
        "squad_id": record.squad_id,
        "cell_id": record.cell_id,
        "registered_at": registered_at,
        "keep_mode": _text(answers.get("keep_mode")),
        "approval_channel": known_channel,
        "approval_no": _text(value_at(answers, ("approval", "approval_no"))),
        "write_up_due": write_up_due(known_channel, approved_at, work.settings.write_up_hours),
        "valid": record.valid,
        "made_at": record.performed_at,
        "known_at": work.now,
    }


def _deadline(work: Work, list_id: uuid.UUID, last: Any, provisional: bool) -> dict[str, Any]:
    return {
        "id": new_id(work.now),
        "bureau_id": work.bureau_id,
        "list_id": list_id,
        "decide_by": last,
        "provisional": provisional,
        "known_at": work.now,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _moment(value: Any, offset: timedelta) -> datetime | None:
    """A moment by the device's clock as the true one. Of a form that nobody knows here it may be anything."""
    moment = moment_of(value)
    return moment - offset if moment is not None else None
