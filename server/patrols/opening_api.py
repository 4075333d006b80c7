"""When outlets and sites are open, over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Select, select

from schemas.opening import OpeningHoursIn, OpeningHoursOut
from schemas.vocabulary import SubjectKind
from server.grids.queries import cells_in_scope
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from server.patrols.opening import described, note_hours

blueprint = Noun("opening_hours", "营业时间 Opening hours")


@blueprint.endpoint(
    "GET",
    "/outlets/<uuid:outlet_id>/opening-hours",
    permission=Permission.OUTLET_READ,
    gives=OpeningHoursOut,
)
def outlet_hours(work: Work, outlet_id: uuid.UUID) -> dict[str, Any]:
    """When an outlet is open, as somebody noted it."""
    return _told(work, Outlet, outlet_id, Permission.OUTLET_READ)


@blueprint.endpoint(
    "PUT",
    "/outlets/<uuid:outlet_id>/opening-hours",
    permission=Permission.OPENING_NOTE,
    takes=OpeningHoursIn,
    gives=OpeningHoursOut,
)
def note_outlet_hours(work: Work, given: dict[str, Any], outlet_id: uuid.UUID) -> dict[str, Any]:
    """Note when an outlet is open, or that nobody knows any more; what was said before stays to be read."""
    return _noted(work, Outlet, outlet_id, given)


@blueprint.endpoint(
    "GET", "/sites/<uuid:site_id>/opening-hours", permission=Permission.OUTLET_READ, gives=OpeningHoursOut
)
def site_hours(work: Work, site_id: uuid.UUID) -> dict[str, Any]:
    """When a depot or another site is open, as somebody noted it."""
    return _told(work, Site, site_id, Permission.OUTLET_READ)


@blueprint.endpoint(
    "PUT",
    "/sites/<uuid:site_id>/opening-hours",
    permission=Permission.OPENING_NOTE,
    takes=OpeningHoursIn,
    gives=OpeningHoursOut,
)
def note_site_hours(work: Work, given: dict[str, Any], site_id: uuid.UUID) -> dict[str, Any]:
    """Note when a site is open, or that nobody knows any more."""
    return _noted(work, Site, site_id, given)


def _told(
    work: Work, register: type[Outlet] | type[Site], subject_id: uuid.UUID, permission: Permission
) -> dict[str, Any]:
    return described(work, _kind_in_scope(work, register, subject_id, permission), subject_id)


def _noted(
    work: Work, register: type[Outlet] | type[Site], subject_id: uuid.UUID, given: dict[str, Any]
) -> dict[str, Any]:
    kind = _kind_in_scope(work, register, subject_id, Permission.OPENING_NOTE)
    note_hours(work, kind, subject_id, given["week"], given["note"])
    return described(work, kind, subject_id)


def _kind_in_scope(
    work: Work, register: type[Outlet] | type[Site], subject_id: uuid.UUID, permission: Permission
) -> str:
    """What kind of subject it is.

    Raises:
        Problem: ``not_found``, alike for one that is not there and for one that lies in no cell of the actor's.
    """
    wanted: Select[Any] = select(register).where(
        register.id == subject_id, register.bureau_id == work.bureau_id
    )
    if not work.actor.reaches_bureau(permission):
        wanted = wanted.where(register.cell_id.in_(cells_in_scope(work.actor, permission)))
    found = work.session.scalar(wanted)
    if found is None:
        raise Problem("not_found")
    return found.kind if isinstance(found, Site) else SubjectKind.OUTLET.value
