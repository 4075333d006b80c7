"""Patrols on the day: what was said of stops as it was known, plans that left the handhelds, dispatches of patrols.

Revision: 0036
After: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patrol_plan", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "patrol_stop_word",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("stop_id", sa.UUID(), nullable=False),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("record_id", sa.UUID(), nullable=True),
        sa.Column("field_ordinal", sa.BigInteger(), nullable=False),
        sa.Column("told_by", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status in ('planned', 'done', 'skipped')", name=op.f("ck_patrol_stop_word_status")
        ),
        sa.CheckConstraint(
            "(status = 'skipped') = (skip_reason is not null)", name=op.f("ck_patrol_stop_word_skipped")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_stop_word_bureau_id")),
        sa.ForeignKeyConstraint(["stop_id"], ["patrol_stop.id"], name=op.f("fk_patrol_stop_word_stop_id")),
        sa.ForeignKeyConstraint(["told_by"], ["person.id"], name=op.f("fk_patrol_stop_word_told_by")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_patrol_stop_word")),
    )
    op.create_index("ix_patrol_stop_word_stop_id", "patrol_stop_word", ["stop_id", "seq"])
    op.execute("grant select, insert on patrol_stop_word to xunge_app")
    op.add_column("dispatch", sa.Column("patrol_id", sa.UUID(), nullable=True))
    op.create_index(
        "ix_dispatch_patrol_id", "dispatch", ["patrol_id"], postgresql_where=sa.text("patrol_id is not null")
    )
    op.drop_constraint(op.f("ck_dispatch_source"), "dispatch")
    op.create_check_constraint(
        op.f("ck_dispatch_source"), "dispatch", "source in ('form', 'road_check', 'patrol', 'desk')"
    )
    op.create_check_constraint(
        op.f("ck_dispatch_patrol"), "dispatch", "source = 'patrol' or patrol_id is null"
    )


def downgrade() -> None:
    op.execute(
        "delete from dispatch_person using dispatch d where d.id = dispatch_id and d.source = 'patrol'"
    )
    op.execute(
        "delete from dispatch_vehicle using dispatch d where d.id = dispatch_id and d.source = 'patrol'"
    )
    op.execute(
        "delete from dispatch_partner using dispatch d where d.id = dispatch_id and d.source = 'patrol'"
    )
    op.execute("delete from dispatch where source = 'patrol'")
    op.drop_constraint(op.f("ck_dispatch_patrol"), "dispatch")
    op.drop_constraint(op.f("ck_dispatch_source"), "dispatch")
    op.create_check_constraint(
        op.f("ck_dispatch_source"), "dispatch", "source in ('form', 'road_check', 'desk')"
    )
    op.drop_index("ix_dispatch_patrol_id", table_name="dispatch")
    op.drop_column("dispatch", "patrol_id")
    op.drop_table("patrol_stop_word")
    op.drop_column("patrol_plan", "retired_at")
