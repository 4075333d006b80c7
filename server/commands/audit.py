"""``xunge audit``: the trail, its chain, and the proof of it."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from sqlalchemy import select

from schemas.audit import EventOut
from server.audit.chaining import last_seal, seal_events, tail_of
from server.audit.heads import BadHead, Head, read_head, sign_head
from server.audit.queries import as_seen, trail
from server.audit.verifying import Broken, Fault, Proof, count_seals, verify_chain
from server.commands.acting import acting, as_account, of_bureau
from server.commands.bureau import bureau_work
from server.commands.printing import count_progress, print_table
from server.commands.times import Moment
from server.covered import CONTENTS
from server.house import compose
from server.kernel.actor import house
from server.kernel.db import table_of
from server.kernel.events import Event
from server.kernel.paging import page_of_rows
from server.kernel.permissions import Permission
from server.kernel.settings import read_settings
from server.kernel.work import Kernel
from server.org.models import Bureau
from sync.keys import KeyRing, KeysUnusable

_WORDS = {
    Broken.SEAL_MISSING: "缺少封存 · a seal is missing",
    Broken.SEAL_CHANGED: "封存被改动 · a seal was changed",
    Broken.LINK_BROKEN: "与前一封存不相连 · a seal does not follow the one before",
    Broken.EVENT_MISSING: "事件被删除 · an event was removed",
    Broken.EVENT_CHANGED: "事件被改动 · an event was changed",
    Broken.EVENT_MOVED: "事件的事务号被改动 · an event's transaction was changed",
    Broken.EVENT_INSERTED: "已封存的部分被插入事件 · an event was put in among sealed ones",
    Broken.ROW_MISSING: "记录被删除 · a record was removed",
    Broken.ROW_CHANGED: "记录被改动 · a record was changed",
    Broken.ROW_UNNAMED: "没有事件说明来历的记录 · a record that no event tells of",
    Broken.ANCHOR_DIFFERS: "与以前的链头不符 · not what an earlier head says",
    Broken.ANCHOR_BEYOND: "链比以前的链头短 · the chain is shorter than an earlier head",
}


@click.group("audit")
def group() -> None:
    """审计链：核验、链头、事件 · the audit trail, its chain and the proof of it."""


@group.command()
@of_bureau
@click.option("--since", type=Moment(), help="只核验此后的封存 · only seals made since")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="以前导出的链头文件，可多次 · a file of earlier heads; may be repeated",
)
@click.option(
    "--keys",
    "public",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="核验链头的公钥文件，默认用本机密钥 · a public JWK set; default: the keys of this machine",
)
def verify(
    bureau: str | None, since: datetime | None, anchors: tuple[Path, ...], public: Path | None
) -> None:
    """核验审计链；有改动、删除、换序即退出码 1 · verify the chain; exit code 1 and the first broken place."""
    settings = read_settings()
    heads = _heads(anchors, public or settings.receipt_keys_file, is_ring=public is None)
    kernel = compose(settings)
    sound = True
    try:
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=settings.zone)
        for bureau_id, name in _bureaus(kernel, bureau):
            sound &= _told(name, _proof(kernel, bureau_id, name, since, heads))
    finally:
        kernel.close()
    if not sound:
        sys.exit(1)


def _proof(
    kernel: Kernel, bureau_id: uuid.UUID, name: str, since: datetime | None, heads: list[Head]
) -> Proof:
    with kernel.work(house(bureau_id), datetime.now(UTC)) as work, count_progress() as bar:
        task = bar.add_task(f"核验 {name}", total=count_seals(work.session, bureau_id))
        return verify_chain(
            work.session,
            bureau_id,
            CONTENTS,
            since=since,
            anchors=heads,
            progress=lambda done: bar.advance(task, done),
        )


def _told(name: str, proof: Proof) -> bool:
    """Print what was found; whether the chain is sound."""
    tail = proof.tail
    waiting = f"{tail.since.astimezone():%Y-%m-%d %H:%M:%S %z}" if tail.since else ""
    unsealed = (
        f"未封存事件 {tail.events} 个，最早 {waiting} · {tail.events} events are not sealed, the oldest of {waiting}"
        if tail.events
        else "没有未封存的事件 · no event is left unsealed"
    )
    if proof.fault is None:
        head = f"{proof.last.position} {proof.last.digest.hex()}" if proof.last else "—"
        click.echo(
            f"{name}：链完好，核验封存 {proof.seals} 个 · the chain is sound, {proof.seals} seals verified"
        )
        click.echo(f"  链头 · head: {head}")
    else:
        click.echo(f"{name}：{_WORDS[proof.fault.what]} [{proof.fault.what}]", err=True)
        for line in _lines(proof.fault):
            click.echo(f"  {line}", err=True)
    click.echo(f"  {unsealed}")
    return proof.fault is None


def _lines(fault: Fault) -> list[str]:
    told = {
        "封存序号 · position": fault.position,
        "事件 · event seq": fault.seq,
        "记录 · row": fault.row,
        "应为 · expected": fault.expected,
        "实为 · found": fault.found,
    }
    return [f"{word}: {value}" for word, value in told.items() if value is not None]


def _heads(files: tuple[Path, ...], keys_file: Path, *, is_ring: bool) -> list[Head]:
    """The heads of the files, one a line; lines that are empty or begin with # are passed over."""
    lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    signed = [line for line in lines if line and not line.startswith("#")]
    if not signed:
        return []
    try:
        keys = KeyRing(keys_file).public() if is_ring else json.loads(keys_file.read_bytes())
        return [read_head(line, keys) for line in signed]
    except (BadHead, KeysUnusable, ValueError) as error:
        raise click.ClickException(
            f"链头签名无效 · an earlier head is not signed by our keys: {error}"
        ) from error


