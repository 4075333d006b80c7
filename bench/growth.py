"""What a pull costs as the feed grows: the same page of the same documents below ever more rows of everybody."""

from __future__ import annotations

import shutil
import time
from typing import Any

from ground import plain_connection
from measuring import Report, Target, ratios, say, thread_cpu
from psycopg2.extensions import connection as Connection
from replay import Step, replay

from server.kernel.settings import Settings
from sync.cursor import Checkpoint

SIZES = (10_000, 1_000_000, 10_000_000)
PRINCIPALS = 10
BYTES_A_ROW = 600
INDEXES = ("pk_feed", "ix_feed_cursor")


def measure_growth(
    settings: Settings, admin: Connection, statement: Step, epoch: str, rounds: int, sizes: tuple[int, ...]
) -> None:
    """Fill the feed step by step and measure the statement at each size.

    A tenth of the rows is the reader's squad's own, older than the page that is pulled; the rest is other squads'.
    """
    principals = list(statement.parameters["principals"])
    squad = next(principal for principal in principals if principal.startswith("squad:"))
    connection = plain_connection(settings)
    found: list[tuple[int, list[float], list[float], int, int]] = []
    have = 0
    for size in sizes:
        if shutil.disk_usage("/").free < 3 * size * BYTES_A_ROW:
            say(f"磁盘空间不足，未测 {size:,} 行 · too little disk for {size:,} rows, not measured")
            break
        _fill(admin, squad, have, size)
        have = size
        position = _at_the_head(admin, principals, epoch)
        page = Step(statement.statement, {**statement.parameters, **position}, False)
        _must_be_documents(connection, page)
        wall, cpu = _timed(connection, page, max(rounds, 7) * 5)
        found.append((size, wall, cpu, _pages(connection, page), _pages(connection, statement)))
    connection.close()
    _report(found)


def _fill(admin: Connection, squad: str, have: int, size: int) -> None:
    """Rows of documents that are no more, up to ``size`` of them; the indexes are made anew, which is quicker."""
    begun = time.perf_counter()
    with admin.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where indexname = 'ix_feed_cursor'")
        (cursor_index,) = cursor.fetchone() or ("",)
        cursor.execute("alter table feed drop constraint pk_feed; drop index ix_feed_cursor")
        cursor.execute(
            "insert into feed (bureau_id, principal, collection, id) "
            "select (select id from bureau limit 1), "
            "case when n %% %(spread)s = 0 then %(squad)s else 'squad:bench-' || n %% %(spread)s end, 'records', "
            "gen_random_uuid() from generate_series(%(have)s + 1, %(size)s) n",
            {"spread": PRINCIPALS, "squad": squad, "have": have, "size": size},
        )
        cursor.execute("alter table feed add constraint pk_feed primary key (principal, collection, id)")
        cursor.execute(cursor_index)
        cursor.execute("vacuum analyze feed")
        cursor.execute("select pg_total_relation_size('feed') / 1e6")
        (megabytes,) = cursor.fetchone() or (0,)
    say(f"{size:,} 行，{megabytes:,.0f} MB，{time.perf_counter() - begun:.0f} s · rows of feed, made")


def _at_the_head(admin: Connection, principals: list[str], epoch: str) -> dict[str, Any]:
    """Touch the real documents anew; the position of a device that has everything but these."""
    with admin.cursor() as cursor:
        cursor.execute("select pg_current_xact_id()::text")
        (xid,) = cursor.fetchone() or ("0",)
        cursor.execute(
            "update feed set xid = pg_current_xact_id(), seq = nextval('feed_seq') "
            "where principal = any(%s) and collection = 'records' and id in (select id from record)",
            (principals,),
        )
        cursor.execute("vacuum analyze feed")
    position = Checkpoint(epoch, xid, "0")
    return {
        "epoch": epoch,
        "history": position.history,
        "generation": position.generation,
        "xid": xid,
        "seq": "0",
    }


def _must_be_documents(connection: Connection, page: Step) -> None:
    """The page is of real documents, or it would measure something else."""
    with connection.cursor() as cursor:
        cursor.execute(page.statement, page.parameters)
        told = [document for document, _ in cursor.fetchall() if document is not None]
    connection.rollback()
    assert len(told) == page.parameters["limit"]
    assert all('"stamp"' in document for document in told)


def _timed(connection: Connection, page: Step, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the statement on the wall and of the backend's CPU."""
    wall, cpu = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), thread_cpu(connection.get_backend_pid())
        replay(connection, [page])
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((thread_cpu(connection.get_backend_pid()) - used) * 1000)
    return wall, cpu


def _pages(connection: Connection, page: Step) -> int:
    """Pages that the statement looks at, cached or not."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers, format json) {page.statement}", page.parameters)
        ((plans,),) = cursor.fetchall()
    connection.rollback()
    plan = plans[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _report(found: list[tuple[int, list[float], list[float], int, int]]) -> None:
    report = Report(
        "订阅表增长，同一页 500 份 · the same page of 500 documents as the feed grows, the statement alone"
    )
    for size, wall, cpu, pages, from_start in found:
        report.add(f"{size:,} 行 rows", wall, unit=" ms", digits=1)
        report.add("  CPU PostgreSQL", cpu, unit=" ms", digits=1)
        report.add("  读页 pages looked at", [pages], digits=0)
        report.add("  读页，从头拉取 pages looked at, from the beginning", [from_start], digits=0)
    report.line()
    first = found[0]
    for size, _, cpu, pages, _ in found[1:]:
        report.add(f"CPU {size:,} / {first[0]:,}", ratios(cpu, first[2]), target=Target(at_most=1.3))
        report.add(f"读页 pages {size:,} / {first[0]:,}", [pages / first[3]], target=Target(at_most=1.3))
    report.show()
