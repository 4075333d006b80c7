"""Tags of key places, kept on the places' own rows too, and campaigns.

Revision: 0033
After: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TABLES = ("tag_kind", "place_tag", "place_tag_end", "campaign", "campaign_withdrawal")
PLACES = ("grid_cell", "outlet", "site")


def upgrade() -> None:
    # What a place holds with its days; the same for all that were there before, so no document has another edit.
    for place in PLACES:
        op.add_column(place, sa.Column("tags", postgresql.JSONB(), nullable=False, server_default="[]"))
    op.create_table(
        "tag_kind",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,39}$'", name=op.f("ck_tag_kind_code")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_tag_kind_bureau_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tag_kind_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_kind")),
        sa.UniqueConstraint("bureau_id", "code", name=op.f("uq_tag_kind_bureau_id_code")),
    )
    op.create_index(op.f("ix_tag_kind_bureau_id"), "tag_kind", ["bureau_id"])
    op.create_table(
        "place_tag",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "subject_kind in ('outlet', 'site', 'unlicensed', 'cell')", name=op.f("ck_place_tag_subject_kind")
        ),
        sa.CheckConstraint("from_day <= to_day", name=op.f("ck_place_tag_days")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_place_tag_bureau_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_place_tag_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_tag")),
    )
    op.create_index(op.f("ix_place_tag_bureau_id"), "place_tag", ["bureau_id"])
    op.create_index("ix_place_tag_subject_id", "place_tag", ["subject_id"])
    op.create_index("ix_place_tag_tag", "place_tag", ["bureau_id", "tag"])
    op.create_table(
        "place_tag_end",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("tag_id", sa.UUID(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_place_tag_end_bureau_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["place_tag.id"], name=op.f("fk_place_tag_end_tag_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_place_tag_end_account_id")),
        sa.PrimaryKeyConstraint("tag_id", name=op.f("pk_place_tag_end")),
    )
    op.create_table(
        "campaign",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("cell_ids", postgresql.JSONB(), nullable=False),
        sa.Column("subject_ids", postgresql.JSONB(), nullable=False),
        sa.Column("record_kinds", postgresql.JSONB(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_campaign_days")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_campaign_bureau_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_campaign_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("bureau_id", "number", name=op.f("uq_campaign_bureau_id_number")),
    )
    op.create_index(op.f("ix_campaign_bureau_id"), "campaign", ["bureau_id"])
    op.create_table(
        "campaign_withdrawal",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_campaign_withdrawal_bureau_id")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_withdrawal_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_campaign_withdrawal_account_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_withdrawal")),
    )
    # All are facts; only the edit of a campaign moves, when it is withdrawn. What the default privileges of the owner give
    # beyond that is taken back.
    for table in TABLES:
        op.execute(f"revoke update, delete, truncate on {table} from xunge_app")
        op.execute(f"grant select, insert on {table} to xunge_app")
    op.execute("grant update (edit_id) on campaign to xunge_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for place in PLACES:
        op.drop_column(place, "tags")
