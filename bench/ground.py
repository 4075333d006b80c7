"""What the benches stand on: a database of their own with the demo city, and more outlets and visits in it."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import orjson
import psycopg2
from psycopg2.extensions import connection as Connection
from shapely.geometry import Point
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from gis.crs import Crs
from schemas.vocabulary import BusinessKind, CreditGrade, LicenceScope, OutletStatus
from server import migrate
from server.access.models import Account, Device, Token
from server.access.ops import digest, hash_password
from server.cadence.ops import materialise
from server.cadence.policies import publish_default_policy
from server.demo import documents
from server.demo.city import City, build_city
from server.demo.settling_in import found_bureaus, settle_duties, settle_land, settle_outlets, settle_people
from server.demo.staff import KNOWN_AT, ZONE
from server.grids.models import Scope
from server.grids.ops import apply_due_scope
from server.kernel.actor import Actor, house
from server.kernel.calendar import import_workdays
from server.kernel.ids import new_edit_id, new_id
from server.kernel.packaged_workdays import packaged_workdays
from server.kernel.permissions import Role
from server.kernel.settings import Settings, read_settings
from server.kernel.work import Kernel
from server.org.models import SquadMember
from server.outlets.importing import apply_outlets, plan_outlets
from server.outlets.models import Outlet
from server.outlets.register import OutletCandidate
from server.records.form_versions import publish_forms
from server.replication import COLLECTIONS, reader_of
from sync.push import push

TEMPLATE = "xunge_bench_template"
_LOCK = 0x62656E6368


@dataclass(frozen=True, slots=True)
class Outlying:
    """An e-cigarette outlet in the scope of the bench's officer."""

    id: uuid.UUID
    cell_id: uuid.UUID
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Ground:
    """The settled city as one officer with a handheld sees it; ``signers`` are the officer and a colleague."""

    city: City
    officer: Actor
    token: str
    signers: tuple[documents.Signer, documents.Signer]
    outlets: tuple[Outlying, ...]


def connect(database: str) -> Connection:
    """A superuser's plain connection that commits each statement."""
    url = make_url(os.environ["XUNGE_SUPERUSER_DATABASE_URL"])
    connection = psycopg2.connect(host=url.query["host"], user=url.username, dbname=database)
    connection.autocommit = True
    return connection


def plain_connection(settings: Settings) -> Connection:
    """The application's own role on psycopg2, with the options that the application's engine sets."""
    url = make_url(settings.database_url)
    options = "-c timezone=UTC -c jit=off"
    return psycopg2.connect(
        host=url.query["host"],
        user=url.username,
        dbname=url.database,
        options=options,
        application_name="floor",
    )


@contextmanager
def own_database() -> Iterator[Settings]:
    """A copy of the migrated template under a name of its own, dropped at the end."""
    if "XUNGE_SUPERUSER_DATABASE_URL" not in os.environ:
        raise SystemExit("请用 ./dev bench NAME 运行 · run the benches with ./dev bench NAME")
    name = f"xunge_bench_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="xunge-bench-") as folder:
        admin = connect("postgres")
        try:
            _copy_template(admin, name)
            yield replace(
                read_settings(),
                database_url=_url("XUNGE_DATABASE_URL", name),
                owner_database_url=_url("XUNGE_OWNER_DATABASE_URL", name),
                files_dir=Path(folder),
            )
        finally:
            with admin.cursor() as cursor:
                cursor.execute(f"drop database if exists {name} with (force)")
            admin.close()


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables with which another process of ours works on this database."""
    return {
        **os.environ,
        "XUNGE_DATABASE_URL": settings.database_url,
        "XUNGE_OWNER_DATABASE_URL": settings.owner_database_url,
        "XUNGE_FILES_DIR": str(settings.files_dir),
    }


def _url(variable: str, database: str) -> str:
    return make_url(os.environ[variable]).set(database=database).render_as_string(hide_password=False)


def _copy_template(admin: Connection, name: str) -> None:
    """Make the template of today's migrations if there is none, and copy it."""
    versions = sorted((Path(migrate.__file__).parents[1] / "migrations" / "versions").glob("*.py"))
    template = f"{TEMPLATE}_{sha256(b''.join(path.read_bytes() for path in versions)).hexdigest()[:12]}"
    with admin.cursor() as cursor:
        # Two benches that start at once would both make the template.
        cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
        cursor.execute("select datname from pg_database where datname like %s", (f"{TEMPLATE}%",))
        have = {row[0] for row in cursor.fetchall()}
        for stale in have - {template}:
            cursor.execute(f"drop database if exists {stale}")
        if template not in have:
            cursor.execute(f"drop database if exists {template}_new")
            cursor.execute(f"create database {template}_new owner xunge_owner")
            _prepare(f"{template}_new")
            kept = os.environ["XUNGE_OWNER_DATABASE_URL"]
            os.environ["XUNGE_OWNER_DATABASE_URL"] = _url("XUNGE_OWNER_DATABASE_URL", f"{template}_new")
            try:
                migrate.apply()
            finally:
                os.environ["XUNGE_OWNER_DATABASE_URL"] = kept
            cursor.execute(f"alter database {template}_new rename to {template}")
        cursor.execute(f"create database {name} template {template} owner xunge_owner")
        cursor.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def _prepare(database: str) -> None:
    """What a superuser gives an empty database before the owner may migrate it (as dev.d/clusters.sh does)."""
    connection = connect(database)
    with connection.cursor() as cursor:
        cursor.execute("set client_min_messages = warning")
        for extension in ("postgis", "pg_trgm", "btree_gist"):
            cursor.execute(f"create extension if not exists {extension}")
        cursor.execute("revoke create on schema public from public")
        cursor.execute("grant create, usage on schema public to xunge_owner")
        cursor.execute("grant usage on schema public to xunge_app")
    connection.close()


