"""Forms are drafted, published, retired and compared.

Revision: 0020
After: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOMENTS = ("effective_from", "retired_at")
PEOPLE = ("drafted_by", "published_by", "retired_by")


def upgrade() -> None:
    for name in MOMENTS:
        op.add_column("form", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name in PEOPLE:
        op.add_column("form", sa.Column(name, sa.UUID(), nullable=True))
        op.create_foreign_key(op.f(f"fk_form_{name}"), "form", "account", [name], ["id"])
    op.add_column("form", sa.Column("retire_reason", sa.Text(), nullable=True))
    op.create_table(
        "form_draft",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("form_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("answers_schema", postgresql.JSONB(), nullable=False),
        sa.Column("demands", postgresql.JSONB(), nullable=False),
        sa.Column("drafted_by", sa.UUID(), nullable=True),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_form_draft_bureau_id")),
        sa.ForeignKeyConstraint(["drafted_by"], ["account.id"], name=op.f("fk_form_draft_drafted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_draft")),
        sa.UniqueConstraint("bureau_id", "form_code", name=op.f("uq_form_draft_bureau_id_form_code")),
    )
    op.create_index(op.f("ix_form_draft_bureau_id"), "form_draft", ["bureau_id"])
    op.execute("grant select, insert, update, delete on form_draft to xunge_app")
    # What a version asks never changes: records hold its number for ever.
    op.execute("revoke update, delete on form from xunge_app")
    op.execute("grant update (state, retired_at, retired_by, retire_reason, edit_id) on form to xunge_app")


def downgrade() -> None:
    op.execute("revoke update on form from xunge_app")
    op.execute("grant update, delete on form to xunge_app")
    op.drop_table("form_draft")
    op.drop_column("form", "retire_reason")
    for name in PEOPLE:
        op.drop_constraint(op.f(f"fk_form_{name}"), "form", type_="foreignkey")
        op.drop_column("form", name)
    for name in MOMENTS:
        op.drop_column("form", name)
