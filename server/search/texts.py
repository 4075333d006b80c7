"""The text by which a record is found: its subject, what was written, chosen and failed, with persons masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server.privacy.masking import is_machine_made, masked

_ENVELOPE = ("narrative", "amend_reason", "no_fix_reason", "approval_no", "body_cam_ref")
MOST = 20_000
"""Characters of one record that are looked at; a day's longest record has a tenth of it."""


def text_of(document: Mapping[str, Any], schema: Mapping[str, Any] | None, subject: str) -> str:
    """All that may be looked for in a record, in the order of the document, behind what tells of its subject.

    Choices are told by the form's own labels, and items of a checklist by their titles where they failed.
    """
    shown = masked(document, schema)
    told = [str(shown[name]) for name in _ENVELOPE if shown.get(name)]
    return " ".join([subject, *told, *_words(shown.get("answers"), schema)])[:MOST]


def _words(node: Any, schema: Any) -> Iterator[str]:
    said: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    if isinstance(node, Mapping):
        if node.get("result") == "fail" and "title" in said:
            yield str(said["title"])
        for name, inner in node.items():
            yield from _words(inner, said.get("properties", {}).get(name))
    elif isinstance(node, list):
        for inner in node:
            yield from _words(inner, said.get("items"))
    elif isinstance(node, str) and not is_machine_made(node):
        yield str(said.get("labels", {}).get(node, node))
