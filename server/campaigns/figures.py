"""How far a campaign reached: its outlets, those visited, what was found; as a whole, by tag and by cell."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from server.campaigns.models import Campaign
from server.campaigns.queries import Marked, Reached, outlets_of, records_of
from server.campaigns.rules import share
from server.campaigns.tag_queries import tag_names
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.work import Work


def figures_of(work: Work, campaign: Campaign) -> dict[str, Any]:
    """The figures in the actor's scope, as schemas.campaigns.FiguresOut shows them.

    Coverage is distinct outlets with a valid special check over outlets in scope that were in business on a day of the
    campaign. Records that are not valid, and checks at others than outlets, count as records alone. No squads and no
    people are compared.
    """
    reached, records = outlets_of(work, campaign), records_of(work, campaign)
    names, cells = tag_names(work), _cells(work, reached)
    by_tag = [
        {"tag": tag, "name": names.get(tag, tag), **_line([one for one in reached if tag in one.tags])}
        for tag in campaign.tags
    ]
    by_cell = [
        {
            "cell_id": cell_id,
            "code": code,
            "name": name,
            **_line([one for one in reached if one.cell_id == cell_id]),
        }
        for cell_id, (code, name) in sorted(cells.items(), key=lambda item: item[1])
    ]
    return {
        "campaign_id": campaign.id,
        "as_of": work.now.astimezone(work.zone),
        **_line(reached),
        **_counts(records),
        "by_tag": by_tag,
        "by_cell": by_cell,
    }


def _line(reached: Sequence[Reached]) -> dict[str, Any]:
    visited = sum(one.visited for one in reached)
    return {
        "outlets": len(reached),
        "visited": visited,
        "coverage": share(visited, len(reached)),
        "outlets_with_findings": sum(one.findings > 0 for one in reached),
    }


def _counts(records: Iterable[Marked]) -> dict[str, int]:
    found = list(records)
    valid = [one for one in found if one.valid]
    return {
        "records": len(found),
        "valid_records": len(valid),
        "findings": sum(one.abnormal for one in valid),
    }


def _cells(work: Work, reached: Sequence[Reached]) -> dict[uuid.UUID, tuple[str, str]]:
    ids = sorted({one.cell_id for one in reached if one.cell_id})
    rows = select(GridCell.id, GridCell.code, GridCell.name).where(among(GridCell.id, ids))
    return {cell_id: (code, name) for cell_id, code, name in work.session.execute(rows)}


def outlet_told(one: Reached) -> dict[str, Any]:
    """An outlet as schemas.campaigns.ReachedOut shows it, with the ids of the records behind the figure."""
    return {
        "outlet_id": one.id,
        "licence_no": one.licence_no,
        "name": one.name,
        "cell_id": one.cell_id,
        "tags": list(one.tags),
        "visited": one.visited,
        "findings": one.findings,
        "record_ids": [record.id for record in one.records if record.valid],
        "invalid_record_ids": [record.id for record in one.records if not record.valid],
    }
