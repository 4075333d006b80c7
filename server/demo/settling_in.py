"""Writing down the demo city's registers: what a bureau has before the first visit."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import Range

from server.access.models import Account, Device
from server.cadence.cap_policies import publish_cap
from server.cadence.duty_editions import publish_default_duty_rules
from server.cadence.policies import publish_default_policy
from server.demo.city import City
from server.demo.register import Outlet as DemoOutlet
from server.demo.register import StatusChange
from server.demo.staff import KNOWN_AT, SINCE
from server.grids.models import GridCell
from server.grids.ops import announce, assign_duty
from server.kernel.calendar import import_workdays
from server.kernel.ids import new_edit_id, new_id
from server.kernel.packaged_workdays import Calendar
from server.kernel.pinyin import initials
from server.kernel.work import Work
from server.org.models import Bureau, Certificate, Person, Squad, SquadMember, Vehicle
from server.outlets.models import Outlet, OutletStatus, Site
from server.records.form_versions import publish_forms
from sync import feed

# The bureau's rules are in force from the first working day on which Xunge could know them.
POLICY_FROM = date(2026, 1, 1)
# After what one city publishes for its shops, 1, 2, 4 and 6 visits a year by credit; which grade has which is invented.
CAPS = {
    "name": "样例市涉企行政检查年度频次上限",
    "legal_basis": "国办发〔2024〕54号；样例市公布的年度检查频次上限（样例）",
    "effective_from": POLICY_FROM,
    "limits": {"AAA": 1, "AA": 1, "A": 2, "B": 4, "C": 6, "D": 6, "ungraded": 2},
    "exemptions": [
        {
            "code": "ordered_from_above",
            "ground": "国办发〔2024〕54号：上级部署的专项检查",
            "visit_kinds": ["special"],
            "automatic": False,
        }
    ],
    "same_visit_minutes": 30,
}


def found_bureaus(work: Work, city: City) -> None:
    """The county bureau and the prefecture above it."""
    for bureau in (city.prefecture, city.bureau):
        work.session.add(Bureau(**{field.name: getattr(bureau, field.name) for field in fields(bureau)}))
        work.session.flush()


def settle_people(work: Work, city: City, password_hash: str) -> None:
    """Squads, people, certificates, vehicles, devices, and accounts that share one password."""
    own = {"bureau_id": work.bureau_id}
    session = work.session
    session.execute(
        insert(Squad), [{"id": s.id, "name": s.name, "edit_id": new_edit_id(), **own} for s in city.squads]
    )
    session.execute(
        insert(Person),
        [
            {
                "id": person.id,
                "name": person.name,
                "staff_no": person.staff_no,
                "kind": person.kind,
                "phone": person.phone,
                "edit_id": new_edit_id(),
                **own,
            }
            for person in city.people
        ],
    )
    session.execute(
        insert(SquadMember),
        [
            {
                "id": new_id(work.now),
                "person_id": person.id,
                "squad_id": person.squad_id,
                "leads": person.leads,
                "valid": Range(SINCE, None),
                "known_at": KNOWN_AT,
                **own,
            }
            for person in city.people
        ],
    )
    session.execute(
        insert(Certificate), [{**_values(held), "known_at": KNOWN_AT, **own} for held in city.certificates]
    )
    session.execute(insert(Vehicle), [{**_values(vehicle), **own} for vehicle in city.vehicles])
    session.execute(
        insert(Device),
        [
            {
                "id": device.id,
                "person_id": device.person_id,
                "label": device.label,
                "state": "active",
                "enrolled_at": device.enrolled_at,
                "expires_at": device.expires_at,
                "clock_offset_s": device.clock_offset_s,
                **own,
            }
            for device in city.devices
        ],
    )
    session.execute(
        insert(Account),
        [
            {
                "id": account.id,
                "username": account.username,
                "password_hash": password_hash,
                "roles": sorted(role.value for role in account.roles),
                "person_id": account.person_id,
                **own,
            }
            for account in city.accounts
        ],
    )
    everyone = f"bureau:{work.bureau_id}"
    feed.touch(session, work.bureau_id, "people", [(everyone, person.id) for person in city.people])


def settle_rules(work: Work, calendar: Calendar) -> None:
    """Workdays, forms, the re-inspection policy and the annual caps."""
    import_workdays(work, *calendar)
    publish_forms(work)
    publish_default_policy(work, POLICY_FROM)
    publish_default_duty_rules(work, POLICY_FROM)
    publish_cap(work, CAPS)


def settle_land(work: Work, city: City) -> None:
    """Cells and sites."""
    own = {"bureau_id": work.bureau_id}
    for cell in city.cells:
        values = _values(cell) | {"geom": from_shape(cell.geom, srid=4326), "edit_id": new_edit_id()}
        work.session.execute(insert(GridCell).values(**(values | own | {"existing_count": 0})))
    work.session.execute(
        insert(Site),
        [
            {
                "id": site.id,
                "kind": site.kind,
                "code": site.code,
                "name": site.name,
                "subkind": site.subkind,
                "facts": dict(site.facts),
                "geom": from_shape(Point(site.lon, site.lat), srid=4326),
                "cell_id": site.cell_id,
                "edit_id": new_edit_id(),
                **own,
            }
            for site in city.sites
        ],
    )
    everyone = f"bureau:{work.bureau_id}"
    feed.touch(work.session, work.bureau_id, "sites", [(everyone, site.id) for site in city.sites])
    announce(work, "cells", [(cell.id, cell.id) for cell in city.leaf_cells])


def settle_duties(open_work: Callable[[datetime], Any], city: City) -> None:
    """Who is responsible for which cells, each assignment made when it became known."""
    groups: dict[tuple[datetime, date, uuid.UUID, uuid.UUID], list[uuid.UUID]] = defaultdict(list)
    for duty in city.duties:
        groups[(duty.known_at, duty.first_day, duty.squad_id, duty.lead_person_id)].append(duty.cell_id)
    for (known_at, first_day, squad_id, lead_id), cells in sorted(groups.items()):
        with open_work(known_at) as work:
            assign_duty(work, cells, squad_id, lead_id, first_day)


def settle_outlets(work: Work, city: City) -> None:
    """Outlets with their status history."""
    own = {"bureau_id": work.bureau_id}
    work.session.execute(
        insert(Outlet),
        [
            {
                "id": outlet.id,
                "licence_no": outlet.licence_no,
                "name": outlet.name,
                "name_pinyin": initials(outlet.name),
                "holder_name": outlet.holder_name,
                "address": outlet.address,
                "phone": outlet.phone,
                "business_kind": outlet.business_kind,
                "credit_grade": outlet.credit_grade,
                "licence_scope": sorted(outlet.licence_scope),
                "licence_from": outlet.licence_from,
                "licence_to": outlet.licence_to,
                "status": outlet.status,
                "geom": from_shape(Point(outlet.lon, outlet.lat), srid=4326),
                "location_source": "register",
                "crs_of_origin": "wgs84",
                "cell_id": outlet.cell_id,
                "edit_id": new_edit_id(),
                **own,
            }
            for outlet in city.outlets
        ],
    )
    work.session.execute(
        insert(OutletStatus),
        [
            {
                "id": new_id(change.known_at),
                "outlet_id": outlet.id,
                "from_day": change.from_day,
                "status": change.status,
                "known_at": change.known_at,
                **own,
            }
            for outlet in city.outlets
            for change in (*outlet.statuses, _running_out(outlet))
        ],
    )
    announce(work, "outlets", [(outlet.id, outlet.cell_id) for outlet in city.outlets])
    work.wrote("outlet", [outlet.id for outlet in city.outlets])


def _running_out(outlet: DemoOutlet) -> StatusChange:
    """That the licence runs out is known from its first day."""
    first_known = min(change.known_at for change in outlet.statuses)
    return StatusChange("expired", outlet.licence_to + timedelta(days=1), first_known)


def _values(thing: Any) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in fields(thing)}
