"""What the register said of an outlet, as facts: its cell, the scope of its licence, its credit grade.

Revision: 0010
After: 0008

Of an outlet that is registered already only the present is known, so that is taken to hold from its licence's first
day, and to be known since its first status was. Moves before this revision were kept nowhere but in what was owed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outlet_registration",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("outlet_id", sa.UUID(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("licence_scope", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("credit_grade", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_outlet_registration_bureau_id")),
        sa.ForeignKeyConstraint(["outlet_id"], ["outlet.id"], name=op.f("fk_outlet_registration_outlet_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_outlet_registration_cell_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outlet_registration")),
    )
    op.create_index("ix_outlet_registration_outlet_id", "outlet_registration", ["outlet_id", "seq"])
    # Visits of a device's fast clock are looked for every night, and there are few of them.
    op.create_index(
        "ix_visit_fact_ahead",
        "visit_fact",
        ["bureau_id", "performed_at"],
        postgresql_where=sa.text("performed_at > known_at"),
    )
    op.create_index(
        "ix_attempt_fact_ahead",
        "attempt_fact",
        ["bureau_id", "attempted_at"],
        postgresql_where=sa.text("attempted_at > known_at"),
    )
    op.execute("grant select, insert on outlet_registration to xunge_app")
    op.execute("grant usage, select on sequence outlet_registration_seq_seq to xunge_app")
    op.execute(
        """
        insert into outlet_registration
            (bureau_id, outlet_id, from_day, known_at, cell_id, licence_scope, credit_grade)
        select outlet.bureau_id, outlet.id, outlet.licence_from,
            coalesce(known.at, outlet.licence_from::timestamptz), outlet.cell_id, outlet.licence_scope,
            outlet.credit_grade
        from outlet
        left join (select outlet_id, min(known_at) as at from outlet_status group by outlet_id) as known
            on known.outlet_id = outlet.id
        order by outlet.id
        """
    )


def downgrade() -> None:
    op.drop_index("ix_attempt_fact_ahead", table_name="attempt_fact")
    op.drop_index("ix_visit_fact_ahead", table_name="visit_fact")
    op.drop_table("outlet_registration")
