"""Pull of 500 records of 2 kB with one officer's real principals, over HTTP from two workers.

Floor: the pull's own statement by plain psycopg2, on two connections at once. Peer: bench/orm_twin.py. Compared are the
rate and the CPU of the web's processes with the database backends that serve them.
"""

from __future__ import annotations

import gzip
import http.client
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import orm_twin
from ground import Ground, connect, live_through, own_database, plain_connection, settle
from measuring import (
    Candidate,
    Report,
    Target,
    chosen,
    measure,
    process_cpu,
    process_tree,
    ratios,
    say,
    thread_cpu,
)
from pouch import MISSING, Pouch, served_pouch
from psycopg2.extensions import connection as Connection
from replay import Step, replay, taken_down
from served import Served, served
from sqlalchemy import make_url, text

from server.house import compose
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.replication import COLLECTIONS, reader_of
from sync.collection import Reader
from sync.pull import pull

RECORDS = COLLECTIONS["records"]
LIMIT = 500
CLIENTS = 2
PATH = f"/sync/v1/records/pull?limit={LIMIT}"


@dataclass(slots=True)
class Taken:
    """A stretch of pulls: their rate, and CPU milliseconds a pull of each part."""

    rate: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> list[float]:
        """Both together."""
        return [one + other for one, other in zip(self.web, self.database, strict=True)]


def main() -> None:
    """Run the bench."""
    choice = chosen("Pull of 500 records.")
    with own_database() as settings:
        kernel = compose(settings)
        now = datetime.now(UTC)
        say(
            "样例市，另加 500 户电子烟零售户，5 周的检查 · the demo city, 500 more outlets, 5 weeks of checks"
        )
        ground = settle(kernel, now - timedelta(minutes=5), ecig=500, weeks=5)
        live_through(kernel, ground, now, 5)
        database = str(make_url(settings.database_url).database)
        admin = connect(database)
        with admin.cursor() as cursor:
            cursor.execute("vacuum analyze")
        with kernel.work(ground.officer, now) as work:
            reader = reader_of(work)
            answer = pull(work, reader, RECORDS, None, LIMIT)
        statement = capture(kernel, ground, now)
        describe(answer)
        with served(settings) as server:
            over_http(settings, server, ground, statement, answer, choice.rounds, 10 if choice.quick else 40)
        in_process(settings, kernel, ground, reader, statement, choice.rounds)
        four_squads(settings, admin, statement, choice.rounds)
        admin.close()
        kernel.close()


def capture(kernel: Kernel, ground: Ground, now: datetime) -> Step:
    """The statement of a first page, as psycopg2 is given it."""
    with kernel.work(ground.officer, now) as work:
        reader = reader_of(work)
        with taken_down(kernel.sessions.kw["bind"]) as steps:
            pull(work, reader, RECORDS, None, LIMIT)
    return next(step for step in steps if "principals" in str(step.parameters))


def describe(answer: bytes) -> None:
    """How much is sent, and how much of it twice."""
    documents = orjson.loads(answer)["documents"]
    assert len(documents) == LIMIT
    assert not any(document["_deleted"] for document in documents)
    packed = len(gzip.compress(answer, 1))
    say(
        f"{len(documents)} 份文档（不同的 {len({one['id'] for one in documents})} 份），{len(answer) / 1000:,.0f} kB；"
        f"gzip-1 {packed / 1000:,.0f} kB · documents (distinct ids), bytes"
    )


