"""Who may go out together, with what and when: every fault is told by its field, with a code. Pure.

An inspection needs at least two officers with valid certificates (行政处罚法第四十二条、第五十五条); auxiliaries may come
along and count for nothing (国办发〔2024〕54号).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from uuid import UUID

from schemas.vocabulary import PersonKind

PAIR = 2


@dataclass(frozen=True, slots=True)
class Away:
    """That the roster has somebody away for a while; why is nobody's business here."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What the registers say of somebody: kind, the days of the certificates, the squad of the day, absences."""

    name: str
    kind: PersonKind
    certified: tuple[tuple[date, date], ...]
    squad_id: UUID | None
    away: tuple[Away, ...] = ()

    def may_inspect(self, day: date) -> bool:
        """Whether he is an officer with a certificate that is valid on ``day``."""
        valid = any(begins <= day <= ends for begins, ends in self.certified)
        return self.kind is PersonKind.OFFICER and valid

    def is_away(self, begins: datetime, ends: datetime) -> Away | None:
        """The absence that lies in a stretch of time, if there is one."""
        return next((one for one in self.away if one.begins < ends and begins < one.ends), None)


@dataclass(frozen=True, slots=True)
class Team:
    """A team of a day: the first two of ``people`` inspect. Whatever two of them share at one time is a fault."""

    people: tuple[UUID, ...]
    vehicle_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    cells: frozenset[UUID] = frozenset()

    def meets(self, other: Team) -> bool:
        """Whether the two shifts have time in common."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at which field, as a JSON pointer, with a stable code and a sentence in both languages."""

    path: str
    code: str
    detail: str

    def as_error(self) -> dict[str, str]:
        """As a problem tells it."""
        return {"path": self.path, "code": self.code, "detail": self.detail}


def faults_of(
    teams: Sequence[Team],
    day: date,
    staff: Mapping[UUID, Known],
    vehicles: Collection[UUID],
    cells: Collection[UUID],
    longest_shift: timedelta,
    zone: tzinfo,
) -> list[Fault]:
    """Everything that keeps these teams from going out on ``day``; ``vehicles`` and ``cells`` are the bureau's."""
    faults: list[Fault] = []
    for place, team in enumerate(teams):
        path = f"/teams/{place}"
        faults += _of_people(path, team, day, staff)
        faults += _of_shift(path, team, day, longest_shift, zone)
        if team.vehicle_id is not None and team.vehicle_id not in vehicles:
            detail = "本单位没有这辆车。The bureau has no such vehicle."
            faults.append(Fault(f"{path}/vehicle_id", "vehicle_unknown", detail))
        if team.cells - set(cells):
            detail = "有不属于本单位的末级网格。A cell is no leaf cell of the bureau."
            faults.append(Fault(f"{path}/cell_ids", "cell_unknown", detail))
        for earlier in teams[:place]:
            faults += _shared(path, team, earlier, staff)
    return faults


def _of_people(path: str, team: Team, day: date, staff: Mapping[UUID, Known]) -> Iterable[Fault]:
    if len(team.people) < PAIR:
        detail = "每组至少两名执法人员。A team has at least two officers."
        yield Fault(f"{path}/people", "team_of_one", detail)
    seen: set[UUID] = set()
    for place, person_id in enumerate(team.people):
        at, person = f"{path}/people/{place}", staff.get(person_id)
        if person is None:
            yield Fault(at, "person_unknown", "人员档案里没有这个人。Nobody of that id is known.")
            continue
        if person_id in seen:
            yield Fault(at, "person_twice", f"{person.name}在本组写了两次。He is in the team twice.")
        seen.add(person_id)
        if place < PAIR and person.kind is not PersonKind.OFFICER:
            detail = f"{person.name}是{person.kind.label_zh}，不能作为两名检查人员之一，可列为随行。"
            yield Fault(at, "not_an_officer", f"{detail}Only officers make the pair; others may come along.")
        elif place < PAIR and not person.may_inspect(day):
            detail = (
                f"{person.name}的执法证在{day.isoformat()}无效。His certificate is not valid on that day."
            )
            yield Fault(at, "certificate_expired", detail)
        if person.is_away(team.starts_at, team.ends_at):
            detail = f"{person.name}当时不在岗（值勤表）。The roster has him away then."
            yield Fault(at, "person_away", detail)


def _of_shift(path: str, team: Team, day: date, longest: timedelta, zone: tzinfo) -> Iterable[Fault]:
    if team.ends_at <= team.starts_at:
        detail = "班次结束不晚于开始。The shift ends before it begins."
        yield Fault(f"{path}/ends_at", "shift_reversed", detail)
    elif team.ends_at - team.starts_at > longest:
        hours = int(longest.total_seconds() // 3600)
        detail = f"班次超过{hours}小时。A shift lasts {hours} hours at most."
        yield Fault(f"{path}/ends_at", "shift_too_long", detail)
    if team.starts_at.astimezone(zone).date() != day:
        detail = "班次不在计划当天开始；跨午夜的班次属于开始的那天。A shift begins on the day of the plan."
        yield Fault(f"{path}/starts_at", "shift_of_another_day", detail)


def _shared(path: str, team: Team, other: Team, staff: Mapping[UUID, Known]) -> Iterable[Fault]:
    """What the later of two teams takes that the earlier one has already."""
    twice = team.cells & other.cells
    if twice:
        detail = f"{len(twice)} 个网格分给了两个组。Cells are assigned to two teams."
        yield Fault(f"{path}/cell_ids", "cell_twice", detail)
    if not team.meets(other):
        return
    if team.vehicle_id is not None and team.vehicle_id == other.vehicle_id:
        detail = "同一时间两个组用同一辆车。Two teams have one vehicle at one time."
        yield Fault(f"{path}/vehicle_id", "vehicle_twice", detail)
    for place, person_id in enumerate(team.people):
        if person_id in other.people and person_id in staff:
            detail = f"{staff[person_id].name}同一时间在两个组。He is in two teams at one time."
            yield Fault(f"{path}/people/{place}", "person_twice", detail)


def pairs_of(
    day: date,
    begins: datetime,
    ends: datetime,
    staff: Mapping[UUID, Known],
    squad_id: UUID,
    most: int,
) -> list[tuple[UUID, UUID]]:
    """Pairs of the squad's officers who may inspect on ``day`` and are not away, by name, as many as there are vehicles."""
    free = sorted(
        (
            person_id
            for person_id, known in staff.items()
            if known.squad_id == squad_id and known.may_inspect(day) and known.is_away(begins, ends) is None
        ),
        key=lambda person_id: (staff[person_id].name, person_id),
    )
    pairs = [(free[place], free[place + 1]) for place in range(0, len(free) - 1, 2)]
    return pairs[:most]
