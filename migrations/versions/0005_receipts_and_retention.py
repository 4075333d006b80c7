"""Marks of the feed in time, what was pruned, what reconcile needs.

Revision: 0005
After: 0004
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
