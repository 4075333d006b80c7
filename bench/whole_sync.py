"""Sync as a whole: pull and push through the real server against the bare SQL, the peer beside them, a thousand
devices at shift end, the servers to choose from, and what a pull costs as the feed grows.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from ground import Ground, body_of, live_through, own_database, plain_connection, settle
from growth import SIZES, measure_growth
from measuring import Candidate, Report, Target, chosen, measure, process_cpu, process_tree, ratios, say
from pouch import MISSING, Pouch, served_pouch
from pull import LIMIT, Taken, add_cpu, backends, own_backends, stretch
from pull import capture as capture_pull
from push import Bench, note_the_time, with_fresh_ids
from push import capture as capture_push
from replay import Step, replay
from served import GUNICORN_MISSING, XUNGE, Served, granian, gunicorn, served
from shift import measure_shift

from server.app import create_app
from server.house import compose
from sync.cursor import current_epoch

ROWS = 100


class Client:
    """One keep-alive connection of the officer's handheld."""

    def __init__(self, server: Served, ground: Ground) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self.headers = {"Authorization": f"Bearer {ground.token}", "Accept-Encoding": "identity"}

    def pull(self) -> bytes:
        return self._ask("GET", f"/sync/v1/records/pull?limit={LIMIT}")

    def push(self, body: bytes) -> None:
        assert self._ask("POST", "/sync/v1/records/push", body) == b"[]"

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer[:300]
        return answer


def main() -> None:
    """Run the bench."""
    choice = chosen("Sync as a whole.")
    now = datetime.now(UTC)
    with own_database() as settings:
        kernel, app = compose(settings), create_app(settings)
        weeks = 5
        say(
            "样例市，另加 500 户电子烟零售户，5 周的检查 · the demo city, 500 more outlets, 5 weeks of checks"
        )
        ground = settle(kernel, now - timedelta(minutes=5), ecig=500, weeks=weeks)
        live_through(kernel, ground, now, weeks)
        note_the_time(settings)
        bench = Bench(ground, kernel, app.test_client(), settings)
        statement = capture_pull(kernel, ground, now)
        with served(settings) as server, served_pouch() as pouch:
            whole_stack(bench, Client(server, ground), statement, choice.rounds)
            beside_the_peer(bench, Client(server, ground), pouch, choice.rounds)
        servers(bench, statement, choice.rounds, 10 if choice.quick else 40)
        with kernel.sessions() as session:
            epoch = current_epoch(session)
        sizes = SIZES[:2] if choice.quick else SIZES
        measure_growth(settings, bench.admin, statement, epoch, choice.rounds, sizes)
        bench.floor.close()
        bench.admin.close()
        app.extensions["xunge"].close()
        kernel.close()
    with own_database() as settings:
        kernel = compose(settings)
        measure_shift(settings, kernel, 100 if choice.quick else 1000)
        kernel.close()


def whole_stack(bench: Bench, client: Client, statement: Step, rounds: int) -> None:
    """One client: a page of 500 and a push of 100 over HTTP, each against its own SQL by psycopg2."""
    captured, pattern = capture_push(bench, ROWS)
    direct = plain_connection(bench.settings)

    def floor() -> Callable[[], object]:
        return partial(replay, bench.floor, with_fresh_ids(captured, pattern, bench.fresh(ROWS)))

    def pushed() -> Callable[[], object]:
        return partial(client.push, body_of(bench.fresh(ROWS)))

    samples = measure(
        [
            Candidate("pull floor", lambda: partial(replay, direct, [statement])),
            Candidate("pull", lambda: client.pull),
            Candidate("push floor", floor, bench.forget),
            Candidate("push", pushed, bench.forget),
        ],
        rounds,
        warm_up=2,
    )
    wall = {name: taken.wall for name, taken in samples.items()}
    report = Report("经 HTTP，一个客户端 · through the whole stack, one client")
    for name, words in (
        ("pull floor", f"拉取 {LIMIT} 底线 pull, floor"),
        ("pull", f"拉取 {LIMIT} pull over HTTP"),
        ("push floor", f"推送 {ROWS} 底线 push, floor"),
        ("push", f"推送 {ROWS} push over HTTP"),
    ):
        report.add(words, [1000 * one for one in wall[name]], unit=" ms", digits=1)
    report.add("拉取速率 pull, rate / floor's", ratios(wall["pull floor"], wall["pull"]))
    report.add(
        "推送速率 push, rate / floor's",
        ratios(wall["push floor"], wall["push"]),
        target=Target(at_least=0.5),
    )
    report.show()
    direct.close()


