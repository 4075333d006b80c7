"""Reports that are signed off: versions, frozen snapshots and the steps of signing, all append-only.

Revision: 0016
After: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_issue",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_report_issue_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_issue")),
        sa.UniqueConstraint(
            "bureau_id",
            "kind",
            "period",
            "version",
            name=op.f("uq_report_issue_bureau_id_kind_period_version"),
        ),
    )
    op.create_index(op.f("ix_report_issue_bureau_id"), "report_issue", ["bureau_id"])
    op.create_table(
        "report_snapshot",
        sa.Column("issue_id", sa.UUID(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("sha256 = encode(sha256(content), 'hex')", name=op.f("ck_report_snapshot_sha256")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_report_snapshot_bureau_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["report_issue.id"], name=op.f("fk_report_snapshot_issue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_snapshot")),
    )
    op.create_index(op.f("ix_report_snapshot_bureau_id"), "report_snapshot", ["bureau_id"])
    op.create_index(op.f("ix_report_snapshot_issue_id"), "report_snapshot", ["issue_id"])
    op.create_table(
        "report_step",
        sa.Column("issue_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "act in ('drafted', 'submitted', 'returned', 'reviewed', 'issued')",
            name=op.f("ck_report_step_act"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_report_step_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_report_step_bureau_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["report_issue.id"], name=op.f("fk_report_step_issue_id")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["report_snapshot.id"], name=op.f("fk_report_step_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_step")),
        sa.UniqueConstraint("issue_id", "seq", name=op.f("uq_report_step_issue_id_seq")),
    )
    op.create_index(op.f("ix_report_step_bureau_id"), "report_step", ["bureau_id"])
    op.create_index(
        "uq_report_step_issued",
        "report_step",
        ["issue_id"],
        unique=True,
        postgresql_where=sa.text("act = 'issued'"),
    )
    op.execute("grant select, insert on report_issue, report_snapshot, report_step to xunge_app")


def downgrade() -> None:
    op.drop_table("report_step")
    op.drop_table("report_snapshot")
    op.drop_table("report_issue")
