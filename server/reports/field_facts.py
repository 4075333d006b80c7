"""What the field produced, fact by fact: R3 and R6 are sums of these, so every figure leads to its records.

A fact counts as known by a moment: of a record and its amendments the last word, of a dispatch its last version.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select, true

from schemas.vocabulary import DutyRule, ObligationState
from server.cadence import rules
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.tally import PENDING
from server.cadence.timeline import need_rulebook
from server.grids.queries import cells_in_scope
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records.models import GoodsLine, Record, RecordOutcome, RoadStop
from server.records.superseding import stands
from server.reports.outlet_records import records_at_outlets

# Goods are counted where they were found: a registration list names the same ones again.
FINDING_KINDS = (
    "site_visit",
    "ecig_check",
    "road_check",
    "depot_check",
    "manufacturer_check",
    "unlicensed_check",
)
_LETTERS = {"letter": "letters", "hand_over": "hand_overs"}
_TO_DO = {ObligationState.UPCOMING, *PENDING, ObligationState.MISSED}
_PIECES = ("ecig_pod", "disposable_ecig", "ecig_device")


class Fact(NamedTuple):
    """So much of a figure: ``amount`` in its base unit, on a day of the bureau, of a squad, at a site if at one.

    ``id`` is that of the record, dispatch, outlet or obligation that it comes from, as ``kind`` says.
    """

    figure: str
    id: uuid.UUID
    kind: str
    amount: int
    day: date
    squad_id: uuid.UUID | None = None
    site_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the bureau, both included, as known by a moment."""

    first: date
    last: date
    as_of: datetime

    def holds(self, work: Work, column: Any) -> ColumnElement[bool]:
        """A condition: the moment in ``column`` lies on one of the days and is not after ``as_of``."""
        begins, ends = (
            datetime.combine(day, time(), work.zone) for day in (self.first, self.last + timedelta(days=1))
        )
        held: ColumnElement[bool] = and_(column >= begins, column < ends, column <= self.as_of)
        return held


def records_in_scope(work: Work) -> ColumnElement[bool]:
    """A condition on ``Record``: of the bureau's, or of the actor's squads and cells."""
    if work.actor.reaches_bureau(Permission.REPORT_READ):
        return true()
    cells = cells_in_scope(work.actor, Permission.REPORT_READ)
    return or_(Record.squad_id.in_(work.actor.squad_ids), Record.cell_id.in_(cells))


def standing_records(work: Work, span: Span, kinds: Sequence[str]) -> ColumnElement[bool]:
    """A condition on ``Record``: of these kinds, of the span, in scope, and the last word as known by then."""
    return and_(
        stands(work, span.as_of),
        Record.kind.in_(kinds),
        span.holds(work, Record.performed_at),
        records_in_scope(work),
    )


def road_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Sessions (``road_sessions``, of them ``road_not_valid``), stops, those with goods, and their sticks."""
    condition = standing_records(work, span, ("road_check",))
    for row in work.session.execute(_told(condition)):
        one = _fact(work, row)
        yield one("road_sessions", 1)
        if not row.valid:
            yield one("road_not_valid", 1)
    stops = select(*_COLUMNS, RoadStop.goods_found, RoadStop.stick_total).join(
        RoadStop, RoadStop.record_id == Record.id
    )
    for row in work.session.execute(stops.where(condition)):
        one = _fact(work, row)
        yield one("road_stops", 1)
        if row.goods_found:
            yield one("road_hits", 1)
        if row.stick_total:
            yield one("road_sticks", row.stick_total)


def depot_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Depot checks, those not valid, those that found something, and what was written to the postal authority."""
    checks = _told(standing_records(work, span, ("depot_check",)))
    for row in work.session.execute(checks):
        one = _fact(work, row)
        yield one("depot_checks", 1)
        if not row.valid:
            yield one("depot_not_valid", 1)
        if row.result == "abnormal":
            yield one("depot_findings", 1)
        if row.disposal in _LETTERS:
            yield one(_LETTERS[row.disposal], 1)


