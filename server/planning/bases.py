"""Where squads start from."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from server.kernel.events import record_event
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Squad
from server.planning.queries import may_plan_for


def set_base(work: Work, squad_id: uuid.UUID, given: Mapping[str, Any]) -> dict[str, Any]:
    """Note a squad's base, ``{name, lon, lat}`` in EPSG:4326; plans that were made keep the one they have.

    Raises:
        Problem: ``not_found`` for a squad that is not the actor's.
    """
    squad = work.session.scalar(
        select(Squad).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id).with_for_update()
    )
    if squad is None or not may_plan_for(work.actor, squad_id):
        raise Problem("not_found")
    squad.base_name = given["name"]
    squad.base_place = func.ST_SetSRID(func.ST_MakePoint(given["lon"], given["lat"]), 4326)
    work.session.flush()
    record_event(work, "squad.based", [squad.id], **given)
    return dict(given)
