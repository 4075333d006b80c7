"""Roll-ups of cadence: what no clock changes of an obligation, whom it is counted under, and the sums of that.

What stands there already is not counted yet (``outcome`` is null) until ``xunge cadence rebuild`` or the nightly job has
looked at it; reports read the facts until then.

Revision: 0015
After: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COUNTS = ("obligations", "waived", "on_time", "late", "made_up", "days_late", "attempts")
GRAINS = {
    "cadence_roll_up": ("squad_id", "officer_id", "cell_id"),
    "squad_roll_up": ("squad_id",),
}


def upgrade() -> None:
    for name in ("squad_id", "officer_id"):
        op.add_column("obligation", sa.Column(name, sa.UUID(), nullable=True))
    op.add_column("obligation", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("obligation", sa.Column("days_late", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_obligation_outcome"),
        "obligation",
        "outcome in ('open', 'met', 'met_late', 'made_up', 'waived', 'void')",
    )
    op.create_index(
        "ix_obligation_not_counted",
        "obligation",
        ["bureau_id"],
        postgresql_where=sa.text("outcome is null and tier is not null"),
    )
    for table, grain in GRAINS.items():
        op.create_table(
            table,
            sa.Column("bureau_id", sa.UUID(), nullable=False),
            *(sa.Column(name, sa.UUID(), nullable=True) for name in grain),
            sa.Column("tier", sa.Text(), nullable=False),
            sa.Column("key", sa.Text(), nullable=False),
            *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
            sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f(f"fk_{table}_bureau_id")),
        )
        op.create_index(f"ix_{table}_bureau_id_tier_key", table, ["bureau_id", "tier", "key"])
        op.execute(f"grant select, insert, delete on {table} to xunge_app")
    op.create_table(
        "roll_up_kept",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_roll_up_kept_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", name=op.f("pk_roll_up_kept")),
    )
    op.execute("grant select, insert, update on roll_up_kept to xunge_app")


def downgrade() -> None:
    for table in ("roll_up_kept", *GRAINS):
        op.drop_table(table)
    op.drop_index("ix_obligation_not_counted", "obligation")
    op.drop_constraint(op.f("ck_obligation_outcome"), "obligation", type_="check")
    for name in ("days_late", "outcome", "officer_id", "squad_id"):
        op.drop_column("obligation", name)
