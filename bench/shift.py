"""A thousand devices at shift end: the bureau that they belong to, and what ``devices.py`` measures of them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
from ground import body_of, connect, invented_outlets, settle
from measuring import Report, Target, process_cpu, process_tree, say
from served import served
from sqlalchemy import insert, make_url, select, text
from sqlalchemy.dialects.postgresql import Range

from schemas.vocabulary import LicenceScope
from server.access.models import Account, Device, Token
from server.access.ops import digest
from server.cadence.ops import materialise
from server.demo import documents
from server.demo.staff import KNOWN_AT, ZONE
from server.grids.models import Scope
from server.kernel.actor import Actor, house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Role
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.org.models import Certificate, Person, SquadMember
from server.outlets.importing import apply_outlets, plan_outlets
from server.outlets.models import Outlet
from server.replication import COLLECTIONS, reader_of
from sync.cursor import current_epoch
from sync.push import push

PULLS, PUSHES, PHOTOS = 50, 20, 40
SPREAD_S = 60.0
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Carrier:
    """Somebody with a handheld."""

    actor: Actor
    token: str
    signer: documents.Signer


@dataclass(frozen=True, slots=True)
class Bureau:
    """The carriers and the outlets of each squad."""

    carriers: dict[uuid.UUID, list[Carrier]]
    outlets: dict[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID, float, float]]]


def measure_shift(settings: Settings, kernel: Kernel, devices: int) -> None:
    """Lay the ground, serve it with two workers, let the devices loose, and print the table."""
    now = datetime.now(UTC)
    bureau = enlist(kernel, now, devices)
    admin = connect(str(make_url(settings.database_url).database))
    planned = plan_of(kernel, bureau, now)
    with admin.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("select count(*) from record")
        (before,) = cursor.fetchone() or (0,)
    with tempfile.TemporaryDirectory() as folder, served(settings) as server:
        path = Path(folder) / "plan.json"
        path.write_bytes(orjson.dumps({"url": f"http://127.0.0.1:{server.port}", "devices": planned}))
        pids = process_tree(server.pid)
        web = process_cpu(pids)
        command = [sys.executable, str(Path(__file__).with_name("devices.py")), str(path)]
        told = orjson.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        web = process_cpu(pids) - web
    with admin.cursor() as cursor:
        cursor.execute("select count(*), count(*) filter (where not valid) from record")
        after, invalid = cursor.fetchone() or (0, 0)
    admin.close()
    report(devices, told, web, after - before, invalid)


def report(devices: int, told: dict[str, Any], web: float, stored: int, invalid: int) -> None:
    """The table; nothing may be lost."""
    table = Report(f"{devices} 台设备收班 · {devices} devices at shift end, starts over {SPREAD_S:.0f} s")
    table.add(
        "全部完成 all done, last receipt", [told["total"]], unit=" s", digits=1, target=Target(at_most=180)
    )
    for kind in ("pull", "push", "receipt"):
        times = statistics.quantiles(told["seconds"][kind], n=100)
        for share in (50, 95, 99):
            target = Target(at_most=3) if share == 99 and kind != "receipt" else None
            table.add(f"{kind} p{share}", [times[share - 1]], unit=" s", digits=3, target=target)
    table.add("重试后仍失败 errors after retries", [len(told["errors"])], digits=0, target=Target(at_most=0))
    table.add("重试 retries", [told["retries"]], digits=0)
    table.add(f"存下的记录 records stored of {devices * PUSHES}", [stored], digits=0)
    table.line()
    table.add("CPU web", [web], unit=" s", digits=1)
    table.add("CPU 发生器 the generator's own", [told["cpu"]], unit=" s", digits=1)
    table.add("发生器最大滞后 the generator's largest lag", [told["lag"] * 1000], unit=" ms", digits=0)
    for error in told["errors"][:3]:
        table.remark(error)
    table.show()
    assert stored == devices * PUSHES, "nothing that was sent is lost or doubled"
    assert invalid == 0, "every check counts, so that what is kept of cadence is part of the price"


def enlist(kernel: Kernel, now: datetime, devices: int) -> Bureau:
    """The demo city with as many more officers and e-cigarette outlets as there are devices to carry and to check.

    The officers stand in ``scope`` from the start: how a duty is carried out is not what is measured here.
    """
    say("样例市，另加电子烟零售户与执法人员 · the demo city, more e-cigarette outlets, more officers")
    city = settle(kernel, now - timedelta(minutes=5), ecig=0, weeks=2).city
    candidates = invented_outlets(city, devices * PUSHES // 2, scope=frozenset(LicenceScope))
    with kernel.work(house(city.bureau.id), KNOWN_AT) as work:
        apply_outlets(work, plan_outlets(work, candidates))
    with kernel.work(house(city.bureau.id), now) as work:
        materialise(work)
        cells = {(row.squad_id, row.cell_id) for row in work.session.scalars(select(Scope)) if row.squad_id}
        squads = sorted({squad for squad, _ in cells}, key=str)
        carriers: dict[uuid.UUID, list[Carrier]] = {squad: [] for squad in squads}
        rows: dict[Any, list[dict[str, Any]]] = {
            table: [] for table in (Person, Certificate, SquadMember, Account, Device, Token, Scope)
        }
        for number in range(devices):
            squad = squads[number % len(squads)]
            seen = [cell for of, cell in cells if of == squad]
            carriers[squad].append(_enlisted(rows, city.bureau.id, number, squad, seen, now))
        for table, given in rows.items():
            work.session.execute(insert(table), given)
    with kernel.sessions() as session:
        found = session.execute(
            select(Scope.squad_id, Outlet.id, Outlet.cell_id, Outlet.geom.ST_X(), Outlet.geom.ST_Y())
            .join(Outlet, Outlet.cell_id == Scope.cell_id)
            .where(Outlet.licence_scope.any("ecig"), Outlet.status == "active")
            .distinct()
        ).all()
    outlets: dict[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID, float, float]]] = {
        squad: [] for squad in squads
    }
    for squad, *outlet in sorted(found, key=lambda row: str(row[1])):
        outlets[squad].append(tuple(outlet))
    return Bureau(carriers, outlets)


def _enlisted(
    rows: dict[Any, list[dict[str, Any]]],
    bureau_id: uuid.UUID,
    number: int,
    squad: uuid.UUID,
    cells: list[uuid.UUID],
    now: datetime,
) -> Carrier:
    person, account, device, secret = new_id(now), new_id(now), new_id(now), f"bench-{uuid.uuid4()}"
    certificate, today = f"99B{number:07d}", now.astimezone(ZONE).date()
    own = {"bureau_id": bureau_id}
    rows[Person].append(
        {**own, "id": person, "name": f"样例{number}", "staff_no": f"B{number:05d}", "kind": "officer", "phone": None,
         "edit_id": new_edit_id()}
    )  # fmt: skip
    rows[Certificate].append(
        {**own, "id": new_id(now), "person_id": person, "cert_no": certificate, "valid_from": date(2024, 1, 1),
         "valid_to": date(2099, 1, 1), "known_at": KNOWN_AT}
    )  # fmt: skip
    rows[SquadMember].append(
        {**own, "id": new_id(now), "person_id": person, "squad_id": squad, "leads": False, "known_at": now,
         "valid": Range(today - timedelta(days=30), None)}
    )  # fmt: skip
    rows[Account].append(
        {**own, "id": account, "username": f"bench-{number}", "password_hash": "-", "roles": [Role.OFFICER.value],
         "person_id": person, "disabled_at": None}
    )  # fmt: skip
    rows[Device].append(
        {**own, "id": device, "person_id": person, "label": f"bench-{number}", "state": "active", "enrolled_at": now,
         "expires_at": LATER}
    )  # fmt: skip
    rows[Token].append(
        {**own, "id": new_id(now), "kind": "device", "account_id": account, "device_id": device,
         "digest": digest(secret), "issued_at": now, "expires_at": LATER}
    )  # fmt: skip
    rows[Scope] += [{**own, "person_id": person, "squad_id": squad, "cell_id": cell} for cell in cells]
    actor = Actor(
        bureau_id=bureau_id,
        account_id=account,
        roles=frozenset({Role.OFFICER}),
        person_id=person,
        squad_ids=(squad,),
        device_id=device,
    )
    return Carrier(actor, secret, documents.Signer(person_id=person, cert_no=certificate))


def plan_of(kernel: Kernel, bureau: Bureau, now: datetime) -> list[dict[str, Any]]:
    """What each device pulls from, pushes, and when it starts; the last week's checks are there to be pulled."""
    rng = Random(11)
    planned: list[dict[str, Any]] = []
    for squad, carriers in bureau.carriers.items():
        last_week = _checks(bureau, squad, 0, 2 * PULLS, now - timedelta(days=7), rng)
        with kernel.work(carriers[0].actor, now - timedelta(days=7, hours=-1)) as work:
            assert push(work, reader_of(work), COLLECTIONS["records"], body_of(last_week)) == "[]"
        checkpoint = _before_the_last(kernel, squad)
        for number, carrier in enumerate(carriers):
            made = _checks(bureau, squad, number, PUSHES, now - timedelta(hours=1), rng)
            assert sum(len(record["photos"]) for record in made) == PHOTOS
            planned.append(
                {
                    "token": carrier.token,
                    "starts_at": rng.uniform(0, SPREAD_S),
                    "checkpoint": checkpoint,
                    "pulls": PULLS,
                    "body": body_of(made).decode(),
                    "ids": [record["id"] for record in made],
                }
            )
    return planned


