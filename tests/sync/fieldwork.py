"""Records as officers of the town make them, and what the server holds of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from server.demo.documents import Document, Signer
from server.kernel.work import Kernel
from server.records.models import Record
from sync.tables import push_log
from tests.records import documents
from tests.town import Town


def at_outlet(town: Town, outlet: int, at: datetime, *signers: str) -> dict[str, Any]:
    """The overrides of a builder of tests/records/documents.py that set a visit into the town, an hour ago."""
    lon, lat = town.positions[outlet]
    started_at = at - timedelta(hours=1)
    return {
        "record_id": uuid.uuid4(),
        "edit_id": uuid.uuid4(),
        "signers": tuple(
            Signer(person_id=town.people[name], cert_no=town.cert_nos[name]) for name in signers
        ),
        "started_at": started_at,
        "ended_at": started_at + timedelta(minutes=15),
        "lon": lon,
        "lat": lat,
        "subject_id": town.outlets[outlet],
        "cell_id": town.cells[outlet % 4],
        "squad_id": town.squads[(outlet % 4) // 2],
        "device_id": None,
    }


def a_check(town: Town, outlet: int, at: datetime, *signers: str, **overrides: Any) -> Document:
    """A valid weekly check of an outlet, by Li and Wang if nobody else is named."""
    given = at_outlet(town, outlet, at, *(signers or ("li", "wang")))
    return documents.ecig_check(**{**given, **overrides})


def an_order_to_rectify(town: Town, outlet: int, at: datetime, *signers: str, **overrides: Any) -> Document:
    """A weekly check that ends with an order to put something right."""
    return a_check(town, outlet, at, *signers, cause="no_minors_sign", **overrides)


def stored_records(kernel: Kernel) -> dict[str, Record]:
    """Every record that the server holds, by id."""
    with kernel.sessions() as session:
        return {str(record.id): record for record in session.scalars(select(Record))}


def push_lines(kernel: Kernel, document_id: str) -> list[tuple[str, bool]]:
    """The lines of the push log for a document: outcome, and whether the pushed state was kept."""
    with kernel.sessions() as session:
        found = session.execute(
            select(push_log.c.outcome, push_log.c.state.is_not(None))
            .where(push_log.c.document_id == uuid.UUID(document_id))
            .order_by(push_log.c.seq)
        )
        return [(outcome, kept) for outcome, kept in found]
