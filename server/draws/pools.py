"""Who may be drawn: the outlets and the officers of a pool, and who is recused, as they are when it is frozen."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from server.cadence.models import Obligation
from server.cadence.ops import RULE
from server.cadence.population import UNGRADED
from server.cadence.queries import waived
from server.draws.models import Draw, Recusal, RecusalEnd
from server.draws.rules import PooledOutlet
from server.draws.rules import Recusal as RecusedFrom
from server.grids.models import Duty, GridCell
from server.grids.queries import cells_below
from server.kernel.bulk import among
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Certificate, Person, Squad, SquadMember
from server.outlets.models import Outlet, OutletStatus


@dataclass(frozen=True, slots=True)
class Window:
    """The days on which the teams go, both included."""

    from_day: date
    to_day: date


def window_of(draw: Draw) -> Window:
    """The days of a draw that is frozen."""
    return Window(draw.from_day, draw.to_day)


@dataclass(slots=True)
class Outlets:
    """The outlets of a pool with their ids; ``unplaced`` are those that lie in no cell and can be lent to nobody."""

    pooled: list[PooledOutlet] = field(default_factory=list)
    ids: dict[str, uuid.UUID] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Officers:
    """Certificate number → squad and person."""

    squads: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, uuid.UUID] = field(default_factory=dict)


def load_outlets(
    work: Work, chosen: Mapping[str, Any], window: Window, subjects: Sequence[uuid.UUID] | None
) -> Outlets:
    """The outlets that may be drawn, by licence number: active when the window begins, and of ``chosen``.

    Those of ``subjects`` where they are given; with ``tier`` and ``period`` those that owe that period and have
    neither been checked nor excused; else those of the ``cell_ids`` (of any level, with all cells below),
    ``business_kinds``, ``grades`` and ``scope``, where given.

    Raises:
        Problem: ``not_found`` for a cell of another bureau.
    """
    if subjects is not None:
        which = [among(Outlet.id, subjects)]
    else:
        which = _owing(chosen) if chosen.get("tier") else _matching(work, chosen)
    responsible = (
        select(Squad.name)
        .join(Duty, Duty.squad_id == Squad.id)
        .where(Duty.cell_id == Outlet.cell_id, Duty.valid.op("@>")(window.from_day))
        .scalar_subquery()
    )
    rows = work.session.execute(
        select(Outlet.id, Outlet.licence_no, Outlet.credit_grade, Outlet.cell_id, responsible)
        .where(Outlet.bureau_id == work.bureau_id, _active_on(window.from_day), *which)
        .order_by(Outlet.licence_no)
    )
    found = Outlets()
    for outlet_id, licence_no, grade, cell_id, squad in rows:
        if cell_id is None:
            found.unplaced.append(licence_no)
            continue
        found.pooled.append(PooledOutlet(licence_no, grade or UNGRADED, squad))
        found.ids[licence_no] = outlet_id
    return found


def _active_on(day: date) -> ColumnElement[bool]:
    """Whether the latest known status that had begun by the day is ``active``."""
    status = (
        select(OutletStatus.status)
        .where(OutletStatus.outlet_id == Outlet.id, OutletStatus.from_day <= day)
        .order_by(OutletStatus.from_day.desc(), OutletStatus.known_at.desc(), OutletStatus.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return status == "active"


def _owing(chosen: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    owed = select(Obligation.id).where(
        Obligation.subject_kind == "outlet",
        Obligation.subject_id == Outlet.id,
        Obligation.rule == RULE,
        Obligation.key == chosen["period"],
        Obligation.tier == chosen["tier"],
        Obligation.voided_at.is_(None),
        Obligation.met_by.is_(None),
        ~waived(),
    )
    return [owed.exists()]


def _matching(work: Work, chosen: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if chosen.get("cell_ids"):
        which.append(Outlet.cell_id.in_(_cells_below(work, chosen["cell_ids"])))
    if chosen.get("business_kinds"):
        which.append(Outlet.business_kind.in_(chosen["business_kinds"]))
    if chosen.get("grades"):
        which.append(func.coalesce(Outlet.credit_grade, UNGRADED).in_(chosen["grades"]))
    if chosen.get("scope"):
        which.append(Outlet.licence_scope.contains([chosen["scope"]]))
    return which


def _cells_below(work: Work, cell_ids: Collection[uuid.UUID]) -> Select[uuid.UUID]:
    """The cells, which have to be of the bureau, and all cells below them."""
    own = select(GridCell.id).where(
        GridCell.bureau_id == work.bureau_id, among(GridCell.id, sorted(set(cell_ids)))
    )
    if len(work.session.scalars(own).all()) != len(set(cell_ids)):
        raise Problem("not_found", detail="没有这个网格。There is no such cell.")
    return cells_below(work.bureau_id, cell_ids)


def load_officers(work: Work, window: Window, squad_ids: Collection[uuid.UUID]) -> Officers:
    """The officers who may be drawn: certified on every day of the window, not auxiliaries, of these squads if any
    are named. The squad is that of the window's first day.

    Raises:
        Problem: ``not_found`` for a squad of another bureau; ``invalid`` where two of them have one certificate number.
    """
    member = SquadMember.valid.op("@>")(window.from_day)
    query = (
        select(Person.id, Certificate.cert_no, Squad.name)
        .join(Certificate, Certificate.person_id == Person.id)
        .outerjoin(SquadMember, (SquadMember.person_id == Person.id) & member)
        .outerjoin(Squad, Squad.id == SquadMember.squad_id)
        .where(
            Person.bureau_id == work.bureau_id,
            Person.kind == "officer",
            Certificate.valid_from <= window.from_day,
            Certificate.valid_to >= window.to_day,
        )
        # Of several certificates the one given last is shown.
        .ext(distinct_on(Person.id))
        .order_by(Person.id, Certificate.valid_from.desc(), Certificate.cert_no.desc())
    )
    if squad_ids:
        known = select(func.count()).where(Squad.bureau_id == work.bureau_id, Squad.id.in_(squad_ids))
        if work.session.scalar(known) != len(set(squad_ids)):
            raise Problem("not_found", detail="没有这个中队。No such squad.")
        query = query.where(Squad.id.in_(squad_ids))
    found = Officers()
    for person_id, cert_no, squad in work.session.execute(query):
        if cert_no in found.ids:
            detail = f"两名人员的执法证号同为 {cert_no}，请先更正。Two officers have one certificate number."
            raise invalid("", "certificate_shared", detail)
        found.ids[cert_no], found.squads[cert_no] = person_id, squad
    return found


def recused(
    work: Work, officers: Mapping[str, uuid.UUID], outlets: Mapping[str, uuid.UUID], window: Window
) -> frozenset[RecusedFrom]:
    """Who of these officers may not go where among these outlets on some day of the window, as known now."""
    ended = select(RecusalEnd.id).where(RecusalEnd.recusal_id == Recusal.id)
    holding = select(Recusal.person_id, Recusal.outlet_id).where(
        Recusal.bureau_id == work.bureau_id,
        Recusal.from_day <= window.to_day,
        or_(Recusal.to_day.is_(None), Recusal.to_day >= window.from_day),
        ~ended.exists(),
    )
    barred: dict[uuid.UUID, set[uuid.UUID | None]] = defaultdict(set)
    for person_id, outlet_id in work.session.execute(holding):
        barred[person_id].add(outlet_id)
    found: set[RecusedFrom] = set()
    licences = {outlet_id: licence_no for licence_no, outlet_id in outlets.items()}
    for cert_no, person_id in officers.items():
        from_where = barred.get(person_id, set())
        found |= {(cert_no, licences[one]) for one in from_where if one is not None and one in licences}
        if None in from_where:
            found.add((cert_no, None))
    return frozenset(found)
