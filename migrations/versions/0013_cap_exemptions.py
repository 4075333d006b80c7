"""Visits that do not count to the annual cap, as recorded by the legal office.

Revision: 0013
After: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cap_exemption",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_cap_exemption_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_cap_exemption_bureau_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cap_exemption")),
    )
    op.create_index("ix_cap_exemption_record_id", "cap_exemption", ["record_id", "seq"])
    op.execute("grant select, insert on cap_exemption to xunge_app")
    op.execute("grant usage, select on sequence cap_exemption_seq_seq to xunge_app")


def downgrade() -> None:
    op.drop_table("cap_exemption")
