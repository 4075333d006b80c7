"""The files of the forms, read and made whole: with what they build on, and with every shape filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from schemas.record import DATE_PATTERN, MAX_TEXT, SHA256_PATTERN, TIMESTAMP_PATTERN, UUID_PATTERN

_SHAPES: dict[str, Any] = {
    "day": {"type": "string", "pattern": DATE_PATTERN},
    "timestamp": {"type": "string", "pattern": TIMESTAMP_PATTERN},
    "sha256": {"type": "string", "pattern": SHA256_PATTERN},
    "uuid": {"type": "string", "pattern": UUID_PATTERN},
}


class FormFileError(ValueError):
    """A packaged form cannot be built: it names a form or a shape that is not there."""


def read_form_rows() -> Iterator[dict[str, Any]]:
    """Each packaged form version as the columns of the table of forms.

    Raises:
        FormFileError: when a file names a form or a shape that is not there, or builds on itself.
    """
    for entry in files("server.records").joinpath("forms").iterdir():
        if entry.name.endswith(".json"):
            yield _row(_gathered(entry.name.removesuffix(".json"), ()))


def _gathered(name: str, inside: tuple[str, ...]) -> dict[str, Any]:
    """A file with all that it builds on laid under it, less the properties that it does ``without``."""
    if name in inside:
        raise FormFileError(f"{name} builds on itself by way of {' → '.join(inside)}")
    source = files("server.records").joinpath(f"forms/{name}.json")
    try:
        own = json.loads(source.read_text("utf-8"))
    except FileNotFoundError as error:
        raise FormFileError(f"there is no form {name}") from error
    whole: dict[str, Any] = {
        "shapes": {},
        "checklist": {},
        "properties": {},
        "required_items": [],
        "demands": {},
    }
    for part in (*(_gathered(base, (*inside, name)) for base in own.pop("extends", ())), own):
        for name in part.pop("without", ()):
            del whole["properties"][name]
        properties = part.pop("answers_schema", {}).get("properties", {}) | part.pop("properties", {})
        whole["properties"] |= properties
        whole["required_items"] += [
            item for item in part.pop("required_items", ()) if item not in whole["required_items"]
        ]
        for key in ("shapes", "checklist", "demands"):
            whole[key] |= part.pop(key, {})
        # What a later version asks besides in each row of a list that is there already.
        for name, added in part.pop("rows", {}).items():
            whole["properties"][name]["items"]["properties"] |= added
        whole |= part
    return whole


def _row(whole: dict[str, Any]) -> dict[str, Any]:
    shapes = _SHAPES | whole["shapes"]
    properties = dict(whole["properties"])
    required = list(whole["required_items"])
    if whole["checklist"]:
        items = {name: {"is": "check", **item} for name, item in whole["checklist"].items()}
        properties["items"] = {"title": "检查项目", "type": "object", "properties": items}
        required += [[f"/items/{name}", whole.get("checklist_when")] for name in items]
    schema = _expanded({"type": "object", "properties": properties}, shapes, nullable=False)
    return {
        **{key: whole[key] for key in ("form_code", "version", "kind", "tier", "title")},
        "answers_schema": {"$schema": "http://json-schema.org/draft-07/schema#", **schema},
        "demands": {**whole["demands"], "title_en": whole["title_en"], "required_items": required},
    }


def _shape(name: str, shapes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A shape by its name, or a property of one: ``goods_line``, ``goods_line.unit``."""
    first, *path = name.split(".")
    node: Any = shapes.get(first)
    for part in path:
        node = node and node.get("properties", {}).get(part)
    if node is None:
        raise FormFileError(f"there is no shape {name}")
    found: Mapping[str, Any] = node
    return found


def _expanded(node: Mapping[str, Any], shapes: Mapping[str, Any], *, nullable: bool) -> dict[str, Any]:
    """A node of a schema with its shape filled in, to which it may add properties of its own.

    What is not required may be null: a screen leaves fields so.
    """
    if "is" in node:
        shape = _shape(node["is"], shapes)
        own = {key: value for key, value in node.items() if key != "is"}
        if "properties" in own:
            own["properties"] = {**shape["properties"], **own["properties"]}
        node = {**shape, **own}
    whole = dict(node)
    if "choices" in whole:
        labels = whole.pop("choices")
        whole |= {"enum": [*labels, None] if nullable else [*labels], "labels": labels}
        return whole
    if whole["type"] == "string" and "pattern" not in whole:
        whole.setdefault("maxLength", MAX_TEXT)
    if nullable:
        whole["type"] = [whole["type"], "null"]
    if "properties" in whole:
        required = whole.get("required", ())
        whole["properties"] = {
            name: _expanded(child, shapes, nullable=name not in required)
            for name, child in whole["properties"].items()
        }
        # PostgreSQL's jsonb forgets the order of keys, and people fill a form from top to bottom.
        whole["order"] = [*whole["properties"]]
    if "items" in whole:
        whole["items"] = _expanded(whole["items"], shapes, nullable=False)
    return whole