def settle(kernel: Kernel, now: datetime, *, ecig: int, weeks: int) -> Ground:
    """Write the demo city down, with ``ecig`` more e-cigarette outlets in the cells of one officer's squad.

    The policy has been in force since ``weeks`` full weeks before ``now``, so that every outlet owes that long.
    """
    city = build_city()
    with kernel.work(house(city.bureau.id), KNOWN_AT) as work:
        found_bureaus(work, city)
        settle_people(work, city, hash_password(uuid.uuid4().hex))
        import_workdays(work, *packaged_workdays())
        publish_forms(work)
        today = now.astimezone(ZONE).date()
        publish_default_policy(work, today - timedelta(days=today.weekday() + 7 * weeks))
        settle_land(work, city)
        settle_outlets(work, city)
    settle_duties(lambda at: kernel.work(house(city.bureau.id), at), city)
    with kernel.work(house(city.bureau.id), now) as work:
        apply_due_scope(work)
    with kernel.sessions() as session:
        officer, signers = _officer(session, city, today)
        cells = set(session.scalars(select(Scope.cell_id).where(Scope.person_id == officer.person_id)))
    if ecig:
        candidates = invented_outlets(city, ecig, among=cells, scope=frozenset(LicenceScope))
        # Known from the start, for nothing is owed for a time before an outlet was known.
        with kernel.work(house(city.bureau.id), KNOWN_AT) as work:
            apply_outlets(work, plan_outlets(work, candidates))
    with kernel.work(house(city.bureau.id), now) as work:
        materialise(work)
    with kernel.sessions() as session:
        mine = select(Outlet.id, Outlet.cell_id, Outlet.geom.ST_X(), Outlet.geom.ST_Y()).where(
            Outlet.cell_id.in_(cells), Outlet.licence_scope.any("ecig"), Outlet.status == "active"
        )
        outlets = tuple(Outlying(*row) for row in session.execute(mine.order_by(Outlet.licence_no)))
    return Ground(city, officer, _issue_token(kernel, officer, now), signers, outlets)


def _officer(
    session: Session, city: City, today: date
) -> tuple[Actor, tuple[documents.Signer, documents.Signer]]:
    """The first officer with a handheld, and who signs: that officer and a colleague of the squad."""
    device = min(city.devices, key=lambda device: device.label)
    account = next(account for account in city.accounts if account.person_id == device.person_id)
    member = SquadMember.valid.op("@>")(today)
    squads = session.scalars(
        select(SquadMember.squad_id).where(SquadMember.person_id == device.person_id, member)
    ).all()
    numbers = {held.person_id: held.cert_no for held in city.certificates}
    squad_id = squads[0]
    colleague = next(
        person.id
        for person in city.people
        if person.squad_id == squad_id and person.id in numbers and person.id != device.person_id
    )
    actor = Actor(
        bureau_id=city.bureau.id,
        account_id=account.id,
        roles=frozenset({Role.OFFICER}),
        person_id=device.person_id,
        squad_ids=tuple(squads),
        device_id=device.id,
    )
    first, second = (
        documents.Signer(person_id=person, cert_no=numbers[person])
        for person in (device.person_id, colleague)
    )
    return actor, (first, second)


