"""Road-check sessions and their stops, always from what the actor may see; plates are masked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, func, select

from server.kernel.bulk import among
from server.kernel.ids import parse_id
from server.kernel.paging import page_of, page_of_rows
from server.kernel.work import Work
from server.outlets.models import Site
from server.privacy.masking import mask_plate, mask_text
from server.records.goods import rows_of
from server.records.head_counts import MOST_PEOPLE, plate_of
from server.records.models import Record, RoadStop
from server.records.queries import visible_to
from server.records.superseding import stands
from server.records.units import whole

_STOP_COLUMNS: tuple[Any, ...] = (
    RoadStop.record_id,
    RoadStop.ordinal,
    RoadStop.stopped_at,
    RoadStop.plate,
    RoadStop.vehicle_kind,
    RoadStop.goods_found,
    RoadStop.permit,
    RoadStop.disposal,
    RoadStop.stick_total,
    Record.squad_id,
    Record.subject_id.label("site_id"),
    Record.hints,
)


def sessions(work: Work, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of sessions; ``query`` as schemas.road_checks.SessionQuery reads it."""
    wanted = _of(work, query)
    if query["since"]:
        wanted = wanted.where(Record.performed_at >= query["since"])
    if query["until"]:
        wanted = wanted.where(Record.performed_at < query["until"])
    page = page_of(work.session, wanted, [Record.performed_at, Record.id], query["after"], query["limit"])
    return {**page, "items": _described(work, page["items"])}


def stops(work: Work, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of stops; ``query`` as schemas.road_checks.StopQuery reads it."""
    records = _of(work, query).with_only_columns(Record.id)
    wanted = (
        select(*_STOP_COLUMNS)
        .join(Record, Record.id == RoadStop.record_id)
        .where(RoadStop.record_id.in_(records))
    )
    if query["record_id"]:
        wanted = wanted.where(RoadStop.record_id == query["record_id"])
    if query["plate"]:
        wanted = wanted.where(RoadStop.plate == plate_of(query["plate"]))
    if query["goods_found"] is not None:
        wanted = wanted.where(RoadStop.goods_found == query["goods_found"])
    if query["since"]:
        wanted = wanted.where(RoadStop.stopped_at >= query["since"])
    if query["until"]:
        wanted = wanted.where(RoadStop.stopped_at < query["until"])
    keys = [RoadStop.stopped_at, RoadStop.record_id, RoadStop.ordinal]
    page = page_of_rows(work.session, wanted, keys, query["after"], query["limit"])
    return {**page, "items": [_stop(row) for row in page["items"]]}


def _of(work: Work, query: Mapping[str, Any]) -> Select[Record]:
    wanted = visible_to(work.actor).where(stands(work, work.now), Record.kind == "road_check")
    if query["site_id"]:
        wanted = wanted.where(Record.subject_id == query["site_id"])
    if query["squad_id"]:
        wanted = wanted.where(Record.squad_id == query["squad_id"])
    if query["valid"] is not None:
        wanted = wanted.where(Record.valid == query["valid"])
    return wanted


def _described(work: Work, records: Sequence[Record]) -> list[dict[str, Any]]:
    ids = [record.id for record in records]
    counted = select(
        RoadStop.record_id,
        func.count(),
        func.count().filter(RoadStop.goods_found),
        func.sum(RoadStop.stick_total),
    )
    sums = {
        record_id: (stops, hits, int(sticks))
        for record_id, stops, hits, sticks in work.session.execute(
            counted.where(among(RoadStop.record_id, ids)).group_by(RoadStop.record_id)
        )
    }
    sites = {
        site.id: site
        for site in work.session.scalars(
            select(Site).where(
                and_(
                    Site.bureau_id == work.bureau_id,
                    among(Site.id, [record.subject_id for record in records if record.subject_id]),
                )
            )
        )
    }
    return [_session(work, record, sites, sums.get(record.id, (0, 0, 0))) for record in records]


def _session(
    work: Work, record: Record, sites: Mapping[uuid.UUID, Site], sums: tuple[int, int, int]
) -> dict[str, Any]:
    answers = record.document["answers"]
    site = sites.get(record.subject_id) if record.subject_id else None
    stops, hits, sticks = sums
    return {
        "id": record.id,
        "day": record.performed_at.astimezone(work.zone).date(),
        "performed_at": record.performed_at.astimezone(work.zone),
        "ended_at": record.ended_at.astimezone(work.zone),
        "site_id": site.id if site else None,
        "site": site.name if site else None,
        "site_kind": site.subkind if site else None,
        "squad_id": record.squad_id,
        "dispatch_id": record.dispatch_id,
        "valid": record.valid,
        # A form that is not known here may say anything: what is no word, person, number or yes is not told.
        "mode": _text(answers.get("mode")),
        "road": _text(answers.get("road")),
        "lead_id": parse_id(answers.get("lead_id")),
        "police_present": told if isinstance(told := answers.get("police_present"), bool) else None,
        "partner_units": [
            {"name": _text(unit.get("name")), "people": whole(unit.get("people"), MOST_PEOPLE)}
            for unit in rows_of(answers, "partner_units")
        ],
        "stops": stops,
        "hits": hits,
        "sticks": sticks,
    }


def _text(value: Any) -> str | None:
    return mask_text(value) if isinstance(value, str) else None


def _stop(row: Any) -> dict[str, Any]:
    own = f"/answers/stops/{row.ordinal - 1}"
    return {
        **{name: value for name, value in row._mapping.items() if name != "hints"},
        "plate": mask_plate(row.plate) if row.plate else None,
        "hints": [one for one in row.hints if f"{one['path']}/".startswith(f"{own}/")],
    }
