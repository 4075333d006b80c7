"""Losing edits and quarantined rows as the desk needs them.

Revision: 0004
After: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("push_log", "document_id", nullable=True)
    op.alter_column("push_log", "edit_id", nullable=True)
    op.add_column("push_log", sa.Column("base", postgresql.JSON(astext_type=sa.Text())))
    op.add_column("push_log", sa.Column("theirs", postgresql.JSON(astext_type=sa.Text())))
    op.add_column("push_log", sa.Column("their_edit_id", sa.UUID()))
    op.add_column(
        "push_log", sa.Column("contested", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("push_log", sa.Column("quarantine_id", sa.UUID()))
    op.create_index(
        "ix_push_log_contested", "push_log", ["bureau_id", "seq"], postgresql_where=sa.text("contested")
    )
    # Edits that lost before there was a desk: all of them are to be looked at.
    op.execute("update push_log set contested = true where outcome = 'conflict'")

    op.create_table(
        "push_settlement",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("push_seq", sa.BigInteger(), nullable=False),
        sa.Column("settled_by", sa.UUID(), nullable=True),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("edit_id", sa.UUID(), nullable=True),
        sa.CheckConstraint("choice in ('theirs', 'ours', 'merged')", name="ck_push_settlement_choice"),
        sa.ForeignKeyConstraint(["push_seq"], ["push_log.seq"], name="fk_push_settlement_push_seq"),
        sa.PrimaryKeyConstraint("id", name="pk_push_settlement"),
    )
    op.create_index("ix_push_settlement_push_seq", "push_settlement", ["push_seq"])
    op.execute("grant select, insert on push_settlement to xunge_app")

    op.add_column("quarantine", sa.Column("resolved_by", sa.UUID()))
    op.add_column("quarantine", sa.Column("resolution", sa.Text()))
    op.add_column("quarantine", sa.Column("reason", sa.Text()))
    op.create_check_constraint(
        "ck_quarantine_resolution", "quarantine", "resolution in ('retried', 'dismissed')"
    )
    op.create_index("ix_quarantine_document_id", "quarantine", ["document_id", "edit_id"])
    op.create_index("ix_quarantine_bureau_id_at", "quarantine", ["bureau_id", "at", "id"])
    op.execute("grant update (resolved_by, resolution, reason) on quarantine to xunge_app")

    # The application's role may not rewrite the log. By this function, which is its owner's, it can do the one thing
    # that retention asks for: forget the sides of edits that were settled, or that nobody had to settle.
    op.execute(
        """
        create function forget_push_states(of_bureau uuid, before timestamptz) returns bigint
        language sql security definer set search_path = pg_catalog, public
        begin atomic
            with emptied as (
                update public.push_log set base = null, state = null, theirs = null
                where bureau_id = of_bureau and (state is not null or base is not null or theirs is not null)
                and case when contested then resolved_at else at end < before
                returning seq
            ), decided as (
                update public.push_settlement set fields = '{}' where push_seq in (select seq from emptied)
            )
            select count(*) from emptied;
        end
        """
    )
    op.execute("revoke all on function forget_push_states(uuid, timestamptz) from public")
    op.execute("grant execute on function forget_push_states(uuid, timestamptz) to xunge_app")


def downgrade() -> None:
    op.execute("drop function forget_push_states(uuid, timestamptz)")
    op.drop_index("ix_quarantine_bureau_id_at", table_name="quarantine")
    op.drop_index("ix_quarantine_document_id", table_name="quarantine")
    op.drop_constraint("ck_quarantine_resolution", "quarantine")
    for column in ("reason", "resolution", "resolved_by"):
        op.drop_column("quarantine", column)
    op.drop_table("push_settlement")
    op.drop_index("ix_push_log_contested", table_name="push_log")
    for column in ("quarantine_id", "contested", "their_edit_id", "theirs", "base"):
        op.drop_column("push_log", column)
    # Lines of rows without an id were not kept before.
    op.execute("delete from push_log where document_id is null or edit_id is null")
    op.alter_column("push_log", "edit_id", nullable=False)
    op.alter_column("push_log", "document_id", nullable=False)
