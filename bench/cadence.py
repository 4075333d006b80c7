"""R1 by squad, tier and week for a quarter from the roll-ups, against hand-written SQL; what an arrival and a week cost.

The SQL over visit facts is what one would write by hand if no check were ever owed twice: the latest version of every fact
of the quarter, the first in each window and its grace. The one over obligations reads what is kept of each of them.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cadence_ground import NOW, CityOfFacts, settle_city
from ground import own_database, plain_connection
from measuring import QUICK_ROUNDS, ROUNDS, Candidate, Report, Samples, Target, clocked, measure, ratios, say
from psycopg2.extensions import connection as Connection
from replay import Step, replay_open, taken_down
from sqlalchemy import select

from server.cadence.models import Obligation
from server.cadence.ops import materialise, note_facts
from server.house import compose
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.kernel.work import Kernel, Work, keep_up
from server.reports.cadence import By, CadenceReport, cadence_report
from server.reports.moment import period_for
from server.upkeep import UPKEEP

QUARTER = "2026Q3"
PAST = NOW - timedelta(days=40)
PUSHED = 500
FIGURES = ("obligations", "waived", "on_time", "late", "missed")
ROLL_UPS = {"cadence_roll_up", "squad_roll_up"}

_FROM_FACTS = """
with asked as (
  select p.*, p.first_day::timestamp at time zone 'Asia/Shanghai' as since,
    (p.grace_last_day + 1)::timestamp at time zone 'Asia/Shanghai' as until,
    case p.tier when 'WEEKLY' then '{WEEKLY,MONTHLY,QUARTERLY}' when 'MONTHLY' then '{MONTHLY,QUARTERLY}'
      else '{QUARTERLY}' end::text[] as checklists
  from period p where p.key = any (%(keys)s)
), seen as (
  select distinct on (record_id, tier) subject_id, tier, performed_at, valid from visit_fact
  where bureau_id = %(bureau)s and tier in ('WEEKLY', 'MONTHLY', 'QUARTERLY')
    and performed_at >= (select min(since) from asked) and performed_at < (select max(until) from asked)
  order by record_id, tier, known_at desc
), done as (
  select a.key, s.subject_id, min(s.performed_at) as at
  from asked a join seen s on s.valid and s.tier = any (a.checklists)
    and s.performed_at >= a.since and s.performed_at < a.until
  group by 1, 2
), excused as (
  select o.subject_id, o.key from waiver w join obligation o on o.id = w.obligation_id where w.revoked_at is null
)
select d.squad_id, a.tier, a.key, count(*), count(e.key),
  count(done.at) filter (where done.at < (a.last_day + 1)::timestamp at time zone 'Asia/Shanghai'),
  count(done.at) filter (where done.at >= (a.last_day + 1)::timestamp at time zone 'Asia/Shanghai'),
  count(*) filter (where done.at is null and e.key is null)
from shop cross join asked a join duty d on d.cell_id = shop.cell_id and d.valid @> a.last_day
left join done on done.subject_id = shop.id and done.key = a.key
left join excused e on e.subject_id = shop.id and e.key = a.key
group by 1, 2, 3
"""

_FROM_OBLIGATIONS = """
select squad_id, tier, key, count(*), count(*) filter (where outcome = 'waived'), count(*) filter (where outcome = 'met'),
  count(*) filter (where outcome = 'met_late'), count(*) filter (where outcome in ('open', 'made_up'))
from obligation where bureau_id = %(bureau)s and tier is not null and last_day between %(first)s and %(last)s
  and key = any (%(keys)s) and outcome <> 'void'
group by 1, 2, 3
"""

_RECORDS = """
insert into record (id, bureau_id, edit_id, device_edit_id, kind, form_code, form_version, pushed_by, visit_kind, started_at,
  ended_at, clock_offset_s, performed_at, received_at, valid, findings, flags, hints, document)
select gen_random_uuid(), %(bureau)s, gen_random_uuid(), gen_random_uuid(), 'ecig_check', 'ecig_weekly', 1,
  md5('person1')::uuid, 'routine', %(now)s, %(now)s, 0, %(now)s, %(now)s, true, '[]', '[]', '[]',
  json_build_object('answers', repeat(md5(n::text), 64))
