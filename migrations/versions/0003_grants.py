"""The application's role owns no table; evidence and trails can be added to, and not rewritten.

Revision: 0003
After: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rows of these tables are facts: nobody who serves requests may change or remove them.
APPEND_ONLY = (
    "event",
    "visit_fact",
    "attempt_fact",
    "device_contact",
    "certificate",
    "outlet_status",
    "duty_fact",
)


def upgrade() -> None:
    op.execute("grant select, insert, update, delete on all tables in schema public to xunge_app")
    op.execute("grant usage, select on all sequences in schema public to xunge_app")
    op.execute("revoke insert, update, delete on alembic_version from xunge_app")
    for table in APPEND_ONLY:
        op.execute(f"revoke update, delete on {table} from xunge_app")
    # A record keeps what was recorded; only the server's stamps on it move.
    op.execute("revoke update, delete on record, record_officer, road_stop, goods_line from xunge_app")
    op.execute("grant update (edit_id, valid, findings, flags, cell_id) on record to xunge_app")
    op.execute("revoke update, delete on push_log, quarantine from xunge_app")
    op.execute("grant update (resolved_at) on push_log to xunge_app")
    op.execute("grant update (resolved_at, collection) on quarantine to xunge_app")
    op.execute("insert into sync_epoch (epoch) values (gen_random_uuid())")


def downgrade() -> None:
    op.execute("delete from sync_epoch")
    op.execute("revoke all on all tables in schema public from xunge_app")
    op.execute("revoke all on all sequences in schema public from xunge_app")
