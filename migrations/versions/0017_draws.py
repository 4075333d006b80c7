"""Draws (双随机) and recusals.

Revision: 0017
After: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# All of them are facts: what was drawn is replaced or cancelled, never rewritten.
TABLES = ("recusal", "recusal_end", "draw", "draw_round", "draw_place", "draw_step", "draw_grant")


def upgrade() -> None:
    op.create_table(
        "recusal",
        *_own("recusal"),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("outlet_id", sa.UUID(), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        *_acted("recusal"),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_recusal_days")),
        sa.ForeignKeyConstraint(["outlet_id"], ["outlet.id"], name=op.f("fk_recusal_outlet_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_recusal_person_id")),
    )
    op.create_index(op.f("ix_recusal_person_id"), "recusal", ["person_id"])
    op.create_table(
        "recusal_end",
        *_own("recusal_end"),
        sa.Column("recusal_id", sa.UUID(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_acted("recusal_end"),
        sa.ForeignKeyConstraint(["recusal_id"], ["recusal.id"], name=op.f("fk_recusal_end_recusal_id")),
        sa.UniqueConstraint("recusal_id", name=op.f("uq_recusal_end_recusal_id")),
    )
    op.create_table(
        "draw",
        *_own("draw"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("frozen", sa.Text(), nullable=False),
        sa.Column("pool_sha256", sa.Text(), nullable=False),
        sa.Column("identities", postgresql.JSONB(), nullable=False),
        *_acted("draw"),
        sa.CheckConstraint("purpose in ('spot_check', 'special')", name=op.f("ck_draw_purpose")),
        sa.CheckConstraint("(purpose = 'spot_check') = (tier is not null)", name=op.f("ck_draw_tier")),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_draw_days")),
    )
    op.create_table(
        "draw_round",
        *_own("draw_round"),
        sa.Column("draw_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("seed_source", sa.Text(), nullable=False),
        sa.Column("seed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cert_no_out", sa.Text(), nullable=True),
        sa.Column("licences", postgresql.JSONB(), nullable=False),
        sa.Column("left_out", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("teams", postgresql.JSONB(), nullable=False),
        *_acted("draw_round"),
        sa.CheckConstraint("(number = 0) = (cert_no_out is null)", name=op.f("ck_draw_round_replaced")),
        sa.ForeignKeyConstraint(["draw_id"], ["draw.id"], name=op.f("fk_draw_round_draw_id")),
        sa.UniqueConstraint("draw_id", "number", name=op.f("uq_draw_round_draw_id_number")),
    )
    op.create_table(
        "draw_place",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("draw_id", sa.UUID(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("outlet_id", sa.UUID(), nullable=False),
        sa.Column("licence_no", sa.Text(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("cert_no", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_draw_place_bureau_id")),
        sa.ForeignKeyConstraint(["draw_id"], ["draw.id"], name=op.f("fk_draw_place_draw_id")),
        sa.ForeignKeyConstraint(["outlet_id"], ["outlet.id"], name=op.f("fk_draw_place_outlet_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_draw_place_person_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_draw_place")),
        sa.UniqueConstraint(
            *("draw_id", "round", "ordinal", "place"), name=op.f("uq_draw_place_draw_id_round_ordinal_place")
        ),
    )
    op.create_index("ix_draw_place_person_id", "draw_place", ["person_id", "draw_id"])
    op.create_table(
        "draw_step",
        *_own("draw_step"),
        sa.Column("draw_id", sa.UUID(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        *_acted("draw_step"),
        sa.CheckConstraint("step in ('published', 'cancelled')", name=op.f("ck_draw_step_step")),
        sa.CheckConstraint("(step = 'cancelled') = (reason is not null)", name=op.f("ck_draw_step_reason")),
        sa.ForeignKeyConstraint(["draw_id"], ["draw.id"], name=op.f("fk_draw_step_draw_id")),
        sa.UniqueConstraint("draw_id", "step", name=op.f("uq_draw_step_draw_id_step")),
    )
    op.create_table(
        "draw_grant",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("draw_id", sa.UUID(), nullable=False),
        sa.Column("grant_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_draw_grant_bureau_id")),
        sa.ForeignKeyConstraint(["draw_id"], ["draw.id"], name=op.f("fk_draw_grant_draw_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["scope_grant.id"], name=op.f("fk_draw_grant_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_draw_grant")),
    )
    op.create_index(op.f("ix_draw_grant_draw_id"), "draw_grant", ["draw_id"])
    for table in TABLES:
        if table not in ("draw_place", "draw_grant"):
            op.create_index(op.f(f"ix_{table}_bureau_id"), table, ["bureau_id"])
        op.execute(f"grant select, insert on {table} to xunge_app")
    op.execute("grant usage, select on sequence draw_place_seq_seq to xunge_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _own(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f(f"fk_{table}_bureau_id")),
    ]


def _acted(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f(f"fk_{table}_account_id")),
    ]
