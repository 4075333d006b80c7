"""Notices of goods registered in advance on which it is not decided.

Revision: 0030
After: 0029
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

BEFORE = "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident')"
KINDS = "kind in ('due_soon', 'due_today', 'missed', 'unsynced', 'workdays_missing', 'incident', 'goods_undecided')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", KINDS)


def downgrade() -> None:
    op.execute("delete from notice_item using notice n where n.id = notice_id and n.kind = 'goods_undecided'")
    op.execute("delete from delivery using notice n where n.id = notice_id and n.kind = 'goods_undecided'")
    op.execute("delete from notice where kind = 'goods_undecided'")
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", BEFORE)