def over_http(
    settings: Settings,
    server: Served,
    ground: Ground,
    statement: Step,
    answer: bytes,
    rounds: int,
    pulls: int,
) -> None:
    """Two keep-alive clients against two workers, and the statement alone on two connections, in turn."""
    admin = connect(str(make_url(settings.database_url).database))
    direct = [plain_connection(settings) for _ in range(CLIENTS)]
    clients = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(CLIENTS)]
    headers = {"Authorization": f"Bearer {ground.token}", "Accept-Encoding": "identity"}

    def ask(client: http.client.HTTPConnection) -> None:
        client.request("GET", PATH, headers=headers)
        response = client.getresponse()
        body = response.read()
        assert response.status == 200, body[:300]
        assert len(body) == len(answer), "every pull gives the same page"

    def run(connection: Connection) -> None:
        replay(connection, [statement])

    web, floor = Taken(), Taken()
    process_ids = process_tree(server.pid)
    for number in range(rounds + 1):
        halves: list[Callable[[], None]] = [
            partial(
                stretch, web, pulls, clients, ask, lambda: process_cpu(process_ids), partial(backends, admin)
            ),
            partial(stretch, floor, pulls, direct, run, time.process_time, partial(own_backends, direct)),
        ]
        for act in halves if number % 2 else reversed(halves):
            act()
        if number == 0:
            web, floor = Taken(), Taken()
    report = Report(
        f"拉取 {LIMIT} 条 2 kB 记录，{CLIENTS} 个客户端，2 个进程 · pull over HTTP, identity encoding"
    )
    report.add("底线 floor: the statement by psycopg2, rate", floor.rate, unit=" /s", digits=1)
    add_cpu(report, "Python", floor)
    report.add("本系统 ours: rate", web.rate, unit=" /s", digits=1)
    add_cpu(report, "web", web)
    report.line()
    report.add("CPU ours / the statement's own", ratios(web.cpu, floor.cpu), target=Target(at_most=1.6))
    report.add("速率比 rate / the statement's", ratios(web.rate, floor.rate), target=Target(at_least=0.7))
    report.show()
    with served_pouch() as pouch:
        against_pouch(pouch, partial(ask, clients[0]), orjson.loads(answer)["documents"], rounds)
    for connection in (*direct, admin):
        connection.close()


def against_pouch(
    pouch: Pouch | None, ask: Callable[[], None], documents: list[dict[str, Any]], rounds: int
) -> None:
    """One client's page from ours and from the peer, which holds as many documents of that size."""
    if pouch is None:
        say(MISSING)
        return
    database = pouch.new_database()
    pouch.push([{**document, "id": str(uuid.uuid4())} for document in documents], database)()
    assert pouch.pull(database, LIMIT) == LIMIT

    def pulled() -> None:
        pouch.pull(database, LIMIT)

    samples = measure([Candidate("ours", lambda: ask), Candidate("pouch", lambda: pulled)], rounds, warm_up=2)
    report = Report("一个客户端一页 · one page for one client")
    for name, words in (("ours", "本系统 ours over HTTP"), ("pouch", "pouchdb-server, _changes + _bulk_get")):
        report.add(words, [1000 * one for one in samples[name].wall], unit=" ms", digits=1)
    report.add(
        "快几倍 pouchdb-server / ours",
        ratios(samples["pouch"].wall, samples["ours"].wall),
        target=Target(at_least=8),
    )
    report.show()


def add_cpu(report: Report, client: str, taken: Taken) -> None:
    """A row of CPU milliseconds a pull."""
    web, database = statistics.median(taken.web), statistics.median(taken.database)
    report.add(
        f"  CPU a pull = {client} {web:.1f} + database {database:.1f}", taken.cpu, unit=" ms", digits=1
    )


