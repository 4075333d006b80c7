"""Tables of records. A record is one insert-only row; what reports count is drawn out into tables of its own."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, UniqueConstraint, and_
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Form(Owned, Base):
    """A version of a form: JSON Schema for the answers, and what the kind demands.

    What it asks never changes: the app's role may write when it was retired, and nothing else. ``effective_from`` is the
    moment from which records are begun on it, null for what the bureau began with; none is after ``retired_at``.
    """

    __tablename__ = "form"
    __table_args__ = (
        UniqueConstraint("bureau_id", "form_code", "version"),
        CheckConstraint("state in ('draft', 'published', 'retired')", name="state"),
    )

    form_code: Mapped[str]
    version: Mapped[int]
    kind: Mapped[str]
    tier: Mapped[str | None]
    title: Mapped[str]
    answers_schema: Mapped[dict[str, Any]]
    demands: Mapped[dict[str, Any]]
    state: Mapped[str]
    published_at: Mapped[datetime | None]
    edit_id: Mapped[uuid.UUID]
    drafted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    published_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    effective_from: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    retired_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    retire_reason: Mapped[str | None]


class FormDraft(Owned, Base):
    """What a bureau means to publish as the next version of a form; one draft a code, written over until then."""

    __tablename__ = "form_draft"
    __table_args__ = (UniqueConstraint("bureau_id", "form_code"),)

    form_code: Mapped[str]
    kind: Mapped[str]
    tier: Mapped[str | None]
    title: Mapped[str]
    answers_schema: Mapped[dict[str, Any]]
    demands: Mapped[dict[str, Any]]
    drafted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    drafted_at: Mapped[datetime]


class Record(Owned, Base):
    """A field record: what reports and rules read in typed columns, and the document as the device sent it.

    ``document`` is JSON, not JSONB: the text stays as it came, and pulls pass it through unparsed.
    ``edit_id`` changes with every stamp of the server; ``device_edit_id`` is what the device pushed.
    ``cell_id`` is the server's, ``claimed_cell_id`` the device's: both are kept. ``clock_offset_s`` is the offset that
    counted; the one that the device claimed stays in the document. ``dispatch_id`` is the dispatch that it names, which
    may arrive later. ``numbers`` are the official ones, by kind of paper.
    """

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_cell_id_started_at", "cell_id", "started_at"),
        Index("ix_record_subject_id_started_at", "subject_id", "started_at"),
        Index("ix_record_bureau_id_performed_at", "bureau_id", "performed_at", "id"),
        Index("ix_record_received_at", "received_at", postgresql_using="brin"),
        Index("ix_record_amends_id", "amends_id", postgresql_where="amends_id is not null"),
    )

    edit_id: Mapped[uuid.UUID]
    device_edit_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    form_code: Mapped[str]
    form_version: Mapped[int]
    device_id: Mapped[uuid.UUID | None]
    pushed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    claimed_cell_id: Mapped[uuid.UUID | None]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[uuid.UUID | None]
    visit_kind: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    clock_offset_s: Mapped[int]
    performed_at: Mapped[datetime]
    received_at: Mapped[datetime]
    position: Mapped[WKBElement | None] = mapped_column(Geometry("POINT", srid=4326))
    accuracy_m: Mapped[float | None]
    distance_m: Mapped[float | None]
    makes_up: Mapped[str | None]
    approval_no: Mapped[str | None]
    amends_id: Mapped[uuid.UUID | None]
    dispatch_id: Mapped[uuid.UUID | None]
    valid: Mapped[bool]
    findings: Mapped[list[Any]]
    flags: Mapped[list[Any]]
    hints: Mapped[list[Any]]
    numbers: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    document: Mapped[dict[str, Any]] = mapped_column(JSON)


class RecordOfficer(Base):
    """Who was there, in the order they signed."""

    __tablename__ = "record_officer"
    __table_args__ = (Index("ix_record_officer_person_id", "person_id", "record_id"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    cert_no: Mapped[str | None]


class RoadStop(Base):
    """One vehicle stopped in a road-check session (路检路查)."""

    __tablename__ = "road_stop"
    __table_args__ = (Index("ix_road_stop_plate", "plate", postgresql_where="plate is not null"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    stopped_at: Mapped[datetime]
    plate: Mapped[str | None]
    vehicle_kind: Mapped[str]
    goods_found: Mapped[bool]
    permit: Mapped[str | None]
    disposal: Mapped[str]
    stick_total: Mapped[int]


class GoodsLine(Base):
    """One line of goods, in whole sticks, grams, millilitres or pieces; never a float.

    Money is in fen. ``nature`` is what the line is counted as (``goods.NATURES``): every line as one, so that the
    parts add up to the whole.
    """

    __tablename__ = "goods_line"
    __table_args__ = (
        CheckConstraint("quantity >= 0", name="quantity"),
        CheckConstraint("nature in ('counterfeit', 'smuggled', 'off_channel', 'other')", name="nature"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    stop_ordinal: Mapped[int | None]
    category: Mapped[str]
    product_spec: Mapped[str | None]
    barcode: Mapped[str | None]
    quantity: Mapped[int]
    unit: Mapped[str]
    sticks: Mapped[int]
    grams: Mapped[int]
    millilitres: Mapped[int]
    pieces: Mapped[int]
    nature: Mapped[str]
    unit_price_fen: Mapped[int | None]
    labelled_value_fen: Mapped[int | None]


class RecordOutcome(Base):
    """What a record came to that found something: conclusion, cause (案由), disposal, and the money told of, in fen.

    Records that found nothing have no row. The four kinds of money measure different things and are never added up.
    """

    __tablename__ = "record_outcome"
    __table_args__ = (Index("ix_record_outcome_cause", "bureau_id", "cause"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    result: Mapped[str | None]
    cause: Mapped[str | None]
    disposal: Mapped[str | None]
    case_value_fen: Mapped[int | None]
    amount_involved_fen: Mapped[int | None]
    fund_flow_fen: Mapped[int | None]
    fine_and_confiscation_fen: Mapped[int | None]


class CartonScan(Base):
    """A code that was read off cartons: what the device took it for, and what it is by the code itself.

    ``outlet_id`` is whose licence it names, where that is in the register. ``flag`` is ``off_channel`` (非渠道) or
    ``diverted`` (串码), at a shop whose own licence it does not name.
    """

    __tablename__ = "carton_scan"
    __table_args__ = (
        CheckConstraint("found in ('own', 'other', 'unreadable', 'malformed', 'none')", name="found"),
        CheckConstraint("flag in ('off_channel', 'diverted')", name="flag"),
        CheckConstraint("cartons > 0", name="cartons"),
        Index("ix_carton_scan_licence_no", "bureau_id", "licence_no"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    stop_ordinal: Mapped[int | None]
    licence_no: Mapped[str | None]
    code: Mapped[str | None]
    cartons: Mapped[int]
    claimed: Mapped[str | None]
    found: Mapped[str]
    flag: Mapped[str | None]
    outlet_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("outlet.id"))


class DeclaredFile(Base):
    """A file that the record's document names by its SHA-256, in the order of the document."""

    __tablename__ = "declared_file"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int]
    kind: Mapped[str]


