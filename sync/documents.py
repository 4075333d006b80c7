"""Documents by id: as a reader may see them, or as the desk holds them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, Select, bindparam, column, func, select, true
from sqlalchemy.dialects.postgresql import UUID

from sync.collection import Collection, LookUp, Reader, Transaction


@lru_cache(maxsize=64)
def documents_statement(look_up: LookUp) -> Select[Any]:
    """The query of (id, document or null) for the ids given as ``ids``, built once for each look-up."""
    wanted = (
        func.unnest(bindparam("ids", type_=ARRAY(UUID(as_uuid=True))))
        .table_valued(column("id", UUID(as_uuid=True)), name="wanted")
        .render_derived()
    )
    seen = look_up(wanted.c.id).correlate(wanted).lateral("seen")
    return select(wanted.c.id, seen.c.document).select_from(wanted.outerjoin(seen, true()))


def seen_by(
    transaction: Transaction, reader: Reader, collection: Collection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, str | None]:
    """The JSON text of each document as this reader may see it now, by the same visibility as pull."""
    return _found(transaction, reader, collection.visible, ids)


def held(
    transaction: Transaction, reader: Reader, collection: Collection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, str | None]:
    """The JSON text of each document as it stands, for the desk; what the reader sees where the house tells no more."""
    return _found(transaction, reader, collection.held or collection.visible, ids)


def _found(
    transaction: Transaction, reader: Reader, look_up: LookUp, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, str | None]:
    if not ids:
        return {}
    rows = transaction.session.execute(documents_statement(look_up), {"ids": list(ids), **reader.parameters})
    return dict(rows.all())
