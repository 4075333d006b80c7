"""The peer of the house: the same work as most Flask services do it, with marshmallow and ORM objects.

Each document is loaded with a marshmallow schema; every row is an ORM object added to the session one by one, and the
unit of work writes them at one flush. It writes the same rows to the same tables. It is kind to itself: every
look-up is made once for the batch, and it knows the weekly check only, without tiers, gaps, attempts and waivers.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from marshmallow import EXCLUDE, Schema, fields, validate
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, registry

from server.cadence.models import Obligation, VisitFact
from server.grids.models import Scope
from server.kernel.actor import Actor
from server.kernel.events import Event
from server.kernel.ids import new_edit_id, new_id
from server.org.models import Certificate, Person
from server.outlets.models import Outlet
from server.papers.models import NumberWanted
from server.records.models import (
    DeclaredFile,
    GoodsLine,
    Record,
    RecordOfficer,
    RecordOutcome,
    Rectification,
)
from sync import tables

mapped = registry()


class _Row:
    """A row of the engine's tables as an ORM object."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class FeedRow(_Row):
    """A document in a principal's feed."""


class FedRow(_Row):
    """A document that a cell ever fed."""


class LogLine(_Row):
    """A line of the push log."""


mapped.map_imperatively(FeedRow, tables.feed)
mapped.map_imperatively(FedRow, tables.fed)
mapped.map_imperatively(LogLine, tables.push_log)


class _Strict(Schema):
    class Meta:
        unknown = EXCLUDE


class PositionSchema(_Strict):
    """Where the device was."""

    lon = fields.Float(required=True, validate=validate.Range(-180, 180))
    lat = fields.Float(required=True, validate=validate.Range(-90, 90))
    accuracy_m = fields.Float(allow_none=True)
    source = fields.String()
    crs = fields.String(validate=validate.OneOf(["wgs84", "cgcs2000", "gcj02", "bd09"]))


class OfficerSchema(_Strict):
    """Who signed."""

    person_id = fields.UUID(allow_none=True)
    cert_no = fields.String(allow_none=True)


class PhotoSchema(_Strict):
    """A photo that was declared."""

    sha256 = fields.String(required=True, validate=validate.Regexp(r"^[0-9a-f]{64}$"))
    taken_at = fields.AwareDateTime(allow_none=True)
    position = fields.Nested(PositionSchema, allow_none=True)


class ItemSchema(_Strict):
    """An item of the checklist."""

    result = fields.String(validate=validate.OneOf(["pass", "fail", "not_applicable", "not_checked"]))
    note = fields.String(allow_none=True)
    photo = fields.String(allow_none=True)


class GoodsSchema(_Strict):
    """Goods that were found."""

    category = fields.String(required=True)
    product_spec = fields.String(allow_none=True)
    quantity = fields.Integer(required=True, validate=validate.Range(min=0))
    unit = fields.String(required=True)
    flags = fields.List(fields.String())
    condition = fields.String(allow_none=True)
    photo = fields.String(allow_none=True)


class SignatureSchema(_Strict):
    """A signature."""

    role = fields.String(required=True)
    sha256 = fields.String(required=True)


class RectifySchema(_Strict):
    """What is to be put right."""

    demand = fields.String(required=True)
    due_on = fields.Date(required=True)


class AnswersSchema(_Strict):
    """The answers of the weekly check."""

    access = fields.String(validate=validate.OneOf(["open", "closed", "refused", "moved"]))
    party_present = fields.String()
    party_name = fields.String(allow_none=True)
    witness = fields.Raw(allow_none=True)
    goods_flags = fields.List(fields.String())
    goods = fields.List(fields.Nested(GoodsSchema))
    result = fields.String(required=True, validate=validate.OneOf(["normal", "abnormal"]))
    cause = fields.String(allow_none=True)
    disposal = fields.String()
    party_opinion = fields.String()
    signatures = fields.List(fields.Nested(SignatureSchema))
    items = fields.Dict(fields.String(), fields.Nested(ItemSchema))
    rectify = fields.Nested(RectifySchema)


class RecordSchema(_Strict):
    """A record as it is pushed."""

    id = fields.UUID(required=True)
    edit_id = fields.UUID(required=True)
    _deleted = fields.Boolean()
    kind = fields.String(required=True)
    form_code = fields.String(required=True)
    form_version = fields.Integer(required=True)
    device_id = fields.UUID(allow_none=True)
    officers = fields.List(fields.Nested(OfficerSchema), required=True)
    squad_id = fields.UUID(allow_none=True)
    cell_id = fields.UUID(allow_none=True)
    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    visit_kind = fields.String(required=True)
    started_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True)
    clock_offset_s = fields.Integer()
    position = fields.Nested(PositionSchema, allow_none=True)
    no_fix_reason = fields.String(allow_none=True)
    approval_no = fields.String(allow_none=True)
    notice_given = fields.Boolean()
    cert_shown = fields.Boolean()
    photos = fields.List(fields.Nested(PhotoSchema))
    body_cam_ref = fields.String(allow_none=True)
    narrative = fields.String(allow_none=True)
    status = fields.String()
    amends_id = fields.UUID(allow_none=True)
    amend_reason = fields.String(allow_none=True)
    makes_up = fields.String(allow_none=True)
    answers = fields.Nested(AnswersSchema, required=True)