class Rectification(Owned, Base):
    """An order to put something right by a day (责令改正), edited by officers until it is done."""

    __tablename__ = "rectification"
    __table_args__ = (CheckConstraint("status in ('open', 'done', 'withdrawn')", name="status"),)

    edit_id: Mapped[uuid.UUID]
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), index=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"), index=True)
    demand: Mapped[str]
    due_on: Mapped[date]
    status: Mapped[str]
    done_on: Mapped[date | None]
    proof_record_id: Mapped[uuid.UUID | None]
    note: Mapped[str | None]
    deleted: Mapped[bool] = mapped_column(default=False)


class Amendment(Base):
    """That a record amends another, linked once both are here: a fact, known from ``known_at`` on.

    ``original_id`` is the first record of all, also where an amendment was amended; ``ordinal`` its place among the
    amendments of that record, in the order in which they were linked. One that ``stands`` says what the record says from
    then on, until a later one does. ``contested``: its author had not seen another one that stands.
    """

    __tablename__ = "amendment"
    __table_args__ = (UniqueConstraint("original_id", "ordinal"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), index=True)
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    original_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"))
    ordinal: Mapped[int]
    known_at: Mapped[datetime]
    stands: Mapped[bool]
    contested: Mapped[bool]


class CoSignature(Base):
    """That somebody signed a record on a device of his own, drawn out of his record of it. Append-only.

    ``signed_record_id`` may arrive later; ``document_sha256`` is of the document that he was shown.
    """

    __tablename__ = "co_signature"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), index=True)
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    signed_record_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    document_sha256: Mapped[str]
    decision: Mapped[str]
    note: Mapped[str | None]
    signed_at: Mapped[datetime]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    signature_sha256: Mapped[str | None]
    known_at: Mapped[datetime]


class CoSignatureCheck(Base):
    """Whether a co-signature fits its record, found out once when both were here. Append-only."""

    __tablename__ = "co_signature_check"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"), index=True)
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("co_signature.record_id"), primary_key=True)
    signed_record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), index=True)
    matches: Mapped[bool]
    concerns: Mapped[list[Any]]
    known_at: Mapped[datetime]


OF_ITS_FORM: ColumnElement[bool] = and_(
    Form.bureau_id == Record.bureau_id,
    Form.form_code == Record.form_code,
    Form.version == Record.form_version,
)
"""That a form is the version with which a record was written, for joining the two; there may be none."""
