"""Import of 30,000 outlets from XLSX: read, judge, place in cells, compare, write, keep the cells' counts.

Floor: COPY of the same rows into a copy of the table with the same indexes and checks. Beside it a second import of the
same file, which finds nothing changed.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from ground import Ground, connect, invented_outlets, own_database, plain_connection, settle
from measuring import Candidate, Report, Samples, Target, chosen, clocked, measure, ratios, say
from psycopg2.extensions import connection as Connection
from sqlalchemy import make_url, text

from gis.exchange.files import read_file
from gis.exchange.judging import Judged
from server.house import compose
from server.kernel.actor import house
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from server.outlets.importing import Plan, apply_outlets, plan_outlets
from server.outlets.register import HEADINGS, POSITION, REQUIRED, OutletCandidate, read_register

COLUMNS = (
    "许可证号",
    "店名",
    "经营者",
    "地址",
    "业态",
    "信用等级",
    "许可范围",
    "有效期起",
    "有效期止",
    "状态",
    "电话",
)
WRITTEN = ("outlet_status", "outlet_registration", "feed", "fed", "event", "outlet")
MAX_SECONDS = 5.0


@dataclass(slots=True)
class Steps:
    """Seconds of the steps of an import, one a round."""

    read: list[float] = field(default_factory=list)
    plan: list[float] = field(default_factory=list)
    apply: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    """The settled city and the file."""

    ground: Ground
    kernel: Kernel
    file: Path
    admin: Connection
    copying: Connection
    steps: dict[str, Steps]

    def bring_in(self, kind: str) -> None:
        """One import, as the command makes it."""
        steps = self.steps[kind]
        judged: Judged[OutletCandidate]
        judged, seconds = clocked(
            lambda: read_register(read_file(self.file, HEADINGS, REQUIRED, position=POSITION, layer=None))
        )
        steps.read.append(seconds)
        assert not judged.bad, judged.bad[:3]
        with self.kernel.work(house(self.ground.city.bureau.id), datetime.now(UTC)) as work:
            plan: Plan
            plan, seconds = clocked(lambda: plan_outlets(work, judged.good))
            steps.plan.append(seconds)
            _, seconds = clocked(lambda: apply_outlets(work, plan))
            steps.apply.append(seconds)
        new = 0 if kind == "second" else len(judged.good)
        assert (len(plan.new), len(plan.changed), len(plan.outside)) == (new, 0, 0), (
            "the whole file is taken in"
        )

    def copy(self, rows: str) -> None:
        """The floor."""
        with self.copying.cursor() as cursor:
            cursor.copy_expert("copy bare_outlet from stdin", io.StringIO(rows))
        self.copying.commit()

    def empty(self) -> None:
        """Take the imported outlets away again."""
        with self.admin.cursor() as cursor:
            cursor.execute("set session_replication_role = replica")
            # Draws, recusals and scans refer to outlets, and the ground has none of them.
            cursor.execute(f"truncate bare_outlet, {', '.join(WRITTEN)} cascade")
            for table in WRITTEN:
                cursor.execute(f"insert into {table} overriding system value select * from kept_{table}")
            cursor.execute("set session_replication_role = origin")
            cursor.execute("vacuum analyze")


def main() -> None:
    """Run the bench."""
    choice = chosen("Import of outlets from XLSX.")
    count = 5_000 if choice.quick else 30_000
    with own_database() as settings, tempfile.TemporaryDirectory() as folder:
        kernel = compose(settings)
        ground = settle(kernel, datetime.now(UTC), ecig=0, weeks=4)
        candidates = invented_outlets(ground.city, count)
        file = Path(folder) / "outlets.xlsx"
        write_sheet(file, candidates)
        say(
            f"{count:,} 户，{file.stat().st_size / 1e6:.1f} MB，位置在 214 个单元格内 · outlets inside 214 cells"
        )
        bench = prepared(settings, kernel, ground, file)
        bench.bring_in("filling")
        rows = exported(bench.admin)
        report(count, run(bench, rows, choice.rounds), bench.steps)
        bench.copying.close()
        bench.admin.close()
        kernel.close()


def write_sheet(file: Path, candidates: Sequence[OutletCandidate]) -> None:
    """The register as a bureau would hand it in."""
    scopes = {"cigarette": "卷烟", "ecig": "电子烟"}
    book = xlsxwriter.Workbook(str(file))
    sheet = book.add_worksheet("零售户")
    sheet.write_row(0, 0, (*COLUMNS, "经度", "纬度"))
    for number, one in enumerate(candidates, start=1):
        cells: tuple[Any, ...] = (
            one.licence_no,
            one.name,
            one.holder_name,
            one.address,
            one.business_kind.label_zh,
            one.credit_grade.value if one.credit_grade else None,
            "、".join(scopes[scope.value] for scope in sorted(one.licence_scope)),
            one.licence_from.isoformat(),
            one.licence_to.isoformat(),
            one.status.label_zh,
            one.phone,
            one.lon,
            one.lat,
        )
        sheet.write_row(number, 0, cells)
    book.close()


def prepared(settings: Settings, kernel: Kernel, ground: Ground, file: Path) -> Bench:
    """The bare copy of the table, and copies of what an import writes to."""
    admin = connect(str(make_url(settings.database_url).database))
    with admin.cursor() as cursor:
        cursor.execute("create table bare_outlet (like outlet including all)")
        cursor.execute("grant insert, select on bare_outlet to xunge_app")
        for table in WRITTEN:
            cursor.execute(f"create table kept_{table} as select * from {table}")
        cursor.execute("vacuum analyze")
    steps = {kind: Steps() for kind in ("filling", "first", "second")}
    return Bench(ground, kernel, file, admin, plain_connection(settings), steps)


def exported(admin: Connection) -> str:
    """The imported rows as COPY writes them."""
    buffer = io.StringIO()
    with admin.cursor() as cursor:
        cursor.copy_expert("copy (select * from outlet where licence_no like '9977%') to stdout", buffer)
    return buffer.getvalue()


def run(bench: Bench, rows: str, rounds: int) -> dict[str, Samples]:
    """Measure COPY, the first and the second import in turn."""

    def pid() -> int:
        with bench.kernel.sessions() as session:
            return int(session.scalar(text("select pg_backend_pid()")) or 0)

    def first() -> Any:
        bench.empty()
        return lambda: bench.bring_in("first")

    def second() -> Any:
        with bench.admin.cursor() as cursor:
            cursor.execute("select count(*) from outlet where licence_no like '9977%'")
            (have,) = cursor.fetchone() or (0,)
        if not have:
            bench.bring_in("filling")
        return lambda: bench.bring_in("second")

    def copied() -> Any:
        with bench.admin.cursor() as cursor:
            cursor.execute("truncate bare_outlet")
        return lambda: bench.copy(rows)

    candidates = [
        Candidate("copy", copied, backend=bench.copying.get_backend_pid),
        Candidate("first", first, backend=pid),
        Candidate("second", second, backend=pid),
    ]
    return measure(candidates, rounds)


def report(count: int, samples: dict[str, Samples], steps: dict[str, Steps]) -> None:
    """The table: the whole, the steps of a first import, and the ratios."""
    table = Report(f"导入 {count:,} 户零售户（XLSX） · import of {count:,} outlets from XLSX")
    table.add_times("底线 floor: COPY into the same table and indexes", samples["copy"])
    table.add_times("首次导入 first import", samples["first"])
    rounds = len(samples["first"].wall)
    for name in ("read", "plan", "apply"):
        words = {
            "read": "读取与审核 read and judge",
            "plan": "落格与比对 place and compare",
            "apply": "写入 write",
        }[name]
        table.add(f"    {words}", getattr(steps["first"], name)[-rounds:], unit=" s")
    taken = steps["first"]
    inside = list(zip(taken.read[-rounds:], taken.plan[-rounds:], taken.apply[-rounds:], strict=True))
    upkeep = [whole - sum(parts) for whole, parts in zip(samples["first"].wall, inside, strict=True)]
    table.add("    维护与提交 upkeep and commit", upkeep, unit=" s")
    table.add_times("再次导入，无变化 second import, nothing changed", samples["second"])
    table.line()
    table.add("首次 / COPY first / the floor", ratios(samples["first"].wall, samples["copy"].wall), digits=1)
    database = [
        backend / copy for backend, copy in zip(samples["first"].backend, samples["copy"].wall, strict=True)
    ]
    table.add("首次，仅数据库 PostgreSQL's part of it / the floor", database, digits=1)
    table.add("再次 / 首次 second / first", ratios(samples["second"].wall, samples["first"].wall))
    written = [parts[2] + rest for parts, rest in zip(inside, upkeep, strict=True)]
    table.add("写入事务 the writing transaction", written, unit=" s", target=Target(at_most=MAX_SECONDS))
    table.show()


if __name__ == "__main__":
    main()