def recheck_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Of the letters and hand-overs of the span: whose re-check is still to be made, and whose day is over already."""
    asked = (
        select(Obligation.id, Obligation.subject_id, Obligation.triggered_at, Record.squad_id)
        .join(Record, Record.id == Obligation.trigger_id)
        .where(
            Obligation.bureau_id == work.bureau_id,
            Obligation.rule == DutyRule.DEPOT_RECHECK.value,
            span.holds(work, Obligation.triggered_at),
            records_in_scope(work),
        )
    )
    found = {row.id: row for row in work.session.execute(asked)}
    if not found:
        return
    today = span.as_of.astimezone(work.zone).date()
    rulebook = need_rulebook(work, today)
    subjects = sorted({row.subject_id for row in found.values()})
    for loaded in load_histories(work, subjects).values():
        for judgement in rules.judge(loaded.history, rulebook, span.as_of):
            row = found.get(judgement.obligation.id)
            if row is None or judgement.state not in _TO_DO:
                continue
            day = row.triggered_at.astimezone(work.zone).date()
            one = Fact("rechecks_open", row.id, "obligation", 1, day, row.squad_id, row.subject_id)
            yield one
            if judgement.obligation.last_day < today:
                yield one._replace(figure="rechecks_overdue")


def visit_facts(work: Work, span: Span) -> Iterator[Fact]:
    """Valid inspections of outlets (户次) with the outlets (户数), as in R2 and R7; sellers without licence apart."""
    cells: set[uuid.UUID] | None = None
    if not work.actor.reaches_bureau(Permission.REPORT_READ):
        cells = set(work.session.scalars(cells_in_scope(work.actor, Permission.REPORT_READ)))
    for row in records_at_outlets(work, span.first, span.last, span.as_of):
        if row.kind == "attempt" or not row.valid or not row.inspects:
            continue
        if cells is not None and row.cell_id not in cells:
            continue
        day = row.performed_at.astimezone(work.zone).date()
        yield Fact("visits", row.id, "record", 1, day)
        yield Fact("outlets_visited", row.subject_id, "outlet", 1, day)
    unlicensed = standing_records(work, span, ("site_visit", "unlicensed_check"))
    for row in work.session.execute(
        _told(and_(unlicensed, Record.subject_kind == "unlicensed", Record.valid))
    ):
        yield _fact(work, row)("unlicensed_checks", 1)


def found_facts(work: Work, span: Span) -> Iterator[Fact]:
    """What was found, whether or not the record is a valid inspection: cases by cause, goods by kind, and money in fen."""
    condition = standing_records(work, span, FINDING_KINDS)
    for row in work.session.execute(_told(condition)):
        one = _fact(work, row)
        if row.cause is not None:
            yield one("findings", 1)
            yield one(f"cause/{row.cause}", 1)
        for figure in ("case_value_fen", "amount_involved_fen"):
            if getattr(row, figure):
                yield one(figure, getattr(row, figure))
    goods = select(
        *_COLUMNS,
        GoodsLine.category,
        GoodsLine.nature,
        GoodsLine.sticks,
        GoodsLine.grams,
        GoodsLine.millilitres,
        GoodsLine.pieces,
        GoodsLine.labelled_value_fen,
    ).join(GoodsLine, GoodsLine.record_id == Record.id)
    for row in work.session.execute(goods.where(condition)):
        one = _fact(work, row)
        if row.sticks:
            yield one("cigarettes", row.sticks)
            yield one(f"cigarettes/{row.nature}", row.sticks)
        if row.grams:
            yield one("tobacco", row.grams)
        if row.category in _PIECES and row.pieces:
            yield one(row.category, row.pieces)
        if row.millilitres:
            yield one("e_liquid", row.millilitres)
        if row.category == "empty_tube" and row.pieces:
            yield one("empty_tube", row.pieces)
        if row.labelled_value_fen:
            yield one("labelled_value_fen", row.labelled_value_fen)


_COLUMNS = (Record.id, Record.performed_at, Record.squad_id, Record.subject_kind, Record.subject_id)


def _told(condition: ColumnElement[bool]) -> Any:
    return (
        select(
            *_COLUMNS,
            Record.valid,
            RecordOutcome.result,
            RecordOutcome.cause,
            RecordOutcome.disposal,
            RecordOutcome.case_value_fen,
            RecordOutcome.amount_involved_fen,
        )
        .outerjoin(RecordOutcome, RecordOutcome.record_id == Record.id)
        .where(condition)
    )


def _fact(work: Work, row: Any) -> Any:
    """Makes facts of one record's row: ``(figure, amount)``."""
    day = row.performed_at.astimezone(work.zone).date()
    site = row.subject_id if row.subject_kind == "site" else None

    def of(figure: str, amount: int) -> Fact:
        return Fact(figure, row.id, "record", amount, day, row.squad_id, site)

    return of
