"""What devices tell of themselves, temporary scope, and user names that differ in more than their case.

Revision: 0008
After: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A push may tell its clock and not its queue, or name a header that could not be read.
    op.alter_column("device_contact", "queue_length", nullable=True)
    op.alter_column("device_contact", "clock_offset_s", nullable=True)
    op.add_column("device_contact", sa.Column("queue_oldest_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("device_contact", sa.Column("app_version", sa.Text(), nullable=True))
    op.add_column(
        "device_contact",
        sa.Column("unread", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"),
    )
    op.create_index(
        "ix_device_contact_device_id_clock_offset_s", "device_contact", ["device_id", "clock_offset_s"]
    )
    # What came on given days: both tables grow in the order of time, so a summary a block is enough and costs writers next
    # to nothing.
    op.create_index("ix_record_received_at", "record", ["received_at"], postgresql_using="brin")
    op.create_index("ix_push_log_at", "push_log", ["at"], postgresql_using="brin")
    # Signing in looks names up in lower case, so two that differ in their case only would be one.
    op.create_index("uq_account_username_lower", "account", [sa.text("lower(username)")], unique=True)

    op.create_table(
        "scope_grant",
        sa.Column("cell_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("squad_id", sa.UUID(), nullable=True),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.UUID(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.UUID(), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "ground in ('secondment', 'patrol', 'campaign', 'cover')", name=op.f("ck_scope_grant_ground")
        ),
        sa.CheckConstraint("num_nonnulls(person_id, squad_id) = 1", name=op.f("ck_scope_grant_to_whom")),
        sa.CheckConstraint(
            "not isempty(valid) and lower(valid) is not null and upper(valid) is not null",
            name=op.f("ck_scope_grant_days"),
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_scope_grant_bureau_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_scope_grant_cell_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_scope_grant_person_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_scope_grant_squad_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope_grant")),
    )
    op.create_index(op.f("ix_scope_grant_bureau_id"), "scope_grant", ["bureau_id"])
    op.create_index(op.f("ix_scope_grant_cell_id"), "scope_grant", ["cell_id"])
    # A grant is a fact; ending it early is the only thing that may be noted on it later.
    op.execute("revoke update, delete on scope_grant from xunge_app")
    op.execute("grant select, insert on scope_grant to xunge_app")
    op.execute("grant update (revoked_at, revoked_by, revoke_reason) on scope_grant to xunge_app")
    # What is granted to one person comes from no squad.
    op.drop_constraint("pk_scope", "scope", type_="primary")
    op.alter_column("scope", "squad_id", nullable=True)
    op.create_unique_constraint(
        "uq_scope_person_id_squad_id_cell_id",
        "scope",
        ["person_id", "squad_id", "cell_id"],
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_constraint("uq_scope_person_id_squad_id_cell_id", "scope")
    op.execute("delete from scope where squad_id is null")
    op.alter_column("scope", "squad_id", nullable=False)
    op.create_primary_key("pk_scope", "scope", ["person_id", "squad_id", "cell_id"])
    op.drop_table("scope_grant")
    op.drop_index("uq_account_username_lower", table_name="account")
    op.drop_index("ix_push_log_at", table_name="push_log")
    op.drop_index("ix_record_received_at", table_name="record")
    op.drop_index("ix_device_contact_device_id_clock_offset_s", table_name="device_contact")
    for column in ("unread", "app_version", "queue_oldest_at"):
        op.drop_column("device_contact", column)
    op.execute("delete from device_contact where queue_length is null or clock_offset_s is null")
    op.alter_column("device_contact", "clock_offset_s", nullable=False)
    op.alter_column("device_contact", "queue_length", nullable=False)
