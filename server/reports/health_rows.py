"""What stands behind the figures of sync health (R11): one row for each record, file, edit and kept row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from server.cadence.periods import ReportingPeriod
from server.evidence.models import RecordFile
from server.kernel.work import Work
from server.records.models import DeclaredFile, Record
from sync.tables import push_log, quarantine


def _in_period(work: Work, period: ReportingPeriod, as_of: datetime) -> ColumnElement[bool]:
    """Received on a day of the period, by the moment of the report. A record counts where it came in, however old."""
    return and_(
        Record.bureau_id == work.bureau_id,
        Record.received_at >= datetime.combine(period.first_day, time.min, work.zone),
        Record.received_at <= datetime.combine(period.last_day, time.max, work.zone),
        Record.received_at <= as_of,
    )


def _came_by() -> ColumnElement[Any]:
    """The device that a record came by, from the line of the log: there the device had shown its token."""
    return (
        select(push_log.c.device_id)
        .where(
            push_log.c.document_id == Record.id,
            push_log.c.edit_id == Record.device_edit_id,
            push_log.c.outcome == "accepted",
        )
        .order_by(push_log.c.seq)
        .limit(1)
        .correlate(Record)
        .scalar_subquery()
        .label("device_id")
    )


def _of_record() -> tuple[Any, ...]:
    return (
        Record.id,
        Record.id.label("document_id"),
        Record.received_at.label("at"),
        Record.flags,
        Record.pushed_by.label("person_id"),
        _came_by(),
    )


def _not_there(as_of: datetime) -> ColumnElement[bool]:
    return ~(
        select(RecordFile.record_id)
        .where(
            RecordFile.bureau_id == DeclaredFile.bureau_id,
            RecordFile.record_id == DeclaredFile.record_id,
            RecordFile.sha256 == DeclaredFile.sha256,
            RecordFile.received_at <= as_of,
        )
        .exists()
    )


def received(work: Work, period: ReportingPeriod, as_of: datetime) -> Iterable[Row[Any]]:
    """Every record that came in the period, with how many of its files are missing."""
    missing = (
        select(func.count())
        .select_from(DeclaredFile)
        .where(DeclaredFile.record_id == Record.id, _not_there(as_of))
        .correlate(Record)
        .scalar_subquery()
    )
    return work.session.execute(
        select(
            *_of_record(),
            missing.label("missing"),
        ).where(_in_period(work, period, as_of))
    )


def missing_evidence(work: Work, period: ReportingPeriod, as_of: datetime) -> Iterable[Row[Any]]:
    """A row for each file that such a record declares and that has not come."""
    return work.session.execute(
        select(
            *_of_record(),
            DeclaredFile.sha256,
        )
        .join(DeclaredFile, DeclaredFile.record_id == Record.id)
        .where(_in_period(work, period, as_of), _not_there(as_of))
    )


def open_conflicts(work: Work, as_of: datetime) -> Iterable[Row[Any]]:
    """The edits that lost and were not settled by then."""
    return work.session.execute(
        select(
            push_log.c.seq.label("id"),
            push_log.c.document_id,
            push_log.c.collection,
            push_log.c.at,
            push_log.c.reader_id.label("person_id"),
            push_log.c.device_id,
        ).where(
            push_log.c.bureau_id == work.bureau_id,
            push_log.c.contested,
            push_log.c.at <= as_of,
            or_(push_log.c.resolved_at.is_(None), push_log.c.resolved_at > as_of),
        )
    )


def open_quarantine(work: Work, as_of: datetime) -> Iterable[Row[Any]]:
    """The rows that could not be taken and were not put right by then."""
    return work.session.execute(
        select(
            quarantine.c.id,
            quarantine.c.document_id,
            quarantine.c.collection,
            quarantine.c.at,
            quarantine.c.reader_id.label("person_id"),
            quarantine.c.device_id,
        ).where(
            quarantine.c.bureau_id == work.bureau_id,
            quarantine.c.at <= as_of,
            or_(quarantine.c.resolved_at.is_(None), quarantine.c.resolved_at > as_of),
        )
    )