_SCHEMA = RecordSchema()
_PLAIN = ("id", "kind", "form_code", "form_version", "device_id", "squad_id", "subject_kind", "subject_id")
_PLAIN += ("visit_kind", "started_at", "ended_at", "clock_offset_s", "makes_up", "amends_id")


def push(session: Session, actor: Actor, now: datetime, body: bytes) -> int:
    """Take a push body of weekly checks; the number of records that were stored. The session is committed."""
    pairs = [(row["newDocumentState"], _SCHEMA.load(row["newDocumentState"])) for row in orjson.loads(body)]
    known = set(session.scalars(select(Record.id).where(Record.id.in_([given["id"] for _, given in pairs]))))
    outlets = _by_id(session, Outlet, {given["subject_id"] for _, given in pairs})
    signed = {officer["person_id"] for _, given in pairs for officer in given["officers"]}
    people = _by_id(session, Person, signed)
    held: dict[uuid.UUID, list[Certificate]] = defaultdict(list)
    for certificate in session.scalars(select(Certificate).where(Certificate.person_id.in_(signed))):
        held[certificate.person_id].append(certificate)
    scope = set(session.scalars(select(Scope.cell_id).where(Scope.person_id == actor.person_id)))
    fresh = [(raw, given) for raw, given in pairs if given["id"] not in known]
    for raw, given in fresh:
        session.add(_record(actor, now, raw, given, outlets.get(given["subject_id"]), people, held, scope))
    # The models have no relationships, so the unit of work must be told that records come first.
    session.flush()
    for _, given in fresh:
        for row in _rows_of(actor, now, given, outlets.get(given["subject_id"])):
            session.add(row)
    _meet(session, now, [given for _, given in fresh])
    session.add(
        Event(
            bureau_id=actor.bureau_id,
            at=now,
            name="records.received",
            account_id=actor.account_id,
            device_id=actor.device_id,
            subject_ids=[str(given["id"]) for _, given in fresh],
            facts={},
        )
    )
    session.commit()
    return len(fresh)


def _by_id(session: Session, entity: type[Any], ids: set[Any]) -> dict[uuid.UUID, Any]:
    return {row.id: row for row in session.scalars(select(entity).where(entity.id.in_(ids)))}


def _record(
    actor: Actor,
    now: datetime,
    raw: dict[str, Any],
    given: dict[str, Any],
    outlet: Outlet | None,
    people: dict[uuid.UUID, Person],
    held: dict[uuid.UUID, list[Certificate]],
    scope: set[uuid.UUID],
) -> Record:
    day = given["started_at"].date()
    counted = [
        officer
        for officer in given["officers"]
        if officer["person_id"] in people
        and any(
            one.cert_no == officer["cert_no"] and one.valid_from <= day <= one.valid_to
            for one in held[officer["person_id"]]
        )
    ]
    findings = [] if len(counted) >= 2 else [{"code": "too_few_officers", "path": "/officers"}]
    cell_id = outlet.cell_id if outlet else None
    position = given["position"]
    return Record(
        **{name: given[name] for name in _PLAIN},
        bureau_id=actor.bureau_id,
        edit_id=new_edit_id(),
        device_edit_id=given["edit_id"],
        pushed_by=actor.person_id,
        cell_id=cell_id,
        claimed_cell_id=given["cell_id"],
        performed_at=_performed_at(given),
        received_at=now,
        position=f"SRID=4326;POINT({position['lon']} {position['lat']})" if position else None,
        accuracy_m=position["accuracy_m"] if position else None,
        valid=not findings,
        findings=findings,
        flags=[] if cell_id in scope else ["out_of_scope"],
        hints=[],
        numbers={},
        document={name: value for name, value in raw.items() if name not in ("edit_id", "_deleted")},
    )


def _performed_at(given: dict[str, Any]) -> datetime:
    return cast(datetime, given["started_at"] - timedelta(seconds=given["clock_offset_s"]))


_AMOUNTS = {"sticks": 0, "grams": 0, "millilitres": 0, "pieces": 0, "nature": "other"}


