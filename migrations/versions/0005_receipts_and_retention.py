"""Marks of the feed in time, and what was pruned from it.

Revision: 0005
After: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sync.tables import Xid8

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_epoch", sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False))
    # Of the whole cluster, like the transaction ids that it dates: it belongs to no bureau.
    op.create_table(
        "feed_mark",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("xid", Xid8(), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_feed_mark"),
    )
    op.create_table(
        "feed_pruned",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("xid", Xid8(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "collection", name="pk_feed_pruned"),
    )
    op.execute("grant select, insert, delete on feed_mark to xunge_app")
    op.execute("grant select, insert, update, delete on feed_pruned to xunge_app")


def downgrade() -> None:
    op.drop_table("feed_pruned")
    op.drop_table("feed_mark")
    op.drop_column("sync_epoch", "generation")
