"""Versions of the re-inspection policy side by side, samples, findings, sign-offs and annual caps.

Revision: 0012
After: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

APPEND_ONLY = ("finding_fact", "population_draw", "policy_sign_off", "cap_policy")
STATES = "state in ('draft', {}'active', 'retired')"


def upgrade() -> None:
    op.add_column("policy", sa.Column("drafted_by", sa.UUID(), nullable=True))
    op.add_column("policy", sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("policy", sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("policy", sa.Column("plan", postgresql.JSONB(), nullable=True))
    op.create_foreign_key(op.f("fk_policy_drafted_by"), "policy", "account", ["drafted_by"], ["id"])
    op.drop_constraint(op.f("ck_policy_state"), "policy", type_="check")
    op.create_check_constraint(op.f("ck_policy_state"), "policy", STATES.format("'planned', "))
    # The policies so far are about every outlet, by the first version of their forms.
    op.add_column(
        "policy_tier",
        sa.Column("population", postgresql.JSONB(), nullable=False, server_default='{"kind": "all"}'),
    )
    op.add_column(
        "policy_tier", sa.Column("form_version", sa.BigInteger(), nullable=False, server_default="1")
    )
    op.alter_column("policy_tier", "population", server_default=None)
    op.alter_column("policy_tier", "form_version", server_default=None)
    op.add_column("obligation", sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "finding_fact",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("finding_id", sa.UUID(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_finding_fact_bureau_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_finding_fact")),
    )
    op.create_index("ix_finding_fact_subject_id", "finding_fact", ["subject_id", "from_day"])
    op.create_table(
        "population_draw",
        sa.Column("policy_tier_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("percent", postgresql.JSONB(), nullable=False),
        sa.Column("pool", postgresql.JSONB(), nullable=False),
        sa.Column("drawn", postgresql.JSONB(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_population_draw_bureau_id")),
        sa.ForeignKeyConstraint(
            ["policy_tier_id"], ["policy_tier.id"], name=op.f("fk_population_draw_policy_tier_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_population_draw")),
        sa.UniqueConstraint("policy_tier_id", "key", name=op.f("uq_population_draw_policy_tier_id_key")),
    )
    op.create_index(op.f("ix_population_draw_bureau_id"), "population_draw", ["bureau_id"])
    op.create_table(
        "policy_sign_off",
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_policy_sign_off_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_policy_sign_off_bureau_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_policy_sign_off_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_sign_off")),
    )
    op.create_index(op.f("ix_policy_sign_off_bureau_id"), "policy_sign_off", ["bureau_id"])
    op.create_index(op.f("ix_policy_sign_off_policy_id"), "policy_sign_off", ["policy_id"])
    op.create_table(
        "cap_policy",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("limits", postgresql.JSONB(), nullable=False),
        sa.Column("exemptions", postgresql.JSONB(), nullable=False),
        sa.Column("same_visit_minutes", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_cap_policy_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_cap_policy_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cap_policy")),
        sa.UniqueConstraint("bureau_id", "version", name=op.f("uq_cap_policy_bureau_id_version")),
    )
    op.create_index(op.f("ix_cap_policy_bureau_id"), "cap_policy", ["bureau_id"])
    for table in APPEND_ONLY:
        op.execute(f"grant select, insert on {table} to xunge_app")
    op.execute("grant usage, select on sequence finding_fact_seq_seq to xunge_app")
    # Orders of rectification that are open have been so since their records were made.
    op.execute(
        """
        insert into finding_fact (bureau_id, finding_id, subject_kind, subject_id, from_day, is_open, known_at)
        select rectification.bureau_id, rectification.id, rectification.subject_kind, rectification.subject_id,
            record.performed_at::date, true, record.received_at
        from rectification join record on record.id = rectification.record_id
        where rectification.status = 'open' and not rectification.deleted
        order by rectification.id
        """
    )


def downgrade() -> None:
    for table in reversed(APPEND_ONLY):
        op.drop_table(table)
    op.drop_column("obligation", "voided_at")
    op.drop_column("policy_tier", "form_version")
    op.drop_column("policy_tier", "population")
    op.drop_constraint(op.f("ck_policy_state"), "policy", type_="check")
    op.execute("update policy set state = 'draft' where state = 'planned'")
    op.create_check_constraint(op.f("ck_policy_state"), "policy", STATES.format(""))
    op.drop_constraint(op.f("fk_policy_drafted_by"), "policy", type_="foreignkey")
    for column in ("plan", "activated_at", "drafted_at", "drafted_by"):
        op.drop_column("policy", column)
