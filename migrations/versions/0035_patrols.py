"""Patrols: plans of a squad's day, teams, stops, what did not fit, runs of the solver, opening hours, where squads start.

Revision: 0035
After: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


WRITTEN = (
    "patrol_plan",
    "patrol",
    "patrol_member",
    "patrol_cell",
    "patrol_stop",
    "plan_unfitted",
    "plan_wish",
    "plan_solving",
)
APPEND_ONLY = ("planning_rules", "opening_hours", "patrol_run")


def upgrade() -> None:
    op.create_table(
        "opening_hours",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("week", postgresql.JSONB(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_opening_hours_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_opening_hours_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_hours")),
    )
    op.create_index(op.f("ix_opening_hours_bureau_id"), "opening_hours", ["bureau_id"], unique=False)
    op.create_index("ix_opening_hours_subject_id", "opening_hours", ["subject_id", "known_at"], unique=False)
    op.create_table(
        "patrol_run",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("patrol_id", sa.UUID(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metres", sa.BigInteger(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("act in ('start', 'end')", name=op.f("ck_patrol_run_act")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_run_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_patrol_run_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_patrol_run")),
    )
    op.create_index("ix_patrol_run_patrol_id", "patrol_run", ["patrol_id"], unique=False)
    op.create_table(
        "plan_solving",
        sa.Column("squad_id", sa.UUID(), nullable=False),
        sa.Column("plan_ids", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("limit_s", sa.BigInteger(), nullable=False),
        sa.Column("elapsed_s", sa.BigInteger(), nullable=False),
        sa.Column("objective", sa.BigInteger(), nullable=True),
        sa.Column("served", sa.BigInteger(), nullable=True),
        sa.Column("unserved", sa.BigInteger(), nullable=True),
        sa.Column("best", postgresql.JSONB(), nullable=True),
        sa.Column("faults", postgresql.JSONB(), nullable=False),
        sa.Column("asked_by", sa.UUID(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "state in ('queued', 'running', 'done', 'cancelled', 'failed')",
            name=op.f("ck_plan_solving_state"),
        ),
        sa.CheckConstraint("limit_s between 1 and 600", name=op.f("ck_plan_solving_limit_s")),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_plan_solving_asked_by")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_plan_solving_bureau_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_plan_solving_squad_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_solving")),
    )
    op.create_index(op.f("ix_plan_solving_bureau_id"), "plan_solving", ["bureau_id"], unique=False)
    op.create_table(
        "planning_rules",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_planning_rules_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_planning_rules_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planning_rules")),
        sa.UniqueConstraint("bureau_id", "version", name=op.f("uq_planning_rules_bureau_id_version")),
    )
    op.create_index(op.f("ix_planning_rules_bureau_id"), "planning_rules", ["bureau_id"], unique=False)
    op.create_table(
        "patrol_plan",
        sa.Column("squad_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wishes", postgresql.JSONB(), nullable=False),
        sa.Column("warnings", postgresql.JSONB(), nullable=False),
        sa.Column("ways", postgresql.JSONB(), nullable=True),
        sa.Column("objective", sa.BigInteger(), nullable=True),
        sa.Column("solved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by", sa.UUID(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revises_id", sa.UUID(), nullable=True),
        sa.Column("approval_id", sa.UUID(), nullable=True),
        sa.Column("grant_ids", postgresql.JSONB(), nullable=False),
        sa.Column("published_by", sa.UUID(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.UUID(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdraw_reason", sa.Text(), nullable=True),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at is not null)", name=op.f("ck_patrol_plan_withdrawn")
        ),
        sa.CheckConstraint(
            "state <> 'published' or published_at is not null", name=op.f("ck_patrol_plan_published")
        ),
        sa.CheckConstraint("state in ('draft', 'published', 'withdrawn')", name=op.f("ck_patrol_plan_state")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["inspection_approval.id"], name=op.f("fk_patrol_plan_approval_id")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_plan_bureau_id")),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_patrol_plan_made_by")),
        sa.ForeignKeyConstraint(["published_by"], ["account.id"], name=op.f("fk_patrol_plan_published_by")),
        sa.ForeignKeyConstraint(["revises_id"], ["patrol_plan.id"], name=op.f("fk_patrol_plan_revises_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_patrol_plan_squad_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["account.id"], name=op.f("fk_patrol_plan_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_plan")),
    )
    op.create_index(op.f("ix_patrol_plan_bureau_id"), "patrol_plan", ["bureau_id"], unique=False)
    op.create_index(op.f("ix_patrol_plan_squad_id"), "patrol_plan", ["squad_id"], unique=False)
    op.create_index(
        "uq_patrol_plan_squad_id_day",
        "patrol_plan",
        ["squad_id", "day"],
        unique=True,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_geospatial_table(
        "patrol",
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("squad_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("vehicle_id", sa.UUID(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_name", sa.Text(), nullable=False),
        sa.Column("start_place", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
        sa.Column("end_name", sa.Text(), nullable=False),
        sa.Column("end_place", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
        sa.Column("most_stops", sa.BigInteger(), nullable=True),
        sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returns_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metres", sa.BigInteger(), nullable=True),
        sa.Column("travel_s", sa.BigInteger(), nullable=True),
        sa.Column("service_s", sa.BigInteger(), nullable=True),
        sa.Column("waiting_s", sa.BigInteger(), nullable=True),
        sa.Column("line", Geometry("LINESTRING", srid=4326, spatial_index=False), nullable=True),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("mode in ('car', 'foot')", name=op.f("ck_patrol_mode")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_patrol_shift")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_bureau_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_patrol_plan_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_patrol_squad_id")),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name=op.f("fk_patrol_vehicle_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol")),
        sa.UniqueConstraint("plan_id", "ordinal", name=op.f("uq_patrol_plan_id_ordinal")),
    )
    op.create_index(op.f("ix_patrol_bureau_id"), "patrol", ["bureau_id"], unique=False)
    op.create_index(op.f("ix_patrol_plan_id"), "patrol", ["plan_id"], unique=False)
    op.create_index("ix_patrol_squad_id_day", "patrol", ["squad_id", "day"], unique=False)
    op.create_table(
        "plan_unfitted",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("late_on", sa.Date(), nullable=True),
        sa.Column("obligation_ids", postgresql.JSONB(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_plan_unfitted_bureau_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_plan_unfitted_cell_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_plan_unfitted_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "ordinal", name=op.f("pk_plan_unfitted")),
    )
    op.create_table(
        "patrol_cell",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("patrol_id", sa.UUID(), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_cell_bureau_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_patrol_cell_cell_id")),
        sa.ForeignKeyConstraint(["patrol_id"], ["patrol.id"], name=op.f("fk_patrol_cell_patrol_id")),
        sa.PrimaryKeyConstraint("patrol_id", "cell_id", name=op.f("pk_patrol_cell")),
    )
    op.create_index(op.f("ix_patrol_cell_cell_id"), "patrol_cell", ["cell_id"], unique=False)
    op.create_table(
        "patrol_member",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("patrol_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.CheckConstraint("part in ('lead', 'second', 'extra')", name=op.f("ck_patrol_member_part")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_member_bureau_id")),
        sa.ForeignKeyConstraint(["patrol_id"], ["patrol.id"], name=op.f("fk_patrol_member_patrol_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_patrol_member_person_id")),
        sa.PrimaryKeyConstraint("patrol_id", "ordinal", name=op.f("pk_patrol_member")),
        sa.UniqueConstraint("patrol_id", "person_id", name=op.f("uq_patrol_member_patrol_id_person_id")),
    )
    op.create_index("ix_patrol_member_person_id", "patrol_member", ["person_id"], unique=False)
    op.create_geospatial_table(
        "patrol_stop",
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("patrol_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("field_ordinal", sa.BigInteger(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("place", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
        sa.Column("arrives_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departs_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leg_metres", sa.BigInteger(), nullable=False),
        sa.Column("leg_s", sa.BigInteger(), nullable=False),
        sa.Column("leg_by_road", sa.Boolean(), nullable=False),
        sa.Column("visit_kind", sa.Text(), nullable=False),
        sa.Column("form_code", sa.Text(), nullable=True),
        sa.Column("obligation_ids", postgresql.JSONB(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("fixed", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("record_id", sa.UUID(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_by", sa.UUID(), nullable=True),
        sa.Column("edit_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "(status = 'skipped') = (skip_reason is not null)", name=op.f("ck_patrol_stop_skipped")
        ),
        sa.CheckConstraint("fixed in ('team', 'time')", name=op.f("ck_patrol_stop_fixed")),
        sa.CheckConstraint(
            "status in ('planned', 'done', 'skipped', 'withdrawn')", name=op.f("ck_patrol_stop_status")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_patrol_stop_bureau_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_patrol_stop_cell_id")),
        sa.ForeignKeyConstraint(["patrol_id"], ["patrol.id"], name=op.f("fk_patrol_stop_patrol_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_patrol_stop_plan_id")),
        sa.ForeignKeyConstraint(["told_by"], ["person.id"], name=op.f("fk_patrol_stop_told_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_stop")),
        sa.UniqueConstraint("patrol_id", "subject_id", name=op.f("uq_patrol_stop_patrol_id_subject_id")),
    )
    op.create_index(op.f("ix_patrol_stop_bureau_id"), "patrol_stop", ["bureau_id"], unique=False)
    op.create_index(op.f("ix_patrol_stop_plan_id"), "patrol_stop", ["plan_id"], unique=False)
    op.create_index("ix_patrol_stop_subject_id", "patrol_stop", ["subject_id"], unique=False)
    op.create_table(
        "plan_wish",
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("patrol_id", sa.UUID(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("wish in ('include', 'exclude')", name=op.f("ck_plan_wish_wish")),
        sa.CheckConstraint("not_after >= not_before", name=op.f("ck_plan_wish_times")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_plan_wish_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_plan_wish_bureau_id")),
        sa.ForeignKeyConstraint(["patrol_id"], ["patrol.id"], name=op.f("fk_plan_wish_patrol_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_plan_wish_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_wish")),
        sa.UniqueConstraint("plan_id", "subject_id", name=op.f("uq_plan_wish_plan_id_subject_id")),
    )
    op.create_index(op.f("ix_plan_wish_bureau_id"), "plan_wish", ["bureau_id"], unique=False)
    op.add_column("squad", sa.Column("base_name", sa.Text(), nullable=True))
    op.add_geospatial_column(
        "squad", sa.Column("base_place", Geometry("POINT", srid=4326, spatial_index=False), nullable=True)
    )
    for table in WRITTEN:
        op.execute(f"grant select, insert, update, delete on {table} to xunge_app")
    for table in APPEND_ONLY:
        op.execute(f"grant select, insert on {table} to xunge_app")
    op.create_check_constraint(op.f("ck_squad_base"), "squad", "num_nonnulls(base_name, base_place) <> 1")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_squad_base"), "squad")
    op.drop_geospatial_column("squad", "base_place")
    op.drop_column("squad", "base_name")
    op.drop_index(op.f("ix_plan_wish_bureau_id"), table_name="plan_wish")
    op.drop_table("plan_wish")
    op.drop_index("ix_patrol_stop_subject_id", table_name="patrol_stop")
    op.drop_index(op.f("ix_patrol_stop_plan_id"), table_name="patrol_stop")
    op.drop_index(op.f("ix_patrol_stop_bureau_id"), table_name="patrol_stop")
    op.drop_geospatial_table("patrol_stop")
    op.drop_index("ix_patrol_member_person_id", table_name="patrol_member")
    op.drop_table("patrol_member")
    op.drop_index(op.f("ix_patrol_cell_cell_id"), table_name="patrol_cell")
    op.drop_table("patrol_cell")
    op.drop_table("plan_unfitted")
    op.drop_index("ix_patrol_squad_id_day", table_name="patrol")
    op.drop_index(op.f("ix_patrol_plan_id"), table_name="patrol")
    op.drop_index(op.f("ix_patrol_bureau_id"), table_name="patrol")
    op.drop_geospatial_table("patrol")
    op.drop_index(
        "uq_patrol_plan_squad_id_day",
        table_name="patrol_plan",
        postgresql_where=sa.text("state = 'published'"),
    )
    op.drop_index(op.f("ix_patrol_plan_squad_id"), table_name="patrol_plan")
    op.drop_index(op.f("ix_patrol_plan_bureau_id"), table_name="patrol_plan")
    op.drop_table("patrol_plan")
    op.drop_index(op.f("ix_planning_rules_bureau_id"), table_name="planning_rules")
    op.drop_table("planning_rules")
    op.drop_index(op.f("ix_plan_solving_bureau_id"), table_name="plan_solving")
    op.drop_table("plan_solving")
    op.drop_index("ix_patrol_run_patrol_id", table_name="patrol_run")
    op.drop_table("patrol_run")
    op.drop_index("ix_opening_hours_subject_id", table_name="opening_hours")
    op.drop_index(op.f("ix_opening_hours_bureau_id"), table_name="opening_hours")
    op.drop_table("opening_hours")
