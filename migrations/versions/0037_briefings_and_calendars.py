"""Briefing packs, frozen; secret addresses of calendars; notices that a pack is there.

Revision: 0037
After: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

BEFORE = "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident', 'goods_undecided')"
KINDS = "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident', 'goods_undecided', 'briefing')"


def upgrade() -> None:
    op.create_table(
        "briefing",
        sa.Column("squad_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.UUID(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("summary", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("not scheduled or made_by is null", name=op.f("ck_briefing_scheduled")),
        sa.CheckConstraint("sha256 = encode(sha256(content), 'hex')", name=op.f("ck_briefing_sha256")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_briefing_bureau_id")),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_briefing_made_by")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_briefing_squad_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_briefing")),
        sa.UniqueConstraint("squad_id", "day", "version", name=op.f("uq_briefing_squad_id_day_version")),
    )
    op.create_index(op.f("ix_briefing_bureau_id"), "briefing", ["bureau_id"], unique=False)
    op.create_index("ix_briefing_bureau_id_day", "briefing", ["bureau_id", "day"], unique=False)
    op.create_index(
        "uq_briefing_scheduled",
        "briefing",
        ["squad_id", "day"],
        unique=True,
        postgresql_where=sa.text("scheduled"),
    )
    op.create_table(
        "calendar_token",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("due_counts", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_on", sa.Date(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.UUID(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("expires_at > issued_at", name=op.f("ck_calendar_token_term")),
        sa.CheckConstraint(
            "(revoked_by is null) or (revoked_at is not null)", name=op.f("ck_calendar_token_revoked")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_calendar_token_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_calendar_token_bureau_id")),
        sa.ForeignKeyConstraint(["revoked_by"], ["account.id"], name=op.f("fk_calendar_token_revoked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_calendar_token_digest")),
    )
    op.create_index(op.f("ix_calendar_token_account_id"), "calendar_token", ["account_id"], unique=False)
    op.create_index(op.f("ix_calendar_token_bureau_id"), "calendar_token", ["bureau_id"], unique=False)
    op.execute("grant select, insert on briefing to xunge_app")
    op.execute("grant select, insert on calendar_token to xunge_app")
    op.execute("grant update (last_used_on, revoked_at, revoked_by) on calendar_token to xunge_app")
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", KINDS)


def downgrade() -> None:
    op.execute("delete from notice_item using notice n where n.id = notice_id and n.kind = 'briefing'")
    op.execute("delete from delivery using notice n where n.id = notice_id and n.kind = 'briefing'")
    op.execute("delete from notice where kind = 'briefing'")
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", BEFORE)
    op.drop_index(op.f("ix_calendar_token_bureau_id"), table_name="calendar_token")
    op.drop_index(op.f("ix_calendar_token_account_id"), table_name="calendar_token")
    op.drop_table("calendar_token")
    op.drop_index("uq_briefing_scheduled", table_name="briefing", postgresql_where=sa.text("scheduled"))
    op.drop_index("ix_briefing_bureau_id_day", table_name="briefing")
    op.drop_index(op.f("ix_briefing_bureau_id"), table_name="briefing")
    op.drop_table("briefing")
