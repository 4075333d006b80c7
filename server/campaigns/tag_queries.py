"""Reads of tags: those of the places that the actor sees, and, for planners, what each place holds."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from schemas.vocabulary import PlaceTagKind
from server.cadence.duty_models import DutySubject
from server.cadence.queries import names_of
from server.campaigns.models import PlaceTag, PlaceTagEnd, TagKind
from server.campaigns.rules import Held, held_days
from server.grids.models import GridCell
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.outlets.models import Outlet


def tag_names(work: Work) -> dict[str, str]:
    """Every tag of the bureau, by its code, with its Chinese name."""
    own = select(TagKind.code, TagKind.name).where(TagKind.bureau_id == work.bureau_id).order_by(TagKind.code)
    return {kind.value: kind.label_zh for kind in PlaceTagKind} | dict(work.session.execute(own).all())


def visible_to(actor: Actor) -> Select[PlaceTag]:
    """The tags of the places in the actor's cells, and those of sites, which are the whole bureau's."""
    tags = select(PlaceTag).where(PlaceTag.bureau_id == actor.bureau_id)
    return tags if actor.reaches_bureau(Permission.CAMPAIGN_READ) else tags.where(in_cells(actor, True))


def in_cells(actor: Actor, sites: bool) -> ColumnElement[bool]:
    cells = cells_in_scope(actor, Permission.CAMPAIGN_READ)
    outlets = select(Outlet.id).where(Outlet.cell_id.in_(cells))
    unlicensed = select(DutySubject.id).where(DutySubject.cell_id.in_(cells))
    own = or_(
        and_(PlaceTag.subject_kind == "cell", PlaceTag.subject_id.in_(cells)),
        and_(PlaceTag.subject_kind == "outlet", PlaceTag.subject_id.in_(outlets)),
        and_(PlaceTag.subject_kind == "unlicensed", PlaceTag.subject_id.in_(unlicensed)),
    )
    return or_(own, PlaceTag.subject_kind == "site") if sites else own


def held_by(
    work: Work, subject_ids: Sequence[uuid.UUID] | None, as_of: datetime | None = None
) -> dict[uuid.UUID, list[Held]]:
    """The tags of these places, or of all, by place, as known by a moment or now; those that never held are left out."""
    known: ColumnElement[bool] = true() if as_of is None else PlaceTag.known_at <= as_of
    ended = PlaceTagEnd.tag_id == PlaceTag.id
    if as_of is not None:
        ended = and_(ended, PlaceTagEnd.known_at <= as_of)
    rows = (
        select(
            PlaceTag.subject_id,
            PlaceTag.tag,
            PlaceTag.from_day,
            PlaceTag.to_day,
            PlaceTagEnd.tag_id,
            PlaceTagEnd.last_day,
        )
        .outerjoin(PlaceTagEnd, ended)
        .where(PlaceTag.bureau_id == work.bureau_id, known)
        .order_by(PlaceTag.from_day, PlaceTag.tag, PlaceTag.id)
    )
    if subject_ids is not None:
        rows = rows.where(among(PlaceTag.subject_id, subject_ids))
    held: dict[uuid.UUID, list[Held]] = defaultdict(list)
    for subject_id, tag, from_day, to_day, ended_id, last_day in work.session.execute(rows):
        days = held_days(from_day, to_day, ended_id is not None, last_day)
        if days is not None:
            held[subject_id].append(Held(tag, *days))
    return held


def held_tags(work: Work, as_of: datetime | None = None) -> dict[uuid.UUID, list[Held]]:
    """Every tag of the bureau by the place that holds it, cells among them, as known by a moment or now."""
    return dict(held_by(work, None, as_of))


def tags_on(work: Work, day: date) -> dict[uuid.UUID, set[str]]:
    """The tags that each place of the bureau holds on a day, as known now; what a cell holds stands under the cell's id.

    For planners; it is not narrowed to what the actor may see.
    """
    found = {subject: {one.tag for one in held if one.on(day)} for subject, held in held_tags(work).items()}
    return {subject: tags for subject, tags in found.items() if tags}


def listed(work: Work, query: Mapping[str, Any]) -> Select[Any]:
    """The tags in scope that a query asks for, as schemas.campaigns.TagQuery has it; no page yet."""
    scope = visible_to(work.actor).with_only_columns(PlaceTag.id)
    columns = (getattr(PlaceTag, column.key) for column in PlaceTag.__table__.columns)
    rows = (
        select(
            *columns,
            PlaceTagEnd.tag_id.is_not(None).label("ended"),
            PlaceTagEnd.last_day,
            PlaceTagEnd.reason.label("end_reason"),
        )
        .outerjoin(PlaceTagEnd, PlaceTagEnd.tag_id == PlaceTag.id)
        .where(PlaceTag.id.in_(scope))
    )
    if query["tag"]:
        rows = rows.where(PlaceTag.tag == query["tag"])
    if query["subject_id"]:
        rows = rows.where(PlaceTag.subject_id == query["subject_id"])
    if query["on"]:
        until = func.least(PlaceTag.to_day, PlaceTagEnd.last_day)
        never = PlaceTagEnd.tag_id.is_not(None) & PlaceTagEnd.last_day.is_(None)
        rows = rows.where(
            PlaceTag.from_day <= query["on"], ~never, or_(until.is_(None), until >= query["on"])
        )
    elif not query["all"]:
        rows = rows.where(PlaceTagEnd.tag_id.is_(None))
    return rows


def described(work: Work, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of ``listed`` as schemas.campaigns.TagOut shows them."""
    names = tag_names(work)
    ids = [row.subject_id for row in rows]
    places = names_of(work, ids)
    cells = select(GridCell.id, GridCell.name, GridCell.code).where(among(GridCell.id, ids))
    places.update((cell_id, (name, code)) for cell_id, name, code in work.session.execute(cells))
    told = []
    for row in rows:
        name, number = places.get(row.subject_id, (None, None))
        told.append({**row._mapping, "tag_zh": names.get(row.tag, row.tag), "name": name, "number": number})
    return told