def _rows_of(actor: Actor, now: datetime, given: dict[str, Any], outlet: Outlet | None) -> Iterator[object]:
    """What else a record writes."""
    cell_id = outlet.cell_id if outlet else None
    own: dict[str, Any] = {"bureau_id": actor.bureau_id}
    record: dict[str, Any] = {"record_id": given["id"], **own}
    subject: dict[str, Any] = {"subject_kind": "outlet", "subject_id": given["subject_id"]}
    for ordinal, officer in enumerate(given["officers"], start=1):
        yield RecordOfficer(ordinal=ordinal, **officer, **record)
    for ordinal, line in enumerate(given["answers"]["goods"], start=1):
        plain = {name: line[name] for name in ("category", "unit", "product_spec", "quantity")}
        yield GoodsLine(ordinal=ordinal, **_AMOUNTS, **plain, **record)
    for ordinal, photo in enumerate(given["photos"], start=1):
        yield DeclaredFile(ordinal=ordinal, sha256=photo["sha256"], kind="photo", **record)
    if given["answers"]["result"] == "abnormal":
        told = {name: given["answers"][name] for name in ("result", "cause", "disposal")}
        yield RecordOutcome(**told, **record)
    yield NumberWanted(paper_kind="inspection_record", **record)
    if rectify := given["answers"].get("rectify"):
        yield NumberWanted(paper_kind="rectification_order", **record)
        order = {"id": new_id(now), "edit_id": new_edit_id(), "cell_id": cell_id, "status": "open"}
        yield Rectification(**order, **rectify, **subject, **record)
    yield VisitFact(
        tier="WEEKLY",
        known_at=now,
        performed_at=_performed_at(given),
        valid=True,
        makes_up=given["makes_up"],
        **subject,
        **record,
    )
    yield FedRow(origin=cell_id, collection="records", id=given["id"], **own)
    principals = {
        f"squad:{actor.squad_ids[0]}",
        *(f"officer:{one['person_id']}" for one in given["officers"]),
    }
    for principal in sorted(principals):
        yield FeedRow(principal=principal, collection="records", id=given["id"], **own)
    yield LogLine(
        at=now,
        collection="records",
        document_id=given["id"],
        edit_id=given["edit_id"],
        reader_id=actor.person_id,
        device_id=actor.device_id,
        outcome="accepted",
        **own,
    )


def _meet(session: Session, now: datetime, records: Sequence[dict[str, Any]]) -> None:
    """The oldest open weekly obligation of each outlet is met by the visit within its days, and fed again."""
    subjects = {given["subject_id"] for given in records}
    met: set[uuid.UUID] = set()
    owed: dict[uuid.UUID, list[Obligation]] = defaultdict(list)
    query = select(Obligation).where(
        Obligation.subject_id.in_(subjects), Obligation.tier == "WEEKLY", Obligation.met_by.is_(None)
    )
    for obligation in session.scalars(query.order_by(Obligation.first_day)):
        owed[obligation.subject_id].append(obligation)
    for given in records:
        day = given["started_at"].date()
        for obligation in owed[given["subject_id"]]:
            if obligation.met_by is None and obligation.first_day <= day <= obligation.grace_last_day:
                obligation.met_by, obligation.met_at = given["id"], given["started_at"]
                obligation.edit_id = new_edit_id()
                met.add(obligation.id)
                break
    for row in session.scalars(select(FeedRow).where(tables.feed.c.id.in_(met))):
        row.xid, row.seq = func.pg_current_xact_id(), func.nextval("feed_seq")


class _PhotoOut(PhotoSchema):
    taken_at = fields.String()


class _AnswersOut(AnswersSchema):
    rectify = fields.Dict()


class RecordOut(RecordSchema):
    """A record as it is sent: what the columns say, and the rest from the stored document."""

    photos = fields.List(fields.Nested(_PhotoOut))
    answers = fields.Nested(_AnswersOut)
    received_at = fields.AwareDateTime()
    performed_at = fields.AwareDateTime()
    valid = fields.Boolean()
    findings = fields.List(fields.Dict())
    flags = fields.List(fields.String())
    distance_m = fields.Float()


_OUT = RecordOut()
_STAMPED = (
    "started_at",
    "ended_at",
    "received_at",
    "performed_at",
    "valid",
    "findings",
    "flags",
    "distance_m",
)


def pull(session: Session, actor: Actor, principals: Sequence[str], limit: int) -> str:
    """The first page of records that the principals were fed and the officer sees, dumped by marshmallow."""
    rows = session.scalars(
        select(FeedRow)
        .where(tables.feed.c.principal.in_(principals), tables.feed.c.collection == "records")
        .order_by(tables.feed.c.xid, tables.feed.c.seq)
        .limit(limit)
    ).all()
    cells = select(Scope.cell_id).where(Scope.person_id == actor.person_id)
    wanted = select(Record).where(
        Record.id.in_({row.id for row in rows}),
        or_(Record.cell_id.in_(cells), Record.pushed_by == actor.person_id),
    )
    seen = {record.id: record for record in session.scalars(wanted)}
    documents = []
    for row in rows:
        record = seen.get(row.id)
        if record is None:
            documents.append({"id": str(row.id), "_deleted": True})
            continue
        own = {name: getattr(record, name) for name in (*_STAMPED, "edit_id")}
        documents.append({**_OUT.dump({**record.document, **own}), "_deleted": False})
    last = {"xid": rows[-1].xid, "seq": str(rows[-1].seq)} if rows else None
    return json.dumps({"documents": documents, "checkpoint": last}, ensure_ascii=False)
