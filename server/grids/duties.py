"""Who answers for which cell on a day, which cells nobody answers for, and who cannot carry his duty any more."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from server.grids.choosing import decides_for_all, duty_cells
from server.grids.models import Duty, GridCell
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.paging import page_of_rows
from server.kernel.work import Work
from server.org.models import Certificate, Person, Squad, SquadMember

KEYS: list[InstrumentedAttribute[Any]] = [GridCell.code, GridCell.id]

UNFIT = {
    "not_an_officer": "责任人已不是执法人员。The lead is no officer any more.",
    "not_in_squad": "责任人已不在责任中队。The lead is not in the squad any more.",
    "certificate_missing": "责任人没有执法证。The lead has no certificate.",
    "certificate_expired": "责任人的执法证已过期。The lead's certificate has expired.",
}
"""Why a lead officer cannot carry his duty on a day."""


def duties_on(actor: Actor, day: date) -> Select[Any]:
    """The cells in the actor's scope with who answers for each on a day and until when, ``until`` not included."""
    return (
        _placed(
            Duty.squad_id,
            Squad.name.label("squad"),
            Duty.lead_person_id,
            Person.name.label("lead"),
            func.lower(Duty.valid).label("from_day"),
            func.upper(Duty.valid).label("until"),
            of=actor,
        )
        .join(Duty, _holds_on(day))
        .join(Squad, Squad.id == Duty.squad_id)
        .join(Person, Person.id == Duty.lead_person_id)
        .where(GridCell.id.in_(cells_in_scope(actor)))
    )


def vacancies_on(actor: Actor, day: date) -> Select[Any]:
    """The leaf cells of the bureau that nobody answers for on a day, since when (null: nobody ever did), and who is to
    begin when. The duty board tells the public of them, so whoever assigns duty sees them all.
    """
    before, next_duty = aliased(Duty), aliased(Duty)
    since = select(func.max(func.upper(before.valid))).where(
        before.cell_id == GridCell.id, func.upper(before.valid) <= day
    )
    coming = (
        select(func.lower(next_duty.valid).label("from_day"), Squad.name.label("squad"))
        .join(Squad, Squad.id == next_duty.squad_id)
        .where(next_duty.cell_id == GridCell.id, func.lower(next_duty.valid) > day)
        .order_by(func.lower(next_duty.valid))
        .limit(1)
        .lateral("coming")
    )
    return (
        _placed(
            since.scalar_subquery().label("vacant_since"),
            coming.c.from_day.label("next_from_day"),
            coming.c.squad.label("next_squad"),
            of=actor,
        )
        .outerjoin(coming, true())
        .where(~select(Duty.id).where(_holds_on(day)).exists())
    )


def unfit_on(actor: Actor, day: date) -> Select[Any]:
    """The duties that somebody has on a day and cannot carry, with each of UNFIT as a column of its name; of the whole
    bureau, or of a squad leader's own squads.
    """
    member = (
        select(SquadMember.id)
        .where(
            SquadMember.person_id == Duty.lead_person_id,
            SquadMember.squad_id == Duty.squad_id,
            SquadMember.valid.op("@>")(literal(day, Date)),
        )
        .exists()
    )
    of_lead = and_(Certificate.person_id == Duty.lead_person_id, Certificate.valid_from <= day)
    valid_to = select(func.max(Certificate.valid_to)).where(of_lead).scalar_subquery()
    why: dict[str, ColumnElement[bool]] = {
        "not_an_officer": Person.kind != "officer",
        "not_in_squad": ~member,
        "certificate_missing": valid_to.is_(None),
        "certificate_expired": func.coalesce(valid_to < day, False),
    }
    unfit = (
        _placed(
            Duty.squad_id,
            Squad.name.label("squad"),
            Duty.lead_person_id,
            Person.name.label("lead"),
            valid_to.label("certificate_to"),
            *(reason.label(code) for code, reason in why.items()),
            of=actor,
        )
        .join(Duty, _holds_on(day))
        .join(Squad, Squad.id == Duty.squad_id)
        .join(Person, Person.id == Duty.lead_person_id)
        .where(or_(*why.values()))
    )
    return unfit if decides_for_all(actor) else unfit.where(Duty.squad_id.in_(actor.squad_ids))


def page_of_unfit(work: Work, day: date, after: str | None, limit: int) -> dict[str, Any]:
    """A page of ``unfit_on``, each row with its ``concerns`` as codes and sentences."""
    page = page_of_rows(work.session, unfit_on(work.actor, day), KEYS, after, limit)
    page["items"] = [
        {
            **row._mapping,
            "concerns": [{"code": code, "detail": UNFIT[code]} for code in UNFIT if row._mapping[code]],
        }
        for row in page["items"]
    ]
    return page


def _placed(*columns: Any, of: Actor) -> Select[Any]:
    """Leaf cells of duty of a bureau with the place that they lie in, and further columns."""
    town = aliased(GridCell)
    return (
        select(
            GridCell.id,
            GridCell.code,
            GridCell.name,
            town.name.label("town"),
            GridCell.cell_type,
            *columns,
        )
        .outerjoin(town, town.id == GridCell.parent_id)
        .where(GridCell.bureau_id == of.bureau_id, duty_cells())
    )


def _holds_on(day: date) -> ColumnElement[bool]:
    return and_(Duty.cell_id == GridCell.id, Duty.valid.op("@>")(literal(day, Date)))
