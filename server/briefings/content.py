"""The pack of a squad as one value: what is frozen, and from which list, page and paper are made."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from server.briefings.alerts import load_alerts
from server.briefings.ground import load_ground
from server.briefings.owing import Owing, load_owing
from server.briefings.routes import load_routes
from server.kernel.work import Work
from server.reports.heading import bureau_name

FORMAT = "xunge.briefing/1"


def contents(
    work: Work, day: date, squad_ids: Collection[uuid.UUID] | None = None
) -> dict[uuid.UUID, dict[str, Any]]:
    """By squad the content of its pack of a day, of all squads at work on it or of those named, as known now.

    ``work`` has the whole bureau in sight. Moments carry the bureau's zone; places are millionths of a degree, EPSG:4326.
    """
    ground = load_ground(work, day)
    routes = load_routes(work, ground)
    owing = load_owing(work, ground, routes)
    alerts = load_alerts(work, ground, routes.plans, owing)
    bureau = bureau_name(work)
    return {
        squad_id: {
            "format": FORMAT,
            "bureau": bureau,
            "bureau_id": work.bureau_id,
            "squad": name,
            "squad_id": squad_id,
            "day": day,
            "is_workday": ground.workdays.is_workday(day),
            "provisional": ground.provisional,
            "made_at": work.now.astimezone(work.zone),
            "judged_at": ground.judged_at.astimezone(work.zone),
            "news_since": ground.since,
            **_lists(owing.get(squad_id, Owing())),
            "plan": routes.plans.get(squad_id),
            "alerts": alerts.get(squad_id, []),
        }
        for squad_id, name in ground.squads.items()
        if squad_ids is None or squad_id in squad_ids
    }


def _lists(owing: Owing) -> dict[str, Any]:
    return {"due": owing.due, "due_soon": owing.due_soon, "chains": owing.chains, "missed": owing.missed}


def summary(content: Mapping[str, Any]) -> dict[str, int]:
    """The counts that lists of packs show."""
    plan = content["plan"]
    patrols = plan["patrols"] if plan else []
    planned = sum(one["planned"] is not None for one in content["due"])
    return {
        "due": len(content["due"]),
        "planned": planned,
        "not_planned": len(content["due"]) - planned,
        "due_soon": len(content["due_soon"]),
        "chains": len(content["chains"]),
        "alerts": len(content["alerts"]),
        "patrols": len(patrols),
        "stops": sum(len(patrol["stops"]) for patrol in patrols),
    }
