"""Push of e-cigarette checks of about 2 kB: scope and distance checked, acknowledged, obligations kept.

Floor: the statements of one real push, sent again by plain psycopg2 with fresh ids and their parameters ready made, so
that neither reading, judging nor SQLAlchemy is in it. Peer: bench/orm_twin.py.
"""

from __future__ import annotations

import re
import statistics
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import orm_twin
from flask.testing import FlaskClient
from ground import Ground, body_of, checks, connect, live_through, own_database, plain_connection, settle
from measuring import Candidate, Report, Samples, Target, chosen, measure, ratios, say
from pouch import MISSING, Pouch, served_pouch
from psycopg2.extensions import connection as Connection
from replay import Step, renamed, replay, taken_down, timed_replay
from sqlalchemy import make_url, text

from server.app import create_app
from server.demo.documents import Document
from server.house import compose
from server.kernel.ids import new_id
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.replication import COLLECTIONS, reader_of
from sync.push import push

RECORDS = COLLECTIONS["records"]
# Tables that hold figures kept for reports, as they come to be: everything else is the record's own.
ROLL_UPS = re.compile(r"^(cell_last_visit|cell_day|cadence_count|tally|.*_roll_?up|.*_stat(istic)?s?)$")
CLEARED = (
    "declared_file",
    "number_wanted",
    "record_text",
    "record_outcome",
    "carton_scan",
    "rectification",
    "goods_line",
    "road_stop",
    "record_officer",
    "visit_fact",
    "attempt_fact",
)
COLLECTED = (
    "record, record_officer, goods_line, declared_file, number_wanted, record_outcome, rectification, visit_fact, "
    "feed, fed, push_log, obligation, event"
)


@dataclass(slots=True)
class Bench:
    """The settled city, the connections of each candidate, and what was captured."""

    ground: Ground
    kernel: Kernel
    client: FlaskClient
    settings: Settings
    seeds: count[int] = field(default_factory=lambda: count(1000))
    floor: Connection = field(init=False)
    admin: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.floor = plain_connection(self.settings)
        self.admin = connect(str(make_url(self.settings.database_url).database))
        with self.admin.cursor() as cursor:
            cursor.execute(
                "create table kept_obligation as select id, met_by, met_at, attempt_count, edit_id from obligation"
            )
            cursor.execute("create unique index on kept_obligation (id); analyze")

    def fresh(self, size: int) -> list[Document]:
        return checks(self.ground, size, datetime.now(UTC), next(self.seeds))

    def direct(self, body: bytes) -> str:
        with self.kernel.work(self.ground.officer, datetime.now(UTC)) as work:
            return push(work, reader_of(work), RECORDS, body)

    def over_http(self, body: bytes) -> str:
        answer = self.client.post("/sync/v1/records/push", data=body, content_type="application/json")
        assert answer.status_code == 200, answer.text
        return answer.text

    def twin(self, body: bytes) -> int:
        with self.kernel.sessions() as session:
            return orm_twin.push(session, self.ground.officer, datetime.now(UTC), body)

    def forget(self) -> None:
        """Take back what was pushed since the ground was laid, so that every run meets the same tables."""
        with self.admin.cursor() as cursor:
            cursor.execute("select id from record where received_at > (select max(at) from laid)")
            ids = [row[0] for row in cursor.fetchall()]
            cursor.execute("select id from rectification where record_id = any(%s)", (ids,))
            gone = ids + [row[0] for row in cursor.fetchall()]
            for table in CLEARED:
                cursor.execute(f"delete from {table} where record_id = any(%s)", (ids,))
            cursor.execute("delete from record where id = any(%s)", (ids,))
            cursor.execute("delete from feed where id = any(%s)", (gone,))
            cursor.execute("delete from fed where id = any(%s)", (gone,))
            cursor.execute("delete from push_log where document_id = any(%s)", (gone,))
            cursor.execute("delete from event where at > (select max(at) from laid)")
            cursor.execute(
                "update obligation o set met_by = k.met_by, met_at = k.met_at, attempt_count = k.attempt_count, "
                "edit_id = k.edit_id from kept_obligation k where k.id = o.id and k.edit_id <> o.edit_id"
            )
            cursor.execute(f"vacuum {COLLECTED}")

    def met(self) -> int:
        """How many obligations the last push met."""
        with self.admin.cursor() as cursor:
            cursor.execute(
                "select count(*) from obligation o join kept_obligation k using (id) "
                "where o.met_by is distinct from k.met_by"
            )
            return int(cursor.fetchone()[0])  # type: ignore[index]


