"""Tables of custody. Registration lists are drawn out of their records; all else is written down by people. Only
``custody_holding`` and the root of a list are ever changed: both are kept from the facts.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned

APPROVAL_CHANNELS = ("desk", "phone", "urgent_later")
OUTCOMES = ("return", "release", "confiscate", "transfer", "destroy")
ACTS = ("take_in", "move", "send_out", "bring_back", "use_up", "hand_back", "transfer", "destroy", "correct")
PLACES = ("field", "store", "appraisal", "used_up", "handed_back", "transferred", "destroyed")
HELD_PLACES = ("store", "appraisal")
"""Where goods are in the bureau's hands: in a store, or away at an appraisal, for which the store's keeper answers."""


def _one_of(column: str, names: tuple[str, ...]) -> str:
    told = ", ".join(f"'{name}'" for name in names)
    return f"{column} in ({told})"


class RegistrationList(Base):
    """A registration list (先行登记保存清单) as one record tells it. ``id`` is that record's.

    An amendment is a list of its own with the same ``root_id``, the first record's; the one made last of those that are
    valid says what was registered. Party and witness stay in the record. ``write_up_due`` is when an approval that was
    not given in writing must be written up.
    """

    __tablename__ = "registration_list"
    __table_args__ = (
        CheckConstraint(_one_of("approval_channel", APPROVAL_CHANNELS), name="approval_channel"),
        Index("ix_registration_list_root_id", "root_id", "known_at"),
        Index("ix_registration_list_bureau_id_registered_at", "bureau_id", "registered_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    root_id: Mapped[uuid.UUID]
    amends_id: Mapped[uuid.UUID | None]
    inspection_id: Mapped[uuid.UUID | None]
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    registered_at: Mapped[datetime]
    keep_mode: Mapped[str | None]
    approval_channel: Mapped[str | None]
    approval_no: Mapped[str | None]
    write_up_due: Mapped[datetime | None]
    valid: Mapped[bool]
    made_at: Mapped[datetime]
    known_at: Mapped[datetime]


class RegistrationLine(Base):
    """One line of a list; frozen when the list was signed. ``base_quantity`` counts ``base_unit``."""

    __tablename__ = "registration_line"
    __table_args__ = (CheckConstraint("quantity >= 0 and base_quantity >= 0", name="quantity"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str]
    product_spec: Mapped[str | None]
    barcode: Mapped[str | None]
    quantity: Mapped[int]
    unit: Mapped[str]
    base_quantity: Mapped[int]
    base_unit: Mapped[str]
    condition: Mapped[str | None]
    packaging: Mapped[str | None]


class RegistrationDeadline(Owned, Base):
    """Until when it must be decided on the goods of a list, as known from ``known_at`` on; the newest one holds."""

    __tablename__ = "registration_deadline"
    __table_args__ = (Index("ix_registration_deadline_list_id", "list_id", "known_at"),)

    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"))
    decide_by: Mapped[date]
    provisional: Mapped[bool]
    known_at: Mapped[datetime]


class RegistrationWriteUp(Owned, Base):
    """That an approval given by phone or asked for afterwards was written up (补办审批)."""

    __tablename__ = "registration_write_up"
    __table_args__ = (UniqueConstraint("list_id"),)

    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"))
    approval_no: Mapped[str]
    written_up_at: Mapped[datetime]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class CustodyDecision(Owned, Base):
    """What was decided on goods of a list (处理决定), by a document. The newest one on a line holds.

    ``case_closed_on`` is told of a destruction: goods of a case that is open are evidence.
    """

    __tablename__ = "custody_decision"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
        CheckConstraint("(outcome = 'destroy') = (case_closed_on is not null)", name="case_closed_on"),
    )

    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"), index=True)
    outcome: Mapped[str]
    decided_on: Mapped[date]
    document_no: Mapped[str]
    reason: Mapped[str]
    case_closed_on: Mapped[date | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class CustodyDecisionLine(Base):
    """A line that a decision is about, by the root of its list."""

    __tablename__ = "custody_decision_line"
    __table_args__ = (Index("ix_custody_decision_line_list_id", "list_id", "seq"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    decision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("custody_decision.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"))


class CustodyStore(Owned, Base):
    """A store of evidence (证物库)."""

    __tablename__ = "custody_store"
    __table_args__ = (UniqueConstraint("bureau_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    known_at: Mapped[datetime]


class StoreHandOver(Owned, Base):
    """A store offered to a keeper, with what it held then; it changes hands when the keeper acknowledges.

    ``held`` are rows of list, line and quantity.
    """

    __tablename__ = "store_hand_over"

    store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("custody_store.id"), index=True)
    from_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    to_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    document_no: Mapped[str | None]
    held: Mapped[list[Any]]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class HandOverAcknowledgement(Base):
    """That the keeper took the store over as it was told; from then on it is his."""

    __tablename__ = "hand_over_acknowledgement"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    hand_over_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("store_hand_over.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class CustodyAct(Owned, Base):
    """One act of custody by one keeper and one document, over lines of one or more lists.

    ``person_id`` hands in or fetches where that is somebody of the bureau, ``to_unit`` names an authority (never a
    private person: who the goods were taken from stands in the record). ``witness_ids`` are people of the bureau.
    ``corrects_id`` is the act that this one takes back.
    """

    __tablename__ = "custody_act"
    __table_args__ = (
        CheckConstraint(_one_of("kind", ACTS), name="kind"),
        CheckConstraint("(kind = 'correct') = (corrects_id is not null)", name="corrects_id"),
        CheckConstraint("kind <> 'destroy' or cardinality(witness_ids) >= 2", name="witness_ids"),
        Index(
            "uq_custody_act_destruction",
            "bureau_id",
            "document_no",
            unique=True,
            postgresql_where=text("kind = 'destroy'"),
        ),
        Index("uq_custody_act_corrects_id", "corrects_id", unique=True),
        Index("ix_custody_act_bureau_id_known_at", "bureau_id", "known_at"),
    )

    kind: Mapped[str]
    happened_at: Mapped[datetime]
    keeper_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    to_keeper_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    to_unit: Mapped[str | None]
    place: Mapped[str | None]
    document_no: Mapped[str | None]
    seal_nos: Mapped[list[Any]]
    witness_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(UUID(as_uuid=True)))
    witness_units: Mapped[list[Any]]
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("custody_act.id"))
    reason: Mapped[str | None]
    known_at: Mapped[datetime]


class CustodyEntry(Base):
    """A quantity of one line that an act took from one place to another, in the base unit of the line.

    ``list_id`` is the root of the list. Places are ``PLACES``; a store is named with those of ``HELD_PLACES``.
    """

    __tablename__ = "custody_entry"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint(_one_of("from_place", PLACES), name="from_place"),
        CheckConstraint(_one_of("to_place", PLACES), name="to_place"),
        CheckConstraint(
            f"({_one_of('from_place', HELD_PLACES)}) = (from_store_id is not null)", name="from_store_id"
        ),
        CheckConstraint(
            f"({_one_of('to_place', HELD_PLACES)}) = (to_store_id is not null)", name="to_store_id"
        ),
        Index("ix_custody_entry_list_id", "list_id", "seq"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    act_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("custody_act.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"))
    seq: Mapped[int]
    quantity: Mapped[int]
    base_unit: Mapped[str]
    from_place: Mapped[str]
    from_store_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("custody_store.id"))
    to_place: Mapped[str]
    to_store_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("custody_store.id"))


class CustodyHolding(Base):
    """What the bureau holds of a line now, by place: kept with each act, and never below nothing."""

    __tablename__ = "custody_holding"
    __table_args__ = (CheckConstraint("quantity >= 0", name="quantity"),)

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("custody_store.id"), primary_key=True)
    quantity: Mapped[int]


class Valuation(Owned, Base):
    """A valuation sheet (核价表) of a list; the newest one holds."""

    __tablename__ = "valuation"

    list_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registration_list.id"), index=True)
    valued_on: Mapped[date]
    document_no: Mapped[str | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class ValuationLine(Base):
    """A line of the sheet: the price of one ``price_unit`` and what the line comes to, in whole fen; or no price."""

    __tablename__ = "valuation_line"
    __table_args__ = (
        CheckConstraint("(price_fen is null) = (total_fen is null)", name="total_fen"),
        CheckConstraint("price_fen >= 0 and total_fen >= 0", name="price_fen"),
        CheckConstraint("price_fen is null or price_basis is not null", name="price_basis"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    valuation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("valuation.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    price_unit: Mapped[str]
    price_fen: Mapped[int | None]
    price_basis: Mapped[str | None]
    total_fen: Mapped[int | None]
    remark: Mapped[str | None]
