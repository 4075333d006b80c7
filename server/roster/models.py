"""The table of the roster."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, column, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned

_DURING = func.tstzrange(column("begins"), column("ends"))


class RosterEntry(Owned, Base):
    """That somebody is away from the usual work of his squad from a moment to before another, and why.

    It says who can be planned with, and is no attendance: nothing is counted from it, nobody checks in, and where somebody
    was is not asked (people are not measured). ``squad_id`` is the squad that he is seconded to; without it a secondment
    goes to ``unit`` outside the bureau. ``note`` is private. Whole days begin and end at midnight in the bureau's zone.

    Never changed; that it was withdrawn is noted on it, and one that ends on another day is withdrawn and ``replaces_id``
    of the next names it. Of those that hold a person's absences do not overlap, nor do his secondments; leave may fall
    into a secondment.
    """

    __tablename__ = "roster_entry"
    __table_args__ = (
        CheckConstraint("kind in ('leave', 'training', 'secondment', 'other_duty')", name="kind"),
        CheckConstraint("begins < ends", name="moments"),
        CheckConstraint("kind = 'secondment' or num_nonnulls(squad_id, unit) = 0", name="to_whom"),
        CheckConstraint("num_nonnulls(squad_id, unit) < 2", name="one_place"),
        ExcludeConstraint(
            ("person_id", "="),
            (_DURING, "&&"),
            name="ex_roster_entry_absence",
            using="gist",
            where=text("withdrawn_at is null and kind <> 'secondment'"),
        ),
        ExcludeConstraint(
            ("person_id", "="),
            (_DURING, "&&"),
            name="ex_roster_entry_secondment",
            using="gist",
            where=text("withdrawn_at is null and kind = 'secondment'"),
        ),
        Index("ix_roster_entry_begins", "bureau_id", "begins"),
        Index("ix_roster_entry_person_id", "person_id", "begins"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]
    begins: Mapped[datetime]
    ends: Mapped[datetime]
    squad_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("squad.id"))
    unit: Mapped[str | None]
    note: Mapped[str | None]
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("roster_entry.id"))
    known_at: Mapped[datetime]
    entered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    withdraw_reason: Mapped[str | None]
