"""A city for the bench of cadence, written by SQL: cells, outlets, duty, facts, and what is owed and kept of them.

A tenth of a city has 3,000 outlets, 500 of them with e-cigarettes; a city ten times that, a province a hundred times.
Every e-cigarette outlet is visited on Thursdays or Fridays; one week in 30 late, on the Monday after; one in 25 never. The
visit of the week of the 10th is done with the monthly checklist, in the middle month of a quarter with the quarterly one.
Nothing else happens, so that a query which knows nothing of oldest debts and gaps comes to the same figures as the rules.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ground import connect
from measuring import clocked, say
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import make_url

from server.cadence.ops import AHEAD
from server.cadence.periods import periods_between
from server.cadence.policies import publish_default_policy
from server.cadence.rebuilding import count_waiting
from server.cadence.roll_ups import carry_out_day, fold
from server.cadence.timeline import load_timeline
from server.demo.staff import ZONE
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.packaged_workdays import packaged_workdays
from server.kernel.settings import Settings
from server.kernel.work import Kernel, Work
from server.org.models import Bureau

# A Thursday; the third quarter is over and its last week's grace too.
NOW = datetime(2026, 10, 15, 9, 0, tzinfo=ZONE)
FIRST = date(2024, 10, 7)
KNOWN_AT = datetime(2024, 9, 2, 1, 0, tzinfo=UTC)
WEEKS = 105
FACTS = 100_000


@dataclass(frozen=True, slots=True)
class CityOfFacts:
    """The settled city; ``scale`` counts tenths of a city."""

    bureau_id: uuid.UUID
    scale: int
    admin: Connection


_LAND = """
insert into squad (id, bureau_id, name, edit_id)
select md5('squad' || n)::uuid, %(bureau)s, n || '中队', gen_random_uuid() from generate_series(1, 4 * %(scale)s) n;
insert into person (id, bureau_id, name, staff_no, kind, edit_id)
select md5('person' || n)::uuid, %(bureau)s, '执法员' || n, 'P' || n, 'officer', gen_random_uuid()
from generate_series(1, 24 * %(scale)s) n;
insert into grid_cell (id, bureau_id, parent_id, code, name, cell_level, control_mode, purpose, existing_count, geom,
  edit_id)
select md5('town' || n)::uuid, %(bureau)s, null, 'T' || n, n || '镇', 3, 'both', 'both', 0,
  st_multi(st_makeenvelope(84 + n * 0.001, 39, 84.001 + n * 0.001, 39.01, 4326)), gen_random_uuid()
from generate_series(0, 30 * %(scale)s - 1) n;
insert into grid_cell (id, bureau_id, parent_id, code, name, cell_level, cell_type, control_mode, purpose, existing_count,
  geom, edit_id)
select md5('cell' || n)::uuid, %(bureau)s, md5('town' || n / 10)::uuid, 'C' || n, n || '格', 4, 'rural', 'both', 'both', 0,
  st_multi(st_makeenvelope(84 + n * 0.0001, 39, 84.0001 + n * 0.0001, 39.001, 4326)), gen_random_uuid()
from generate_series(0, 300 * %(scale)s - 1) n;
insert into duty (id, bureau_id, cell_id, squad_id, lead_person_id, valid, known_at)
select gen_random_uuid(), %(bureau)s, md5('cell' || n)::uuid, md5('squad' || n / 75 + 1)::uuid,
  md5('person' || n / 75 * 6 + n %% 6 + 1)::uuid, daterange('2024-09-01', null), %(known)s
from generate_series(0, 300 * %(scale)s - 1) n;
insert into duty_fact (id, bureau_id, cell_id, squad_id, lead_person_id, from_day, known_at)
select id, bureau_id, cell_id, squad_id, lead_person_id, lower(valid), known_at from duty;
insert into outlet (id, bureau_id, licence_no, name, name_pinyin, business_kind, credit_grade, licence_scope, licence_from,
  licence_to, status, geom, cell_id, edit_id)
