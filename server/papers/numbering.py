"""Official numbers: given by one job after commit, in the order of commit, so that a register has no gap and no double.

A counter in the writer's transaction would make every push of a bureau wait for the one before it. Here a push only
notes what wants a number; what no open transaction can overtake any more is numbered later, by one job at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, delete, func, insert, select

from schemas.vocabulary import PaperKind
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import invalid
from server.kernel.work import Work
from server.org.models import Bureau
from server.papers.amendments import origins_of
from server.papers.models import NumberStyle, NumberWanted, OfficialNumber
from server.papers.rules import Style, own_paper, read_style, written_number
from server.records.models import Record, Rectification
from server.records.stamping import stamp_numbers

NUMBER_JOB = "server.worker.number_records"
BATCH = 500
"""Papers numbered in one transaction: while their readers are told, their cells are held against hand-overs."""

Numbers = dict[tuple[uuid.UUID, PaperKind], str]
"""By the record at the beginning and the kind of paper."""

# No transaction that is still open can put anything before these.
_BELOW_HORIZON = NumberWanted.xid < func.pg_snapshot_xmin(func.pg_current_snapshot())


def want_numbers(work: Work, ids: Sequence[uuid.UUID]) -> None:
    """Note that the papers of new records want numbers. Valid or not: what is stored is numbered, once and for ever."""
    rows = work.session.execute(
        select(Record.id, Record.kind, Record.form_code, Record.visit_kind)
        .where(among(Record.id, ids))
        .order_by(Record.id)
    )
    papers = [(record, own_paper(*told)) for record, *told in rows]
    ordered = select(Rectification.record_id).where(among(Rectification.record_id, ids)).distinct()
    papers += [(record, PaperKind.RECTIFICATION_ORDER) for record in sorted(work.session.scalars(ordered))]
    wanted = [
        {"bureau_id": work.bureau_id, "record_id": record, "paper_kind": kind.value}
        for record, kind in papers
        if kind is not None
    ]
    if wanted:
        work.session.execute(insert(table_of(NumberWanted)), wanted)
        work.later(NUMBER_JOB, str(work.bureau_id))


def number_records(work: Work) -> int:
    """Number the papers that have waited longest, at most ``BATCH``; how many of them are settled now.

    Nothing to do costs one look-up, a second run finds nothing, and two at once go one after the other.
    """
    if work.session.scalar(_waiting(work, NumberWanted.seq).limit(1)) is None:
        return 0
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"numbers:{work.bureau_id}", 0))
    work.session.execute(select(turn))
    waiting = work.session.execute(
        _waiting(work, NumberWanted.seq, NumberWanted.record_id, NumberWanted.paper_kind)
        .order_by(NumberWanted.xid, NumberWanted.seq)
        .limit(BATCH)
    ).all()
    if not waiting:
        return 0
    origins = origins_of(work, {record for _, record, _ in waiting})
    papers = [(record, (origins[record], PaperKind(kind))) for _, record, kind in waiting]
    numbers = numbers_of(work, {origin for _, (origin, _) in papers})
    given = _give(work, dict.fromkeys(paper for _, paper in papers if paper not in numbers))
    numbers |= given
    stamps: dict[uuid.UUID, dict[str, str]] = {}
    for record, paper in papers:
        stamps.setdefault(record, {})[paper[1].value] = numbers[paper]
    stamp_numbers(work, stamps)
    done = [seq for seq, _, _ in waiting]
    work.session.execute(delete(NumberWanted).where(NumberWanted.seq.in_(done)))
    if given:
        record_event(work, "papers.numbered", [record for record, _ in given], numbers=list(given.values()))
    return len(waiting)


def _waiting(work: Work, *columns: Any) -> Select[Any]:
    return select(*columns).where(NumberWanted.bureau_id == work.bureau_id, _BELOW_HORIZON)


def numbers_of(work: Work, origins: Collection[uuid.UUID]) -> Numbers:
    """The numbers that were given to the papers of records and their amendments."""
    rows = work.session.scalars(select(OfficialNumber).where(among(OfficialNumber.record_id, list(origins))))
    return {
        (row.record_id, PaperKind(row.paper_kind)): written_number(row.series, row.year, row.serial)
        for row in rows
    }


def _give(work: Work, papers: Iterable[tuple[uuid.UUID, PaperKind]]) -> Numbers:
    """Give each paper the next number of its register, in the order given.

    The year is that of the day on which it is numbered: the register of a year that is over is closed, and what was
    recorded in December and synced in January says so by its own date.
    """
    today = work.now.astimezone(work.zone).date()
    style = style_on(work, today)
    last = dict(
        work.session.execute(
            select(OfficialNumber.series, func.max(OfficialNumber.serial))
            .where(OfficialNumber.bureau_id == work.bureau_id, OfficialNumber.year == today.year)
            .group_by(OfficialNumber.series)
        ).all()
    )
    given: Numbers = {}
    rows = []
    for record, kind in papers:
        series = style.series(kind)
        last[series] = serial = last.get(series, 0) + 1
        given[(record, kind)] = written_number(series, today.year, serial)
        rows.append(
            {
                "id": new_id(work.now),
                "bureau_id": work.bureau_id,
                "series": series,
                "year": today.year,
                "serial": serial,
                "paper_kind": kind.value,
                "record_id": record,
                "numbered_at": work.now,
            }
        )
    if rows:
        work.session.execute(insert(table_of(OfficialNumber)), rows)
    return given


def style_on(work: Work, day: date) -> Style:
    """What the bureau's numbers of a day begin with."""
    row = work.session.scalar(
        select(NumberStyle)
        .where(NumberStyle.bureau_id == work.bureau_id, NumberStyle.from_day <= day)
        .order_by(NumberStyle.from_day.desc(), NumberStyle.known_at.desc(), NumberStyle.id.desc())
        .limit(1)
    )
    if row is not None:
        return read_style(row.abbreviation, row.words)
    return Style.of_name(work.session.scalars(select(Bureau.name).filter_by(id=work.bureau_id)).one())


def set_style(work: Work, abbreviation: str, words: dict[str, str], from_day: date) -> Style:
    """Set what numbers begin with from a day on, today at the earliest: numbers that were given stay.

    A new series begins at 1 in the middle of a year.

    Raises:
        Problem: ``invalid`` for a word that is none, or a day that is over.
    """
    style = read_style(abbreviation, words)
    if from_day < work.now.astimezone(work.zone).date():
        raise invalid(
            "/from_day",
            "in_past",
            "只能从今天或以后的日期起改变。It can change from today or a later day on.",
        )
    row = NumberStyle(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        from_day=from_day,
        abbreviation=abbreviation,
        words={kind.value: style.words[kind] for kind in PaperKind},
        known_at=work.now,
        account_id=work.actor.account_id,
    )
    work.session.add(row)
    work.session.flush()
    record_event(
        work, "number_style.set", [row.id], abbreviation=abbreviation, words=row.words, from_day=str(from_day)
    )
    return style
