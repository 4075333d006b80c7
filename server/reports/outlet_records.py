"""Records made at outlets, as they were known and judged by a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from server.cadence.models import VisitFact
from server.kernel.work import Work
from server.records.models import OF_ITS_FORM, Form, Record
from server.records.superseding import last_words, stands
from server.reports.cap import KINDS


def records_at_outlets(work: Work, first: date, last: date, as_of: datetime) -> Iterator[Row[Any]]:
    """The records made at outlets on these days and received by ``as_of``, as they were judged by then.

    An amendment corrects a record and is none of its own: of a record that was amended by then the last word is told,
    under the record's own id. A call that inspects nothing (走访) is a record and no visit.
    """
    begins, ends = (datetime.combine(day, time(), work.zone) for day in (first, last + timedelta(days=1)))
    judged_by_then = (
        select(VisitFact.record_id, VisitFact.valid)
        .where(
            VisitFact.bureau_id == work.bureau_id,
            VisitFact.performed_at >= begins,
            VisitFact.performed_at < ends,
            VisitFact.known_at <= as_of,
        )
        .ext(distinct_on(VisitFact.record_id))
        .order_by(VisitFact.record_id, VisitFact.known_at.desc(), VisitFact.valid)
        .subquery()
    )
    amended = last_words(work.bureau_id, as_of)
    record_id = func.coalesce(amended.c.original_id, Record.id)
    yield from work.session.execute(
        select(
            record_id.label("id"),
            Record.kind,
            Record.subject_id,
            Record.cell_id,
            Record.performed_at,
            Record.flags,
            func.coalesce(judged_by_then.c.valid, Record.valid).label("valid"),
            or_(Record.visit_kind.in_(KINDS), Form.demands["certified"].as_boolean()).label("inspects"),
            Record.document["answers"]["result"].as_string().label("result"),
        )
        .outerjoin(amended, amended.c.record_id == Record.id)
        .outerjoin(Form, OF_ITS_FORM)
        .outerjoin(judged_by_then, judged_by_then.c.record_id == record_id)
        .where(
            stands(work, as_of),
            Record.subject_kind == "outlet",
            Record.subject_id.is_not(None),
            Record.performed_at >= begins,
            Record.performed_at < ends,
            Record.performed_at <= as_of,
        )
    )
