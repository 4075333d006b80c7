"""Reads of outlets and sites, always from what the actor may see."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from server.grids.queries import cells_in_scope, scope_holds
from server.kernel.actor import Actor
from server.outlets.models import Outlet, OutletStatus, Registration, Site


def visible_to(actor: Actor) -> Select[Outlet]:
    """The outlets in the actor's cells; whoever sees the whole bureau also sees those without a cell."""
    outlets = select(Outlet).where(Outlet.bureau_id == actor.bureau_id)
    return outlets if actor.sees_bureau else outlets.where(Outlet.cell_id.in_(cells_in_scope(actor)))


def document() -> ColumnElement[str]:
    """An outlet as devices hold it; ``position`` is EPSG:4326."""
    fields = func.json_build_object(
        "id", Outlet.id,
        "edit_id", Outlet.edit_id,
        "_deleted", False,
        "licence_no", Outlet.licence_no,
        "name", Outlet.name,
        "name_pinyin", Outlet.name_pinyin,
        "holder_name", Outlet.holder_name,
        "address", Outlet.address,
        "phone", Outlet.phone,
        "business_kind", Outlet.business_kind,
        "credit_grade", Outlet.credit_grade,
        "licence_scope", Outlet.licence_scope,
        "licence_from", Outlet.licence_from,
        "licence_to", Outlet.licence_to,
        "status", Outlet.status,
        "cell_id", Outlet.cell_id,
        "lon", func.ST_X(Outlet.geom),
        "lat", func.ST_Y(Outlet.geom),
        "location_source", Outlet.location_source,
        "location_accuracy_m", Outlet.location_accuracy_m,
        "tags", Outlet.tags,
        "statuses", _history_of(OutletStatus, "status"),
        "scopes", _history_of(Registration, "licence_scope"),
    )  # fmt: skip
    return cast(fields, Text)


def _history_of(facts: type[OutletStatus] | type[Registration], said: str) -> ColumnElement[Any]:
    """What was said of an outlet from which day on, and when it became known: what it owes follows from it."""
    row = func.json_build_object(
        "from_day", facts.from_day, said, getattr(facts, said), "known_at", facts.known_at
    )
    rows = select(func.json_agg(aggregate_order_by(row, facts.from_day, facts.known_at)))
    return func.coalesce(rows.where(facts.outlet_id == Outlet.id).scalar_subquery(), func.json_build_array())


def synced(ids: ColumnElement[uuid.UUID], person_id: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``outlets``."""
    return select(document().label("document"), Outlet.edit_id).where(
        Outlet.id == ids, scope_holds(person_id, Outlet.cell_id)
    )


def synced_sites(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``sites``: any team may meet any of the bureau's sites on the road."""
    fields: Any = func.json_build_object(
        "id", Site.id,
        "edit_id", Site.edit_id,
        "_deleted", False,
        "kind", Site.kind,
        "code", Site.code,
        "name", Site.name,
        "subkind", Site.subkind,
        "cell_id", Site.cell_id,
        "tags", Site.tags,
        "lon", func.ST_X(Site.geom),
        "lat", func.ST_Y(Site.geom),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Site.edit_id).where(
        Site.id == ids, Site.bureau_id == bureau_id
    )