def beside_the_peer(bench: Bench, client: Client, pouch: Pouch | None, rounds: int) -> None:
    """The same 500 documents pushed and pulled, ours over HTTP and the peer's."""
    if pouch is None:
        say(MISSING)
        return
    page = orjson.loads(client.pull())["documents"]
    database = pouch.new_database()
    pouch.push(bench.fresh(len(page)), database)()

    def pulled_there() -> None:
        assert pouch.pull(database, LIMIT) == LIMIT

    samples = measure(
        [
            Candidate("pull", lambda: client.pull),
            Candidate("pull there", lambda: pulled_there),
            Candidate("push", lambda: partial(client.push, body_of(bench.fresh(LIMIT))), bench.forget),
            Candidate("push there", lambda: pouch.push(bench.fresh(LIMIT))),
        ],
        rounds,
        warm_up=2,
    )
    wall = {name: taken.wall for name, taken in samples.items()}
    report = Report(f"与 express-pouchdb 并排，{LIMIT} 份 · beside express-pouchdb, {LIMIT} documents")
    for name in wall:
        report.add(name, [1000 * one for one in wall[name]], unit=" ms", digits=1)
    report.add(
        "拉取快几倍 pull, theirs / ours", ratios(wall["pull there"], wall["pull"]), target=Target(at_least=8)
    )
    report.add("推送 push, ours / theirs", ratios(wall["push"], wall["push there"]))
    report.remark(
        "它不查辖区、距离，不维护应查 · it checks no scope and no distance, and keeps no obligations"
    )
    report.show()


def servers(bench: Bench, statement: Step, rounds: int, pulls: int) -> None:
    """The same pull by two clients from two workers of each server, CPU of web and database together."""
    direct = [plain_connection(bench.settings) for _ in range(2)]
    commands: dict[str, tuple[str, ...]] = {
        "xunge serve": XUNGE,
        "granian, 1 thread": granian(1),
        "granian, 8 threads": granian(8),
    }
    if (other := gunicorn()) is not None:
        commands["gunicorn, sync"] = other
    taken = {name: Taken() for name in (*commands, "floor")}
    for _ in range(rounds):
        for name, command in commands.items():
            with served(bench.settings, command) as server:
                clients = [Client(server, bench.ground) for _ in range(2)]
                pids = process_tree(server.pid)
                for client in clients * 4:
                    client.pull()
                used: Callable[[], float] = partial(process_cpu, pids)
                stretch(taken[name], pulls, clients, _pulled, used, partial(backends, bench.admin))
        run = partial(_replayed, statement)
        stretch(taken["floor"], pulls, direct, run, time.process_time, partial(own_backends, direct))
    report = Report("服务器比较，2 个进程 2 个客户端 · servers, 2 workers, 2 clients, pull of 500")
    for name, one in taken.items():
        report.add(f"{name}: rate", one.rate, unit=" /s", digits=1)
        add_cpu(report, "web", one)
    if other is None:
        report.remark(GUNICORN_MISSING)
    report.show()
    for connection in direct:
        connection.close()


def _pulled(client: Client) -> None:
    client.pull()


def _replayed(statement: Step, connection: Any) -> None:
    replay(connection, [statement])


if __name__ == "__main__":
    main()