select md5('outlet' || n)::uuid, %(bureau)s, lpad(n::text, 12, '0'), n || '号店', 'd' || n, 'B', 'A',
  case when n %% 6 = 0 then '{cigarette,ecig}' else '{cigarette}' end::text[], '2023-01-01', '2033-01-01', 'active',
  st_point(84.00005 + (n / 10) * 0.0001, 39.0005, 4326), md5('cell' || n / 10)::uuid, gen_random_uuid()
from generate_series(0, 3000 * %(scale)s - 1) n;
insert into outlet_status (id, bureau_id, outlet_id, from_day, status, known_at)
select gen_random_uuid(), bureau_id, id, licence_from, 'active', %(known)s from outlet;
insert into outlet_registration (bureau_id, outlet_id, from_day, known_at, cell_id, licence_scope, credit_grade)
select bureau_id, id, licence_from, %(known)s, cell_id, licence_scope, credit_grade from outlet;
create table shop as select id, (row_number() over (order by id))::int as n, cell_id from outlet
where 'ecig' = any (licence_scope);
analyze
"""

# How each week of each shop went: 0 in time, 1 late, 2 never. After a late one the next is in time, for its Monday is spent.
_VISITS = """
create table lived as
select id as subject_id, n, week, monday,
  case when went = 1 and coalesce(before, 0) = 0 then 1 when went = 2 and coalesce(before, 0) <> 1 then 2 else 0 end as went
from (select id, n, week, date %(first)s + 7 * week as monday, went, lag(went) over (partition by id order by week) as before
  from (select id, n, week, case when h %% 30 = 7 then 1 when h %% 25 = 3 then 2 else 0 end as went
    from shop, generate_series(0, %(weeks)s - 1) week, lateral (select abs(hashint8(n::int8 * 1000 + week)) as h) dice) a) b;
insert into visit_fact (bureau_id, record_id, tier, known_at, subject_kind, subject_id, performed_at, valid)
select %(bureau)s, gen_random_uuid(),
  case when date_part('day', monday) between 4 and 10 then
    case when date_part('month', monday)::int %% 3 = 2 then 'QUARTERLY' else 'MONTHLY' end else 'WEEKLY' end,
  at + interval '3 hours', 'outlet', subject_id, at, true
from lived, lateral (select (monday + case went when 1 then 7 else 3 + n %% 2 end + time '10:00'
  + (n %% 300) * interval '1 minute') at time zone 'Asia/Shanghai' as at) t
where went < 2 and at < %(now)s;
insert into visit_fact (bureau_id, record_id, tier, known_at, subject_kind, subject_id, performed_at, valid)
select %(bureau)s, gen_random_uuid(), 'SERVICE', at + interval '3 hours', 'outlet',
  md5('outlet' || n %% (3000 * %(scale)s))::uuid, at, true
from generate_series(1, greatest(0, %(facts)s - (select count(*)::int from visit_fact))) n,
  lateral (select %(first)s::timestamptz + (n::float8 / %(facts)s * %(weeks)s * 7) * interval '1 day' as at) t;
"""

_OWED = """
insert into obligation (id, bureau_id, subject_kind, subject_id, rule, key, tier, policy_tier_id, first_day, last_day,
  grace_last_day, provisional, cell_id, attempt_count, edit_id)
select gen_random_uuid(), %(bureau)s, 'outlet', shop.id, 'ecig_cadence', p.key, p.tier, t.id, p.first_day, p.last_day,
  p.grace_last_day, p.provisional, shop.cell_id, 0, gen_random_uuid()
