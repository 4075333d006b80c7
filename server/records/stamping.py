"""What the server says of a record after it was stored: a stamp, which makes a new edit and is told to its readers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import column, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, UUID

from server.grids.ops import announce, announce_to
from server.kernel.bulk import among, as_rows, recordset
from server.kernel.work import Work
from server.records.models import Record, RecordOfficer

_GIVEN = recordset("given", [column("id", UUID(as_uuid=True)), column("numbers", JSONB)])

_FLAGGED = recordset("given", [column("id", UUID(as_uuid=True)), column("flags", JSONB)])


def stamp_numbers(work: Work, numbers: Mapping[uuid.UUID, Mapping[str, str]]) -> None:
    """Put official numbers, by kind of paper, on records beside those that they have."""
    # In the order in which whoever flags records holds them: in the order of numbers the two would deadlock.
    held = select(Record.id).where(among(Record.id, sorted(numbers)), Record.bureau_id == work.bureau_id)
    work.session.execute(held.order_by(Record.id).with_for_update(key_share=True))
    rows = [{"id": record, "numbers": dict(given)} for record, given in numbers.items()]
    work.session.execute(
        update(Record)
        .where(Record.id == _GIVEN.c.id, Record.bureau_id == work.bureau_id)
        .values(numbers=Record.numbers.concat(_GIVEN.c.numbers))
        .execution_options(synchronize_session=False),
        {"given_rows": as_rows(rows)},
    )
    tell_again(work, list(numbers))


def stamp_flags(work: Work, flags: Mapping[uuid.UUID, Sequence[str]]) -> int:
    """Put flags on records that do not have them yet; how many records are told again."""
    held = select(Record.id, Record.flags).where(
        among(Record.id, sorted(flags)), Record.bureau_id == work.bureau_id
    )
    # Held until the commit, for whoever else finds the same flag of another photo; not against rows that refer to them.
    rows = [
        {"id": record, "flags": [*have, *new]}
        for record, have in work.session.execute(held.order_by(Record.id).with_for_update(key_share=True))
        if (new := [flag for flag in flags[record] if flag not in have])
    ]
    if rows:
        work.session.execute(
            update(Record)
            .where(Record.id == _FLAGGED.c.id, Record.bureau_id == work.bureau_id)
            .values(flags=_FLAGGED.c.flags)
            .execution_options(synchronize_session=False),
            {"given_rows": as_rows(rows)},
        )
        tell_again(work, [row["id"] for row in rows])
    return len(rows)


def tell_again(work: Work, ids: Sequence[uuid.UUID]) -> None:
    """Make a new edit of each record and tell whoever sees its cell, was on it or pushed it to look at it again."""
    changed = work.session.execute(
        update(Record)
        .where(among(Record.id, ids), Record.bureau_id == work.bureau_id)
        .values(edit_id=func.gen_random_uuid())
        .returning(Record.id, Record.cell_id, Record.pushed_by)
        .execution_options(synchronize_session=False)
    ).all()
    signed = select(RecordOfficer.record_id, RecordOfficer.person_id).where(
        among(RecordOfficer.record_id, ids)
    )
    people = [(record, person) for record, person in work.session.execute(signed) if person is not None]
    people += [(record, pushed_by) for record, _, pushed_by in changed]
    cells = {record: cell for record, cell, _ in changed}
    announce(work, "records", list(cells.items()))
    announce_to(work, [(record, cells[record], person) for record, person in people if record in cells])
