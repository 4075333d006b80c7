"""Workload of squads and of lead officers: what lies in the cells that they answer for. It ranks nobody, and what somebody
did or where somebody was has no part in it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import any_, func, literal, or_, select

from gis.tours import tour_lengths_m
from schemas.vocabulary import CadenceTier
from server.cadence.models import Obligation
from server.cadence.queries import standing, waived
from server.grids.choosing import duty_cells
from server.grids.duty_plans import Holder
from server.grids.models import Duty, GridCell
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet

DAYS = 14
"""How far ahead what is owed is looked at, unless asked otherwise; later periods are not written down yet."""
# Of no rule or policy may grace be longer than thirty working days.
_GRACE_AT_MOST = timedelta(days=70)
_A_YEAR = {CadenceTier.WEEKLY: 52, CadenceTier.MONTHLY: 12, CadenceTier.QUARTERLY: 4}

Holders = Mapping[uuid.UUID, Holder | None]


@dataclass(slots=True)
class Load:
    """What there is to do in cells.

    ``outlets`` are those in business, ``ecig_outlets`` those of them that sell e-cigarettes. ``weekly`` to ``quarterly``,
    and ``triggered``, count the obligations that can be met up to the last day looked at, and were not met or excused.
    ``per_year`` are the obligations of a year, were every period as the present one of its tier; one visit may meet
    several. ``travel_m`` is the way round the outlets of each cell once, an estimate (see gis.tours); ways between cells
    are in it nowhere.
    """

    cells: int = 0
    outlets: int = 0
    ecig_outlets: int = 0
    weekly: int = 0
    monthly: int = 0
    quarterly: int = 0
    triggered: int = 0
    per_year: int = 0
    travel_m: int = 0

    def add(self, other: Load) -> None:
        """Take in what another counts."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Line:
    """The load of a squad, or of one lead officer of it; without a squad that of the cells that nobody answers for."""

    squad_id: uuid.UUID | None
    squad: str | None
    lead_person_id: uuid.UUID | None
    lead: str | None
    load: Load


@dataclass(frozen=True, slots=True)
class Workload:
    """Workload on a day, of what is owed up to ``until``. ``unplaced`` counts outlets in business that are in no cell and
    so in nobody's load, by why: ``outlet_without_position`` and ``outlet_outside_cells``.
    """

    day: date
    until: date
    as_of: datetime
    squads: list[Line]
    leads: list[Line]
    total: Load
    unplaced: Mapping[str, int]


def workload(work: Work, days: int = DAYS) -> Workload:
    """Workload of today: of the whole bureau, or of the squads of whoever reads no more."""
    today = work.now.astimezone(work.zone).date()
    holders = holders_on(work, today)
    if not work.actor.reaches_bureau(Permission.REPORT_READ):
        own = set(work.actor.squad_ids)
        holders = {cell: one for cell, one in holders.items() if one and one.squad_id in own}
    loads = loads_of(work, holders, days)
    total = Load()
    for load in loads.values():
        total.add(load)
    return Workload(
        day=today,
        until=today + timedelta(days=days),
        as_of=work.now.astimezone(work.zone),
        squads=by_squad(work, holders, loads),
        leads=by_lead(work, holders, loads),
        total=total,
        unplaced=_unplaced(work) if work.actor.reaches_bureau(Permission.REPORT_READ) else {},
    )


def holders_on(work: Work, day: date) -> dict[uuid.UUID, Holder | None]:
    """Every leaf cell of duty of the bureau with who answers for it on a day, as is known now."""
    held = Duty.valid.op("@>")(literal(day))
    found = work.session.execute(
        select(GridCell.id, Duty.squad_id, Duty.lead_person_id)
        .outerjoin(Duty, (Duty.cell_id == GridCell.id) & held)
        .where(GridCell.bureau_id == work.bureau_id, duty_cells())
    )
    return {cell: Holder(squad, lead) if squad and lead else None for cell, squad, lead in found}


def loads_of(work: Work, cells: Collection[uuid.UUID], days: int = DAYS) -> dict[uuid.UUID, Load]:
    """What there is to do in each of the cells as of today, whoever answers for them."""
    loads = {cell: Load(cells=1) for cell in sorted(cells)}
    _count_outlets(work, loads)
    _count_obligations(work, loads, days)
    return loads


def by_squad(work: Work, holders: Holders, loads: Mapping[uuid.UUID, Load]) -> list[Line]:
    """The loads of squads, by their names; last what nobody answers for."""
    return _lines(work, holders, loads, lambda holder: (holder.squad_id, None) if holder else (None, None))


