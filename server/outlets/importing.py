"""Taking a register of outlets in: place each in its cell, see what would change, write it set-based."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    Date,
    DateTime,
    Double,
    Integer,
    Text,
    column,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from gis.exchange.judging import BadRow
from server.grids.ops import announce
from server.grids.queries import leaf_cell_at
from server.kernel.bulk import as_rows, recordset
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.pinyin import initials
from server.kernel.work import Work
from server.outlets.models import Outlet, OutletStatus
from server.outlets.register import OutletCandidate

STEP = 5000
# What a register says of an outlet, and a second import of the same file finds unchanged.
COMPARED = (
    "name",
    "holder_name",
    "address",
    "phone",
    "business_kind",
    "credit_grade",
    "licence_scope",
    "licence_from",
    "licence_to",
    "status",
    "note",
    "lon",
    "lat",
    "cell_id",
)
# What a register need not say; of a column that it does not have, the outlet keeps what is known.
OPTIONAL = ("holder_name", "address", "phone", "credit_grade", "licence_scope", "status", "note")
PLACE = ("lon", "lat", "cell_id", "location_source", "crs_of_origin")
Progress = Callable[[int], None]


@dataclass(slots=True)
class Plan:
    """What an import would do: new rows, changed rows with the names of the changed fields, unchanged rows."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[dict[str, Any], list[str], uuid.UUID | None]] = field(default_factory=list)
    unchanged: int = 0
    outside: list[BadRow] = field(default_factory=list)


def plan_outlets(
    work: Work, candidates: Sequence[OutletCandidate], columns: Collection[str] = OPTIONAL
) -> Plan:
    """Place the candidates and compare them with what is registered. Nothing is written.

    ``columns`` are the fields that the register has. Of the others a registered outlet keeps what is known, and
    its place where a row has none. A candidate whose position lies in no leaf cell comes back in ``outside``.
    """
    plan = Plan()
    silent = [name for name in OPTIONAL if name not in columns]
    cells = _cells_of(work, candidates)
    known = _registered(work, [candidate.licence_no for candidate in candidates])
    for candidate in candidates:
        cell_id = cells.get(candidate.row)
        if candidate.lon is not None and cell_id is None:
            plan.outside.append(candidate.outside_cells())
            continue
        row = _row(work, candidate, cell_id)
        before = known.get(candidate.licence_no)
        if before is None:
            plan.new.append(row)
            continue
        kept = (*silent, *(PLACE if candidate.lon is None else ()))
        row |= {name: before[name] for name in kept}
        names = [name for name in COMPARED if before[name] != row[name]]
        if names:
            known_row = {**row, "id": before["id"], "before_licence_to": before["licence_to"]}
            plan.changed.append((known_row, names, before["cell_id"]))
        else:
            plan.unchanged += 1
    return plan


def apply_outlets(work: Work, plan: Plan, progress: Progress = lambda _done: None) -> None:
    """Write the plan in steps of one statement each, within the caller's transaction."""
    today = work.now.astimezone(work.zone).date()
    for start in range(0, len(plan.new), STEP):
        rows = plan.new[start : start + STEP]
        _insert(work, rows)
        # A register gives no history: its status is taken to hold from the licence's first day.
        _note_status(work, [status for row in rows for status in _lifetime(row)])
        progress(len(rows))
    for start in range(0, len(plan.changed), STEP):
        changes = plan.changed[start : start + STEP]
        _update(work, [row for row, _, _ in changes])
        _note_status(
            work, [status for row, names, _ in changes for status in _new_statuses(row, names, today)]
        )
        progress(len(changes))
    written = [row["id"] for row in plan.new] + [row["id"] for row, _, _ in plan.changed]
    if not written:
        return
    places = [(row["id"], row["cell_id"]) for row in plan.new]
    for row, _, cell_before in plan.changed:
        places += [(row["id"], cell_before), (row["id"], row["cell_id"])]
    announce(work, "outlets", places)
    record_event(work, "outlets.imported", [], new=len(plan.new), changed=len(plan.changed))
    work.wrote("outlet", written)


def _cells_of(work: Work, candidates: Sequence[OutletCandidate]) -> dict[int, uuid.UUID]:
    """The leaf cell of each sheet row that has a position, by one spatial join a step."""
    given = recordset("given", [column("row", Integer), column("lon", Double), column("lat", Double)])
    point = func.ST_SetSRID(func.ST_MakePoint(given.c.lon, given.c.lat), 4326)
    cell = leaf_cell_at(point, work.bureau_id).lateral("cell")
    statement = select(given.c.row, cell.c.id).select_from(given.join(cell, true()))
    cells: dict[int, uuid.UUID] = {}
    located = [
        {"row": candidate.row, "lon": candidate.lon, "lat": candidate.lat}
        for candidate in candidates
        if candidate.lon is not None
    ]
    for start in range(0, len(located), STEP):
        rows = as_rows(located[start : start + STEP])
        cells.update((row, cell_id) for row, cell_id in work.session.execute(statement, {"given_rows": rows}))
    return cells