from period p join policy_tier t on t.tier = p.tier cross join shop
"""

_WAIVED = """
insert into waiver (id, bureau_id, obligation_id, reason, known_at)
select gen_random_uuid(), o.bureau_id, o.id, '停电', o.last_day::timestamptz
from obligation o join lived l on l.subject_id = o.subject_id and l.monday = o.first_day and o.tier = 'WEEKLY'
where l.went = 2 and l.n %% 7 = 0;
analyze waiver
"""


def settle_city(settings: Settings, kernel: Kernel, scale: int) -> CityOfFacts:
    """Write the city down; its figures are asserted by whoever measures it."""
    bureau_id = uuid.uuid4()
    with kernel.work(house(bureau_id), KNOWN_AT) as work:
        work.session.add(Bureau(id=bureau_id, name="样例市局", level="county", region_code="990181"))
        work.session.flush()
        import_workdays(work, *packaged_workdays())
        publish_default_policy(work, FIRST)
    admin = connect(str(make_url(settings.database_url).database))
    given = {
        "bureau": str(bureau_id),
        "scale": scale,
        "known": KNOWN_AT,
        "first": FIRST,
        "weeks": WEEKS,
        "now": NOW,
        "facts": FACTS * scale,
    }
    _, seconds = clocked(lambda: _fill(admin, kernel, bureau_id, given))
    say(f"{3000 * scale:,} 户，{500 * scale:,} 户电子烟，{count_rows(admin, 'visit_fact'):,} 条事实，"
        f"{count_rows(admin, 'obligation'):,} 项应查，{seconds:.0f} s")  # fmt: skip
    return CityOfFacts(bureau_id, scale, admin)


def _fill(admin: Connection, kernel: Kernel, bureau_id: uuid.UUID, given: dict[str, object]) -> None:
    with admin.cursor() as cursor:
        cursor.execute(
            "set session_replication_role = replica; set maintenance_work_mem = '512MB'; set jit = off"
        )
        cursor.execute(_LAND, given)
        indexes = _drop_indexes(cursor)
        cursor.execute(_VISITS, given)
        cursor.execute(
            "create table period (tier text, key text, first_day date, last_day date, grace_last_day date, "
            "provisional bool)"
        )
        with kernel.work(house(bureau_id), NOW) as work:
            cursor.executemany("insert into period values (%s, %s, %s, %s, %s, %s)", _periods(work))
        cursor.execute("grant select on shop, period to xunge_app")
        cursor.execute(_OWED, given)
        cursor.execute(_WAIVED, given)
        for index in indexes:
            cursor.execute(index)
        cursor.execute("vacuum analyze")
        # As upkeep keeps it: every subject's history judged by the rules, a batch at a time.
        counted = 1
        while counted:
            with kernel.work(house(bureau_id), NOW) as work:
                counted = count_waiting(work)
        with kernel.work(house(bureau_id), NOW) as work:
            carry_out_day(work)
            fold(work)
        cursor.execute("vacuum analyze")


def _periods(work: Work) -> list[tuple[object, ...]]:
    """Every period that began since the policy did, up to two weeks ahead, with the end of its grace."""
    rulebook, found = load_timeline(work).rulebook, []
    for tier in rulebook.versions[0].tiers:
        for one in periods_between(tier, FIRST, NOW.date() + AHEAD):
            if one.first_day >= FIRST:
                window = rulebook.window(tier, one.first_day, one.last_day)
                found.append(
                    (
                        tier.value,
                        one.key,
                        one.first_day,
                        one.last_day,
                        window.grace_last_day,
                        window.provisional,
                    )
                )
    return found


def _drop_indexes(cursor: Cursor) -> list[str]:
    """Indexes that no constraint needs; made anew when the tables are full, which is quicker. Returns how to."""
    cursor.execute(
        "select indexname, indexdef from pg_indexes where tablename in ('visit_fact', 'obligation') "
        "and indexname like 'ix_%'"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"drop index {name}")
    return [definition for _, definition in found]


def count_rows(admin: Connection, table: str) -> int:
    """How many rows a table has."""
    with admin.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        return int((cursor.fetchone() or (0,))[0])
