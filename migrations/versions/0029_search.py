"""What records are found by, and their order in time.

Revision: 0029
After: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_text",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("pairs", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_record_text_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_record_text_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record_text")),
    )
    op.create_index("ix_record_text_pairs", "record_text", ["pairs"], postgresql_using="gin")
    # It holds nothing that is not in the record, so it may be made anew.
    op.execute("grant select, insert, update, delete on record_text to xunge_app")
    op.create_index("ix_record_bureau_id_performed_at", "record", ["bureau_id", "performed_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_record_bureau_id_performed_at", table_name="record")
    op.drop_index("ix_record_text_pairs", table_name="record_text")
    op.drop_table("record_text")
