"""Writing judged records: one set-based statement a table for the whole batch."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID
from sqlalchemy.dialects.postgresql import insert as upsert

from server.approvals.rules import number_as_written
from server.cadence.ops import note_findings
from server.grids.ops import announce
from server.kernel.bulk import as_rows, recordset
from server.kernel.db import table_of
from server.kernel.ids import part_edit_id, part_id
from server.kernel.work import Work
from server.org.models import Person
from server.records.carton_codes import ScanRow
from server.records.extraction import Extract
from server.records.models import (
    CartonScan,
    DeclaredFile,
    GoodsLine,
    Record,
    RecordOfficer,
    RecordOutcome,
    Rectification,
    RoadStop,
)
from server.records.rules import Judgement
from server.records.surroundings import Surrounding

_UUID = UUID(as_uuid=True)
_AT = DateTime(timezone=True)

# What the server adds to a document when it sends it back, and strips from one that comes in.
STAMPED = ("edit_id", "_deleted", "stamp", "review")


@dataclass(frozen=True, slots=True)
class Judged:
    """One record ready to be stored."""

    id: uuid.UUID
    device_edit_id: uuid.UUID
    edit_id: uuid.UUID
    document: dict[str, Any]
    clock_offset_s: int
    performed_at: datetime
    surrounding: Surrounding
    judgement: Judgement
    extract: Extract
    hints: list[dict[str, Any]]
    scans: list[tuple[ScanRow, uuid.UUID | None]]
    squad_id: uuid.UUID | None

    @property
    def people(self) -> set[uuid.UUID]:
        """Everybody known by id who signed."""
        return {row["person_id"] for row in self.extract.officers if row["person_id"] is not None}


_RECORD_FIELDS: dict[str, Any] = {
    "id": _UUID,
    "edit_id": _UUID,
    "device_edit_id": _UUID,
    "kind": Text,
    "form_code": Text,
    "form_version": BigInteger,
    "device_id": _UUID,
    "squad_id": _UUID,
    "cell_id": _UUID,
    "claimed_cell_id": _UUID,
    "subject_kind": Text,
    "subject_id": _UUID,
    "visit_kind": Text,
    "started_at": _AT,
    "ended_at": _AT,
    "clock_offset_s": BigInteger,
    "performed_at": _AT,
    "accuracy_m": Double,
    "distance_m": Double,
    "makes_up": Text,
    "approval_no": Text,
    "amends_id": _UUID,
    "dispatch_id": _UUID,
    "valid": Boolean,
    "findings": JSONB,
    "flags": JSONB,
    "hints": JSONB,
    "document": JSON,
}
_GIVEN_RECORD = recordset(
    "given",
    [column(name, kind) for name, kind in _RECORD_FIELDS.items()]
    + [column("lon", Double), column("lat", Double)],
)
_POSITION = func.ST_SetSRID(func.ST_MakePoint(_GIVEN_RECORD.c.lon, _GIVEN_RECORD.c.lat), 4326)


def store_records(work: Work, records: Sequence[Judged]) -> set[uuid.UUID]:
    """Insert the records and what is drawn out of them; the ids that were new.

    An id that another transaction stored meanwhile is left as it is.
    """
    rows = [_record_row(record) for record in records]
    statement = upsert(table_of(Record)).from_select(
        ["bureau_id", "pushed_by", "received_at", "position", *_RECORD_FIELDS],
        select(
            literal(work.bureau_id, _UUID),
            literal(work.actor.person_id, _UUID),
            literal(work.now, _AT),
            _POSITION,
            *(_GIVEN_RECORD.c[name] for name in _RECORD_FIELDS),
        ),
    )
    stored = set(
        work.session.scalars(
            statement.on_conflict_do_nothing(index_elements=["id"]).returning(table_of(Record).c.id),
            {"given_rows": as_rows(rows)},
        )
    )
    fresh = [record for record in records if record.id in stored]
    _store_children(work, fresh)
    return stored


def _record_row(record: Judged) -> dict[str, Any]:
    document, surrounding = record.document, record.surrounding
    position = document.get("position") or {}
    return {
        "id": record.id,
        "edit_id": record.edit_id,
        "device_edit_id": record.device_edit_id,
        "kind": document["kind"],
        "form_code": document["form_code"],
        "form_version": document["form_version"],
        "device_id": document.get("device_id"),
        "squad_id": record.squad_id,
        "cell_id": surrounding.cell_id,
        "claimed_cell_id": document.get("cell_id"),
        "subject_kind": document.get("subject_kind"),
        "subject_id": document.get("subject_id"),
        "visit_kind": document["visit_kind"],
        "started_at": document["started_at"],
        "ended_at": document["ended_at"],
        "clock_offset_s": record.clock_offset_s,
        "performed_at": record.performed_at,
        "accuracy_m": position.get("accuracy_m"),
        "distance_m": surrounding.distance_m,
        "makes_up": document.get("makes_up"),
        "approval_no": number_as_written(document.get("approval_no")),
        "amends_id": document.get("amends_id"),
        "dispatch_id": document.get("dispatch_id"),
        "valid": record.judgement.valid,
        "findings": record.judgement.findings,
        "flags": record.judgement.flags,
        "hints": record.hints,
        "document": {name: value for name, value in document.items() if name not in STAMPED},
        "lon": surrounding.lon,
        "lat": surrounding.lat,
    }


_CHILDREN: tuple[tuple[type[Any], dict[str, Any]], ...] = (
    (
        RecordOfficer,
        {"record_id": _UUID, "ordinal": Integer, "person_id": _UUID, "cert_no": Text},
    ),
    (
        RoadStop,
        {
            "record_id": _UUID,
            "ordinal": Integer,
            "stopped_at": _AT,
            "plate": Text,
            "vehicle_kind": Text,
            "goods_found": Boolean,
            "permit": Text,
            "disposal": Text,
            "stick_total": BigInteger,
        },
    ),
    (
        GoodsLine,
        {
            "record_id": _UUID,
            "ordinal": Integer,
            "stop_ordinal": Integer,
            "category": Text,
            "product_spec": Text,
            "barcode": Text,
            "quantity": BigInteger,
            "unit": Text,
            "sticks": BigInteger,
            "grams": BigInteger,
            "millilitres": BigInteger,
            "pieces": BigInteger,
            "nature": Text,
            "unit_price_fen": BigInteger,
            "labelled_value_fen": BigInteger,
        },
    ),
    (
        RecordOutcome,
        {
            "record_id": _UUID,
            "result": Text,
            "cause": Text,
            "disposal": Text,
            "case_value_fen": BigInteger,
            "amount_involved_fen": BigInteger,
            "fund_flow_fen": BigInteger,
            "fine_and_confiscation_fen": BigInteger,
        },
    ),
    (
        CartonScan,
        {
            "record_id": _UUID,
            "ordinal": Integer,
            "stop_ordinal": Integer,
            "licence_no": Text,
            "code": Text,
            "cartons": BigInteger,
            "claimed": Text,
            "found": Text,
            "flag": Text,
            "outlet_id": _UUID,
        },
    ),
    (
        DeclaredFile,
        {"record_id": _UUID, "sha256": Text, "ordinal": Integer, "kind": Text},
    ),
    (
        Rectification,
        {
            "id": _UUID,
            "edit_id": _UUID,
            "record_id": _UUID,
            "subject_kind": Text,
            "subject_id": _UUID,
            "cell_id": _UUID,
            "demand": Text,
            "due_on": Date,
            "status": Text,
            "deleted": Boolean,
        },
    ),
)


def _store_children(work: Work, records: Sequence[Judged]) -> None:
    rows: dict[type[Any], list[dict[str, Any]]] = {table: [] for table, _ in _CHILDREN}
    known = _known_people(work, {person for record in records for person in record.people})
    for record in records:
        key = {"record_id": record.id}
        rows[RecordOfficer] += [
            # Somebody the bureau does not know is a finding; the document keeps what was sent.
            {**row, **key, "person_id": row["person_id"] if row["person_id"] in known else None}
            for row in record.extract.officers
        ]
        rows[RoadStop] += [{**row, **key} for row in record.extract.stops]
        rows[GoodsLine] += [{**row, **key} for row in record.extract.goods]
        if record.extract.outcome is not None:
            rows[RecordOutcome].append({**record.extract.outcome, **key})
        rows[CartonScan] += [{**row, **key, "outlet_id": outlet_id} for row, outlet_id in record.scans]
        rows[DeclaredFile] += [{**row, **key} for row in record.extract.files]
        rows[Rectification] += [
            {
                **row,
                **key,
                "id": (rectification_id := part_id(record.id, ordinal)),
                "edit_id": part_edit_id(rectification_id),
                "cell_id": record.surrounding.cell_id,
                "deleted": False,
            }
            for ordinal, row in enumerate(record.extract.rectifications)
        ]
    days = {record.id: record.performed_at.astimezone(work.zone).date() for record in records}
    note_findings(
        work,
        [
            {
                "finding_id": order["id"],
                "subject_kind": order["subject_kind"],
                "subject_id": order["subject_id"],
                "from_day": days[order["record_id"]],
                "is_open": True,
            }
            for order in rows[Rectification]
        ],
    )
    for table, fields in _CHILDREN:
        if rows[table]:
            given = recordset("given", [column(name, kind) for name, kind in fields.items()])
            source = select(literal(work.bureau_id, _UUID), *(given.c[name] for name in fields))
            work.session.execute(
                insert(table_of(table)).from_select(["bureau_id", *fields], source),
                {"given_rows": as_rows(rows[table])},
            )
    announce(work, "rectifications", [(row["id"], row["cell_id"]) for row in rows[Rectification]])


def _known_people(work: Work, people: set[uuid.UUID]) -> set[uuid.UUID]:
    found = select(Person.id).where(Person.id.in_(people), Person.bureau_id == work.bureau_id)
    return set(work.session.scalars(found)) if people else set()
