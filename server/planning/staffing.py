"""Who and what a squad can go out with, as the registers and the roster say."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select

from schemas.vocabulary import PersonKind
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.work import Work
from server.org.models import Certificate, Person, Squad, Vehicle
from server.planning.rulebook import Shift
from server.planning.subjects import cells_of
from server.planning.teams import Away, Known
from server.roster.queries import absences, squad_on


class Base(NamedTuple):
    """Where a squad's patrols begin and end; EPSG:4326."""

    name: str
    lon: float
    lat: float


def load_staff(work: Work, day: date, squad_id: uuid.UUID) -> dict[uuid.UUID, Known]:
    """Everybody of the bureau as a squad's plan of ``day`` sees them: with the squad that they work with that day, and away
    while the roster has them away from this squad. A shift may reach into the next day.
    """
    certified: dict[uuid.UUID, list[tuple[date, date]]] = {}
    for person_id, begins, ends in work.session.execute(
        select(Certificate.person_id, Certificate.valid_from, Certificate.valid_to).where(
            Certificate.bureau_id == work.bureau_id
        )
    ):
        certified.setdefault(person_id, []).append((begins, ends))
    squads, away = squad_on(work, day), absences(work, day, day + timedelta(days=1))
    people = select(Person.id, Person.name, Person.kind).where(Person.bureau_id == work.bureau_id)
    return {
        person_id: Known(
            name,
            PersonKind(kind),
            tuple(certified.get(person_id, ())),
            squads.get(person_id),
            tuple(Away(one.begins, one.ends) for one in away.get(person_id, ()) if one.is_from(squad_id)),
        )
        for person_id, name, kind in work.session.execute(people)
    }


def vehicles_of(work: Work, squad_id: uuid.UUID | None = None) -> dict[uuid.UUID, str]:
    """The bureau's vehicles with their plates, or those of one squad, by plate."""
    own = select(Vehicle.id, Vehicle.plate).where(Vehicle.bureau_id == work.bureau_id).order_by(Vehicle.plate)
    if squad_id is not None:
        own = own.where(Vehicle.squad_id == squad_id)
    return dict(work.session.execute(own).all())


def leaf_cells(work: Work, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Those of these cells that are leaf cells of the bureau, with their codes."""
    known = select(GridCell.id, GridCell.code).where(
        GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4, among(GridCell.id, sorted(set(ids)))
    )
    return dict(work.session.execute(known).all())


def base_of(work: Work, squad_id: uuid.UUID, day: date) -> Base | None:
    """The squad's base; where none is registered, the middle of its cells; None without a cell."""
    row = work.session.execute(
        select(Squad.base_name, func.ST_X(Squad.base_place), func.ST_Y(Squad.base_place)).where(
            Squad.id == squad_id, Squad.bureau_id == work.bureau_id, Squad.base_place.is_not(None)
        )
    ).one_or_none()
    if row is not None:
        name, lon, lat = row
        return Base(name or "", lon, lat)
    cells = sorted(cells_of(work, squad_id, day))
    middle = func.ST_Centroid(func.ST_Collect(func.ST_PointOnSurface(GridCell.geom)))
    lon, lat = work.session.execute(
        select(func.ST_X(middle), func.ST_Y(middle)).where(among(GridCell.id, cells))
    ).one()
    return None if lon is None else Base("辖区中心", lon, lat)


def shift_on(work: Work, day: date, shift: Shift) -> tuple[datetime, datetime]:
    """The usual shift on a day; one that ends before it begins crosses midnight."""
    begins, ends = (datetime.combine(day, hour, work.zone) for hour in shift)
    return begins, ends if ends > begins else ends + timedelta(days=1)
