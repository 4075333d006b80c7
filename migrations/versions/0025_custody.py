"""Registration lists, drawn out of their records, and the custody of goods: acts, decisions, stores, valuations.

Revision: 0025
After: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custody_store",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_custody_store_bureau_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_store")),
        sa.UniqueConstraint("bureau_id", "code", name=op.f("uq_custody_store_bureau_id_code")),
    )
    op.create_index(op.f("ix_custody_store_bureau_id"), "custody_store", ["bureau_id"])
    op.create_table(
        "custody_act",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keeper_id", sa.UUID(), nullable=False),
        sa.Column("to_keeper_id", sa.UUID(), nullable=True),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("to_unit", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("document_no", sa.Text(), nullable=True),
        sa.Column("seal_nos", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("witness_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("witness_units", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("corrects_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'correct') = (corrects_id is not null)", name=op.f("ck_custody_act_corrects_id")
        ),
        sa.CheckConstraint(
            "kind <> 'destroy' or cardinality(witness_ids) >= 2", name=op.f("ck_custody_act_witness_ids")
        ),
        sa.CheckConstraint(
            "kind in ('take_in', 'move', 'send_out', 'bring_back', 'use_up', 'hand_back', 'transfer', 'destroy', 'correct')",
            name=op.f("ck_custody_act_kind"),
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_custody_act_bureau_id")),
        sa.ForeignKeyConstraint(["corrects_id"], ["custody_act.id"], name=op.f("fk_custody_act_corrects_id")),
        sa.ForeignKeyConstraint(["keeper_id"], ["account.id"], name=op.f("fk_custody_act_keeper_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_custody_act_person_id")),
        sa.ForeignKeyConstraint(["to_keeper_id"], ["account.id"], name=op.f("fk_custody_act_to_keeper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_act")),
    )
    op.create_index(op.f("ix_custody_act_bureau_id"), "custody_act", ["bureau_id"])
    op.create_index("ix_custody_act_bureau_id_known_at", "custody_act", ["bureau_id", "known_at"])
    op.create_index("uq_custody_act_corrects_id", "custody_act", ["corrects_id"], unique=True)
    op.create_index(
        "uq_custody_act_destruction",
        "custody_act",
        ["bureau_id", "document_no"],
        unique=True,
        postgresql_where=sa.text("kind = 'destroy'"),
    )
    op.create_table(
        "registration_list",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("root_id", sa.UUID(), nullable=False),
        sa.Column("amends_id", sa.UUID(), nullable=True),
        sa.Column("inspection_id", sa.UUID(), nullable=True),
        sa.Column("squad_id", sa.UUID(), nullable=True),
        sa.Column("cell_id", sa.UUID(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_mode", sa.Text(), nullable=True),
        sa.Column("approval_channel", sa.Text(), nullable=True),
        sa.Column("approval_no", sa.Text(), nullable=True),
        sa.Column("write_up_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "approval_channel in ('desk', 'phone', 'urgent_later')",
            name=op.f("ck_registration_list_approval_channel"),
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_registration_list_bureau_id")),
        sa.ForeignKeyConstraint(["cell_id"], ["grid_cell.id"], name=op.f("fk_registration_list_cell_id")),
        sa.ForeignKeyConstraint(["id"], ["record.id"], name=op.f("fk_registration_list_id")),
        sa.ForeignKeyConstraint(["squad_id"], ["squad.id"], name=op.f("fk_registration_list_squad_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_list")),
    )
    op.create_index(
        "ix_registration_list_bureau_id_registered_at", "registration_list", ["bureau_id", "registered_at"]
    )
    op.create_index("ix_registration_list_root_id", "registration_list", ["root_id", "known_at"])
    op.create_table(
        "store_hand_over",
        sa.Column("store_id", sa.UUID(), nullable=False),
        sa.Column("from_account_id", sa.UUID(), nullable=True),
        sa.Column("to_account_id", sa.UUID(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=True),
        sa.Column("held", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_store_hand_over_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_store_hand_over_bureau_id")),
        sa.ForeignKeyConstraint(
            ["from_account_id"], ["account.id"], name=op.f("fk_store_hand_over_from_account_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["custody_store.id"], name=op.f("fk_store_hand_over_store_id")),
        sa.ForeignKeyConstraint(
            ["to_account_id"], ["account.id"], name=op.f("fk_store_hand_over_to_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_hand_over")),
    )
    op.create_index(op.f("ix_store_hand_over_bureau_id"), "store_hand_over", ["bureau_id"])
    op.create_index(op.f("ix_store_hand_over_store_id"), "store_hand_over", ["store_id"])
    op.create_table(
        "custody_decision",
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("case_closed_on", sa.Date(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'destroy') = (case_closed_on is not null)",
            name=op.f("ck_custody_decision_case_closed_on"),
        ),
        sa.CheckConstraint(
            "outcome in ('return', 'release', 'confiscate', 'transfer', 'destroy')",
            name=op.f("ck_custody_decision_outcome"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_custody_decision_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_custody_decision_bureau_id")),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_custody_decision_list_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_decision")),
    )
    op.create_index(op.f("ix_custody_decision_bureau_id"), "custody_decision", ["bureau_id"])
    op.create_index(op.f("ix_custody_decision_list_id"), "custody_decision", ["list_id"])
    op.create_table(
        "custody_entry",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("act_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("base_unit", sa.Text(), nullable=False),
        sa.Column("from_place", sa.Text(), nullable=False),
        sa.Column("from_store_id", sa.UUID(), nullable=True),
        sa.Column("to_place", sa.Text(), nullable=False),
        sa.Column("to_store_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "(from_place in ('store', 'appraisal')) = (from_store_id is not null)",
            name=op.f("ck_custody_entry_from_store_id"),
        ),
        sa.CheckConstraint(
            "(to_place in ('store', 'appraisal')) = (to_store_id is not null)",
            name=op.f("ck_custody_entry_to_store_id"),
        ),
        sa.CheckConstraint(
            "from_place in ('field', 'store', 'appraisal', 'used_up', 'handed_back', 'transferred', 'destroyed')",
            name=op.f("ck_custody_entry_from_place"),
        ),
        sa.CheckConstraint(
            "to_place in ('field', 'store', 'appraisal', 'used_up', 'handed_back', 'transferred', 'destroyed')",
            name=op.f("ck_custody_entry_to_place"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_custody_entry_quantity")),
        sa.ForeignKeyConstraint(["act_id"], ["custody_act.id"], name=op.f("fk_custody_entry_act_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_custody_entry_bureau_id")),
        sa.ForeignKeyConstraint(
            ["from_store_id"], ["custody_store.id"], name=op.f("fk_custody_entry_from_store_id")
        ),
        sa.ForeignKeyConstraint(["list_id"], ["registration_list.id"], name=op.f("fk_custody_entry_list_id")),
        sa.ForeignKeyConstraint(
            ["to_store_id"], ["custody_store.id"], name=op.f("fk_custody_entry_to_store_id")
        ),
        sa.PrimaryKeyConstraint("act_id", "ordinal", name=op.f("pk_custody_entry")),
    )
    op.create_index("ix_custody_entry_list_id", "custody_entry", ["list_id", "seq"])
    op.create_table(
        "custody_holding",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("store_id", sa.UUID(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_custody_holding_quantity")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_custody_holding_bureau_id")),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_custody_holding_list_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["custody_store.id"], name=op.f("fk_custody_holding_store_id")),
        sa.PrimaryKeyConstraint("list_id", "seq", "place", "store_id", name=op.f("pk_custody_holding")),
    )
    op.create_table(
        "hand_over_acknowledgement",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("hand_over_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_hand_over_acknowledgement_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["bureau_id"], ["bureau.id"], name=op.f("fk_hand_over_acknowledgement_bureau_id")
        ),
        sa.ForeignKeyConstraint(
            ["hand_over_id"], ["store_hand_over.id"], name=op.f("fk_hand_over_acknowledgement_hand_over_id")
        ),
        sa.PrimaryKeyConstraint("hand_over_id", name=op.f("pk_hand_over_acknowledgement")),
    )
    op.create_table(
        "registration_deadline",
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("decide_by", sa.Date(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bureau_id"], ["bureau.id"], name=op.f("fk_registration_deadline_bureau_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_registration_deadline_list_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_deadline")),
    )
    op.create_index(op.f("ix_registration_deadline_bureau_id"), "registration_deadline", ["bureau_id"])
    op.create_index("ix_registration_deadline_list_id", "registration_deadline", ["list_id", "known_at"])
    op.create_table(
        "registration_line",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("product_spec", sa.Text(), nullable=True),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("base_quantity", sa.BigInteger(), nullable=False),
        sa.Column("base_unit", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("packaging", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "quantity >= 0 and base_quantity >= 0", name=op.f("ck_registration_line_quantity")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_registration_line_bureau_id")),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_registration_line_list_id")
        ),
        sa.PrimaryKeyConstraint("list_id", "seq", name=op.f("pk_registration_line")),
    )
    op.create_table(
        "registration_write_up",
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("approval_no", sa.Text(), nullable=False),
        sa.Column("written_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_registration_write_up_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["bureau_id"], ["bureau.id"], name=op.f("fk_registration_write_up_bureau_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_registration_write_up_list_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_write_up")),
        sa.UniqueConstraint("list_id", name=op.f("uq_registration_write_up_list_id")),
    )
    op.create_index(op.f("ix_registration_write_up_bureau_id"), "registration_write_up", ["bureau_id"])
    op.create_table(
        "valuation",
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("valued_on", sa.Date(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_valuation_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_valuation_bureau_id")),
        sa.ForeignKeyConstraint(["list_id"], ["registration_list.id"], name=op.f("fk_valuation_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_valuation")),
    )
    op.create_index(op.f("ix_valuation_bureau_id"), "valuation", ["bureau_id"])
    op.create_index(op.f("ix_valuation_list_id"), "valuation", ["list_id"])
    op.create_table(
        "custody_decision_line",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("decision_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bureau_id"], ["bureau.id"], name=op.f("fk_custody_decision_line_bureau_id")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["custody_decision.id"], name=op.f("fk_custody_decision_line_decision_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["registration_list.id"], name=op.f("fk_custody_decision_line_list_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", "seq", name=op.f("pk_custody_decision_line")),
    )
    op.create_index("ix_custody_decision_line_list_id", "custody_decision_line", ["list_id", "seq"])
    op.create_table(
        "valuation_line",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("valuation_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("price_unit", sa.Text(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column("price_basis", sa.Text(), nullable=True),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(price_fen is null) = (total_fen is null)", name=op.f("ck_valuation_line_total_fen")
        ),
        sa.CheckConstraint("price_fen >= 0 and total_fen >= 0", name=op.f("ck_valuation_line_price_fen")),
        sa.CheckConstraint(
            "price_fen is null or price_basis is not null", name=op.f("ck_valuation_line_price_basis")
        ),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_valuation_line_bureau_id")),
        sa.ForeignKeyConstraint(
            ["valuation_id"], ["valuation.id"], name=op.f("fk_valuation_line_valuation_id")
        ),
        sa.PrimaryKeyConstraint("valuation_id", "seq", name=op.f("pk_valuation_line")),
    )
    op.execute(
        "grant select, insert on custody_act, custody_decision, custody_decision_line, custody_entry, custody_holding, custody_store, hand_over_acknowledgement, registration_deadline, registration_line, registration_list, registration_write_up, store_hand_over, valuation, valuation_line to xunge_app"
    )
    # The root of a list is found when the record that it amends arrives; what is held is kept from the entries.
    op.execute("grant update (root_id) on registration_list to xunge_app")
    op.execute("grant update (quantity) on custody_holding to xunge_app")
    # No name is ever changed: the privilege is what locking a row of a store takes.
    op.execute("grant update (name) on custody_store to xunge_app")


def downgrade() -> None:
    op.drop_table("valuation_line")
    op.drop_table("custody_decision_line")
    op.drop_table("valuation")
    op.drop_table("registration_write_up")
    op.drop_table("registration_line")
    op.drop_table("registration_deadline")
    op.drop_table("hand_over_acknowledgement")
    op.drop_table("custody_holding")
    op.drop_table("custody_entry")
    op.drop_table("custody_decision")
    op.drop_table("store_hand_over")
    op.drop_table("registration_list")
    op.drop_table("custody_act")
    op.drop_table("custody_store")
