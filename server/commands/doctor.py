"""``xunge doctor``: is everything there that Xunge needs?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime

import click

from server import migrate
from server.commands.printing import console
from server.doctor import Level, examine
from server.kernel.settings import read_settings

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


@click.command()
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(shape: str) -> None:
    """检查运行环境，逐项说明怎么办；有 fail 时退出码为 1 · examine the installation; exit 1 where a part fails."""
    findings = list(examine(read_settings(), migrate.newest_revision(), lambda: datetime.now(UTC)))
    if shape == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            colour = _COLOURS[finding.level]
            console().print(f"[{colour}]{finding.level:<5}[/] {finding.part}: ", end="")
            console().print(finding.told, markup=False, highlight=False)
            if finding.advice:
                console().print(f"      → {finding.advice}", markup=False, highlight=False)
    if any(finding.level is Level.FAIL for finding in findings):
        sys.exit(1)