def _registered(work: Work, licences: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is registered under the licences, in the shape that ``_row`` gives candidates."""
    lon, lat = func.ST_X(Outlet.geom).label("lon"), func.ST_Y(Outlet.geom).label("lat")
    plain = [getattr(Outlet, name) for name in {*COMPARED, *PLACE} - {"lon", "lat"}]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(licences), STEP):
        query = select(Outlet.licence_no, Outlet.id, lon, lat, *plain).where(
            Outlet.bureau_id == work.bureau_id, Outlet.licence_no.in_(licences[start : start + STEP])
        )
        for row in work.session.execute(query).mappings():
            found[row["licence_no"]] = {**row, "licence_scope": sorted(row["licence_scope"])}
    return found


def _row(work: Work, candidate: OutletCandidate, cell_id: uuid.UUID | None) -> dict[str, Any]:
    located = candidate.lon is not None
    return {
        "id": new_id(work.now),
        "licence_no": candidate.licence_no,
        "name": candidate.name,
        "name_pinyin": initials(candidate.name),
        "holder_name": candidate.holder_name,
        "address": candidate.address,
        "phone": candidate.phone,
        "business_kind": candidate.business_kind.value,
        "credit_grade": candidate.credit_grade.value if candidate.credit_grade else None,
        "licence_scope": sorted(scope.value for scope in candidate.licence_scope),
        "licence_from": candidate.licence_from,
        "licence_to": candidate.licence_to,
        "status": candidate.status.value,
        "note": candidate.note,
        "lon": candidate.lon,
        "lat": candidate.lat,
        "location_source": "register" if located else None,
        "crs_of_origin": candidate.crs.value if located else None,
        "cell_id": cell_id,
        "edit_id": new_edit_id(),
    }


_TYPES: dict[str, Any] = {
    "id": UUID(as_uuid=True),
    "cell_id": UUID(as_uuid=True),
    "edit_id": UUID(as_uuid=True),
    "licence_from": Date,
    "licence_to": Date,
    "lon": Double,
    "lat": Double,
    "licence_scope": ARRAY(Text),
}
_FIELDS = (
    *("id", "licence_no", "name", "name_pinyin", "holder_name", "address", "phone", "business_kind"),
    *("credit_grade", "licence_scope", "licence_from", "licence_to", "status", "note", "lon", "lat"),
    *("location_source", "crs_of_origin", "cell_id", "edit_id"),
)
_GIVEN = recordset("given", [column(name, _TYPES.get(name, Text)) for name in _FIELDS])
_POINT = func.ST_SetSRID(func.ST_MakePoint(_GIVEN.c.lon, _GIVEN.c.lat), 4326)
_PLAIN = [name for name in _FIELDS if name not in ("lon", "lat", "licence_scope")]
_SCOPE = _GIVEN.c.licence_scope


def _insert(work: Work, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert(table_of(Outlet)).from_select(
        ["bureau_id", "geom", "licence_scope", *_PLAIN],
        select(
            literal(work.bureau_id, UUID(as_uuid=True)),
            _POINT,
            _SCOPE,
            *(_GIVEN.c[name] for name in _PLAIN),
        ),
    )
    work.session.execute(statement, {"given_rows": as_rows(rows)})


def _update(work: Work, rows: Sequence[dict[str, Any]]) -> None:
    values = {name: _GIVEN.c[name] for name in _PLAIN if name != "id"}
    statement = (
        update(table_of(Outlet))
        .where(Outlet.id == _GIVEN.c.id)
        .values(geom=_POINT, licence_scope=_SCOPE, **values)
    )
    work.session.execute(statement, {"given_rows": as_rows(rows)})


Status = tuple[uuid.UUID, date, str]


def _lifetime(row: dict[str, Any]) -> list[Status]:
    """What is known of a licence from the start: its status, and that it runs out."""
    return [
        (row["id"], row["licence_from"], row["status"]),
        (row["id"], row["licence_to"] + timedelta(days=1), "expired"),
    ]


def _new_statuses(row: dict[str, Any], names: list[str], today: date) -> list[Status]:
    """What a changed register tells: another status from today on, another day on which the licence runs out."""
    statuses: list[Status] = []
    if "licence_to" in names:
        if row["licence_to"] > row["before_licence_to"]:
            # The day on which it would have run out is corrected, for what is learned later wins.
            statuses.append((row["id"], row["before_licence_to"] + timedelta(days=1), row["status"]))
        statuses.append((row["id"], row["licence_to"] + timedelta(days=1), "expired"))
    if "status" in names:
        statuses.append((row["id"], today, row["status"]))
    return statuses


_STATUS = recordset(
    "given",
    [
        column("id", UUID(as_uuid=True)),
        column("outlet_id", UUID(as_uuid=True)),
        column("from_day", Date),
        column("status", Text),
    ],
)


def _note_status(work: Work, statuses: Sequence[Status]) -> None:
    if not statuses:
        return
    statement = insert(table_of(OutletStatus)).from_select(
        ["bureau_id", "known_at", *_STATUS.c.keys()],
        select(
            literal(work.bureau_id, UUID(as_uuid=True)), literal(work.now, DateTime(timezone=True)), _STATUS
        ),
    )
    rows = [
        {"id": new_id(work.now), "outlet_id": outlet, "from_day": day, "status": status}
        for outlet, day, status in statuses
    ]
    work.session.execute(statement, {"given_rows": as_rows(rows)})