def main() -> None:
    """Run the bench."""
    choice = chosen("Push of e-cigarette checks.")
    with own_database() as settings:
        kernel = compose(settings)
        app = create_app(settings)
        now = datetime.now(UTC)
        weeks = 4 if choice.quick else 13
        say(
            f"样例市，另加 500 户电子烟零售户，{weeks} 周的检查 · the demo city, 500 more outlets, {weeks} weeks of checks"
        )
        ground = settle(kernel, now - timedelta(minutes=5), ecig=500, weeks=weeks)
        live_through(kernel, ground, now, weeks)
        note_the_time(settings)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ground.token}"
        bench = Bench(ground, kernel, client, settings)
        with served_pouch() as pouch:
            for size in (500,) if choice.quick else (500, 100):
                run(bench, size, choice.rounds, pouch)
        bench.floor.close()
        bench.admin.close()
        app.extensions["xunge"].close()
        kernel.close()


def note_the_time(settings: Settings) -> None:
    """From here on is what ``forget`` takes back."""
    admin = connect(str(make_url(settings.database_url).database))
    with admin.cursor() as cursor:
        cursor.execute("create table laid as select now() - interval '1 second' as at")
    admin.close()


def run(bench: Bench, size: int, rounds: int, pouch: Pouch | None) -> None:
    """Measure all candidates with batches of ``size`` records."""
    captured, pattern = capture(bench, size)
    only_records = [step for step in captured if step.name == "insert record"]
    roll_ups = [step for step in captured if step.table and ROLL_UPS.match(step.table)]

    def pid_of_ours() -> int:
        with bench.kernel.sessions() as session:
            return int(session.scalar(text("select pg_backend_pid()")) or 0)

    def pid_over_http() -> int:
        with bench.client.application.extensions["xunge"].sessions() as session:
            return int(session.scalar(text("select pg_backend_pid()")) or 0)

    def floor(steps: Sequence[Step]) -> Callable[[], object]:
        return partial(replay, bench.floor, with_fresh_ids(steps, pattern, bench.fresh(size)))

    def pushed(act: Callable[[bytes], object]) -> Callable[[], object]:
        return partial(act, body_of(bench.fresh(size)))

    def resent() -> Callable[[], object]:
        body = body_of(bench.fresh(size))
        bench.direct(body)
        return partial(bench.direct, body)

    by_floor = bench.floor.get_backend_pid
    candidates = [
        Candidate("floor", lambda: floor(captured), bench.forget, by_floor),
        Candidate("bare", lambda: floor(only_records), bench.forget, by_floor),
        Candidate("ours", lambda: pushed(bench.direct), bench.forget, pid_of_ours),
        Candidate("http", lambda: pushed(bench.over_http), bench.forget, pid_over_http),
        Candidate("twin", lambda: pushed(bench.twin), bench.forget, pid_of_ours),
        Candidate("resend", resent, bench.forget, pid_of_ours),
    ]
    if roll_ups:
        steps = [*only_records, *roll_ups]
        candidates.append(Candidate("roll-ups", lambda: floor(steps), bench.forget, by_floor))
    if pouch:
        candidates.append(Candidate("pouch", lambda: pouch.push(bench.fresh(size))))
    report(size, measure(candidates, rounds))
    shares(bench, captured, pattern, size, rounds)


def capture(bench: Bench, size: int) -> tuple[list[Step], list[Document]]:
    """One real push, taken down, and proved to have done its work."""
    pattern = bench.fresh(size)
    body = body_of(pattern)
    say(f"{size} 条记录，{len(body) / size:,.0f} 字节/条 · {size} records of {len(body) / size:,.0f} bytes")
    bench.direct(body_of(bench.fresh(size)))
    bench.forget()
    with taken_down(bench.kernel.sessions.kw["bind"]) as captured:
        assert bench.direct(body) == "[]"
    met = bench.met()
    say(f"{len(captured)} 次执行，满足应查 {met} 项 · {len(captured)} executions, {met} obligations met")
    assert met == size, "every check meets the obligation of its week"
    bench.forget()
    return list(captured), pattern