from generate_series(1, %(pushed)s) n
"""


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description="R1 from the roll-ups.")
    parser.add_argument("--quick", action="store_true", help="a tenth of a city, 3 rounds")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS} if not given")
    parser.add_argument(
        "--scale", type=int, action="append", help="tenths of a city; 1 and 10 if not given, 100 a province"
    )
    given = parser.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    found: dict[int, dict[str, Samples]] = {}
    for scale in given.scale or ([1] if given.quick else [1, 10]):
        with own_database() as settings:
            kernel = compose(settings)
            found[scale] = _measured(settings, kernel, scale, rounds)
            kernel.close()
    if len(found) > 1:
        _growth(found)


def _measured(settings: Settings, kernel: Kernel, scale: int, rounds: int) -> dict[str, Samples]:
    city = settle_city(settings, kernel, scale)
    connection = plain_connection(settings)
    keys, days, roll_up = _taken(kernel, city)
    given = {"bureau": str(city.bureau_id), "keys": keys, "first": days[0], "last": days[1]}
    ours = {_key(line): _figures(line) for line in _report(kernel, city).lines}
    for words, statement in (("visit facts", _FROM_FACTS), ("obligations", _FROM_OBLIGATIONS)):
        theirs = {
            (str(row[0]), row[1], row[2]): tuple(row[3:]) for row in _rows(city.admin, statement, given)
        }
        assert theirs == ours, f"R1 from {words} is R1 from the roll-ups"
    say(f"{len(ours)} 行三种算法完全一致 · {len(ours)} rows, alike from roll-ups, obligations and facts")
    pid = connection.get_backend_pid
    candidates = [
        Candidate("roll-up", lambda: partial(replay_open, connection, [roll_up]), connection.rollback, pid),
        Candidate("facts", lambda: partial(_rows, connection, _FROM_FACTS, given), connection.rollback, pid),
        Candidate(
            "obligations",
            lambda: partial(_rows, connection, _FROM_OBLIGATIONS, given),
            connection.rollback,
            pid,
        ),
        Candidate("report", lambda: partial(_report, kernel, city)),
        Candidate("by cell", lambda: partial(_report, kernel, city, by=By.CELL)),
    ]
    taken = measure(candidates, rounds) | _arrivals(kernel, city, connection, rounds)
    past = measure([Candidate("past", lambda: partial(_report, kernel, city, as_of=PAST))], 1, warm_up=0)
    taken |= past
    _show(scale, taken)
    _generation(kernel, city)
    connection.close()
    city.admin.close()
    return taken


def _report(kernel: Kernel, city: CityOfFacts, by: By = By.SQUAD, as_of: datetime = NOW) -> CadenceReport:
    with kernel.work(house(city.bureau_id), NOW) as work:
        return cadence_report(work, period_for(work, QUARTER, as_of), as_of, by, each_period=True)


def _key(line: Any) -> tuple[str, str, str]:
    return str(line.group_id), line.tier.value, line.period


def _figures(line: Any) -> tuple[int, ...]:
    return tuple(getattr(line.counts, name) for name in FIGURES)


def _taken(kernel: Kernel, city: CityOfFacts) -> tuple[list[str], tuple[Any, Any], Step]:
    """The quarter's keys and days, and the statement by which the report reads the roll-up."""
    with taken_down(kernel.sessions.kw["bind"]) as steps:
        report = _report(kernel, city)
    (step,) = [step for step in steps if "squad_roll_up" in step.statement]
    keys = [key for tier in report.period.keys.values() for key in tier]
    with kernel.sessions() as session:
        days = session.execute(
            select(Obligation.last_day).where(Obligation.key.in_(keys)).distinct().order_by(Obligation.last_day)
        ).scalars().all()  # fmt: skip
    return keys, (days[0], days[-1]), step


def _rows(connection: Connection, statement: str, given: dict[str, Any]) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall()


def _arrivals(kernel: Kernel, city: CityOfFacts, connection: Connection, rounds: int) -> dict[str, Samples]:
    """What 500 checks cost when they arrive: the bare insert of their records, the roll-ups, all of cadence. Taken back."""
    with taken_down(kernel.sessions.kw["bind"]) as steps:
        _arrive(kernel, city, PUSHED)
    counted = [step for step in steps if step.table in ROLL_UPS]
    assert counted, "the checks meet something"
    given = {"bureau": str(city.bureau_id), "now": NOW, "pushed": PUSHED}

    def bare(*more: Step) -> Callable[[], object]:
        def act() -> None:
            with connection.cursor() as cursor:
                cursor.execute(_RECORDS, given)
            replay_open(connection, more)

        return act

    candidates = [
        Candidate("bare", lambda: bare(), connection.rollback, connection.get_backend_pid),
        Candidate("counted", lambda: bare(*counted), connection.rollback, connection.get_backend_pid),
        Candidate("500 arrive", lambda: partial(_arrive, kernel, city, PUSHED)),
        Candidate("1 arrives", lambda: partial(_arrive, kernel, city, 1)),
    ]
    return measure(candidates, rounds)