def _before_the_last(kernel: Kernel, squad: uuid.UUID) -> str:
    """The checkpoint of a device that has everything of its squad but the last page."""
    with kernel.sessions() as session:
        xid, seq = session.execute(
            text(
                "select xid::text, seq::text from feed where principal = :principal and collection = 'records' "
                "order by feed.xid desc, feed.seq desc offset :pulls limit 1"
            ),
            {"principal": f"squad:{squad}", "pulls": PULLS},
        ).one()
        return orjson.dumps({"epoch": current_epoch(session), "xid": xid, "seq": seq}).decode()


def _checks(
    bureau: Bureau, squad: uuid.UUID, number: int, count: int, at: datetime, rng: Random
) -> list[documents.Document]:
    """Weekly checks by the carrier of this number and the next, at the squad's outlets in turn."""
    carriers, outlets = bureau.carriers[squad], bureau.outlets[squad]
    carrier, colleague = carriers[number], carriers[(number + 1) % len(carriers)]
    made: list[documents.Document] = []
    for place in range(count):
        outlet_id, cell_id, lon, lat = outlets[(number * count + place) % len(outlets)]
        started_at = (at + timedelta(minutes=place % 30, seconds=number % 60)).astimezone(ZONE)
        visit = documents.Visit(
            record_id=new_id(started_at),
            edit_id=new_edit_id(),
            signers=(carrier.signer, colleague.signer),
            started_at=started_at,
            ended_at=started_at + timedelta(minutes=12),
            lon=lon + 0.0001,
            lat=lat,
            subject_id=outlet_id,
            device_id=carrier.actor.device_id,
            squad_id=squad,
            cell_id=cell_id,
        )
        made.append(documents.ecig_check("WEEKLY", visit, rng))
    return made
