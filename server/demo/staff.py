"""The people of the demo bureau: four squads, 22 people, and what they carry and sign in with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from server.demo.cells import Leaf
from server.demo.identity import stable_id
from server.kernel.permissions import Role

ZONE = ZoneInfo("Asia/Shanghai")
SINCE = date(2026, 1, 1)
KNOWN_AT = datetime(2025, 12, 31, 9, 0, tzinfo=ZONE)

SQUAD_NAMES = ("城一样例中队", "城二样例中队", "东乡样例中队", "西乡样例中队")
OFFICERS_PER_SQUAD = 5
CERTIFIED = len(SQUAD_NAMES) * OFFICERS_PER_SQUAD

# Auxiliaries by their number, with their squad: one in the city, one in the country.
_AUXILIARIES = {21: 0, 22: 3}
# Who holds a handheld; the west has one fewer.
_HOLDERS = (1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18)
FAST_CLOCK_HOLDER, FAST_CLOCK_S = 13, 540
STALE_FORMS_HOLDER = 18

HAND_OVER_DAY = date(2026, 8, 1)
HAND_OVER_SQUAD = 2

_OFFICE_ACCOUNTS = (
    ("juzhang", Role.BUREAU_LEADER),
    ("fazhi", Role.LEGAL),
    ("zhengwu", Role.EVIDENCE_KEEPER),
    ("gis", Role.GIS),
    ("admin", Role.ADMIN),
)


@dataclass(frozen=True, slots=True)
class Squad:
    """A squad; its number is also that of its district."""

    id: uuid.UUID
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """One of 样例员01–22, with the squad they are in since ``SINCE``."""

    id: uuid.UUID
    number: int
    name: str
    staff_no: str
    kind: str
    phone: str
    squad_id: uuid.UUID
    leads: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """An enforcement certificate."""

    id: uuid.UUID
    person_id: uuid.UUID
    cert_no: str
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A patrol vehicle."""

    id: uuid.UUID
    plate: str
    squad_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Device:
    """A handheld; ``stale_forms`` marks the one that still fills in old form versions."""

    id: uuid.UUID
    person_id: uuid.UUID
    label: str
    clock_offset_s: int
    stale_forms: bool
    enrolled_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """A sign-in without its password, which whoever loads the city sets."""

    id: uuid.UUID
    username: str
    roles: tuple[Role, ...]
    person_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Duty:
    """One squad and one lead officer for a leaf cell from ``first_day`` until before ``end_day``."""

    id: uuid.UUID
    cell_id: uuid.UUID
    squad_id: uuid.UUID
    lead_person_id: uuid.UUID
    first_day: date
    end_day: date | None
    known_at: datetime


def squad_id(number: int) -> uuid.UUID:
    """The identity of squad 0–3."""
    return stable_id("squad", SQUAD_NAMES[number])


def person_id(number: int) -> uuid.UUID:
    """The identity of 样例员01–22."""
    return stable_id("person", f"{number:02d}")


def officer_id(squad: int, place: int) -> uuid.UUID:
    """The identity of an officer by squad (0–3) and place in it (0–4); place 0 leads."""
    return person_id(squad * OFFICERS_PER_SQUAD + place + 1)


def device_id(holder: int) -> uuid.UUID:
    """The identity of the handheld that this person holds."""
    return stable_id("device", f"{holder:02d}")


def build_squads() -> tuple[Squad, ...]:
    """The four squads."""
    return tuple(Squad(squad_id(number), number, name) for number, name in enumerate(SQUAD_NAMES))


