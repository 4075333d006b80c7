"""What is of persons for a time only has an end: raw tracks, and the bytes of settled rows in quarantine.

Revision: 0027
After: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_erasure",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_file_erasure_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", "sha256", name=op.f("pk_file_erasure")),
    )
    op.create_index(
        "ix_file_erasure_waiting",
        "file_erasure",
        ["bureau_id"],
        postgresql_where=sa.text("removed_at is null"),
    )
    op.execute("grant select, insert on file_erasure to xunge_app")
    op.execute("grant update (removed_at) on file_erasure to xunge_app")

    # As for the log of pushes: the application's role may not rewrite what was sent, it may have it forgotten.
    op.execute(
        """
        create function forget_kept_rows(of_bureau uuid, before timestamptz) returns bigint
        language sql security definer set search_path = pg_catalog, public
        begin atomic
            with emptied as (
                update public.quarantine set raw = ''::bytea
                where bureau_id = of_bureau and resolved_at < before and octet_length(raw) > 0
                returning id
            )
            select count(*) from emptied;
        end
        """
    )
    op.execute("revoke all on function forget_kept_rows(uuid, timestamptz) from public")
    op.execute("grant execute on function forget_kept_rows(uuid, timestamptz) to xunge_app")


def downgrade() -> None:
    op.execute("drop function forget_kept_rows(uuid, timestamptz)")
    op.drop_index("ix_file_erasure_waiting", table_name="file_erasure")
    op.drop_table("file_erasure")
