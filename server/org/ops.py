"""Writing the organisation: who is in which squad, and when."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import Range

from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.org.models import Person, Squad, SquadMember
from sync.feed import pass_on, touch

OF_SQUADS = ("patrols", "stops")
"""The collections that a squad sees by itself, and not through its cells: its feed alone tells of them."""


def join_squad(
    work: Work, person_id: uuid.UUID, squad_id: uuid.UUID | None, from_day: date, *, leads: bool
) -> None:
    """Membership of a squad, or of none, from a day on; what was to last or begin past that day ends.

    What follows from it for scope is carried out by whoever calls this.
    """
    current = SquadMember.person_id == person_id
    if from_day <= work.now.astimezone(work.zone).date():
        left = select(SquadMember.squad_id).where(current, SquadMember.valid.op("&&")(Range(from_day, None)))
        squads = [*work.session.scalars(left), *([squad_id] if squad_id else [])]
        _pass_on(work, [(person_id, squad) for squad in squads])
    work.session.execute(delete(SquadMember).where(current, func.lower(SquadMember.valid) >= from_day))
    work.session.execute(
        update(SquadMember)
        .where(current, SquadMember.valid.op("@>")(from_day))
        .values(valid=func.daterange(func.lower(SquadMember.valid), from_day))
    )
    if squad_id is not None:
        work.session.execute(
            insert(SquadMember).values(
                id=new_id(work.now),
                bureau_id=work.bureau_id,
                person_id=person_id,
                squad_id=squad_id,
                leads=leads,
                valid=Range(from_day, None),
                known_at=work.now,
            )
        )


def transfer(
    work: Work, person_id: uuid.UUID, squad_id: uuid.UUID | None, from_day: date, *, leads: bool
) -> None:
    """Move somebody to a squad, or out of every squad, from a day on, which must not be past.

    Raises:
        Problem: ``not_found`` for a person or squad of another bureau; ``invalid`` for a day that is over.
    """
    today = work.now.astimezone(work.zone).date()
    if from_day < today:
        raise invalid("/from_day", "in_past", "日期已过。The day is over.")
    person = work.session.scalar(
        select(Person.id).where(Person.id == person_id, Person.bureau_id == work.bureau_id).with_for_update()
    )
    if person is None:
        raise Problem("not_found", detail="没有这个人员。No such person.")
    if squad_id is not None and not work.session.scalar(
        select(Squad.id).where(Squad.id == squad_id, Squad.bureau_id == work.bureau_id)
    ):
        raise Problem("not_found", detail="没有这个中队。No such squad.")
    join_squad(work, person_id, squad_id, from_day, leads=leads)
    if from_day == today:
        announce_people(work, [person_id])
    record_event(
        work,
        "person.transferred",
        [person_id],
        squad_id=str(squad_id) if squad_id else None,
        from_day=from_day.isoformat(),
    )


def carry_out_membership(work: Work, since: date) -> int:
    """Announce whoever came to a squad or left one after ``since``, up to today; how many they are.

    A person's document tells the squad of the day, so a new day changes it.
    """
    today = work.now.astimezone(work.zone).date()
    begins, ends = func.lower(SquadMember.valid), func.upper(SquadMember.valid)
    moved = work.session.execute(
        select(SquadMember.person_id, SquadMember.squad_id).where(
            SquadMember.bureau_id == work.bureau_id,
            or_((begins > since) & (begins <= today), (ends > since) & (ends <= today)),
        )
    ).all()
    _pass_on(work, [(person, squad) for person, squad in moved])
    people = sorted({person for person, _ in moved})
    announce_people(work, people)
    return len(people)


def _pass_on(work: Work, moves: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    """Tell people who come to squads or leave them what those squads were told of by themselves."""
    pairs = [(f"squad:{squad}", f"officer:{person}") for person, squad in moves]
    pass_on(work.session, work.bureau_id, pairs, OF_SQUADS)


def announce_people(work: Work, people: Sequence[uuid.UUID]) -> None:
    """Tell the bureau's devices that these people's documents changed."""
    if not people:
        return
    work.session.execute(
        update(Person)
        .where(Person.id.in_(people))
        .values(edit_id=func.gen_random_uuid())
        .execution_options(synchronize_session=False)
    )
    everybody = f"bureau:{work.bureau_id}"
    touch(work.session, work.bureau_id, "people", [(everybody, person) for person in people])
