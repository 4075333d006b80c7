"""The floor: the statements that a real run sent, taken down and sent again by plain psycopg2 with fresh ids."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from measuring import clocked
from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid
from sqlalchemy import Engine, event

register_uuid()
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WRITES = re.compile(r"^(?:WITH .*?)?\b(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.S)
_READS = re.compile(r"\bFROM\s+([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One execution: the statement as psycopg2 was given it, and its parameters."""

    statement: str
    parameters: Any
    many: bool

    @property
    def name(self) -> str:
        """The verb and the table, as a heading."""
        written = _WRITES.match(self.statement)
        if written:
            return f"{written[1].split()[0].lower()} {written[2]}"
        if self.statement.startswith(("SAVEPOINT", "RELEASE")):
            return "savepoint"
        read = _READS.search(self.statement)
        return f"select {read[1]}" if read else self.statement[:30].replace("\n", " ")

    @property
    def table(self) -> str | None:
        """The table that is written."""
        written = _WRITES.match(self.statement)
        return written[2] if written else None


@contextmanager
def taken_down(engine: Engine) -> Iterator[list[Step]]:
    """Collect what is executed on ``engine`` while the block runs."""
    steps: list[Step] = []

    def note(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        # An insert of many values counts as many too, but goes out as one statement with one set of parameters.
        steps.append(Step(statement, parameters, many and isinstance(parameters, list)))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", note)


def renamed(steps: Sequence[Step], names: Mapping[uuid.UUID, uuid.UUID]) -> list[Step]:
    """The same steps with other ids."""
    texts = {str(old): str(new) for old, new in names.items()}

    def walk(value: Any) -> Any:
        if isinstance(value, uuid.UUID):
            return names.get(value, value)
        if isinstance(value, str):
            return (
                _UUID.sub(lambda found: texts.get(found[0], found[0]), value) if len(value) >= 36 else value
            )
        if isinstance(value, dict):
            return {key: walk(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(walk(one) for one in value)
        return value

    return [Step(step.statement, walk(step.parameters), step.many) for step in steps]


def replay(connection: Connection, steps: Sequence[Step]) -> None:
    """Send the steps in one transaction, fetch what they return, and commit."""
    replay_open(connection, steps)
    connection.commit()


def replay_open(connection: Connection, steps: Sequence[Step]) -> None:
    """Like ``replay``, and the transaction stays open."""
    with connection.cursor() as cursor:
        for step in steps:
            _send(cursor, step)


def timed_replay(connection: Connection, steps: Sequence[Step]) -> dict[str, float]:
    """Like ``replay``; the seconds of each kind of statement."""
    taken: dict[str, float] = defaultdict(float)
    with connection.cursor() as cursor:
        for step in steps:
            taken[step.name] += clocked(partial(_send, cursor, step))[1]
    taken["commit"] += clocked(connection.commit)[1]
    return taken


def _send(cursor: Any, step: Step) -> None:
    if step.many:
        cursor.executemany(step.statement, step.parameters)
    else:
        cursor.execute(step.statement, step.parameters or None)
        if cursor.description is not None:
            cursor.fetchall()
