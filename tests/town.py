"""A small town for tests: two squads, four cells in a row, a few outlets, everybody who has a role."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Point, box
from sqlalchemy.dialects.postgresql import Range

from server.access.models import Account, Device, Token
from server.access.ops import digest, hash_password
from server.cadence.duty_editions import publish_default_duty_rules
from server.cadence.ops import materialise
from server.cadence.policies import publish_default_policy
from server.grids.models import GridCell
from server.grids.ops import announce, apply_due_scope, assign_duty
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.ids import new_edit_id, new_id
from server.kernel.packaged_workdays import Calendar
from server.kernel.permissions import Role
from server.kernel.work import Kernel, Work
from server.org.models import Bureau, Certificate, Person, Squad, SquadMember
from server.outlets.models import Outlet, OutletStatus
from server.records.form_versions import publish_forms

ZONE = ZoneInfo("Asia/Shanghai")
# A Monday of an ordinary week (2026-W28), nine in the morning.
MONDAY = datetime(2026, 7, 6, 9, 0, tzinfo=ZONE)
PASSWORD = "one-password-for-tests"
_HASH = None


@dataclass(slots=True)
class Town:
    """Ids of what the town holds. Squad 0 has cells 0 and 1, squad 1 has cells 2 and 3."""

    bureau_id: uuid.UUID
    squads: list[uuid.UUID] = field(default_factory=list)
    people: dict[str, uuid.UUID] = field(default_factory=dict)
    cert_nos: dict[str, str] = field(default_factory=dict)
    cells: list[uuid.UUID] = field(default_factory=list)
    outlets: list[uuid.UUID] = field(default_factory=list)
    positions: list[tuple[float, float]] = field(default_factory=list)
    accounts: dict[str, uuid.UUID] = field(default_factory=dict)
    devices: dict[str, uuid.UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


OFFICERS = ("li", "wang", "zhao", "qian")
SQUAD_OF = {"li": 0, "wang": 0, "zhao": 1, "qian": 1, "fu": 0}
ROLE_ACCOUNTS = {
    "li": {Role.OFFICER, Role.SQUAD_LEADER},
    "wang": {Role.OFFICER},
    "zhao": {Role.OFFICER, Role.SQUAD_LEADER},
    "qian": {Role.OFFICER},
    "fu": {Role.AUXILIARY},
    "ju": {Role.BUREAU_LEADER},
    "fa": {Role.LEGAL},
    "wu": {Role.EVIDENCE_KEEPER},
    "gis": {Role.GIS},
    "admin": {Role.ADMIN},
}
CALENDAR: Calendar = (
    {
        date(2026, 9, 25),
        date(2026, 10, 1),
        date(2026, 10, 2),
        date(2026, 10, 5),
        date(2026, 10, 6),
        date(2026, 10, 7),
    },
    {date(2026, 9, 20), date(2026, 10, 10)},
    {2026: "国务院办公厅 2025-11-04 通知（节选）"},
)


def today() -> date:
    """The day it is in the bureau by the real clock, which a test must ask when it runs and not when it is read."""
    return datetime.now(UTC).astimezone(ZONE).date()


def settle_town(
    kernel: Kernel, now: datetime = MONDAY, *, outlets: int = 4, ecig: int = 4, bureau: str = "试样局"
) -> Town:
    """Write the town down as known at ``now``: workdays, forms, policy from 2026-06-29, cells, people, outlets."""
    bureau_id = new_id(now)
    town = Town(bureau_id)
    with kernel.work(house(bureau_id), now) as work:
        work.session.add(Bureau(id=bureau_id, name=bureau, level="county", region_code="990281"))
        work.session.flush()
        import_workdays(work, *CALENDAR)
        publish_forms(work)
        publish_default_policy(work, date(2026, 6, 29))
        publish_default_duty_rules(work, date(2026, 6, 29))
        _add_people(work, town)
        _add_cells(work, town)
    for squad in (0, 1):
        with kernel.work(house(bureau_id), now) as work:
            lead = town.people[OFFICERS[squad * 2]]
            assign_duty(
                work, town.cells[squad * 2 : squad * 2 + 2], town.squads[squad], lead, date(2026, 1, 1)
            )
    with kernel.work(house(bureau_id), now) as work:
        _add_outlets(work, town, outlets, ecig)
        materialise(work)
        # As the nightly job leaves it: the first push of a test finds the day carried out.
        apply_due_scope(work)
    return town


def _add_people(work: Work, town: Town) -> None:
    global _HASH
    _HASH = _HASH or hash_password(PASSWORD)
    session, own = work.session, {"bureau_id": town.bureau_id}
    for number in (0, 1):
        squad = Squad(id=new_id(work.now), name=f"试样{number + 1}中队", edit_id=new_edit_id(), **own)
        session.add(squad)
        town.squads.append(squad.id)
    session.flush()
    for number, name in enumerate(SQUAD_OF):
        kind = "auxiliary" if name == "fu" else "officer"
        person = Person(
            id=new_id(work.now), name=name, staff_no=f"S{number:03d}", kind=kind, edit_id=new_edit_id(), **own
        )
        session.add(person)
        session.flush()
        town.people[name] = person.id
        session.add(
            SquadMember(
                id=new_id(work.now),
                person_id=person.id,
                squad_id=town.squads[SQUAD_OF[name]],
                leads=name in ("li", "zhao"),
                valid=Range(date(2026, 1, 1), None),
                known_at=work.now,
                **own,
            )
        )
        if kind == "officer":
            town.cert_nos[name] = f"样执{number:05d}"
            session.add(
                Certificate(
                    id=new_id(work.now),
                    person_id=person.id,
                    cert_no=town.cert_nos[name],
                    valid_from=date(2024, 1, 1),
                    valid_to=date(2028, 12, 31),
                    known_at=work.now,
                    **own,
                )
            )
    for name, roles in ROLE_ACCOUNTS.items():
        account = Account(
            id=new_id(work.now),
            username=f"{name}-{town.bureau_id.hex[-6:]}",
            password_hash=_HASH,
            roles=sorted(role.value for role in roles),
            person_id=town.people.get(name),
            **own,
        )
        session.add(account)
        town.accounts[name] = account.id
    session.flush()


def _add_cells(work: Work, town: Town) -> None:
    for number in range(4):
        west = 84.0 + number * 0.1
        cell = GridCell(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            code=f"9902-{number}",
            name=f"试样{number}格",
            cell_level=4,
            cell_type="city_street",
            control_mode="both",
            purpose="both",
            planned_count=10,
            existing_count=0,
            geom=from_shape(MultiPolygon([box(west, 39.0, west + 0.1, 39.1)]), srid=4326),
            edit_id=new_edit_id(),
        )
        work.session.add(cell)
        town.cells.append(cell.id)
    work.session.flush()
    announce(work, "cells", [(cell, cell) for cell in town.cells])


def _add_outlets(work: Work, town: Town, count: int, ecig: int) -> None:
    for number in range(count):
        lon, lat = 84.05 + (number % 4) * 0.1, 39.05 + (number // 4) * 0.0001
        outlet = Outlet(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            licence_no=f"9902811{number:05d}",
            name=f"试样{number}号便利店",
            name_pinyin=f"sy{number}hbld",
            business_kind="B",
            credit_grade="A",
            licence_scope=["cigarette", "ecig"] if number < ecig else ["cigarette"],
            licence_from=date(2024, 1, 1),
            licence_to=date(2028, 12, 31),
            status="active",
            geom=from_shape(Point(lon, lat), srid=4326),
            location_source="register",
            crs_of_origin="wgs84",
            cell_id=town.cells[number % 4],
            edit_id=new_edit_id(),
        )
        work.session.add(outlet)
        work.session.flush()
        for from_day, status in ((date(2024, 1, 1), "active"), (date(2029, 1, 1), "expired")):
            work.session.add(
                OutletStatus(
                    id=new_id(work.now),
                    bureau_id=town.bureau_id,
                    outlet_id=outlet.id,
                    from_day=from_day,
                    status=status,
                    known_at=datetime(2025, 12, 1, 9, 0, tzinfo=ZONE),
                )
            )
        town.outlets.append(outlet.id)
        town.positions.append((lon, lat))
    announce(work, "outlets", [(outlet, town.cells[n % 4]) for n, outlet in enumerate(town.outlets)])
    work.wrote("outlet", town.outlets)


def issue_token(kernel: Kernel, town: Town, name: str, *, device: bool = False) -> str:
    """A bearer token for an account of the town, as a browser session or as an enrolled device."""
    secret = f"test-{uuid.uuid4()}"
    now = datetime.now(UTC)
    with kernel.work(house(town.bureau_id), now) as work:
        device_id = None
        if device:
            handheld = Device(
                id=new_id(now),
                bureau_id=town.bureau_id,
                person_id=town.people[name],
                label=f"{name} 的手持机",
                state="active",
                enrolled_at=now,
                expires_at=datetime(2099, 1, 1, tzinfo=UTC),
            )
            work.session.add(handheld)
            work.session.flush()
            device_id = town.devices[name] = handheld.id
        work.session.add(
            Token(
                id=new_id(now),
                bureau_id=town.bureau_id,
                kind="device" if device else "session",
                account_id=town.accounts[name],
                device_id=device_id,
                digest=digest(secret),
                issued_at=now,
                expires_at=datetime(2099, 1, 1, tzinfo=UTC),
            )
        )
    return secret


def client_of(app: Flask, kernel: Kernel, town: Town, name: str, *, device: bool = False) -> FlaskClient:
    """A test client that signs every request as somebody of the town."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issue_token(kernel, town, name, device=device)}"
    return client
