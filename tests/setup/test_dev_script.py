"""The script that everybody starts with must at least start itself."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
DEV = ROOT / "dev"
SCRIPTS = [DEV, *sorted((ROOT / "dev.d").glob("*.sh")), ROOT / ".ci" / "run", ROOT / "deploy" / "db-init.sh"]
COMMANDS = ("demo", "up", "down", "status", "reset", "test", "guards", "check", "bench", "xunge", "env")


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_lists_the_commands(arguments: list[str]) -> None:
    answer = _run(DEV, *arguments)
    assert answer.returncode == 0, answer.stderr
    for command in COMMANDS:
        assert f"./dev {command}" in answer.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["demo", "--nonsense"],
        ["down", "now"],
        ["env"],
        ["env", "prod"],
        ["bench", "../x"],
        ["test", "-n", "2"],
    ],
)
def test_a_wrong_command_explains_itself_and_starts_nothing(arguments: list[str]) -> None:
    answer = _run(DEV, *arguments)
    assert answer.returncode == 2
    assert "./dev demo" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    "script", [DEV, ROOT / ".ci" / "run", ROOT / "deploy" / "db-init.sh"], ids=lambda path: path.name
)
def test_scripts_are_executable(script: Path) -> None:
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_well_formed(script: Path) -> None:
    answer = _run("bash", "-n", script)
    assert answer.returncode == 0, answer.stderr


def test_the_script_calls_commands_that_exist() -> None:
    from server.cli import main

    assert isinstance(main, click.Group)
    text = "".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    called = set(re.findall(r'"\$XUNGE" ([a-z]+)', text))
    assert {"serve", "worker", "scheduler", "migrate", "demo", "openapi"} <= called
    assert called <= set(main.list_commands(click.Context(main)))
