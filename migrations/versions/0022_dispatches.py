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

# Sessions that were received before are dispatches of their own, as server/dispatches/drawing.py draws them out.
BACKFILL = (
    """
    insert into dispatch (id, bureau_id, source, record_id, squad_id, started_at, ended_at, task, known_at, withdrawn)
    select id, bureau_id, 'road_check', id, squad_id, performed_at,
           ended_at - make_interval(secs => clock_offset_s),
           nullif(left(trim(document -> 'answers' ->> 'road'), 500), ''), received_at, false
    from record where kind = 'road_check'
    """,
    """
    insert into dispatch_person (bureau_id, dispatch_id, ordinal, person_id, kind)
    select bureau_id, record_id, row_number() over (partition by record_id order by ordinal), person_id, kind
    from (
        select distinct on (signer.record_id, coalesce(signer.person_id::text, signer.ordinal::text))
               signer.*, coalesce(person.kind, 'unknown') as kind
        from record_officer signer
        join dispatch on dispatch.id = signer.record_id
        left join person on person.id = signer.person_id
        order by signer.record_id, coalesce(signer.person_id::text, signer.ordinal::text), signer.ordinal
    ) as once
    """,
    """
    insert into dispatch_vehicle (bureau_id, dispatch_id, ordinal)
    select record.bureau_id, record.id, number
    from record
    join dispatch on dispatch.id = record.id
    cross join lateral generate_series(
        1,
        case json_typeof(document -> 'answers' -> 'vehicles_used')
            when 'number' then least((document -> 'answers' ->> 'vehicles_used')::numeric, 100)::integer
            else 0
        end
    ) as number
    """,
    """
    insert into dispatch_partner (bureau_id, dispatch_id, ordinal, unit, people)
    select record.bureau_id, record.id,
           row_number() over (partition by record.id order by unit.place),
           left(trim(unit.told ->> 'name'), 100),
           case when json_typeof(unit.told -> 'people') = 'number'
                 and (unit.told ->> 'people')::numeric between 0 and 100000
                then trunc((unit.told ->> 'people')::numeric)::bigint end
    from record
    join dispatch on dispatch.id = record.id
    cross join lateral json_array_elements(
        case json_typeof(document -> 'answers' -> 'partner_units')
            when 'array' then document -> 'answers' -> 'partner_units' else '[]' end
    ) with ordinality as unit (told, place)
    where json_typeof(unit.told) = 'object' and trim(unit.told ->> 'name') <> ''
    """,
)


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
    for statement in BACKFILL:
        op.execute(statement)
    op.execute(f"grant select, insert on {', '.join(TABLES)} to xunge_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_road_stop_plate", "road_stop")
    op.drop_column("record", "dispatch_id")
