"""The engine and the declarative base. Nothing here commits: that is the unit of work's."""

from __future__ import annotations

import json
import os
import uuid
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Date, DateTime, Engine, ForeignKey, MetaData, Table, Text, create_engine
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """Every table of the nouns. The constraint names are part of the interface: problems.py maps them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads this as a plain class attribute.
        uuid.UUID: UUID(as_uuid=True),
        datetime: DateTime(timezone=True),
        date: Date(),
        str: Text(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


class Owned:
    """A row with an identity that belongs to one bureau; no table goes without its bureau."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    @declared_attr
    @classmethod
    def bureau_id(cls) -> Mapped[uuid.UUID]:
        return mapped_column(ForeignKey("bureau.id"), index=True)


def table_of(entity: type[Base]) -> Table:
    """The table itself, for set-based statements: given an entity, the ORM would read their parameters as rows."""
    return cast(Table, entity.__table__)


def make_engine(url: str, *, pool_size: int = 8) -> Engine:
    """An engine whose sessions speak UTC and UTF-8 JSON.

    A forked RQ work-horse must not talk on its parent's connections, so the child drops the pool unclosed. Errors name the
    statement and not its parameters: those are people's data, and errors go to the log.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=8,
        pool_pre_ping=False,
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False),
        connect_args={"options": "-c timezone=UTC -c jit=off", "application_name": "xunge"},
    )
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine
