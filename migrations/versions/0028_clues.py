"""Clues with what is done with them, informants apart and sealed, co-signatures, and notices of incidents.

Revision: 0028
After: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clue",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_unit", sa.Text(), nullable=True),
        sa.Column("record_id", sa.UUID(), nullable=True),
        sa.Column("from_record_id", sa.UUID(), nullable=True),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.UUID(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("position", Geometry("POINT", srid=4326, spatial_index=False), nullable=True),
        sa.Column("plate", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Text(), nullable=True),
        sa.Column("elsewhere_unit", sa.Text(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("squad_id", sa.UUID(), nullable=True),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_clue_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_clue_record_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_clue_cell_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_clue_squad_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_clue_person_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_clue_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clue")),
        sa.UniqueConstraint("bureau_id", "number", name=op.f("uq_clue_bureau_id_number")),
    )
    op.create_index(op.f("ix_clue_bureau_id"), "clue", ["bureau_id"])
    op.create_index("ix_clue_found_at", "clue", ["bureau_id", "found_at"])
    op.create_index("ix_clue_plate", "clue", ["plate"], postgresql_where=sa.text("plate is not null"))
    op.create_index("idx_clue_position", "clue", ["position"], postgresql_using="gist")
    op.create_table(
        "clue_act",
        sa.Column("clue_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("people", postgresql.JSONB(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("other_clue_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_clue_act_bureau_id")),
        sa.ForeignKeyConstraint(["clue_id"], ["clue.id"], name=op.f("fk_clue_act_clue_id")),
        sa.ForeignKeyConstraint(["other_clue_id"], ["clue.id"], name=op.f("fk_clue_act_other_clue_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_clue_act_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clue_act")),
    )
    op.create_index(op.f("ix_clue_act_bureau_id"), "clue_act", ["bureau_id"])
    op.create_index("ix_clue_act_clue_id", "clue_act", ["clue_id", "known_at"])
    op.create_table(
        "clue_informant",
        sa.Column("clue_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        # What Fernet seals begins so: nothing readable can stand here.
        sa.CheckConstraint("sealed like 'gAAAA%'", name=op.f("ck_clue_informant_sealed")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_clue_informant_bureau_id")),
        sa.ForeignKeyConstraint(["clue_id"], ["clue.id"], name=op.f("fk_clue_informant_clue_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_clue_informant_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clue_informant")),
    )
    op.create_index(op.f("ix_clue_informant_bureau_id"), "clue_informant", ["bureau_id"])
    op.create_index(op.f("ix_clue_informant_clue_id"), "clue_informant", ["clue_id"])
    op.execute("grant select, insert on clue, clue_act, clue_informant to xunge_app")
    # A clue from the field says what the word on its record says that stands; its status follows from the acts.
    op.execute(
        "grant update (record_id, from_record_id, matter, summary, subject_kind, subject_id, place, position, plate,"
        " confidence, elsewhere_unit, status) on clue to xunge_app"
    )


def downgrade() -> None:
    for table in ("clue_informant", "clue_act", "clue"):
        op.drop_table(table)