def by_lead(work: Work, holders: Holders, loads: Mapping[uuid.UUID, Load]) -> list[Line]:
    """The loads of lead officers, each in each of the squads that he leads cells of, by their names."""
    return _lines(work, holders, loads, lambda holder: holder or (None, None))


def _lines(
    work: Work,
    holders: Holders,
    loads: Mapping[uuid.UUID, Load],
    key: Callable[[Holder | None], tuple[uuid.UUID | None, uuid.UUID | None]],
) -> list[Line]:
    sums: dict[tuple[uuid.UUID | None, uuid.UUID | None], Load] = defaultdict(Load)
    for cell, load in loads.items():
        sums[key(holders[cell])].add(load)
    squads = _names(work, Squad, (squad for squad, _ in sums if squad))
    people = _names(work, Person, (lead for _, lead in sums if lead))
    lines = [
        Line(squad, squads[squad] if squad else None, lead, people[lead] if lead else None, load)
        for (squad, lead), load in sums.items()
    ]
    return sorted(
        lines, key=lambda one: (one.squad is None, one.squad or "", one.lead or "", str(one.lead_person_id))
    )


def _names(work: Work, of: type[Squad] | type[Person], ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    return dict(work.session.execute(select(of.id, of.name).where(among(of.id, sorted(set(ids))))).all())


def _count_outlets(work: Work, loads: Mapping[uuid.UUID, Load]) -> None:
    """One row a cell, for tens of thousands of outlets come too slowly one by one."""
    placed = Outlet.geom.is_not(None)
    found = work.session.execute(
        select(
            Outlet.cell_id,
            func.count(),
            func.count().filter(literal("ecig") == any_(Outlet.licence_scope)),
            func.array_agg(func.ST_X(Outlet.geom)).filter(placed),
            func.array_agg(func.ST_Y(Outlet.geom)).filter(placed),
        )
        .where(among(Outlet.cell_id, list(loads)), Outlet.status == "active")
        .group_by(Outlet.cell_id)
    ).all()
    rounds = [(cell, lons, lats) for cell, _, _, lons, lats in found if cell and lons]
    lengths = tour_lengths_m(
        np.repeat(np.arange(len(rounds)), [len(lons) for _, lons, _ in rounds]),
        np.array([lon for _, lons, _ in rounds for lon in lons], dtype=float),
        np.array([lat for _, _, lats in rounds for lat in lats], dtype=float),
        len(rounds),
    )
    for cell, outlets, ecig, _, _ in found:
        assert cell is not None
        loads[cell].outlets, loads[cell].ecig_outlets = outlets, ecig
    for (cell, _, _), length in zip(rounds, lengths.tolist(), strict=True):
        loads[cell].travel_m = length


def _count_obligations(work: Work, loads: Mapping[uuid.UUID, Load], days: int) -> None:
    today = work.now.astimezone(work.zone).date()
    owed = (
        Obligation.met_by.is_(None)
        & (Obligation.grace_last_day >= today)
        & (Obligation.first_day <= today + timedelta(days=days))
        & ~waived()
    )
    present = Obligation.tier.is_not(None) & (Obligation.first_day <= today) & (Obligation.last_day >= today)
    counted = (
        select(
            Obligation.cell_id,
            Obligation.tier,
            func.count().filter(owed),
            func.count().filter(present),
        )
        .where(
            Obligation.bureau_id == work.bureau_id,
            Obligation.last_day >= today - _GRACE_AT_MOST,
            among(Obligation.cell_id, list(loads)),
            Obligation.voided_at.is_(None),
            or_(Obligation.tier.is_not(None), standing(work.zone.key)),
        )
        .group_by(Obligation.cell_id, Obligation.tier)
    )
    for cell, tier, still_owed, in_period in work.session.execute(counted):
        assert cell is not None
        load = loads[cell]
        field = CadenceTier(tier).lower() if tier else "triggered"
        setattr(load, field, getattr(load, field) + still_owed)
        if tier:
            load.per_year += in_period * _A_YEAR[CadenceTier(tier)]


def _unplaced(work: Work) -> dict[str, int]:
    nowhere = Outlet.geom.is_(None)
    counted: Any = work.session.execute(
        select(func.count().filter(nowhere), func.count().filter(~nowhere)).where(
            Outlet.bureau_id == work.bureau_id, Outlet.cell_id.is_(None), Outlet.status == "active"
        )
    ).one()
    return dict(zip(("outlet_without_position", "outlet_outside_cells"), counted, strict=True))
