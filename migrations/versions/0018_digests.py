"""Notices (digests), webhooks, the outbox of mail and webhooks, and the mail address of an account.

Revision: 0018
After: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KINDS = "('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing')"


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(f"kind in {KINDS}", name=op.f("ck_notice_kind")),
        sa.CheckConstraint("num_nonnulls(person_id, account_id) = 1", name=op.f("ck_notice_to_whom")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_notice_bureau_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_notice_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "bureau_id", "person_id", "account_id", "kind", "day",
            name=op.f("uq_notice_bureau_id_person_id_account_id_kind_day"),
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_index("ix_notice_bureau_id", "notice", ["bureau_id"])
    op.create_index("ix_notice_person_id_day", "notice", ["person_id", "day"])
    op.create_index("ix_notice_account_id_day", "notice", ["account_id", "day"])
    # What somebody was told stays as it was told; only that it was read, and that it left the handhelds, is noted.
    op.execute("grant select, insert on notice to xunge_app")
    op.execute("grant update (read_at, retired_at, edit_id) on notice to xunge_app")

    op.create_table(
        "notice_item",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("notice_id", sa.UUID(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_notice_item_bureau_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_notice_item_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "about", name=op.f("pk_notice_item")),
    )
    op.create_index("ix_notice_item_about", "notice_item", ["about"])
    op.execute("grant select, insert on notice_item to xunge_app")

    op.create_table(
        "webhook",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.UUID(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_webhook_bureau_id")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_webhook_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_bureau_id", "webhook", ["bureau_id"])
    op.execute("grant select, insert on webhook to xunge_app")
    op.execute("grant update (url, secret, disabled_at, removed_at) on webhook to xunge_app")

    op.create_table(
        "delivery",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("notice_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("webhook_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel in ('email', 'webhook')", name=op.f("ck_delivery_channel")),
        sa.CheckConstraint(
            "state in ('waiting', 'sent', 'failed', 'cancelled')", name=op.f("ck_delivery_state")
        ),
        sa.CheckConstraint(
            "(channel = 'email') = (account_id is not null)", name=op.f("ck_delivery_account")
        ),
        sa.CheckConstraint(
            "(channel = 'webhook') = (webhook_id is not null)", name=op.f("ck_delivery_webhook")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_delivery_bureau_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_delivery_notice_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_delivery_account_id")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_delivery_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("notice_id", "account_id", name=op.f("uq_delivery_notice_id_account_id")),
        sa.UniqueConstraint("notice_id", "webhook_id", name=op.f("uq_delivery_notice_id_webhook_id")),
    )
    op.create_index("ix_delivery_bureau_id", "delivery", ["bureau_id"])
    op.create_index(
        "ix_delivery_waiting", "delivery", ["next_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.execute("grant select, insert on delivery to xunge_app")
    op.execute(
        "grant update (state, next_at, claimed_until, attempts, error, ended_at) on delivery to xunge_app"
    )

    op.add_column("account", sa.Column("email", sa.Text(), nullable=True))
    op.add_column(
        "account",
        sa.Column("email_notices", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("account", "email_notices")
    op.drop_column("account", "email")
    op.drop_table("delivery")
    op.drop_table("webhook")
    op.drop_table("notice_item")
    op.drop_table("notice")
