"""The road network of an installation; which one travel was reckoned by is in the trail."""

from __future__ import annotations

from gis.routing.tiles import Built
from server.kernel.events import record_event
from server.kernel.work import Work


def import_roads(work: Work, built: Built) -> None:
    """Put tiles to use that were built out of an extract, with an event for the bureau that had them imported.

    The link is exchanged last, so that a trail which cannot be written leaves the former roads in use.
    Raises OSError where the link cannot be exchanged.
    """
    told = built.info.as_json()
    names = ("extract", "sha256", "bounds", "data_as_of", "engine", "ways")
    record_event(work, "roads.imported", [work.actor.bureau_id], **{name: told[name] for name in names})
    built.put_to_use()
