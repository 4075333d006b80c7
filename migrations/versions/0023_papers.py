"""Papers and their official numbers: who waits for one, the register, its style, and the papers that were printed.

Revision: 0023
After: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from sync.tables import Xid8

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = "('scene_record', 'inspection_record', 'registration_list', 'rectification_order')"


def upgrade() -> None:
    op.add_column(
        "record",
        sa.Column("numbers", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.execute("grant update (numbers) on record to xunge_app")
    op.create_table(
        "number_wanted",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("paper_kind", sa.Text(), nullable=False),
        sa.CheckConstraint(f"paper_kind in {KINDS}", name=op.f("ck_number_wanted_paper_kind")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_number_wanted_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_number_wanted_record_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_number_wanted")),
    )
    op.create_index("ix_number_wanted_bureau_id_xid_seq", "number_wanted", ["bureau_id", "xid", "seq"])
    op.create_table(
        "official_number",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("paper_kind", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("numbered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(f"paper_kind in {KINDS}", name=op.f("ck_official_number_paper_kind")),
        sa.CheckConstraint("serial > 0", name=op.f("ck_official_number_serial")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_official_number_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_official_number_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_official_number")),
        sa.UniqueConstraint(
            "bureau_id",
            "series",
            "year",
            "serial",
            name=op.f("uq_official_number_bureau_id_series_year_serial"),
        ),
        sa.UniqueConstraint("record_id", "paper_kind", name=op.f("uq_official_number_record_id_paper_kind")),
    )
    op.create_index(op.f("ix_official_number_bureau_id"), "official_number", ["bureau_id"])
    op.create_table(
        "number_style",
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("abbreviation", sa.Text(), nullable=False),
        sa.Column("words", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_number_style_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_number_style_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_style")),
    )
    op.create_index(op.f("ix_number_style_bureau_id"), "number_style", ["bureau_id"])
    op.create_table(
        "paper",
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(f"kind in {KINDS}", name=op.f("ck_paper_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_paper_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_paper_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_paper_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
    )
    op.create_index(op.f("ix_paper_bureau_id"), "paper", ["bureau_id"])
    op.create_index(op.f("ix_paper_record_id"), "paper", ["record_id"])
    # What the default privileges of the owner give beyond this is taken back.
    op.execute("revoke update, truncate on number_wanted from xunge_app")
    op.execute("revoke update, delete, truncate on official_number, number_style, paper from xunge_app")
    op.execute("grant select, insert, delete on number_wanted to xunge_app")
    op.execute("grant select, insert on official_number, number_style, paper to xunge_app")


def downgrade() -> None:
    op.drop_table("paper")
    op.drop_table("number_style")
    op.drop_table("official_number")
    op.drop_table("number_wanted")
    op.drop_column("record", "numbers")
