"""Tables of clues: what was seen or told, what was done with it, and who told it, sealed and apart."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class Clue(Owned, Base):
    """A clue (线索), from a field record or written down at the desk.

    One from the field has the id of the first record that told of it, and says what the record says that stands
    (``record_id``), so an amendment moves it; one of the desk has no record. ``number`` is the bureau's own and no
    official one. ``plate`` is as plates are compared. ``elsewhere_unit`` names the place or unit that it concerns besides
    the bureau. ``status`` follows from the acts (rules.status_of). No informant stands here.
    """

    __tablename__ = "clue"
    __table_args__ = (
        UniqueConstraint("bureau_id", "number"),
        Index("ix_clue_found_at", "bureau_id", "found_at"),
        Index("ix_clue_plate", "plate", postgresql_where="plate is not null"),
    )

    number: Mapped[str]
    source: Mapped[str]
    source_unit: Mapped[str | None]
    record_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("record.id"))
    from_record_id: Mapped[uuid.UUID | None]
    matter: Mapped[str]
    summary: Mapped[str]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[uuid.UUID | None]
    place: Mapped[str | None]
    position: Mapped[WKBElement | None] = mapped_column(Geometry("POINT", srid=4326))
    plate: Mapped[str | None]
    confidence: Mapped[str | None]
    elsewhere_unit: Mapped[str | None]
    found_at: Mapped[datetime]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
    status: Mapped[str]


class ClueAct(Owned, Base):
    """Something done with a clue. Append-only.

    ``happened_at`` is when it was done, ``known_at`` when it was written down. ``people`` are the officers who propose a
    transfer, ``decision`` what was decided, ``other_clue_id`` the clue that it was merged into or told apart from.
    """

    __tablename__ = "clue_act"
    __table_args__ = (Index("ix_clue_act_clue_id", "clue_id", "known_at"),)

    clue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clue.id"))
    kind: Mapped[str]
    happened_at: Mapped[datetime]
    unit: Mapped[str | None]
    decision: Mapped[str | None]
    people: Mapped[list[Any]]
    note: Mapped[str | None]
    other_clue_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clue.id"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class ClueInformant(Owned, Base):
    """Who told a clue (举报人). Append-only; ``sealed`` is encrypted by keys that are not in the database.

    It is written and read at the desk only: nothing of it is in a record, a form, a duty or a pulled document.
    """

    __tablename__ = "clue_informant"
    __table_args__ = (CheckConstraint("sealed like 'gAAAA%'", name="sealed"),)

    clue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clue.id"), index=True)
    sealed: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]
