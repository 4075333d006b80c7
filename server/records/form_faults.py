"""What is wrong with a draft of a form, gathered so that its author hears of all of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_FAULTS = 50


class Faults:
    """Faults as the fields of a problem: JSON pointer into the draft, stable code, Chinese sentence and English."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def fault(self, path: str, code: str, detail: str) -> None:
        if len(self.found) < MOST_FAULTS:
            self.found.append({"path": path, "code": code, "detail": detail})


def node_at(schema: Mapping[str, Any], pointer: str) -> Mapping[str, Any] | None:
    """The part of a schema of answers at a pointer such as ``/stops/*/plate``, ``None`` where it leads nowhere."""
    if not pointer.startswith("/"):
        return None
    node: Any = schema
    for name in pointer.split("/")[1:]:
        node = node.get("items") if name == "*" else (node.get("properties") or {}).get(name)
        if not isinstance(node, Mapping):
            return None
    found: Mapping[str, Any] = node
    return found


def kinds_of(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of a node but for null; ``choice`` where it is one of a list."""
    if "enum" in node:
        return ("choice",)
    given = node.get("type")
    types = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    # A type is a word: what is null within a list is none, while a node without a type has none at all.
    return tuple(str(one) for one in types if one != "null" and (one is not None or types is given))
