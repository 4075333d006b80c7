"""Duties that something triggers: their rules, what they carry, and what was done besides tiers' checks.

Revision: 0014
After: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
TIERS = "tier in ('WEEKLY', 'MONTHLY', 'QUARTERLY'{})"
DEEDS = ", 'INSPECTION', 'SERVICE', 'DEPOT_CHECK', 'CALLBACK', 'DOOR_CALLBACK', 'NOTICE', 'REVIEW'"
CARRIED = "trigger_id, triggered_at, rule_version_id, due_from, accepts, min_gap_days, known_at"


def upgrade() -> None:
    op.create_table(
        "duty_rule_version",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("checks", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("day_kind", sa.Text(), nullable=False),
        sa.Column("grace_working_days", sa.BigInteger(), nullable=False),
        sa.Column("due_soon_working_days", sa.BigInteger(), nullable=False),
        sa.Column("accepts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("threshold", postgresql.JSONB(), nullable=False),
        sa.Column("counts_to_cap", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", AT, nullable=False),
        *_owned("duty_rule_version"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_duty_rule_version_account_id")),
        sa.UniqueConstraint(
            "bureau_id", "code", "version", name=op.f("uq_duty_rule_version_bureau_id_code_version")
        ),
        sa.CheckConstraint("day_kind in ('calendar', 'working')", name=op.f("ck_duty_rule_version_day_kind")),
        sa.CheckConstraint(
            "checks >= 1 and days >= 1 and grace_working_days >= 0", name=op.f("ck_duty_rule_version_numbers")
        ),
    )
    op.create_table(
        "duty_subject",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("major", sa.Boolean(), nullable=False),
        sa.Column("known_at", AT, nullable=False),
        *_owned("duty_subject"),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_duty_subject_cell_id")),
        sa.UniqueConstraint(
            "bureau_id", "kind", "number", name=op.f("uq_duty_subject_bureau_id_kind_number")
        ),
        sa.CheckConstraint(
            "kind in ('unlicensed', 'household', 'complaint', 'clue', 'case')",
            name=op.f("ck_duty_subject_kind"),
        ),
    )
    op.create_index("ix_duty_subject_cell_id", "duty_subject", ["cell_id"])
    op.create_table(
        "duty_act",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("performed_at", AT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", AT, nullable=False),
        *_owned("duty_act"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_duty_act_account_id")),
    )
    op.create_table(
        "duty_withdrawal",
        sa.Column("trigger_id", sa.UUID(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", AT, nullable=False),
        *_owned("duty_withdrawal"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_duty_withdrawal_account_id")),
        sa.UniqueConstraint("trigger_id", "known_at", name=op.f("uq_duty_withdrawal_trigger_id_known_at")),
    )
    for table in ("duty_rule_version", "duty_subject", "duty_act", "duty_withdrawal"):
        op.create_index(op.f(f"ix_{table}_bureau_id"), table, ["bureau_id"])
        op.execute(f"grant select, insert on {table} to xunge_app")
    op.execute("grant update on duty_subject to xunge_app")
    _let_obligations_be_triggered()
    op.drop_constraint(op.f("ck_visit_fact_tier"), "visit_fact", type_="check")
    op.create_check_constraint(op.f("ck_visit_fact_tier"), "visit_fact", TIERS.format(DEEDS))


def _let_obligations_be_triggered() -> None:
    op.alter_column("obligation", "tier", nullable=True)
    op.alter_column("obligation", "policy_tier_id", nullable=True)
    op.add_column("obligation", sa.Column("trigger_id", sa.UUID(), nullable=True))
    op.add_column("obligation", sa.Column("triggered_at", AT, nullable=True))
    op.add_column("obligation", sa.Column("rule_version_id", sa.UUID(), nullable=True))
    op.add_column("obligation", sa.Column("due_from", sa.Date(), nullable=True))
    op.add_column("obligation", sa.Column("accepts", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("obligation", sa.Column("min_gap_days", sa.BigInteger(), nullable=True))
    op.add_column("obligation", sa.Column("known_at", AT, nullable=True))
    op.add_column("obligation", sa.Column("withdrawn_at", AT, nullable=True))
    op.create_foreign_key(
        op.f("fk_obligation_rule_version_id"), "obligation", "duty_rule_version", ["rule_version_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_obligation_triggered"),
        "obligation",
        f"(tier is not null and policy_tier_id is not null and num_nonnulls({CARRIED}) = 0)"
        f" or (tier is null and policy_tier_id is null and num_nulls({CARRIED}) = 0)",
    )
    op.create_index(
        "ix_obligation_triggered",
        "obligation",
        ["subject_id", "grace_last_day"],
        postgresql_where="trigger_id is not null",
    )
    op.create_index(
        "ix_obligation_trigger_id", "obligation", ["trigger_id"], postgresql_where="trigger_id is not null"
    )


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f(f"fk_{table}_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_visit_fact_tier"), "visit_fact", type_="check")
    op.execute("delete from visit_fact where tier not in ('WEEKLY', 'MONTHLY', 'QUARTERLY')")
    op.create_check_constraint(op.f("ck_visit_fact_tier"), "visit_fact", TIERS.format(""))
    op.drop_constraint(op.f("ck_obligation_triggered"), "obligation", type_="check")
    op.execute(
        "delete from waiver using obligation o where o.id = obligation_id and o.trigger_id is not null"
    )
    op.execute("delete from obligation where trigger_id is not null")
    op.drop_index("ix_obligation_trigger_id", "obligation")
    op.drop_index("ix_obligation_triggered", "obligation")
    for column in ("withdrawn_at", *reversed(CARRIED.split(", "))):
        op.drop_column("obligation", column)
    op.alter_column("obligation", "policy_tier_id", nullable=False)
    op.alter_column("obligation", "tier", nullable=False)
    for table in ("duty_withdrawal", "duty_act", "duty_subject", "duty_rule_version"):
        op.drop_table(table)