class _TakenBack(Exception):
    """Ends a unit of work without its being committed."""


def _arrive(kernel: Kernel, city: CityOfFacts, count: int) -> None:
    """So many checks of this week become known, are settled and counted, and are taken back."""
    with suppress(_TakenBack), kernel.work(house(city.bureau_id), NOW) as work:
        today = NOW.date()
        shops = work.session.scalars(
            select(Obligation.subject_id)
            .where(Obligation.first_day <= today, Obligation.last_day >= today, Obligation.tier == "WEEKLY")
            .order_by(Obligation.cell_id, Obligation.id)
            .limit(count)
        ).all()
        note_facts(work, [_fact(work, shop) for shop in shops], [])
        keep_up(work, UPKEEP)
        raise _TakenBack


def _fact(work: Work, shop: Any) -> dict[str, Any]:
    return {
        "record_id": new_id(work.now),
        "subject_kind": "outlet",
        "subject_id": shop,
        "tier": "WEEKLY",
        "performed_at": work.now - timedelta(minutes=30),
        "valid": True,
        "makes_up": None,
    }


def _generation(kernel: Kernel, city: CityOfFacts) -> None:
    """A week passes: what every shop owes of the week two weeks ahead is written down and counted. Taken back."""

    def generate() -> None:
        nonlocal created
        with kernel.work(house(city.bureau_id), NOW + timedelta(days=7)) as work:
            created = materialise(work)
            keep_up(work, UPKEEP)
            raise _TakenBack

    def taken_back() -> None:
        with suppress(_TakenBack):
            generate()

    created = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds = clocked(taken_back)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    say(
        f"新的一周：{created:,} 项应查，{seconds:.1f} s，内存多用 {more:,.0f} MB · generation of a week's obligations"
    )


def _show(scale: int, taken: dict[str, Samples]) -> None:
    table = Report(
        f"{scale * 3000:,} 户：2026 年三季度，中队 × 层级 × 周 · R1 of a quarter by squad, tier and week"
    )
    for name, words in (
        ("roll-up", "汇总表 · the roll-up, database time and a round trip"),
        ("obligations", "按应查逐项统计 · SQL over obligations"),
        ("facts", "按检查事实统计 · SQL over visit facts"),
        ("report", "整份报表 · the whole report, as of now"),
        ("by cell", "整份报表，按单元格 · the same by cell"),
        ("past", "整份报表，截至 40 天前 · as known 40 days before, once"),
    ):
        table.add(words, [1000 * one for one in taken[name].wall], unit=" ms")
    table.line()
    for name, at_least in (("facts", 150.0 if scale >= 10 else None), ("obligations", None)):
        faster = ratios(taken[name].wall, taken["roll-up"].wall)
        table.add(f"时间比 {name} / the roll-up", faster, target=Target(at_least=at_least), digits=0)
        spared = ratios(taken[name].backend, taken["roll-up"].backend)
        table.add(
            f"CPU {name} / the roll-up, in the database", spared, target=Target(at_least=at_least), digits=0
        )
    table.line()
    for name, words in (
        ("bare", f"裸插入 {PUSHED} 条记录 · bare insert of {PUSHED} records of 2 kB"),
        ("500 arrive", "500 条检查核销并汇总 · 500 checks settled and counted"),
        ("1 arrives", "1 条检查核销并汇总 · one check settled and counted"),
    ):
        table.add(words, [1000 * one for one in taken[name].wall], unit=" ms", digits=1)
    kept = ratios(taken["counted"].wall, taken["bare"].wall)
    table.add("汇总 roll-ups / bare insert", kept, target=Target(at_most=1.3))
    table.show()


def _growth(found: dict[int, dict[str, Samples]]) -> None:
    smallest, *_, largest = sorted(found)
    table = Report(f"{largest // smallest} 倍的户数 · {largest // smallest} × the outlets: times")
    for name in ("roll-up", "obligations", "facts", "report", "by cell", "past", "500 arrive", "1 arrives"):
        pairs = zip(found[largest][name].wall, found[smallest][name].wall, strict=False)
        table.add(name, [more / less for more, less in pairs])
    table.show()


if __name__ == "__main__":
    main()
