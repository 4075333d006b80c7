"""Documents of records are compressed by lz4: it shrinks what pglz leaves as it is, so that they stay in their rows.

Revision: 0011
After: 0010

A server built without lz4 keeps its own method. What is stored already stays as it is and is read as before.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The setting lists the methods that the server was built with.
    op.execute(
        """
        do $$ begin
            if exists (
                select from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)
            ) then
                alter table record alter column document set compression lz4;
            end if;
        end $$
        """
    )


def downgrade() -> None:
    op.execute("alter table record alter column document set compression default")
