"""R12: the duty board (职责公示): which squad and which lead officer answer for each cell, from which day.

It is made to be posted on a wall, so it names what the public may know and nothing else (S2 L23: 责任到人、职责公示).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from schemas.vocabulary import CellType
from server.grids.models import GridCell
from server.grids.queries import on_duty
from server.kernel.work import Work
from server.org.models import Certificate, Person, Squad


class Post(NamedTuple):
    """One cell with who answers for it; nobody where it is not assigned."""

    cell_code: str
    cell_name: str
    town: str | None
    cell_type: str | None
    squad: str | None
    lead: str | None
    cert_no: str | None
    since: date | None


@dataclass(frozen=True, slots=True)
class DutyBoard:
    """R12 of a day, as known by ``as_of``."""

    day: date
    as_of: datetime
    phone: str | None
    posts: list[Post]

    @property
    def unassigned(self) -> int:
        """How many cells nobody answers for."""
        return sum(post.squad is None for post in self.posts)


def duty_board(work: Work, day: date, as_of: datetime) -> DutyBoard:
    """Every duty cell of the bureau, by code. It is public, so it is whole for whoever may read reports."""
    rows = work.session.execute(posts_on(work.bureau_id, day, as_of).order_by(GridCell.code))
    return DutyBoard(day, as_of, work.settings.public_phone or None, [post_of(row) for row in rows])


def posts_on(bureau_id: uuid.UUID, day: date, as_of: datetime) -> Select[Any]:
    """The duty cells of a bureau with who answers for each on a day, as known by a moment; the columns are those of Post.

    The certificate is the one that is valid on ``day``; of several the one that lasts longest.
    """
    duty = on_duty(GridCell.id, day, as_of)
    certified = (
        select(Certificate.person_id, Certificate.cert_no)
        .where(
            Certificate.bureau_id == bureau_id,
            Certificate.known_at <= as_of,
            Certificate.valid_from <= day,
            Certificate.valid_to >= day,
        )
        .ext(distinct_on(Certificate.person_id))
        .order_by(Certificate.person_id, Certificate.valid_to.desc(), Certificate.id.desc())
        .subquery()
    )
    town = aliased(GridCell)
    return (
        select(
            GridCell.code,
            GridCell.name,
            town.name.label("town"),
            GridCell.cell_type,
            Squad.name.label("squad"),
            Person.name.label("lead"),
            certified.c.cert_no,
            duty.c.from_day.label("since"),
        )
        .outerjoin(town, town.id == GridCell.parent_id)
        .outerjoin(duty, true())
        .outerjoin(Squad, Squad.id == duty.c.squad_id)
        .outerjoin(Person, Person.id == duty.c.lead_person_id)
        .outerjoin(certified, certified.c.person_id == duty.c.lead_person_id)
        .where(GridCell.bureau_id == bureau_id, GridCell.cell_level == 4, GridCell.purpose != "layout")
    )


def post_of(row: Row[Any]) -> Post:
    """A row of ``posts_on``, with the name of the cell's type."""
    post = Post(*tuple(row))
    return post._replace(cell_type=CellType(post.cell_type).label_zh if post.cell_type else None)