def with_fresh_ids(
    steps: Sequence[Step], pattern: Sequence[Document], fresh: Sequence[Document]
) -> list[Step]:
    """The captured steps for other records."""
    names = {
        uuid.UUID(old[key]): uuid.UUID(new[key])
        for old, new in zip(pattern, fresh, strict=True)
        for key in ("id", "edit_id")
    }
    now = datetime.now(UTC)
    for step in steps:
        # What the server numbers itself: orders to put right.
        if step.name == "insert rectification":
            ids = re.findall(r'"id":"([0-9a-f-]{36})"', step.parameters["given_rows"])
            names |= {uuid.UUID(one): new_id(now) for one in ids}
    return renamed(steps, names)


def report(size: int, samples: dict[str, Samples]) -> None:
    """The table of times and ratios."""
    full = size == 500
    wall = {name: taken.wall for name, taken in samples.items()}
    table = Report(f"推送 {size} 条 2 kB 记录 · push of {size} records of 2 kB")
    table.add_times("底线：同样的 SQL · floor: the same SQL, psycopg2", samples["floor"])
    table.add_times("裸插入记录 · bare insert of the records", samples["bare"])
    table.add_times("本系统 · ours: sync.push in a unit of work", samples["ours"])
    table.add_times("本系统 · ours: through Flask", samples["http"])
    table.add_times("ORM + marshmallow · the twin", samples["twin"])
    table.add_times("重发 · resend of an acknowledged batch", samples["resend"])
    table.line()
    table.add("速率比 ours, rate / floor's", ratios(wall["floor"], wall["ours"]), target=Target(at_least=0.5))
    table.add(
        "速率比 Flask, rate / floor's", ratios(wall["floor"], wall["http"]), target=Target(at_least=0.5)
    )
    table.add(
        "CPU ours / floor's", ratios(samples["ours"].cpu, samples["floor"].cpu), target=Target(at_most=2)
    )
    table.add("时间比 ours / the twin", ratios(wall["ours"], wall["twin"]), target=Target(at_most=0.3))
    table.add(
        "CPU ours / the twin's", ratios(samples["ours"].cpu, samples["twin"].cpu), target=Target(at_most=0.3)
    )
    table.add(
        "全部维护 all that is kept / bare insert",
        ratios(wall["floor"], wall["bare"]),
        target=Target(at_most=2.7) if full else None,
    )
    kept = ratios(samples["floor"].cpu, samples["bare"].cpu)
    table.add("CPU all that is kept / bare insert's", kept, target=Target(at_most=2.7) if full else None)
    if "roll-ups" in wall:
        table.add(
            "汇总 roll-ups / bare insert", ratios(wall["roll-ups"], wall["bare"]), target=Target(at_most=1.3)
        )
    else:
        table.remark(
            "尚无汇总表，未测 · roll-ups ≤ 1.3 × the bare insert: no roll-up table exists yet, not measured"
        )
    table.add("重发 resend / first push", ratios(wall["resend"], wall["ours"]), target=Target(at_most=0.6))
    if "pouch" in wall:
        table.add(
            "pouchdb-server, _revs_diff + _bulk_docs",
            [1000 * one for one in wall["pouch"]],
            unit=" ms",
            digits=1,
        )
        table.add("时间比 Flask / pouchdb-server", ratios(wall["http"], wall["pouch"]))
        table.remark(
            "pouchdb-server 不查辖区、距离，不维护应查 · it checks no scope and keeps no obligations"
        )
    else:
        table.remark(MISSING)
    table.show()


def shares(
    bench: Bench, captured: Sequence[Step], pattern: Sequence[Document], size: int, rounds: int
) -> None:
    """Where the floor's own time goes, by kind of statement."""
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, seconds in timed_replay(
            bench.floor, with_fresh_ids(captured, pattern, bench.fresh(size))
        ).items():
            taken.setdefault(name, []).append(seconds * 1000)
        bench.forget()
    calls = {name: sum(step.name == name for step in captured) for name in taken}
    many = {name: sum(len(s.parameters) for s in captured if s.many and s.name == name) for name in taken}
    table = Report(f"底线按语句 · the floor by statement, {size} records")
    for name, values in sorted(taken.items(), key=lambda pair: -statistics.median(pair[1])):
        times = f"{calls[name]}×" if calls[name] > 1 else ""
        table.add(
            f"{name} {times}{f'({many[name]} rows one by one)' if many[name] else ''}", values, unit=" ms"
        )
    table.show()


if __name__ == "__main__":
    main()
