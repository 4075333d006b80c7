"""The stable codes as the sources have them, read from the syntax tree so that none is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _trees(*places: str) -> Iterator[ast.AST]:
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield ast.parse(file.read_text(encoding="utf-8"))


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def in_dicts(*places: str) -> set[str]:
    """Every literal ``{"code": "…"}``."""
    return {
        code
        for tree in _trees(*places)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is not None and _text(key) == "code" and (code := _text(value)) is not None
    }


def in_calls(name: str, *places: str, at: int = 0) -> set[str]:
    """Every literal given in that place to a function or method of that name."""
    return {
        code
        for tree in _trees(*places)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == name and len(node.args) > at
        if (code := _text(node.args[at])) is not None
    }


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def appended(name: str, *places: str) -> set[str]:
    """Every literal appended to a list of that name, such as ``found.flags``."""
    return {
        code
        for tree in _trees(*places)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "append" and isinstance(node.func, ast.Attribute)
        if (getattr(node.func.value, "attr", None) or getattr(node.func.value, "id", None)) == name
        for argument in node.args
        for part in ([argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument])
        if (code := _text(part)) is not None
    }
