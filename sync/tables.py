"""Tables of the engine, on a MetaData of their own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID
from sqlalchemy.types import UserDefinedType

metadata = MetaData()


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id. It travels as a string, for it outgrows a JavaScript number."""

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "xid8"


feed_seq = Sequence("feed_seq", metadata=metadata)

# One row per principal and document, moved forward at each touch: the table is bounded by what exists, not by
# what happened. A row says only "look at this id again"; it carries no data.
feed = Table(
    "feed",
    metadata,
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("principal", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("xid", Xid8(), nullable=False, server_default=text("pg_current_xact_id()")),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('feed_seq')")),
    PrimaryKeyConstraint("principal", "collection", "id", name="pk_feed"),
    Index("ix_feed_cursor", "principal", "collection", "xid", "seq"),
)

# What each origin (for Xunge: a cell) ever fed. Grants and revokes read it; nobody pulls it.
fed = Table(
    "fed",
    metadata,
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("origin", UUID(as_uuid=True), nullable=False),
    Column("collection", Text, nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    PrimaryKeyConstraint("origin", "collection", "id", name="pk_fed"),
)

push_log = Table(
    "push_log",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("collection", Text, nullable=False),
    # Absent only where a quarantined row has none that could be read.
    Column("document_id", UUID(as_uuid=True)),
    Column("edit_id", UUID(as_uuid=True)),
    Column("assumed_edit_id", UUID(as_uuid=True)),
    Column("reader_id", UUID(as_uuid=True), nullable=False),
    Column("device_id", UUID(as_uuid=True)),
    Column("outcome", Text, nullable=False),
    # The three sides of an edit that lost, which would be lost otherwise: what the device had begun from, what it
    # made of it, and the master it lost against.
    Column("base", JSON),
    Column("state", JSON),
    Column("theirs", JSON),
    Column("their_edit_id", UUID(as_uuid=True)),
    # Somebody has to decide: the edit lost, it says something else than the master, and nobody has seen it before.
    Column("contested", Boolean, nullable=False, server_default=text("false")),
    Column("quarantine_id", UUID(as_uuid=True)),
    Column("resolved_at", DateTime(timezone=True)),
    CheckConstraint(
        "outcome in ('accepted', 'replayed', 'applied', 'conflict', 'quarantined')",
        name="ck_push_log_outcome",
    ),
    Index("ix_push_log_document_id", "document_id", "edit_id"),
    Index("ix_push_log_at", "at", postgresql_using="brin"),
    Index("ix_push_log_contested", "bureau_id", "seq", postgresql_where=text("contested")),
)

# What was decided about an edit that lost, by whom and why. A later decision on the same edit is another row.
push_settlement = Table(
    "push_settlement",
    metadata,
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column(
        "push_seq", BigInteger, ForeignKey("push_log.seq", name="fk_push_settlement_push_seq"), nullable=False
    ),
    # Opaque to the engine: who decided. Absent where the house itself did.
    Column("settled_by", UUID(as_uuid=True)),
    Column("choice", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    # The edit that the decision made of the document; none where it changed nothing.
    Column("edit_id", UUID(as_uuid=True)),
    PrimaryKeyConstraint("id", name="pk_push_settlement"),
    CheckConstraint("choice in ('theirs', 'ours', 'merged')", name="ck_push_settlement_choice"),
    Index("ix_push_settlement_push_seq", "push_seq"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("collection", Text, nullable=False),
    Column("document_id", UUID(as_uuid=True)),
    Column("edit_id", UUID(as_uuid=True), nullable=False),
    Column("reader_id", UUID(as_uuid=True), nullable=False),
    Column("device_id", UUID(as_uuid=True)),
    Column("sha256", LargeBinary, nullable=False),
    # Raw bytes, because jsonb refuses NUL and lone surrogates, and evidence is never refused.
    Column("raw", LargeBinary, nullable=False),
    Column("review", JSONB, nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolved_by", UUID(as_uuid=True)),
    Column("resolution", Text),
    Column("reason", Text),
    CheckConstraint("resolution in ('retried', 'dismissed')", name="ck_quarantine_resolution"),
    UniqueConstraint("collection", "reader_id", "sha256", name="uq_quarantine_row"),
    Index("ix_quarantine_document_id", "document_id", "edit_id"),
    Index("ix_quarantine_bureau_id_at", "bureau_id", "at", "id"),
)

# One row. ``generation`` counts the times that tombstones were pruned, so that a device that started over after a
# pruning is not asked to start over for it again.
epoch = Table(
    "sync_epoch",
    metadata,
    Column("epoch", UUID(as_uuid=True), primary_key=True),
    Column("generation", BigInteger, nullable=False, server_default=text("0")),
)

# Dates for transaction ids, which carry none: everything below ``xid`` was over at ``at``. It belongs to no bureau,
# for the ids are the cluster's.
feed_mark = Table(
    "feed_mark",
    metadata,
    Column("at", DateTime(timezone=True), nullable=False),
    Column("xid", Xid8(), nullable=False),
    PrimaryKeyConstraint("at", name="pk_feed_mark"),
)

# The furthest tombstone that was pruned from each feed, and in which generation.
feed_pruned = Table(
    "feed_pruned",
    metadata,
    Column("bureau_id", UUID(as_uuid=True), nullable=False),
    Column("principal", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("xid", Xid8(), nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("principal", "collection", name="pk_feed_pruned"),
)