def build_people() -> tuple[Person, ...]:
    """Twenty certified officers, five a squad, and two auxiliaries, who may not inspect."""
    people = []
    for number in range(1, CERTIFIED + len(_AUXILIARIES) + 1):
        squad = _AUXILIARIES.get(number, (number - 1) // OFFICERS_PER_SQUAD)
        certified = number not in _AUXILIARIES
        people.append(
            Person(
                id=person_id(number),
                number=number,
                name=f"样例员{number:02d}",
                staff_no=f"YL{number:02d}",
                kind="officer" if certified else "auxiliary",
                phone=str(10_000_000_000 + number),
                squad_id=squad_id(squad),
                leads=certified and (number - 1) % OFFICERS_PER_SQUAD == 0,
            )
        )
    return tuple(people)


def build_certificates() -> tuple[Certificate, ...]:
    """One certificate per officer, valid all through the demo."""
    return tuple(
        Certificate(
            id=stable_id("certificate", number),
            person_id=person_id(number),
            cert_no=f"样烟执{number:04d}",
            valid_from=date(2024, 1, 1),
            valid_to=date(2028, 12, 31),
        )
        for number in range(1, CERTIFIED + 1)
    )


def build_vehicles() -> tuple[Vehicle, ...]:
    """Two vehicles a squad."""
    plates = (f"测A{number:05d}" for number in range(1, 9))
    return tuple(
        Vehicle(stable_id("vehicle", plate), plate, squad_id(index // 2))
        for index, plate in enumerate(plates)
    )


def build_devices() -> tuple[Device, ...]:
    """Eleven handhelds: one has a clock nine minutes fast, one has stale forms."""
    return tuple(
        Device(
            id=device_id(holder),
            person_id=person_id(holder),
            label=f"样例机{index + 1:02d}",
            clock_offset_s=FAST_CLOCK_S if holder == FAST_CLOCK_HOLDER else 0,
            stale_forms=holder == STALE_FORMS_HOLDER,
            enrolled_at=KNOWN_AT,
            expires_at=datetime(2028, 12, 31, 18, 0, tzinfo=ZONE),
        )
        for index, holder in enumerate(_HOLDERS)
    )


def build_accounts(people: tuple[Person, ...]) -> tuple[Account, ...]:
    """An account for every person and one for every office role."""
    accounts = []
    for person in people:
        roles = [Role.OFFICER if person.kind == "officer" else Role.AUXILIARY]
        if person.leads:
            roles.append(Role.SQUAD_LEADER)
        username = f"yl{person.number:02d}"
        accounts.append(Account(stable_id("account", username), username, tuple(roles), person.id))
    for username, role in _OFFICE_ACCOUNTS:
        accounts.append(Account(stable_id("account", username), username, (role,), None))
    return tuple(accounts)


def build_duties(leaves: tuple[Leaf, ...], ecig_cells: frozenset[uuid.UUID]) -> tuple[Duty, ...]:
    """A lead officer for every leaf cell, neighbours together, and one hand-over in the middle of a week.

    The cell handed over has no e-cigarette outlet, so that the hand-over splits no golden figure.
    """
    duties: list[Duty] = []
    for number in range(len(SQUAD_NAMES)):
        cells = [leaf.cell for leaf in leaves if leaf.district == number]
        handed_over = None
        if number == HAND_OVER_SQUAD:
            handed_over = next(
                cell.id for cell in cells if cell.cell_type == "rural" and cell.id not in ecig_cells
            )
        for index, cell in enumerate(cells):
            place = index * OFFICERS_PER_SQUAD // len(cells)
            end_day = HAND_OVER_DAY if cell.id == handed_over else None
            stages = [(place, SINCE, end_day, KNOWN_AT)]
            if end_day is not None:
                told_at = datetime(2026, 7, 30, 16, 0, tzinfo=ZONE)
                stages.append(((place + 1) % OFFICERS_PER_SQUAD, end_day, None, told_at))
            for lead, first_day, last, known_at in stages:
                duties.append(
                    Duty(
                        id=stable_id("duty", f"{cell.code}:{first_day}"),
                        cell_id=cell.id,
                        squad_id=squad_id(number),
                        lead_person_id=officer_id(number, lead),
                        first_day=first_day,
                        end_day=last,
                        known_at=known_at,
                    )
                )
    return tuple(duties)
