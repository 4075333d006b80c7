"""Taking a month's roster in from a sheet; a second run of it changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from gis.exchange.judging import BadRow
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.roster.models import RosterEntry
from server.roster.ops import Wanted, check, write
from server.roster.queries import holding, writable_people
from server.roster.register import RosterCandidate
from server.roster.rules import moments_of


@dataclass(slots=True)
class RosterPlan:
    """What an import would do. An entry is never changed by one, so ``changed`` stays empty."""

    new: list[Wanted] = field(default_factory=list)
    changed: list[tuple[Any, list[str], Any]] = field(default_factory=list)
    unchanged: int = 0
    refused: list[BadRow] = field(default_factory=list)


def plan_roster(work: Work, candidates: Sequence[RosterCandidate]) -> RosterPlan:
    """Compare the rows with people, squads and the entries that there are. Nothing is written.

    A row about somebody who is not known, or for whom the actor may not write, or in the way of another entry or row, comes
    back in ``refused``.
    """
    people = _People(work)
    squads = dict(
        work.session.execute(select(Squad.name, Squad.id).where(Squad.bureau_id == work.bureau_id)).all()
    )
    plan = RosterPlan()
    for given in candidates:
        found = people.of(given)
        if isinstance(found, BadRow):
            plan.refused.append(found)
            continue
        squad_id = squads.get(given.place) if given.place else None
        wanted = Wanted(
            person_id=found,
            kind=given.kind.value,
            days=given.days,
            squad_id=squad_id,
            unit=given.place if squad_id is None else None,
            note=given.note,
        )
        if _is_known(work, wanted):
            plan.unchanged += 1
            continue
        try:
            check(work, wanted)
        except Problem as problem:
            fault = problem.errors[0] if problem.errors else {"code": problem.code, "detail": problem.detail}
            plan.refused.append(BadRow(given.row, fault["code"], fault["detail"]))
            continue
        if any(_clash(work, wanted, other) for other in plan.new):
            detail = "与本表前面的行重叠，请核对"
            plan.refused.append(BadRow(given.row, "rows_overlap", detail))
            continue
        plan.new.append(wanted)
    return plan


def apply_roster(work: Work, plan: RosterPlan) -> list[RosterEntry]:
    """Write the plan."""
    return write(work, plan.new)


class _People:
    """The people for whom the actor may write, by staff number and by name."""

    def __init__(self, work: Work) -> None:
        self._by_number: dict[str, uuid.UUID] = {}
        self._by_name: dict[str, list[uuid.UUID]] = {}
        for person in work.session.scalars(select(Person).where(Person.id.in_(writable_people(work)))):
            self._by_number[person.staff_no] = person.id
            self._by_name.setdefault(person.name, []).append(person.id)

    def of(self, given: RosterCandidate) -> uuid.UUID | BadRow:
        """Whom a row is about. A number decides, and a name beside it has to be that person's."""
        named = self._by_name.get(given.name or "", [])
        if given.staff_no:
            found = self._by_number.get(given.staff_no)
            if found is None:
                detail = f"没有工号为“{given.staff_no}”的人员，或不在您可排班的范围内"
                return BadRow(given.row, "person_unknown", detail)
            if given.name and found not in named:
                detail = f"工号“{given.staff_no}”不是“{given.name}”的，请核对"
                return BadRow(given.row, "person_differs", detail)
            return found
        if len(named) > 1:
            return BadRow(given.row, "person_ambiguous", f"有 {len(named)} 人叫“{given.name}”，请填工号")
        if not named:
            return BadRow(given.row, "person_unknown", f"没有人员“{given.name}”，或不在您可排班的范围内")
        return named[0]


def _is_known(work: Work, wanted: Wanted) -> bool:
    begins, ends = moments_of(wanted.days, work.zone)
    same = holding(work.bureau_id).where(
        RosterEntry.person_id == wanted.person_id,
        RosterEntry.kind == wanted.kind,
        RosterEntry.begins == begins,
        RosterEntry.ends == ends,
        RosterEntry.squad_id.is_not_distinct_from(wanted.squad_id),
        RosterEntry.unit.is_not_distinct_from(wanted.unit),
    )
    return work.session.scalar(same.limit(1)) is not None


def _clash(work: Work, one: Wanted, other: Wanted) -> bool:
    if one.person_id != other.person_id or (one.kind == "secondment") != (other.kind == "secondment"):
        return False
    begins, ends = moments_of(one.days, work.zone)
    other_begins, other_ends = moments_of(other.days, work.zone)
    return begins < other_ends and other_begins < ends
