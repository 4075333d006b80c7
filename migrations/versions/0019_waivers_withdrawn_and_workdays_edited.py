"""Waivers are withdrawn by somebody with a reason, and workdays keep the notice they come from.

Revision: 0019
After: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("waiver", sa.Column("revoked_by", sa.UUID(), nullable=True))
    op.add_column("waiver", sa.Column("revoke_reason", sa.Text(), nullable=True))
    op.create_foreign_key(op.f("fk_waiver_revoked_by"), "waiver", "account", ["revoked_by"], ["id"])
    # What was waived, why and when it became known is a fact; only its end is written to it.
    op.execute("revoke update, delete on waiver from xunge_app")
    op.execute("grant update (revoked_at, revoked_by, revoke_reason) on waiver to xunge_app")


def downgrade() -> None:
    op.execute("grant update, delete on waiver to xunge_app")
    op.drop_constraint(op.f("fk_waiver_revoked_by"), "waiver", type_="foreignkey")
    op.drop_column("waiver", "revoke_reason")
    op.drop_column("waiver", "revoked_by")
