"""Taking people in: persons, certificates and squad membership from a register."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from gis.exchange.judging import BadRow
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Work
from server.org.models import Certificate, Person, Squad, SquadMember
from server.org.ops import join_squad
from server.org.register import PersonCandidate
from sync.feed import touch

COMPARED = ("name", "kind", "phone", "certificate", "squad_name", "leads")
# What a list of people need not say; who leads is said with the squad.
OPTIONAL = ("phone", "squad_name", "leads")


@dataclass(slots=True)
class PeoplePlan:
    """What an import would do. ``squads`` are names that are not registered yet and come with it."""

    new: list[PersonCandidate] = field(default_factory=list)
    changed: list[tuple[PersonCandidate, list[str], uuid.UUID]] = field(default_factory=list)
    unchanged: int = 0
    squads: list[str] = field(default_factory=list)
    refused: list[BadRow] = field(default_factory=list)


def plan_people(
    work: Work, candidates: Sequence[PersonCandidate], columns: Collection[str] = OPTIONAL
) -> PeoplePlan:
    """Compare the candidates with the people that there are, by staff number. Nothing is written.

    ``columns`` are the fields that the register has; of the others a known person keeps what is known. A
    candidate whose certificate is registered otherwise comes back in ``refused``.
    """
    today = work.now.astimezone(work.zone).date()
    known = _registered(work, today)
    held = {
        (cert_no, since): (staff_no, to)
        for staff_no, person in known.items()
        for cert_no, since, to in person["certificates"]
    }
    silent = [name for name in OPTIONAL if name not in columns]
    plan = PeoplePlan()
    for given in candidates:
        holder, to = held.get((given.cert_no, given.cert_from), (given.staff_no, given.cert_to))
        if holder != given.staff_no or to != given.cert_to:
            plan.refused.append(_refused(given, holder, to))
            continue
        before = known.get(given.staff_no)
        if before is None:
            plan.new.append(given)
            continue
        candidate = replace(given, **{name: before[name] for name in silent})
        names = [name for name in COMPARED if _differs(before, candidate, name)]
        if names:
            plan.changed.append((candidate, names, before["id"]))
        else:
            plan.unchanged += 1
    named = {one.squad_name for one in (*plan.new, *(changed for changed, _, _ in plan.changed))}
    registered = work.session.scalars(select(Squad.name).where(Squad.bureau_id == work.bureau_id))
    plan.squads = sorted({name for name in named if name} - set(registered))
    return plan


def _refused(candidate: PersonCandidate, holder: str, to: date | None) -> BadRow:
    if holder != candidate.staff_no:
        detail = f"执法证号“{candidate.cert_no}”已登记在工号 {holder} 名下，请核对"
        return BadRow(candidate.row, "certificate_taken", detail)
    detail = f"执法证号“{candidate.cert_no}”已登记，有效期止为 {to}，与本行 {candidate.cert_to} 不同，请核对"
    return BadRow(candidate.row, "certificate_differs", detail)


def apply_people(work: Work, plan: PeoplePlan) -> dict[str, uuid.UUID]:
    """Write the plan; the ids of the persons written, by staff number.

    A certificate is added, never changed; membership of another squad begins today and ends the earlier one.
    """
    today = work.now.astimezone(work.zone).date()
    for name in plan.squads:
        work.session.add(
            Squad(id=new_id(work.now), bureau_id=work.bureau_id, name=name, edit_id=new_edit_id())
        )
    work.session.flush()
    squads: dict[str, uuid.UUID] = dict(
        work.session.execute(select(Squad.name, Squad.id).where(Squad.bureau_id == work.bureau_id)).all()
    )
    written: dict[str, uuid.UUID] = {}
    for candidate in plan.new:
        person = Person(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            name=candidate.name,
            staff_no=candidate.staff_no,
            kind=candidate.kind.value,
            phone=candidate.phone,
            edit_id=new_edit_id(),
        )
        work.session.add(person)
        work.session.flush()
        written[candidate.staff_no] = person.id
        _certify(work, person.id, candidate)
        _join(work, person.id, candidate, squads, today)
    for candidate, names, person_id in plan.changed:
        work.session.execute(
            update(Person)
            .where(Person.id == person_id)
            .values(
                name=candidate.name, kind=candidate.kind.value, phone=candidate.phone, edit_id=new_edit_id()
            )
        )
        written[candidate.staff_no] = person_id
        if "certificate" in names:
            _certify(work, person_id, candidate)
        if "squad_name" in names or "leads" in names:
            _join(work, person_id, candidate, squads, today)
    if written:
        touch(
            work.session,
            work.bureau_id,
            "people",
            [(f"bureau:{work.bureau_id}", person_id) for person_id in written.values()],
        )
        record_event(work, "people.imported", list(written.values()))
    return written


def _registered(work: Work, today: date) -> dict[str, dict[str, Any]]:
    people: dict[uuid.UUID, dict[str, Any]] = {
        person.id: {
            "id": person.id,
            "staff_no": person.staff_no,
            "name": person.name,
            "kind": person.kind,
            "phone": person.phone,
            "certificates": set(),
            "squad_name": None,
            "leads": False,
        }
        for person in work.session.scalars(select(Person).where(Person.bureau_id == work.bureau_id))
    }
    for held in work.session.scalars(select(Certificate).where(Certificate.bureau_id == work.bureau_id)):
        people[held.person_id]["certificates"].add((held.cert_no, held.valid_from, held.valid_to))
    for person_id, leads, squad_name in work.session.execute(
        select(SquadMember.person_id, SquadMember.leads, Squad.name)
        .join(Squad, Squad.id == SquadMember.squad_id)
        .where(SquadMember.bureau_id == work.bureau_id, SquadMember.valid.op("@>")(today))
    ):
        people[person_id].update(squad_name=squad_name, leads=leads)
    return {person["staff_no"]: person for person in people.values()}


def _differs(before: dict[str, Any], candidate: PersonCandidate, name: str) -> bool:
    if name == "certificate":
        given = (candidate.cert_no, candidate.cert_from, candidate.cert_to)
        return candidate.cert_no is not None and given not in before["certificates"]
    return bool(before[name] != getattr(candidate, name))


def _certify(work: Work, person_id: uuid.UUID, candidate: PersonCandidate) -> None:
    if candidate.cert_no is None:
        return
    work.session.execute(
        insert(Certificate).values(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            person_id=person_id,
            cert_no=candidate.cert_no,
            valid_from=candidate.cert_from,
            valid_to=candidate.cert_to,
            known_at=work.now,
        )
    )


def _join(
    work: Work, person_id: uuid.UUID, candidate: PersonCandidate, squads: dict[str, uuid.UUID], today: date
) -> None:
    squad_id = squads[candidate.squad_name] if candidate.squad_name else None
    join_squad(work, person_id, squad_id, today, leads=candidate.leads)