def _issue_token(kernel: Kernel, officer: Actor, now: datetime) -> str:
    """A bearer token of the officer's handheld."""
    secret = f"bench-{uuid.uuid4()}"
    with kernel.work(house(officer.bureau_id), now) as work:
        device = work.session.get_one(Device, officer.device_id)
        device.state, device.expires_at = "active", datetime(2099, 1, 1, tzinfo=UTC)
        account = work.session.get_one(Account, officer.account_id)
        work.session.add(
            Token(
                id=new_id(now),
                bureau_id=officer.bureau_id,
                kind="device",
                account_id=account.id,
                device_id=device.id,
                digest=digest(secret),
                issued_at=now,
                expires_at=datetime(2099, 1, 1, tzinfo=UTC),
            )
        )
    return secret


def invented_outlets(
    city: City,
    count: int,
    *,
    among: set[uuid.UUID] | None = None,
    scope: frozenset[LicenceScope] = frozenset({LicenceScope.CIGARETTE}),
) -> list[OutletCandidate]:
    """``count`` outlets at random places inside leaf cells, the same every time: all cells, or those ``among``."""
    rng = Random(7)
    places = _places(city, count, rng, among)
    return [
        OutletCandidate(
            row=number + 2,
            licence_no=f"9977001{number:05d}"[:12],
            name=f"样例{number}号便利店",
            holder_name=f"样例户主{number}",
            address=f"样例市样例路{number}号",
            business_kind=rng.choice(list(BusinessKind)),
            credit_grade=rng.choice(list(CreditGrade)),
            licence_scope=scope,
            licence_from=date(2024, 1, 1) + timedelta(days=rng.randrange(300)),
            licence_to=date(2028, 6, 30) + timedelta(days=rng.randrange(100)),
            status=OutletStatus.ACTIVE,
            phone=f"1000000{number % 10000:04d}",
            squad_name=None,
            note=None,
            crs=Crs.WGS84,
            given_lon=lon,
            given_lat=lat,
            lon=lon,
            lat=lat,
        )
        for number, (lon, lat) in enumerate(places)
    ]


def _places(city: City, count: int, rng: Random, among: set[uuid.UUID] | None) -> list[tuple[float, float]]:
    leaves = [leaf for leaf in city.leaf_cells if among is None or leaf.id in among]
    places: list[tuple[float, float]] = []
    while len(places) < count:
        leaf = leaves[len(places) % len(leaves)]
        west, south, east, north = leaf.geom.bounds
        for _ in range(500):
            lon, lat = round(rng.uniform(west, east), 6), round(rng.uniform(south, north), 6)
            if leaf.geom.contains(Point(lon, lat)):
                break
        else:
            lon, lat = leaf.geom.representative_point().coords[0]
        places.append((lon, lat))
    return places


def checks(ground: Ground, count: int, at: datetime, seed: int) -> list[documents.Document]:
    """Weekly e-cigarette checks of ``count`` outlets, made in the hours before ``at``, ready to be pushed."""
    rng = Random(seed)
    made: list[documents.Document] = []
    for number in range(count):
        outlet = ground.outlets[number % len(ground.outlets)]
        started_at = at - timedelta(minutes=30, seconds=(count - number) * 10)
        visit = documents.Visit(
            record_id=new_id(started_at),
            edit_id=new_edit_id(),
            signers=ground.signers,
            started_at=started_at.astimezone(ZONE),
            ended_at=started_at.astimezone(ZONE) + timedelta(minutes=12),
            lon=outlet.lon + 0.0001,
            lat=outlet.lat,
            subject_id=outlet.id,
            device_id=ground.officer.device_id,
            squad_id=ground.officer.squad_ids[0],
            cell_id=outlet.cell_id,
        )
        cause = "ecig_non_standard" if number % 25 == 24 else None
        made.append(documents.ecig_check("WEEKLY", visit, rng, cause=cause))
    return made


def body_of(pushed: Sequence[documents.Document]) -> bytes:
    """The push body of new documents."""
    return orjson.dumps([{"newDocumentState": document} for document in pushed])


def live_through(kernel: Kernel, ground: Ground, now: datetime, weeks: int) -> None:
    """The past weeks' checks, pushed as they were made."""
    for week in range(weeks, 0, -1):
        at = now - timedelta(days=7 * week)
        for start in range(0, len(ground.outlets), 250):
            batch = checks(ground, len(ground.outlets), at, week)[start : start + 250]
            with kernel.work(ground.officer, at) as work:
                assert push(work, reader_of(work), COLLECTIONS["records"], body_of(batch)) == "[]"
