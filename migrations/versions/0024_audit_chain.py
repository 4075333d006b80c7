"""The audit trail is sealed into a chain, and amendments are linked to what they amend.

Revision: 0024
After: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_seal",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        # A plain number: a restore rewrites transaction ids, and a seal keeps what it said.
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.UUID(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_digest", sa.LargeBinary(), nullable=False),
        sa.Column("contents", postgresql.JSONB(), nullable=True),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_event_seal_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", "position", name=op.f("pk_event_seal")),
        sa.UniqueConstraint("seq", name=op.f("uq_event_seal_seq")),
    )
    op.create_index("ix_event_bureau_id_xid", "event", ["bureau_id", "xid", "seq"])
    op.create_table(
        "amendment",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("original_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_amendment_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_amendment_record_id")),
        sa.ForeignKeyConstraint(["original_id"], ["record.id"], name=op.f("fk_amendment_original_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_amendment")),
        sa.UniqueConstraint("original_id", "ordinal", name=op.f("uq_amendment_original_id_ordinal")),
    )
    op.create_index(op.f("ix_amendment_bureau_id"), "amendment", ["bureau_id"])
    # Both are facts. What the default privileges of the owner give beyond that is taken back.
    for table in ("event_seal", "amendment"):
        op.execute(f"revoke update, delete, truncate on {table} from xunge_app")
        op.execute(f"grant select, insert on {table} to xunge_app")


def downgrade() -> None:
    op.drop_table("amendment")
    op.drop_index("ix_event_bureau_id_xid", "event")
    op.drop_table("event_seal")
