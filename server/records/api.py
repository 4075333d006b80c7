"""Records and forms over HTTP. Records come in by sync; here they are read."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from schemas.policies import ExemptionIn, ExemptionOut
from schemas.records import FormList, RecordPage, RecordQuery, RecordWhole
from server.cadence.models import CapExemption
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.records.exempting import exempt_visit
from server.records.models import Form, Record
from server.records.queries import visible_to

blueprint = Noun("records", "记录与表单 Records and forms")


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


@blueprint.endpoint("GET", "/records/<uuid:record_id>", permission=Permission.RECORD_READ, gives=RecordWhole)
def get_record(work: Work, record_id: uuid.UUID) -> Record:
    """One record, as it was sent and with what the server says of it."""
    record = work.session.scalar(visible_to(work.actor).where(Record.id == record_id))
    if record is None:
        raise Problem("not_found")
    return record


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


@blueprint.endpoint("GET", "/forms", permission=Permission.FORM_READ, gives=FormList)
def list_forms(work: Work) -> dict[str, Any]:
    """The bureau's form versions."""
    forms = work.session.scalars(
        select(Form).where(Form.bureau_id == work.bureau_id).order_by(Form.form_code, Form.version)
    ).all()
    return {"items": forms}
