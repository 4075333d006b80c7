"""What became known about obligations between two moments: the facts from which a restatement follows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from server.cadence.models import AttemptFact, VisitFact, Waiver
from server.grids.models import DutyFact
from server.kernel.bulk import among
from server.kernel.work import Work
from server.outlets.models import OutletStatus, Registration
from server.records.models import Record

Fact = dict[str, Any]


@dataclass(slots=True)
class _Facts:
    """Facts that became known, by what they are about."""

    of_subject: dict[uuid.UUID, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    of_cell: dict[uuid.UUID, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    of_obligation: dict[uuid.UUID, list[Fact]] = field(default_factory=lambda: defaultdict(list))


def learned(
    work: Work, changes: Sequence[Mapping[str, Any]], since: datetime, until: datetime
) -> dict[str, list[Fact]]:
    """By obligation, in order of ``known_at``: the facts that were known by ``until`` and not by ``since``.

    ``changes`` are as ``rules.changed`` finds them. Visits and attempts after grace are left out, unless the obligation
    names them, and so is duty from a later day. Where nothing was learned, only time has passed.
    """
    sides = [_Change.of(change) for change in changes]
    facts = _Facts()
    _add_records(work, facts, sides, since, until)
    _add_waivers(work, facts, sides, since, until)
    _add_register(work, facts, sides, since, until)
    _add_duty(work, facts, sides, since, until)
    found = {}
    for one in sides:
        about = [
            *facts.of_obligation[one.id],
            *(fact for fact in facts.of_subject[one.subject_id] if one.concerns(work, fact)),
            *(fact for cell in sorted(one.cells) for fact in facts.of_cell[cell] if one.concerns(work, fact)),
        ]
        found[str(one.id)] = sorted(about, key=lambda fact: (fact["known_at"], fact["what"], str(fact)))
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    id: uuid.UUID
    subject_id: uuid.UUID
    grace_last_day: date
    cells: frozenset[uuid.UUID]
    records: frozenset[uuid.UUID]

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> _Change:
        sides = [side for side in (change["before"], change["after"]) if side]
        records = {record for side in sides for record in (side["record_id"], *side["attempts"]) if record}
        return cls(
            id=uuid.UUID(change["id"]),
            subject_id=uuid.UUID(sides[-1]["subject_id"]),
            grace_last_day=date.fromisoformat(sides[-1]["grace_last_day"]),
            cells=frozenset(uuid.UUID(side["cell_id"]) for side in sides if side["cell_id"]),
            records=frozenset(map(uuid.UUID, records)),
        )

    def concerns(self, work: Work, fact: Fact) -> bool:
        """Whether the fact could have a say in this obligation."""
        if "record_id" in fact:
            day = fact["performed_at"].astimezone(work.zone).date()
            return day <= self.grace_last_day or fact["record_id"] in self.records
        return fact["from_day"] <= self.grace_last_day if "from_day" in fact else True


def _between(column: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    between: ColumnElement[bool] = (column > since) & (column <= until)
    return between


def _add_records(
    work: Work, facts: _Facts, sides: Sequence[_Change], since: datetime, until: datetime
) -> None:
    subjects = sorted({one.subject_id for one in sides})
    visits = (
        select(
            VisitFact.subject_id,
            VisitFact.record_id,
            VisitFact.tier,
            VisitFact.performed_at,
            VisitFact.valid,
            VisitFact.known_at,
            Record.received_at,
        )
        .outerjoin(Record, Record.id == VisitFact.record_id)
        .where(among(VisitFact.subject_id, subjects), _between(VisitFact.known_at, since, until))
    )
    for subject_id, record_id, tier, performed_at, valid, known_at, received_at in work.session.execute(
        visits
    ):
        facts.of_subject[subject_id].append(
            {
                "what": "visit",
                "record_id": record_id,
                "tier": tier,
                "performed_at": performed_at.astimezone(work.zone),
                "valid": valid,
                "known_at": known_at.astimezone(work.zone),
                "received_at": received_at.astimezone(work.zone) if received_at else None,
            }
        )
    attempts = (
        select(
            AttemptFact.subject_id,
            AttemptFact.record_id,
            AttemptFact.attempted_at,
            AttemptFact.known_at,
            Record.received_at,
        )
        .outerjoin(Record, Record.id == AttemptFact.record_id)
        .where(among(AttemptFact.subject_id, subjects), _between(AttemptFact.known_at, since, until))
    )
    for subject_id, record_id, attempted_at, known_at, received_at in work.session.execute(attempts):
        facts.of_subject[subject_id].append(
            {
                "what": "attempt",
                "record_id": record_id,
                "performed_at": attempted_at.astimezone(work.zone),
                "known_at": known_at.astimezone(work.zone),
                "received_at": received_at.astimezone(work.zone) if received_at else None,
            }
        )


def _add_waivers(
    work: Work, facts: _Facts, sides: Sequence[_Change], since: datetime, until: datetime
) -> None:
    query = select(Waiver).where(
        among(Waiver.obligation_id, [one.id for one in sides]),
        or_(_between(Waiver.known_at, since, until), _between(Waiver.revoked_at, since, until)),
    )
    for waiver in work.session.scalars(query):
        # The reason may tell of somebody's illness: whoever may know it reads it with the waiver.
        told = (
            ("waiver", waiver.known_at, waiver.account_id),
            ("waiver_withdrawn", waiver.revoked_at, waiver.revoked_by),
        )
        for what, at, account_id in told:
            if at is not None and since < at <= until:
                facts.of_obligation[waiver.obligation_id].append(
                    {
                        "what": what,
                        "waiver_id": waiver.id,
                        "account_id": account_id,
                        "known_at": at.astimezone(work.zone),
                    }
                )


def _add_register(
    work: Work, facts: _Facts, sides: Sequence[_Change], since: datetime, until: datetime
) -> None:
    subjects = sorted({one.subject_id for one in sides})
    statuses = select(OutletStatus).where(
        among(OutletStatus.outlet_id, subjects), _between(OutletStatus.known_at, since, until)
    )
    for status in work.session.scalars(statuses):
        facts.of_subject[status.outlet_id].append(
            {
                "what": "status",
                "status": status.status,
                "from_day": status.from_day,
                "known_at": status.known_at.astimezone(work.zone),
            }
        )
    registrations = select(Registration).where(
        among(Registration.outlet_id, subjects), _between(Registration.known_at, since, until)
    )
    for noted in work.session.scalars(registrations):
        facts.of_subject[noted.outlet_id].append(
            {
                "what": "registration",
                "cell_id": noted.cell_id,
                "licence_scope": noted.licence_scope,
                "credit_grade": noted.credit_grade,
                "from_day": noted.from_day,
                "known_at": noted.known_at.astimezone(work.zone),
            }
        )


def _add_duty(work: Work, facts: _Facts, sides: Sequence[_Change], since: datetime, until: datetime) -> None:
    cells = sorted({cell for one in sides for cell in one.cells})
    query = select(DutyFact).where(among(DutyFact.cell_id, cells), _between(DutyFact.known_at, since, until))
    for duty in work.session.scalars(query):
        facts.of_cell[duty.cell_id].append(
            {
                "what": "duty",
                "cell_id": duty.cell_id,
                "squad_id": duty.squad_id,
                "officer_id": duty.lead_person_id,
                "from_day": duty.from_day,
                "known_at": duty.known_at.astimezone(work.zone),
            }
        )