def stretch(
    taken: Taken,
    pulls: int,
    clients: list[Any],
    ask: Callable[[Any], None],
    web_cpu: Callable[[], float],
    backend_pids: Callable[[], list[int]],
) -> None:
    """``pulls`` by each client at once."""
    before = {pid: thread_cpu(pid) for pid in backend_pids()}
    web, begun = web_cpu(), time.perf_counter()

    def repeat(client: Any) -> None:
        for _ in range(pulls):
            ask(client)

    threads = [threading.Thread(target=repeat, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, count = time.perf_counter() - begun, pulls * len(clients)
    taken.rate.append(count / seconds)
    taken.web.append((web_cpu() - web) * 1000 / count)
    spent = sum(thread_cpu(pid) - before.get(pid, 0.0) for pid in backend_pids())
    taken.database.append(spent * 1000 / count)


def backends(admin: Connection) -> list[int]:
    """The backends that serve the web's processes."""
    with admin.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity where datname = current_database() and application_name = 'xunge'"
        )
        return [row[0] for row in cursor.fetchall()]


def own_backends(connections: list[Connection]) -> list[int]:
    """The backends of connections of ours."""
    return [connection.get_backend_pid() for connection in connections]


def in_process(
    settings: Settings, kernel: Kernel, ground: Ground, reader: Reader, statement: Step, rounds: int
) -> None:
    """Without HTTP: the statement, ours in a unit of work, and the twin; ten pulls each time."""
    floor = plain_connection(settings)
    principals = list(reader.principals)

    def pid() -> int:
        with kernel.sessions() as session:
            return int(session.scalar(text("select pg_backend_pid()")) or 0)

    def ours() -> None:
        with kernel.work(ground.officer, datetime.now(UTC)) as work:
            pull(work, reader_of(work), RECORDS, None, LIMIT)

    def twin() -> None:
        with kernel.sessions() as session:
            orm_twin.pull(session, ground.officer, principals, LIMIT)

    samples = measure(
        [
            Candidate(
                "floor",
                lambda: partial(ten_times, partial(replay, floor, [statement])),
                backend=floor.get_backend_pid,
            ),
            Candidate("ours", lambda: partial(ten_times, ours), backend=pid),
            Candidate("twin", lambda: partial(ten_times, twin), backend=pid),
        ],
        rounds,
    )
    report = Report("不经 HTTP，每次十页 · without HTTP, ten pages a round")
    report.add_times("底线 floor: the statement by psycopg2", samples["floor"])
    report.add_times("本系统 ours: sync.pull in a unit of work", samples["ours"])
    report.add_times("ORM + marshmallow · the twin", samples["twin"])
    report.line()
    report.add("CPU ours / the statement's own", ratios(samples["ours"].cpu, samples["floor"].cpu))
    report.add(
        "CPU ours / the twin's",
        ratios(samples["ours"].cpu, samples["twin"].cpu),
        target=Target(at_most=0.125),
    )
    report.show()
    floor.close()


def ten_times(act: Callable[[], object]) -> None:
    """Enough of it to be measured."""
    for _ in range(10):
        act()


def four_squads(settings: Settings, admin: Connection, statement: Step, rounds: int) -> None:
    """The statement for a reader of four squads' feeds against one of one squad's, over the same records."""
    with admin.cursor() as cursor:
        cursor.execute(
            "insert into feed (bureau_id, principal, collection, id) "
            "select bureau_id, 'bench:one', 'records', id from record;"
            "insert into feed (bureau_id, principal, collection, id) "
            "select bureau_id, 'bench:' || (row_number() over (order by id)) % 4, 'records', id from record; analyze feed"
        )
    floor = plain_connection(settings)
    four = {**statement.parameters, "principals": [f"bench:{number}" for number in range(4)]}
    one = {**statement.parameters, "principals": ["bench:one"]}

    def act(parameters: dict[str, Any]) -> Callable[[], object]:
        step = Step(statement.statement, parameters, False)
        return partial(ten_times, partial(replay, floor, [step]))

    samples = measure(
        [
            Candidate("one", lambda: act(one), backend=floor.get_backend_pid),
            Candidate("four", lambda: act(four), backend=floor.get_backend_pid),
        ],
        rounds,
    )
    report = Report(
        "四个中队的辖区与一个中队 · a scope of four squads against one, the statement alone, ten pages"
    )
    report.add_times("一个中队 one squad", samples["one"])
    report.add_times("四个中队 four squads", samples["four"])
    report.add(
        "时间比 four / one", ratios(samples["four"].wall, samples["one"].wall), target=Target(at_most=1.5)
    )
    report.show()
    floor.close()


if __name__ == "__main__":
    main()
