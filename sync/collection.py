"""What the house tells the engine about each collection, and about who reads."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session


class Transaction(Protocol):
    """The house's unit of work, as far as the engine needs it: a session and the clock."""

    @property
    def session(self) -> Session: ...

    @property
    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Retry:
    """That a kept row is tried again: when it was first received, and whether somebody put it right by hand."""

    received_at: datetime
    corrected: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who pulls and pushes: at most four principals, and the parameters that visibility queries bind.

    The last principal is this reader's alone; the others may be read by several. Whoever settles at the desk has none.
    Where ``may_pull`` is false its rows land and nothing is sent to it. ``retry`` is set where the rows do not come
    from the reader's device now, but are tried again for him.
    """

    bureau_id: uuid.UUID
    reader_id: uuid.UUID
    device_id: uuid.UUID | None
    principals: tuple[str, ...]
    parameters: Mapping[str, Any]
    may_pull: bool = True
    retry: Retry | None = None

    @property
    def own_principal(self) -> str:
        """The feed that nobody but this reader reads."""
        return self.principals[-1]

    @property
    def is_desk(self) -> bool:
        """Whether it is somebody who settles at the desk, and no device: he reads no feed."""
        return not self.principals


class Outcome(StrEnum):
    """What became of one pushed row."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    APPLIED = "applied"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


@dataclass(slots=True)
class Row:
    """One well-formed pushed row. ``document`` is the whole new state, ``ordinal`` its place in the batch.

    ``assumed`` is the master state that the device knew when it was edited, as it was sent.
    """

    id: uuid.UUID
    edit_id: uuid.UUID
    assumed_edit_id: uuid.UUID | None
    document: dict[str, Any]
    ordinal: int
    assumed: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A row's outcome; ``review`` says what is wrong where it was quarantined."""

    outcome: Outcome
    review: list[dict[str, str]] = field(default_factory=list)


class Operation(Protocol):
    """What a collection does with pushed rows: one result a row, in their order.

    It is called inside a savepoint. A database error sends the rows again in halves, and the row that fails by
    itself is kept raw; anything else it raises fails the whole request, so that the device tries again.
    """

    def __call__(self, transaction: Any, reader: Reader, rows: Sequence[Row], /) -> list[Result]: ...


LookUp = Callable[[ColumnElement[uuid.UUID]], Select[str, uuid.UUID]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A synced table.

    ``visible`` is given the column of ids looked for and returns a query of ``document``, as JSON text, and its
    ``edit_id``, for those ids that the reader may see; it binds ``Reader.parameters`` by name. Without ``operation``
    the collection is pull-only. Where devices create rows, ``stored`` is given the column of ids as well and returns
    those that the server has, whoever may see them: a row that it has not is one that the device still has to push.

    ``held`` is for the desk, and like ``visible``: the document as it stands, whoever asks. ``stamps`` are the members
    that only the server writes: they tell nobody's edit from another's.
    """

    name: str
    visible: LookUp
    operation: Operation | None = None
    stored: Callable[[ColumnElement[uuid.UUID]], Select[uuid.UUID]] | None = None
    held: LookUp | None = None
    stamps: frozenset[str] = frozenset()
