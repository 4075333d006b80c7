"""Hand-over sheets: the cells, what was signed over, and the steps of signing.

Revision: 0034
After: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

TABLES = ("handover_sheet", "handover_cell", "handover_content", "handover_step")


def upgrade() -> None:
    op.create_table(
        "handover_sheet",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("from_squad_id", sa.UUID(), nullable=False),
        sa.Column("from_lead_id", sa.UUID(), nullable=False),
        sa.Column("to_squad_id", sa.UUID(), nullable=False),
        sa.Column("to_lead_id", sa.UUID(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("origin in ('duty', 'desk')", name=op.f("ck_handover_sheet_origin")),
        sa.CheckConstraint("(origin = 'desk') = (reason is not null)", name=op.f("ck_handover_sheet_reason")),
        sa.CheckConstraint(
            "(from_squad_id, from_lead_id) is distinct from (to_squad_id, to_lead_id)",
            name=op.f("ck_handover_sheet_two_sides"),
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_handover_sheet_bureau_id")),
        sa.ForeignKeyConstraint(
            ["from_squad_id"], ["squad.id"], name=op.f("fk_handover_sheet_from_squad_id")
        ),
        sa.ForeignKeyConstraint(["from_lead_id"], ["person.id"], name=op.f("fk_handover_sheet_from_lead_id")),
        sa.ForeignKeyConstraint(["to_squad_id"], ["squad.id"], name=op.f("fk_handover_sheet_to_squad_id")),
        sa.ForeignKeyConstraint(["to_lead_id"], ["person.id"], name=op.f("fk_handover_sheet_to_lead_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_handover_sheet_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_sheet")),
    )
    op.create_index(op.f("ix_handover_sheet_bureau_id"), "handover_sheet", ["bureau_id"])
    op.create_index("ix_handover_sheet_from_day", "handover_sheet", ["bureau_id", "from_day"])
    op.create_table(
        "handover_cell",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("sheet_id", sa.UUID(), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_handover_cell_bureau_id")),
        sa.ForeignKeyConstraint(["sheet_id"], ["handover_sheet.id"], name=op.f("fk_handover_cell_sheet_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_handover_cell_cell_id")),
        sa.PrimaryKeyConstraint("sheet_id", "cell_id", name=op.f("pk_handover_cell")),
    )
    op.create_index("ix_handover_cell_cell_id", "handover_cell", ["cell_id"])
    op.create_table(
        "handover_content",
        sa.Column("sheet_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "sha256 = encode(sha256(content), 'hex')", name=op.f("ck_handover_content_sha256")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_handover_content_bureau_id")),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["handover_sheet.id"], name=op.f("fk_handover_content_sheet_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_content")),
    )
    op.create_index(op.f("ix_handover_content_bureau_id"), "handover_content", ["bureau_id"])
    op.create_index(op.f("ix_handover_content_sheet_id"), "handover_content", ["sheet_id"])
    op.create_table(
        "handover_step",
        sa.Column("sheet_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("content_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "act in ('signed', 'acknowledged', 'objected', 'withdrawn')", name=op.f("ck_handover_step_act")
        ),
        sa.CheckConstraint(
            "act = 'withdrawn' or content_id is not null", name=op.f("ck_handover_step_content")
        ),
        sa.CheckConstraint(
            "act not in ('objected', 'withdrawn') or note is not null", name=op.f("ck_handover_step_note")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_handover_step_bureau_id")),
        sa.ForeignKeyConstraint(["sheet_id"], ["handover_sheet.id"], name=op.f("fk_handover_step_sheet_id")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["handover_content.id"], name=op.f("fk_handover_step_content_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_handover_step_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_step")),
        sa.UniqueConstraint("sheet_id", "seq", name=op.f("uq_handover_step_sheet_id_seq")),
    )
    op.create_index(op.f("ix_handover_step_bureau_id"), "handover_step", ["bureau_id"])
    # All four are facts. What the default privileges of the owner give beyond that is taken back.
    for table in TABLES:
        op.execute(f"revoke update, delete, truncate on {table} from xunge_app")
        op.execute(f"grant select, insert on {table} to xunge_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
