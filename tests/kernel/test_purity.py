"""Rules stay rules: what decides imports nothing that reads or writes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SERVER = Path(__file__).resolve().parents[2] / "server"
WORLDLY = {
    "sqlalchemy",
    "geoalchemy2",
    "flask",
    "flask_smorest",
    "marshmallow",
    "webargs",
    "rq",
    "redis",
    "httpx",
}
PURE_NAMES = (
    *("caps.py", "matching.py", "periods.py", "population.py", "rulebook.py", "rules.py", "signers.py"),
    *("tally.py", "units.py", "workdays.py"),
)
PURE = sorted(
    path
    for path in SERVER.rglob("*.py")
    if path.name in PURE_NAMES and path.parent.name != "commands" and "demo" not in path.parts
)


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_there_are_rules() -> None:
    assert {path.relative_to(SERVER).as_posix() for path in PURE} >= {
        "cadence/matching.py",
        "cadence/periods.py",
        "cadence/rules.py",
        "cadence/tally.py",
        "kernel/workdays.py",
        "records/rules.py",
    }


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.relative_to(SERVER).as_posix())
def test_rules_read_and_write_nothing(path: Path) -> None:
    seen: set[Path] = set()
    waiting = [path]
    # What a rule imports of ours must be pure as well.
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        names = imported(one)
        assert not {name.split(".")[0] for name in names} & WORLDLY, one
        for name in names:
            target = SERVER.parent / f"{name.replace('.', '/')}.py"
            if name.startswith(("server.", "schemas.", "gis.")) and target.exists():
                waiting.append(target)


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.relative_to(SERVER).as_posix())
def test_rules_ask_no_clock(path: Path) -> None:
    asked = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not asked & {"now", "today", "utcnow", "monotonic", "perf_counter"}, path
