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
    op.create_table(
        "co_signature",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("signed_record_id", sa.UUID(), nullable=True),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("signature_sha256", sa.Text(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_co_signature_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_co_signature_record_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_co_signature_person_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_co_signature")),
    )
    op.create_index(op.f("ix_co_signature_bureau_id"), "co_signature", ["bureau_id"])
    op.create_index(op.f("ix_co_signature_signed_record_id"), "co_signature", ["signed_record_id"])
    op.create_table(
        "co_signature_check",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("signed_record_id", sa.UUID(), nullable=False),
        sa.Column("matches", sa.Boolean(), nullable=False),
        sa.Column("concerns", postgresql.JSONB(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_co_signature_check_bureau_id")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["co_signature.record_id"], name=op.f("fk_co_signature_check_record_id")
        ),
        sa.ForeignKeyConstraint(
            ["signed_record_id"], ["record.id"], name=op.f("fk_co_signature_check_signed_record_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_co_signature_check")),
    )
    op.create_index(op.f("ix_co_signature_check_bureau_id"), "co_signature_check", ["bureau_id"])
    op.create_index(
        op.f("ix_co_signature_check_signed_record_id"), "co_signature_check", ["signed_record_id"]
    )
    op.execute("grant select, insert on co_signature, co_signature_check to xunge_app")
    # An incident is told at once and for itself, however many there are on a day; digests stay one a kind and day.
    op.drop_constraint(op.f("uq_notice_bureau_id_person_id_account_id_kind_day"), "notice")
    op.create_index(
        "uq_notice_digest",
        "notice",
        ["bureau_id", "person_id", "account_id", "kind", "day"],
        unique=True,
        postgresql_where=sa.text("kind <> 'incident'"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(
        op.f("ck_notice_kind"),
        "notice",
        "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident')",
    )


def downgrade() -> None:
    op.execute(
        "delete from notice_item using notice where notice.id = notice_id and notice.kind = 'incident'"
    )
    op.execute("delete from notice where kind = 'incident'")
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(
        op.f("ck_notice_kind"),
        "notice",
        "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing')",
    )
    op.drop_index("uq_notice_digest", "notice")
    op.create_unique_constraint(
        op.f("uq_notice_bureau_id_person_id_account_id_kind_day"),
        "notice",
        ["bureau_id", "person_id", "account_id", "kind", "day"],
        postgresql_nulls_not_distinct=True,
    )
    for table in ("co_signature_check", "co_signature"):
        op.drop_table(table)
    for table in ("clue_informant", "clue_act", "clue"):
        op.drop_table(table)
