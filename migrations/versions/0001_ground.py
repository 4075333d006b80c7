"""What the tables stand on: the feed's sequence and one SQL function for UUIDv7 that takes the time.

Revision: 0001
After: nothing
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create sequence feed_seq")
    op.execute(
        """
        create function uuid7(at timestamptz) returns uuid language sql volatile parallel safe as $$
            select encode(
                set_bit(set_bit(
                    overlay(uuid_send(gen_random_uuid())
                        placing substring(int8send((extract(epoch from at) * 1000)::bigint) from 3)
                        from 1 for 6),
                    52, 1), 53, 1),
                'hex')::uuid
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function uuid7(timestamptz)")
    op.execute("drop sequence feed_seq")
