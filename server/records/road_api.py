"""Road-check sessions and their stops over HTTP. They come in as records; here they are found."""

from __future__ import annotations

from typing import Any

from schemas.road_checks import SessionPage, SessionQuery, StopPage, StopQuery
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records import road_checks

blueprint = Noun("road_checks", "路检路查 Road checks")


@blueprint.endpoint(
    "GET", "/road-checks", permission=Permission.RECORD_READ, takes=SessionQuery, gives=SessionPage
)
def list_sessions(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The road-check sessions in scope, by their start."""
    return road_checks.sessions(work, query)


@blueprint.endpoint("GET", "/road-stops", permission=Permission.RECORD_READ, takes=StopQuery, gives=StopPage)
def list_stops(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The vehicles stopped, by checkpoint, plate, period and whether goods were found; plates are masked."""
    return road_checks.stops(work, query)
