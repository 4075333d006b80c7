"""Bodies of the API as files and options of the command line, and its answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from marshmallow import Schema, ValidationError

from server.kernel.arguments import refuse_unstorable
from server.kernel.http import problem_of_fields
from server.kernel.problems import Problem


def read_json(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        Problem: ``bad_request`` for a file that is no JSON in UTF-8.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem("bad_request", detail=f"{file} 不是有效的 JSON：{error}") from error


def read_file(file: Path, schema: Schema) -> Any:
    """What a JSON file gives.

    Raises:
        Problem: ``bad_request``; ``invalid`` with each field at fault, as over HTTP.
    """
    return loaded(read_json(file), schema)


def loaded(value: Any, schema: Schema) -> Any:
    """What a body gives.

    Raises:
        Problem: ``invalid`` with each field at fault, as over HTTP.
    """
    refuse_unstorable([("", value)])
    try:
        return schema.load(value)
    except ValidationError as error:
        raise problem_of_fields(error) from error


def print_json(schema: Schema, value: Mapping[str, Any]) -> None:
    """Print an answer as HTTP would give it."""
    click.echo(json.dumps(schema.dump(value), ensure_ascii=False, indent=2))
