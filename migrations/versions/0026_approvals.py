"""Approvals of inspections, their write-up and withdrawal, and the number that a record names.

Revision: 0026
After: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_approval",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("approval_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("record_kinds", postgresql.JSONB(), nullable=False),
        sa.Column("subject_ids", postgresql.JSONB(), nullable=False),
        sa.Column("cell_ids", postgresql.JSONB(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("approver_id", sa.UUID(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("write_up_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.UUID(), nullable=True),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("kind in ('single', 'batch')", name=op.f("ck_inspection_approval_kind")),
        sa.CheckConstraint(
            "channel in ('desk', 'phone', 'urgent')", name=op.f("ck_inspection_approval_channel")
        ),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_inspection_approval_days")),
        sa.CheckConstraint(
            "(channel = 'phone') = (write_up_due is not null)", name=op.f("ck_inspection_approval_write_up")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_inspection_approval_bureau_id")),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["account.id"], name=op.f("fk_inspection_approval_approver_id")
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["account.id"], name=op.f("fk_inspection_approval_entered_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_approval")),
        sa.UniqueConstraint(
            "bureau_id", "approval_no", name=op.f("uq_inspection_approval_bureau_id_approval_no")
        ),
    )
    op.create_index("ix_inspection_approval_bureau_id", "inspection_approval", ["bureau_id"])
    op.create_table(
        "approval_write_up",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("approval_id", sa.UUID(), nullable=False),
        sa.Column("written_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_approval_write_up_bureau_id")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["inspection_approval.id"], name=op.f("fk_approval_write_up_approval_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_approval_write_up_account_id")),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approval_write_up")),
    )
    op.create_table(
        "approval_withdrawal",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("approval_id", sa.UUID(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_approval_withdrawal_bureau_id")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["inspection_approval.id"], name=op.f("fk_approval_withdrawal_approval_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_approval_withdrawal_account_id")
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approval_withdrawal")),
    )
    # What was approved, by whom and when it became known are facts; only the edit moves, when it is withdrawn.
    op.execute(
        "grant select, insert on inspection_approval, approval_write_up, approval_withdrawal to xunge_app"
    )
    op.execute("grant update (edit_id) on inspection_approval to xunge_app")

    op.add_column("record", sa.Column("approval_no", sa.Text(), nullable=True))
    # As records are written from now on: without blanks, and with the brackets of official papers.
    op.execute(
        """
        update record set approval_no = nullif(translate(regexp_replace(
            document ->> 'approval_no', '\\s', '', 'g'), '[]【】（）()', '〔〕〔〕〔〕〔〕'), '')
        where document ->> 'approval_no' is not null
        """
    )


def downgrade() -> None:
    op.drop_column("record", "approval_no")
    op.drop_table("approval_withdrawal")
    op.drop_table("approval_write_up")
    op.drop_index("ix_inspection_approval_bureau_id", table_name="inspection_approval")
    op.drop_table("inspection_approval")
