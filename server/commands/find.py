"""``xunge find``: records by words, people, places and times, listed or as a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from schemas.search import EXPORTS, SearchConditions
from server.commands.acting import of_bureau
from server.commands.bodies import loaded
from server.commands.bureau import bureau_work
from server.commands.printing import count_progress, headed, print_table
from server.commands.times import Moment
from server.kernel.paging import page_of
from server.records.kinds import KIND_NAMES
from server.records.models import Record
from server.search.exporting import export
from server.search.indexing import how_many_wait, index_waiting
from server.search.queries import described, find


@click.command("find")
@click.argument("words", nargs=-1)
@click.option("--licence", "licence_no", help="许可证号 · licence number")
@click.option("--officer", "officer_id", help="人员 id · an officer's id")
@click.option("--plate", help="车牌（完整）· a whole plate")
@click.option("--kind", help="记录种类，如 site_visit · kind of record")
@click.option("--finding", help="问题或提示代码 · code of a finding or flag")
@click.option("--cause", help="案由代码 · code of a cause")
@click.option("--number", help="文书编号 · official number")
@click.option("--bbox", help="west,south,east,north")
@click.option("--since", type=Moment())
@click.option("--until", type=Moment())
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="存为文件，按扩展名 .csv .xlsx .gpkg · write a file instead",
)
@of_bureau
def command(
    words: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int,
    out: Path | None,
    bureau: str | None,
    **conditions: str | None,
) -> None:
    """检索记录（简繁、拼音首字母均可）· find records."""
    shape = out.suffix.removeprefix(".").lower() if out else ""
    if out and shape not in EXPORTS:
        raise click.UsageError("文件扩展名应为 .csv、.xlsx 或 .gpkg · name the file .csv, .xlsx or .gpkg")
    given: dict[str, Any] = {name: value for name, value in conditions.items() if value is not None}
    if words:
        given["q"] = " ".join(words)
    asked = loaded(given, SearchConditions()) | {"since": since, "until": until}
    with bureau_work(bureau) as work:
        if out:
            out.write_bytes(export(work, find(work, asked), shape))
            click.echo(f"已存为 {out} · written")
            return
        keys = [Record.performed_at, Record.id]
        page = page_of(work.session, find(work, asked), keys, None, limit, newest_first=True)
        hits, zone = described(work, page["items"], asked["q"]), work.zone
    if not hits:
        click.echo("没有找到 · nothing found")
        return
    table = headed("检查时间", "种类", "对象", "网格", "人员", "所在", "记录")
    for hit in hits:
        at = hit["performed_at"].astimezone(zone).strftime("%Y-%m-%d %H:%M")
        told = hit["excerpt"] or "、".join(hit["plates"])
        cells = (
            at,
            KIND_NAMES.get(hit["kind"], hit["kind"]),
            hit["subject_name"] or "",
            hit["cell_code"] or "",
            "、".join(hit["officers"]),
            told,
        )
        table.add_row(*cells, str(hit["id"]))
    print_table(table)
    if page["after"]:
        click.echo(f"只列出前 {limit} 条，用 --limit 多列，或 --out 存为文件 · there are more")


@click.command("reindex")
@of_bureau
def reindex(bureau: str | None) -> None:
    """把还不能按词检索的记录编入索引（平时自动进行）· index records that cannot be found by words yet."""
    done = 0
    with count_progress() as bar:
        with bureau_work(bureau) as work:
            task = bar.add_task("编入索引 · indexing", total=how_many_wait(work))
        made = 1
        while made:
            with bureau_work(bureau) as work:
                made = index_waiting(work)
            done += made
            bar.advance(task, made)
    click.echo(f"编入 {done} 条 · indexed")
