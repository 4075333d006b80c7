"""Changes of duty with who made them and why; duty that ends without a successor; the order of what was said.

Revision: 0031
After: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_change",
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.UUID(), nullable=True),
        sa.Column("withdraws_id", sa.UUID(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_duty_change_bureau_id")),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_duty_change_made_by")),
        sa.ForeignKeyConstraint(
            ["withdraws_id"], ["duty_change.id"], name=op.f("fk_duty_change_withdraws_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_change")),
        sa.UniqueConstraint("withdraws_id", name=op.f("uq_duty_change_withdraws_id")),
    )
    op.create_index(op.f("ix_duty_change_bureau_id"), "duty_change", ["bureau_id"])
    op.execute("grant select, insert on duty_change to xunge_app")
    op.add_column("duty_fact", sa.Column("change_id", sa.UUID(), nullable=True))
    op.create_foreign_key(op.f("fk_duty_fact_change_id"), "duty_fact", "duty_change", ["change_id"], ["id"])
    op.create_index(op.f("ix_duty_fact_change_id"), "duty_fact", ["change_id"])
    op.alter_column("duty_fact", "squad_id", nullable=True)
    op.alter_column("duty_fact", "lead_person_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_duty_fact_holder"), "duty_fact", "num_nulls(squad_id, lead_person_id) in (0, 2)"
    )
    # What was said already keeps the order in which it decided until now.
    op.add_column("duty_fact", sa.Column("seq", sa.BigInteger(), nullable=True))
    op.execute(
        "update duty_fact f set seq = n from"
        " (select id, row_number() over (order by known_at, from_day, id) as n from duty_fact) said"
        " where said.id = f.id"
    )
    op.alter_column("duty_fact", "seq", nullable=False)
    op.execute("alter table duty_fact alter column seq add generated always as identity")
    op.execute(
        "select setval(pg_get_serial_sequence('duty_fact', 'seq'), (select count(*) + 1 from duty_fact), false)"
    )
    op.execute("grant usage, select on sequence duty_fact_seq_seq to xunge_app")


def downgrade() -> None:
    op.execute("delete from duty_fact where squad_id is null")
    op.drop_column("duty_fact", "seq")
    op.drop_constraint(op.f("ck_duty_fact_holder"), "duty_fact")
    op.alter_column("duty_fact", "lead_person_id", nullable=False)
    op.alter_column("duty_fact", "squad_id", nullable=False)
    op.drop_column("duty_fact", "change_id")
    op.drop_table("duty_change")
