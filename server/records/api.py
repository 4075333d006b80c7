"""Records and forms over HTTP. Records come in by sync; here they are read."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.approvals import UnapprovedPage, UnapprovedQuery
from schemas.paging import PageQuery
from schemas.policies import ExemptionIn, ExemptionOut
from schemas.records import (
    CoSignatureList,
    CoSignatureQuery,
    ReadingIn,
    ReadingPage,
    RecordHistory,
    RecordOut,
    RecordPage,
    RecordQuery,
    RecordWhole,
)
from server.cadence.models import CapExemption
from server.kernel.events import Event
from server.kernel.http import Noun
from server.kernel.paging import page_of, page_of_rows
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records.approval_standing import standing_of, unapproved
from server.records.co_signing import document_digest, list_co_signatures, signatures_of
from server.records.exempting import exempt_visit
from server.records.history import amended_by, history_of, original_of
from server.records.models import Record
from server.records.queries import visible_to
from server.records.reading import masked_document, read_in_full, readings, visible_record

blueprint = Noun("records", "记录 Records")


@blueprint.endpoint("GET", "/records", permission=Permission.RECORD_READ, takes=RecordQuery, gives=RecordPage)
def list_records(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The records in scope, by the time they were performed."""
    records = visible_to(work.actor)
    if query["subject_id"]:
        records = records.where(Record.subject_id == query["subject_id"])
    if query["kind"]:
        records = records.where(Record.kind == query["kind"])
    if query["valid"] is not None:
        records = records.where(Record.valid == query["valid"])
    if query["since"]:
        records = records.where(Record.performed_at >= query["since"])
    if query["until"]:
        records = records.where(Record.performed_at < query["until"])
    return page_of(work.session, records, [Record.performed_at, Record.id], query["after"], query["limit"])


@blueprint.endpoint(
    "GET",
    "/records/unapproved",
    permission=Permission.RECORD_READ,
    takes=UnapprovedQuery,
    gives=UnapprovedPage,
)
def list_unapproved(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Inspections of a time whose approval is missing, unknown, of something else, late, or not written up."""
    rows = unapproved(work).where(Record.performed_at >= query["since"], Record.performed_at < query["until"])
    return page_of_rows(work.session, rows, [Record.performed_at, Record.id], query["after"], query["limit"])


@blueprint.endpoint("GET", "/records/<uuid:record_id>", permission=Permission.RECORD_READ, gives=RecordWhole)
def get_record(work: Work, record_id: uuid.UUID) -> dict[str, Any]:
    """One record with what the server says of it, and the document as it was sent with persons masked."""
    record = visible_record(work, record_id)
    return _whole(work, record, masked_document(work, record), masked=True)


@blueprint.endpoint(
    "POST",
    "/records/<uuid:record_id>/readings",
    permission=Permission.RECORD_READ,
    takes=ReadingIn,
    gives=RecordWhole,
    status=201,
)
def read_record(work: Work, given: dict[str, Any], record_id: uuid.UUID) -> dict[str, Any]:
    """One record in full; who read it and what for is kept."""
    record = read_in_full(work, record_id, given["purpose"])
    return _whole(work, record, record.document, masked=False)


@blueprint.endpoint(
    "GET",
    "/records/<uuid:record_id>/readings",
    permission=Permission.PERSON_DATA_READ,
    takes=PageQuery,
    gives=ReadingPage,
)
def list_readings(work: Work, query: dict[str, Any], record_id: uuid.UUID) -> dict[str, Any]:
    """Who read a record in full, its files or its papers, when and what for; the oldest first."""
    rows = readings(work, visible_record(work, record_id))
    return page_of_rows(work.session, rows, [Event.seq], query["after"], query["limit"])


def _whole(work: Work, record: Record, document: Any, *, masked: bool) -> dict[str, Any]:
    told = {name: getattr(record, name) for name in RecordOut().fields}
    original_id = original_of(work, record.id)
    return {
        **told,
        "approval": standing_of(work, record.id),
        "original_id": original_id,
        "amended_by": amended_by(work, original_id),
        "document_sha256": document_digest(record.document),
        "signatures": signatures_of(work, record),
        "document": document,
        "masked": masked,
    }


@blueprint.endpoint(
    "GET", "/records/<uuid:record_id>/history", permission=Permission.RECORD_READ, gives=RecordHistory
)
def get_history(work: Work, record_id: uuid.UUID) -> dict[str, Any]:
    """The record and its amendments, field by field, with who, when and why, and what was done about them."""
    return history_of(work, record_id)


@blueprint.endpoint(
    "POST",
    "/records/<uuid:record_id>/cap-exemption",
    permission=Permission.CAP_MANAGE,
    takes=ExemptionIn,
    gives=ExemptionOut,
    status=201,
)
def exempt(work: Work, given: dict[str, Any], record_id: uuid.UUID) -> CapExemption:
    """Note that a visit does not count to the annual cap, by an exemption that the caps name."""
    return exempt_visit(work, record_id, given["code"], given["reference"])


@blueprint.endpoint(
    "GET",
    "/co-signatures",
    permission=Permission.RECORD_READ,
    takes=CoSignatureQuery,
    gives=CoSignatureList,
)
def list_signed(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Co-signatures in scope, the newest first: those that wait for their record, those with a concern, or all."""
    return {"items": list_co_signatures(work, query["state"])}
