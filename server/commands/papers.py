"""``xunge papers`` prints the papers of a record; ``xunge numbers`` is about their official numbers."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import click
from sqlalchemy import select

from schemas.papers import VerifiedOut
from schemas.vocabulary import PaperKind
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bureau import bureau_work, bureau_works
from server.commands.printing import headed, print_table
from server.commands.times import Day
from server.house import compose
from server.kernel.permissions import Permission
from server.kernel.settings import read_settings
from server.kernel.work import Work
from server.papers.models import OfficialNumber
from server.papers.numbering import number_records, set_style, style_on
from server.papers.printing import list_papers, print_paper
from server.papers.rules import written_number
from server.papers.verification import verify as verify_code
from server.records.models import Record
from server.records.queries import visible_to
from server.reports.sheets import NO_FIGURE

_KINDS = [kind.value for kind in PaperKind]
_FEWEST = 6
"""Characters of an id from which a record is looked for."""


@click.command()
@click.argument("record", metavar="RECORD_ID")
@click.option(
    "--kind", type=click.Choice(_KINDS), help="文书种类，默认记录本身的文书 · default: the record's own"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="PDF 文件 · the file to write")
@click.option("--with-photos", is_flag=True, help="附现场照片 · add the photos as an annex")
@click.option(
    "--list", "only_list", is_flag=True, help="只列出可出具的文书 · only list what the record gives"
)
@as_account
@of_bureau
def papers(
    record: str,
    kind: str | None,
    out: Path | None,
    with_photos: bool,
    only_list: bool,
    username: str | None,
    bureau: str | None,
) -> None:
    """打印一条记录的文书 · print a paper of a record as PDF.

    RECORD_ID 是记录编号、其开头至少六位，或正式编号 · an id, its first six characters or more, or an official number.
    """
    with acting(bureau, username, Permission.PAPER_PRINT) as work:
        record_id = _find(work, record)
        if only_list:
            _show(list_papers(work, record_id))
            return
        printed = print_paper(work, record_id, PaperKind(kind) if kind else None, with_photos=with_photos)
        path = out or Path(printed.file_name)
        try:
            path.write_bytes(printed.pdf)
        except OSError as error:
            raise click.ClickException(
                f"不能写入 {path}：{error.strerror} · cannot write to {path}"
            ) from error
    click.echo(f"{printed.model.title} {printed.model.number or '（正式编号待编 · not numbered yet）'}")
    click.echo(f"{path}  SHA-256 {printed.sha256}")


def _find(work: Work, text: str) -> uuid.UUID:
    """The one record that is meant, of those that the actor may see."""
    visible = visible_to(work.actor).with_only_columns(Record.id)
    if matched := re.fullmatch(r"(.{2,24})〔(\d{4})〕(\d{1,9})号", text.strip()):
        series, year, serial = matched[1], int(matched[2]), int(matched[3])
        numbered = select(OfficialNumber.record_id).filter_by(
            bureau_id=work.bureau_id, series=series, year=year, serial=serial
        )
        found = list(work.session.scalars(visible.where(Record.id.in_(numbered))))
    else:
        plain = text.strip().lower().replace("-", "")
        if not re.fullmatch(f"[0-9a-f]{{{_FEWEST},32}}", plain):
            raise click.ClickException(
                f"“{text}”不是记录编号：应为 UUID、其开头至少 {_FEWEST} 位，或如“样烟检〔2026〕1号”的正式编号 · "
                f"not an id, not the first {_FEWEST} characters or more of one, and not an official number"
            )
        first, last = (uuid.UUID(plain.ljust(32, filler)) for filler in "0f")
        found = list(work.session.scalars(visible.where(Record.id.between(first, last)).limit(6)))
    if not found:
        raise click.ClickException(
            f"没有编号为“{text}”的记录，或不在您的范围内 · no record {text}, or none that you may see"
        )
    if len(found) > 1:
        shown = "\n".join(f"  {one}" for one in sorted(found)[:5])
        raise click.ClickException(
            f"以“{text}”开头的记录不止一条，请多写几位 · several records begin so, write more of the id:\n{shown}"
        )
    return found[0]


def _show(items: list[dict[str, object]]) -> None:
    table = headed("文书", "种类", "正式编号", "临时编号", "打印次数", "核验码")
    for one in items:
        table.add_row(
            *(
                str(one[name] or NO_FIGURE)
                for name in ("title", "kind", "number", "provisional_no", "times_printed", "code")
            )
        )
    print_table(table)


@click.group("numbers")
def numbers() -> None:
    """文书编号：字号、登记簿、核验 · official numbers of papers."""


@numbers.command("list")
@click.option("--year", type=int, help="年度，默认今年 · default: this year")
@click.option("--last", "most", default=50, show_default=True, help="最后几个 · how many of the last")
@of_bureau
def list_(year: int | None, most: int, bureau: str | None) -> None:
    """列出已编的编号 · list the numbers that were given, the last ones first."""
    table = headed("编号", "文书", "编号时间", "记录")
    with bureau_work(bureau) as work:
        today = work.now.astimezone(work.zone).date()
        rows = work.session.scalars(
            select(OfficialNumber)
            .filter_by(bureau_id=work.bureau_id, year=year or today.year)
            .order_by(OfficialNumber.numbered_at.desc(), OfficialNumber.series, OfficialNumber.serial.desc())
            .limit(most)
        )
        for row in rows:
            table.add_row(
                written_number(row.series, row.year, row.serial),
                PaperKind(row.paper_kind).label_zh,
                row.numbered_at.astimezone(work.zone).isoformat(timespec="minutes"),
                str(row.record_id),
            )
    print_table(table)


@numbers.command()
@of_bureau
def give(bureau: str | None) -> None:
    """立即编号（后台任务每分钟自动进行）· number what waits now; the worker does so every minute."""
    total = 0
    with bureau_works(bureau) as open_work:
        while True:
            with open_work(datetime.now(UTC)) as work:
                settled = number_records(work)
            total += settled
            if not settled:
                break
    click.echo(f"已编 {total} 份 · {total} papers settled")


@numbers.command()
@click.option("--abbreviation", help="单位代字，如 样烟 · the bureau's abbreviation")
@click.option(
    "--word",
    "words",
    multiple=True,
    metavar="KIND=WORD",
    help="某类文书的字，如 inspection_record=检 · the word of a kind of paper",
)
@click.option("--from", "from_day", type=Day(), help="自哪天起，默认今天 · from which day, default: today")
@as_account
@of_bureau
def style(
    abbreviation: str | None,
    words: tuple[str, ...],
    from_day: date | None,
    username: str | None,
    bureau: str | None,
) -> None:
    """查看或设定编号的字号 · show or set what numbers begin with."""
    with acting(bureau, username, Permission.POLICY_MANAGE) as work:
        today = work.now.astimezone(work.zone).date()
        shown = style_on(work, from_day or today)
        if abbreviation or words:
            given = dict(_pair(one) for one in words)
            shown = set_style(
                work,
                abbreviation or shown.abbreviation,
                {**{kind.value: word for kind, word in shown.words.items()}, **given},
                from_day or today,
            )
        table = headed("文书", "种类", "编号样式")
        for kind in PaperKind:
            number = written_number(shown.series(kind), (from_day or today).year, 1)
            table.add_row(kind.label_zh, kind.value, number)
    print_table(table)


def _pair(text: str) -> tuple[str, str]:
    kind, _, word = text.partition("=")
    if kind not in _KINDS or not word:
        raise click.BadParameter(
            f"{text}：应如 inspection_record=检，种类为 {'、'.join(_KINDS)} · write KIND=WORD",
            param_hint="--word",
        )
    return kind, word


@numbers.command()
@click.argument("code")
def verify(code: str) -> None:
    """凭核验码核验文书 · verify a paper by its code."""
    kernel = compose(read_settings())
    try:
        told = VerifiedOut().dump(verify_code(kernel, code))
    finally:
        kernel.close()
    click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    if told["state"] == "unknown":
        raise SystemExit(1)
