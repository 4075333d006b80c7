"""Dispatches: who was out, with which vehicles and partners; records name theirs.

Revision: 0022
After: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = ("dispatch", "dispatch_person", "dispatch_vehicle", "dispatch_partner")


def upgrade() -> None:
    # No foreign key: a record may arrive before the dispatch that it names.
    op.add_column("record", sa.Column("dispatch_id", sa.UUID(), nullable=True))
    # Plates are looked for as head_counts.plate_of writes them.
    op.execute("update road_stop set plate = upper(regexp_replace(plate, '[ ·•.-]', '', 'g'))")
    op.create_index(
        "ix_road_stop_plate", "road_stop", ["plate"], postgresql_where=sa.text("plate is not null")
    )
    op.create_table(
        "dispatch",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=True),
        sa.Column("squad_id", sa.UUID(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("task", sa.Text(), nullable=True),
        sa.Column("joint_mode", sa.Text(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaces_id", sa.UUID(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("source in ('form', 'road_check', 'desk')", name=op.f("ck_dispatch_source")),
        sa.CheckConstraint("(source = 'desk') = (record_id is null)", name=op.f("ck_dispatch_record")),
        sa.CheckConstraint("joint_mode in ('regular', 'mobile')", name=op.f("ck_dispatch_joint_mode")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_dispatch_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_dispatch_record_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_dispatch_squad_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["dispatch.id"], name=op.f("fk_dispatch_replaces_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
    )
    op.create_index(op.f("ix_dispatch_bureau_id"), "dispatch", ["bureau_id"])
    op.create_index("ix_dispatch_started_at", "dispatch", ["bureau_id", "started_at"])
    op.create_index(
        "uq_dispatch_replaces_id",
        "dispatch",
        ["replaces_id"],
        unique=True,
        postgresql_where=sa.text("replaces_id is not null"),
    )
    op.create_table(
        "dispatch_person",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("dispatch_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind in ('officer', 'auxiliary', 'staff', 'unknown')", name=op.f("ck_dispatch_person_kind")
        ),
        sa.CheckConstraint(
            "(kind = 'unknown') = (person_id is null)", name=op.f("ck_dispatch_person_unknown")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_dispatch_person_bureau_id")),
        sa.ForeignKeyConstraint(
            ["dispatch_id"], ["dispatch.id"], name=op.f("fk_dispatch_person_dispatch_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_dispatch_person_person_id")),
        sa.PrimaryKeyConstraint("dispatch_id", "ordinal", name=op.f("pk_dispatch_person")),
        sa.UniqueConstraint(
            "dispatch_id", "person_id", name=op.f("uq_dispatch_person_dispatch_id_person_id")
        ),
    )
    op.create_index("ix_dispatch_person_person_id", "dispatch_person", ["person_id"])
    op.create_table(
        "dispatch_vehicle",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("dispatch_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("vehicle_id", sa.UUID(), nullable=True),
        sa.Column("plate", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_dispatch_vehicle_bureau_id")),
        sa.ForeignKeyConstraint(
            ["dispatch_id"], ["dispatch.id"], name=op.f("fk_dispatch_vehicle_dispatch_id")
        ),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name=op.f("fk_dispatch_vehicle_vehicle_id")),
        sa.PrimaryKeyConstraint("dispatch_id", "ordinal", name=op.f("pk_dispatch_vehicle")),
    )
    op.create_table(
        "dispatch_partner",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("dispatch_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("people >= 0", name=op.f("ck_dispatch_partner_people")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_dispatch_partner_bureau_id")),
        sa.ForeignKeyConstraint(
            ["dispatch_id"], ["dispatch.id"], name=op.f("fk_dispatch_partner_dispatch_id")
        ),
        sa.PrimaryKeyConstraint("dispatch_id", "ordinal", name=op.f("pk_dispatch_partner")),
    )
    op.execute(f"grant select, insert on {', '.join(TABLES)} to xunge_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_road_stop_plate", "road_stop")
    op.drop_column("record", "dispatch_id")
