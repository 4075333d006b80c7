"""``xunge demo`` and ``xunge demo-shift``: the invented city, and one officer's day in it."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from server.access.ops import hash_password
from server.commands.printing import console
from server.demo.city import build_city
from server.demo.load import load_demo, reset_passwords, usernames
from server.demo.shift.play import play
from server.house import compose
from server.kernel.packaged_workdays import packaged_workdays
from server.kernel.settings import read_settings


@click.command()
@click.option(
    "--accounts",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("var/demo.json"),
    show_default=True,
)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True)
def demo(accounts: Path, url: str) -> None:
    """载入样例市 · load the demo city, or bring it up to today."""
    kernel = compose(read_settings())
    now = datetime.now(UTC)
    password = _known_password(accounts)
    given = password or secrets.token_urlsafe(9)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("样例市 · demo city", total=None)
        loaded = load_demo(
            kernel,
            now,
            given,
            packaged_workdays(),
            lambda done, of: bar.update(task, completed=done, total=of),
        )
    if password is None and not loaded.new_city:
        # The file with the sign-ins is gone, and only the hash is kept: everybody gets a new password.
        reset_passwords(kernel, build_city(), hash_password(given), now)
    _write(accounts, url, [(name, roles, given) for name, roles in usernames(kernel, build_city())])
    click.echo(f"样例市就绪，新增记录 {loaded.records} 条 · the demo city is ready")


def _known_password(path: Path) -> str | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return str(held["accounts"][0]["password"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _write(path: Path, url: str, accounts: list[tuple[str, list[str], str]]) -> None:
    """Only whoever runs the demo may read its passwords."""
    body = {
        "url": url,
        "accounts": [
            {"role": _first_role(roles), "roles": roles, "username": name, "password": password}
            for name, roles, password in accounts
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(body, file, ensure_ascii=False, indent=1)


def _first_role(roles: list[str]) -> str:
    """A squad leader is an officer too; the wider role is what the account is for."""
    return "squad_leader" if "squad_leader" in roles else roles[0]


@click.command("demo-shift")
@click.option(
    "--accounts",
    type=click.Path(path_type=Path, exists=True),
    default=Path("var/demo.json"),
    show_default=True,
)
@click.option("--seed", type=int, help="复现某次运行 · replay a run")
def demo_shift(accounts: Path, seed: int | None) -> None:
    """一名执法人员的一天：离线检查、弱网同步、报表变化 · one officer's day against a running server."""
    given = json.loads(accounts.read_text(encoding="utf-8"))
    receipt = play(given, seed if seed is not None else secrets.randbelow(2**31), console())
    kept = accounts.with_name("receipt.jws")
    kept.write_text(receipt, encoding="ascii")
    click.echo(f"\n回执已存为 {kept}，离线核验 · verify it offline: xunge keys verify {kept}")
