"""Goods lines carry money and every measure; what a record came to is columns; scanned cartons and hints are rows.

Revision: 0021
After: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MONEY = ("case_value_fen", "amount_involved_fen", "fund_flow_fen", "fine_and_confiscation_fen")


def upgrade() -> None:
    _lines()
    _outcomes()
    _scans()
    # What was stored before has none: hints say what was known when the record came.
    op.add_column("record", sa.Column("hints", postgresql.JSONB(), nullable=False, server_default="[]"))
    op.alter_column("record", "hints", server_default=None)
    op.create_table(
        "photo_exif",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.Text(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_photo_exif_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", "sha256", name=op.f("pk_photo_exif")),
    )
    op.create_index(op.f("ix_photo_exif_read_at"), "photo_exif", ["read_at"])
    op.execute("grant select, insert on photo_exif to xunge_app")
    # An empty photo is kept apart with its reason, as is one that is too large.
    op.drop_constraint(op.f("ck_upload_length"), "upload", type_="check")
    op.create_check_constraint(op.f("ck_upload_length"), "upload", "length >= 0")
    op.add_column("upload", sa.Column("reason", sa.Text(), nullable=True))
    op.execute("grant update (reason) on upload to xunge_app")


def _lines() -> None:
    for name in ("millilitres", "pieces"):
        op.add_column("goods_line", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("goods_line", sa.Column("nature", sa.Text(), nullable=False, server_default="other"))
    op.add_column("goods_line", sa.Column("barcode", sa.Text(), nullable=True))
    for name in ("unit_price_fen", "labelled_value_fen"):
        op.add_column("goods_line", sa.Column(name, sa.BigInteger(), nullable=True))
    # Lines that were stored before: the same as the code draws out of them today.
    op.execute(
        """
        update goods_line set
            millilitres = case when category = 'e_liquid' and unit = 'millilitre' then quantity else 0 end,
            pieces = case
                when (category, unit) in (
                    ('cigar', 'stick'), ('ecig_pod', 'piece'), ('ecig_pod', 'stick'), ('disposable_ecig', 'piece'),
                    ('disposable_ecig', 'stick'), ('ecig_device', 'piece'), ('ecig_device', 'box'),
                    ('empty_tube', 'stick'), ('machine', 'unit'), ('machine', 'set'))
                then quantity else 0 end
        """
    )
    op.execute(
        """
        with part as (
            select id, 0 as step, 0 as stop, document -> 'answers' -> 'goods' as goods from record
            union all
            select record.id, 1, at, stop -> 'goods'
            from record, json_array_elements(
                case json_typeof(document -> 'answers' -> 'stops') when 'array'
                    then document -> 'answers' -> 'stops' else '[]' end) with ordinality as s(stop, at)
            union all
            select record.id, 2, at, suspect -> 'goods'
            from record, json_array_elements(
                case json_typeof(document -> 'answers' -> 'suspects') when 'array'
                    then document -> 'answers' -> 'suspects' else '[]' end) with ordinality as s(suspect, at)
        ),
        line as (
            select part.id, row_number() over (partition by part.id order by step, stop, at) as ordinal,
                case jsonb_typeof(one::jsonb -> 'flags') when 'array' then one::jsonb -> 'flags' end as flags
            from part, json_array_elements(case json_typeof(goods) when 'array' then goods else '[]' end)
                with ordinality as l(one, at)
        ),
        flagged as (
            select line.id, line.ordinal, case
                when jsonb_array_length(line.flags) > 0 then line.flags
                else coalesce((record.document -> 'answers' -> 'goods_flags')::jsonb, '[]') end as flags
            from line join record on record.id = line.id
        )
        update goods_line set nature = case
            when flags ? 'counterfeit' then 'counterfeit'
            when flags ? 'smuggled' then 'smuggled'
            when flags ?| array['off_channel', 'diverted'] then 'off_channel'
            else 'other' end
        from flagged where flagged.id = goods_line.record_id and flagged.ordinal = goods_line.ordinal
        """
    )
    for name in ("millilitres", "pieces", "nature"):
        op.alter_column("goods_line", name, server_default=None)
    op.create_check_constraint(
        op.f("ck_goods_line_nature"),
        "goods_line",
        "nature in ('counterfeit', 'smuggled', 'off_channel', 'other')",
    )


def _outcomes() -> None:
    op.create_table(
        "record_outcome",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("disposal", sa.Text(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in MONEY),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_record_outcome_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_record_outcome_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record_outcome")),
    )
    op.create_index("ix_record_outcome_cause", "record_outcome", ["bureau_id", "cause"])
    op.execute(
        """
        insert into record_outcome (bureau_id, record_id, result, cause, disposal)
        select bureau_id, id, result, cause, disposal
        from (
            select bureau_id, id, document -> 'answers' ->> 'result' as result,
                document -> 'answers' ->> 'cause' as cause, document -> 'answers' ->> 'disposal' as disposal
            from record
        ) as told
        where coalesce(result, 'normal') <> 'normal' or cause is not null or coalesce(disposal, 'none') <> 'none'
        """
    )
    op.execute("grant select, insert on record_outcome to xunge_app")


def _scans() -> None:
    op.create_table(
        "carton_scan",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("stop_ordinal", sa.BigInteger(), nullable=True),
        sa.Column("licence_no", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("cartons", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.Text(), nullable=True),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("outlet_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "found in ('own', 'other', 'unreadable', 'malformed', 'none')", name=op.f("ck_carton_scan_found")
        ),
        sa.CheckConstraint("flag in ('off_channel', 'diverted')", name=op.f("ck_carton_scan_flag")),
        sa.CheckConstraint("cartons > 0", name=op.f("ck_carton_scan_cartons")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_carton_scan_bureau_id")),
        sa.ForeignKeyConstraint(["outlet_id"], ["outlet.id"], name=op.f("fk_carton_scan_outlet_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_carton_scan_record_id")),
        sa.PrimaryKeyConstraint("record_id", "ordinal", name=op.f("pk_carton_scan")),
    )
    op.create_index("ix_carton_scan_licence_no", "carton_scan", ["bureau_id", "licence_no"])
    op.execute("grant select, insert on carton_scan to xunge_app")


def downgrade() -> None:
    op.drop_column("upload", "reason")
    op.drop_constraint(op.f("ck_upload_length"), "upload", type_="check")
    op.create_check_constraint(op.f("ck_upload_length"), "upload", "length > 0", postgresql_not_valid=True)
    op.drop_table("photo_exif")
    op.drop_column("record", "hints")
    op.drop_table("carton_scan")
    op.drop_table("record_outcome")
    op.drop_constraint(op.f("ck_goods_line_nature"), "goods_line", type_="check")
    for name in ("labelled_value_fen", "unit_price_fen", "barcode", "nature", "pieces", "millilitres"):
        op.drop_column("goods_line", name)
