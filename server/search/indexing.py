"""Making the texts by which records are found, after commit: no push waits for it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from server.cadence.duty_models import DutySubject
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.ids import parse_id
from server.kernel.pinyin import initials
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from server.records.models import OF_ITS_FORM, Form, Record
from server.search.folding import fold, pairs
from server.search.models import RecordText
from server.search.queries import shown_name
from server.search.texts import text_of

INDEX_JOB = "server.worker.index_records"
BATCH = 500
"""Records indexed in one transaction, and named in one job."""


def ask_for_texts(work: Work, ids: Sequence[uuid.UUID]) -> None:
    """Have new records indexed once they are committed."""
    for start in range(0, len(ids), BATCH):
        work.later(INDEX_JOB, str(work.bureau_id), [str(one) for one in ids[start : start + BATCH]])


def index_records(work: Work, ids: Sequence[str]) -> int:
    """Make the texts of these records; how many were not there. Twice is as good as once."""
    wanted = [found for one in ids if (found := parse_id(one)) is not None]
    rows = work.session.execute(
        select(
            *(Record.id, Record.document, Form.answers_schema),
            *(Outlet.name, Outlet.address, Outlet.licence_no),
            Site.name.label("site_name"),
            DutySubject.name.label("subject_name"),
            DutySubject.kind.label("owing_kind"),
        )
        .outerjoin(Form, OF_ITS_FORM)
        .outerjoin(Outlet, and_(Outlet.id == Record.subject_id, Outlet.bureau_id == Record.bureau_id))
        .outerjoin(Site, and_(Site.id == Record.subject_id, Site.bureau_id == Record.bureau_id))
        .outerjoin(
            DutySubject,
            and_(DutySubject.id == Record.subject_id, DutySubject.bureau_id == Record.bureau_id),
        )
        .where(Record.bureau_id == work.bureau_id, among(Record.id, wanted))
    )
    made = []
    for row in rows:
        owing = shown_name(row.owing_kind, row.subject_name) if row.subject_name else ""
        name = row.name or row.site_name or owing
        subject = " ".join(part for part in (name, initials(name), row.licence_no, row.address) if part)
        folded = fold(text_of(row.document, row.answers_schema, subject))
        made.append(
            {
                "bureau_id": work.bureau_id,
                "record_id": row.id,
                "text": folded,
                "pairs": sorted(pairs(folded)),
                "indexed_at": work.now,
            }
        )
    if not made:
        return 0
    stored = upsert(table_of(RecordText)).on_conflict_do_nothing().returning(table_of(RecordText).c.record_id)
    return len(work.session.scalars(stored, made).all())


def index_waiting(work: Work) -> int:
    """Index records whose job was lost, the newest first, at most ``BATCH``; how many."""
    indexed = select(RecordText.record_id).where(RecordText.record_id == Record.id).exists()
    waiting = select(Record.id).where(Record.bureau_id == work.bureau_id, ~indexed)
    ids = work.session.scalars(waiting.order_by(Record.id.desc()).limit(BATCH)).all()
    return index_records(work, [str(one) for one in ids])


def how_many_wait(work: Work) -> int:
    """Records that came and cannot be found by words yet."""
    records = select(func.count()).select_from(Record).where(Record.bureau_id == work.bureau_id)
    texts = select(func.count()).select_from(RecordText).where(RecordText.bureau_id == work.bureau_id)
    return work.session.scalars(records).one() - work.session.scalars(texts).one()
