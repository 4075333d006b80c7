"""Plan and deed of patrols over HTTP."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from schemas.patrol_deeds import DeedList, DeedOut, DeedQuery, DeedsQuery
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.patrols.comparing import figures_of
from server.patrols.deed_showing import deed_shown, figures_shown, row_shown, skipped_shown, squad_names
from server.patrols.deeds import deeds_of
from server.patrols.models import Patrol

MOST_DAYS = 92
"""Days of one list: a quarter."""

blueprint = Noun("patrol_deeds", "巡查计划与实绩 Plan and deed of patrols")


@blueprint.endpoint(
    "GET",
    "/patrols/<uuid:patrol_id>/deed",
    permission=Permission.RECORD_READ,
    takes=DeedQuery,
    gives=DeedOut,
)
def get_deed(work: Work, query: dict[str, Any], patrol_id: uuid.UUID) -> dict[str, Any]:
    """The plan of one patrol beside what was done, with the records behind every figure."""
    as_of = _moment(work, query["as_of"])
    found = deeds_of(work, as_of, Permission.RECORD_READ, Patrol.id == patrol_id)
    if not found:
        raise Problem("not_found")
    return deed_shown(work, found[0], as_of)


@blueprint.endpoint(
    "GET", "/patrol-deeds", permission=Permission.REPORT_READ, takes=DeedsQuery, gives=DeedList
)
def list_deeds(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Plan and deed of the patrols of some days, at most a quarter, by day; figures of patrols and no one's."""
    as_of = _moment(work, query["as_of"])
    first, last = query["from_day"], query["to_day"]
    if last < first:
        raise invalid("/to", "ends_before_it_begins", "结束日期早于开始日期。It ends before it begins.")
    if (last - first).days >= MOST_DAYS:
        detail = f"一次最多查询 {MOST_DAYS} 天。At most {MOST_DAYS} days at once."
        raise invalid("/to", "too_many_days", detail)
    which = [Patrol.day >= first, Patrol.day <= last]
    if query["squad_id"] is not None:
        which.append(Patrol.squad_id == query["squad_id"])
    deeds = deeds_of(work, as_of, Permission.REPORT_READ, *which)
    squads, sums = squad_names(work), figures_of(deeds)
    return {
        "as_of": as_of.astimezone(work.zone),
        "from_day": first,
        "to_day": last,
        "squad_id": query["squad_id"],
        "items": [row_shown(deed, squads) for deed in deeds],
        "total": figures_shown(sums),
        "skipped_for": skipped_shown(sums),
    }


def _moment(work: Work, given: datetime | None) -> datetime:
    """The moment asked for, by default now.

    Raises:
        Problem: ``invalid`` for a moment to come, of which nothing is known.
    """
    if given is not None and given > work.now:
        raise invalid("/as_of", "in_future", "时间还没有到。The moment is still to come.")
    return given or work.now