def _bureaus(kernel: Kernel, name: str | None) -> list[tuple[uuid.UUID, str]]:
    with kernel.sessions() as session:
        bureaus = session.execute(select(Bureau.id, Bureau.name).order_by(Bureau.name)).all()
    found = [(one.id, one.name) for one in bureaus if name in (None, one.name)]
    if not found:
        raise click.ClickException(f"没有这个单位 · there is no such bureau: {name}")
    return found


@group.command()
@of_bureau
def seal(bureau: str | None) -> None:
    """立即封存能封存的事件 · seal what can be sealed now; the worker does it every minute."""
    kernel = compose(read_settings())
    try:
        for bureau_id, name in _bureaus(kernel, bureau):
            done = 0
            while True:
                with kernel.work(house(bureau_id), datetime.now(UTC)) as work:
                    sealed = seal_events(work, CONTENTS)
                if not sealed:
                    break
                done += sealed
            with kernel.sessions() as session:
                left = tail_of(session, bureau_id).events
            click.echo(f"{name}：封存 {done} 个，余 {left} 个 · sealed {done}, {left} left")
    finally:
        kernel.close()


@group.command()
@of_bureau
def head(bureau: str | None) -> None:
    """输出签名的链头，存于本系统之外 · print the signed head, to be kept elsewhere."""
    with bureau_work(bureau) as work:
        last = last_seal(work.session, work.bureau_id)
        if last is None:
            raise click.ClickException("还没有封存 · nothing is sealed yet: xunge audit seal")
        try:
            signed = sign_head(last, work.now, KeyRing(work.settings.receipt_keys_file))
        except KeysUnusable as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"# 第 {last.position} 位 · position {last.position}, {last.sealed_at:%Y-%m-%dT%H:%M:%SZ}")
        click.echo(signed)


@group.command()
@click.option("--subject", type=click.UUID, help="记录、账号、手持机等的编号 · the id of what it is about")
@click.option("--account", type=click.UUID, help="何人所为 · whose acts")
@click.option("--name", help="事件名，如 session. · a name, or a noun with its dot")
@click.option("--since", type=Moment(), help="自此时 · since")
@click.option("--until", type=Moment(), help="至此时（不含）· until, exclusive")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@of_bureau
@as_account
def show(bureau: str | None, username: str | None, limit: int, shape: str, **asked: Any) -> None:
    """列出事件，最早的在前 · list events, the oldest first: the trail of one subject, person or noun."""
    with acting(bureau, username, Permission.AUDIT_READ) as work:
        for bound in ("since", "until"):
            if asked[bound] is not None and asked[bound].tzinfo is None:
                asked[bound] = asked[bound].replace(tzinfo=work.zone)
        page = page_of_rows(work.session, trail(work.actor, asked), [table_of(Event).c.seq], None, limit)
        rows = [as_seen(work.actor, row) for row in page["items"]]
        if shape == "json":
            click.echo(json.dumps(EventOut(many=True).dump(rows), ensure_ascii=False, indent=1))
        else:
            _print(rows, work.zone)
    if page["after"] is not None:
        click.echo("还有更多，请缩小范围或加大 --limit · there are more", err=True)


def _print(rows: list[dict[str, Any]], zone: Any) -> None:
    table = Table(
        "封存 · seal", "时间 · at", "事件 · event", "账号 · account", "对象 · subjects", "内容 · facts"
    )
    for row in rows:
        subjects = row["subject_ids"]
        more = f" … ({len(subjects)})" if len(subjects) > 1 else ""
        table.add_row(
            str(row["position"] or "—"),
            f"{row['at'].astimezone(zone):%Y-%m-%d %H:%M:%S}",
            row["name"],
            str(row["account_id"] or "—"),
            f"{subjects[0]}{more}" if subjects else "—",
            "（不予显示 · withheld）" if row["withheld"] else json.dumps(row["facts"], ensure_ascii=False),
        )
    print_table(table)
