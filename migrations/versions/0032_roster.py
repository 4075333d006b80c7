"""The roster: who is away from the work of his squad, and who works with another one.

Revision: 0032
After: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secondment",
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("squad_id", sa.UUID(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "not isempty(valid) and lower(valid) is not null and upper(valid) is not null",
            name=op.f("ck_secondment_days"),
        ),
        postgresql.ExcludeConstraint(
            (sa.column("person_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_secondment_person_id_valid",
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_secondment_bureau_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_secondment_person_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_secondment_squad_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secondment")),
    )
    op.create_index(op.f("ix_secondment_bureau_id"), "secondment", ["bureau_id"])
    op.create_index(op.f("ix_secondment_squad_id"), "secondment", ["squad_id"])
    op.create_table(
        "roster_entry",
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("begins", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("squad_id", sa.UUID(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("replaces_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.UUID(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.UUID(), nullable=True),
        sa.Column("withdraw_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "kind in ('leave', 'training', 'secondment', 'other_duty')", name=op.f("ck_roster_entry_kind")
        ),
        sa.CheckConstraint("begins < ends", name=op.f("ck_roster_entry_moments")),
        sa.CheckConstraint(
            "kind = 'secondment' or num_nonnulls(squad_id, unit) = 0", name=op.f("ck_roster_entry_to_whom")
        ),
        sa.CheckConstraint("num_nonnulls(squad_id, unit) < 2", name=op.f("ck_roster_entry_one_place")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_roster_entry_bureau_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_roster_entry_person_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_roster_entry_squad_id")),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["roster_entry.id"], name=op.f("fk_roster_entry_replaces_id")
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["account.id"], name=op.f("fk_roster_entry_entered_by")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["account.id"], name=op.f("fk_roster_entry_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_entry")),
    )
    # Of what holds, absences do not overlap and secondments do not; leave may fall into a secondment.
    for name, kinds in (("absence", "kind <> 'secondment'"), ("secondment", "kind = 'secondment'")):
        op.execute(
            f"alter table roster_entry add constraint ex_roster_entry_{name} exclude using gist"
            f" (person_id with =, tstzrange(begins, ends) with &&) where (withdrawn_at is null and {kinds})"
        )
    op.create_index(op.f("ix_roster_entry_bureau_id"), "roster_entry", ["bureau_id"])
    op.create_index("ix_roster_entry_begins", "roster_entry", ["bureau_id", "begins"])
    op.create_index("ix_roster_entry_person_id", "roster_entry", ["person_id", "begins"])
    # The present view is kept like squad membership; an entry only takes the note that it was withdrawn.
    op.execute("grant select, insert, update, delete on secondment to xunge_app")
    op.execute("revoke update, delete, truncate on roster_entry from xunge_app")
    op.execute("grant select, insert on roster_entry to xunge_app")
    op.execute("grant update (withdrawn_at, withdrawn_by, withdraw_reason) on roster_entry to xunge_app")


def downgrade() -> None:
    op.drop_table("roster_entry")
    op.drop_table("secondment")
