"""Files of records.

Revision: 0006
After: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "declared_file",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_declared_file_bureau_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_declared_file_record_id")),
        sa.PrimaryKeyConstraint("record_id", "sha256", name=op.f("pk_declared_file")),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("device_id", sa.UUID(), nullable=True),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("filetype", sa.Text(), nullable=True),
        sa.Column("metadata_header", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_sha256", sa.Text(), nullable=True),
        sa.CheckConstraint("length > 0", name=op.f("ck_upload_length")),
        sa.CheckConstraint(
            "state in ('open', 'stored', 'unfit', 'mismatch', 'expired', 'terminated')",
            name=op.f("ck_upload_state"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_upload_account_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_upload_bureau_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_upload_device_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_upload_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_bureau_id"), "upload", ["bureau_id"])
    op.create_index("ix_upload_record_id", "upload", ["record_id"])
    op.create_index(
        "ix_upload_open", "upload", ["bureau_id", "expires_at"], postgresql_where="state = 'open'"
    )
    op.create_index(
        "ix_upload_quarantine",
        "upload",
        ["bureau_id", "id"],
        postgresql_where="state in ('unfit', 'mismatch')",
    )
    op.create_table(
        "evidence_file",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_evidence_file_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", "sha256", name=op.f("pk_evidence_file")),
    )
    op.create_table(
        "record_file",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("device_id", sa.UUID(), nullable=True),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_record_file_bureau_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_record_file_device_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_record_file_person_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_record_file_upload_id")),
        sa.PrimaryKeyConstraint("bureau_id", "record_id", "sha256", name=op.f("pk_record_file")),
    )
    op.create_index("ix_record_file_bureau_id_sha256", "record_file", ["bureau_id", "sha256"])
    op.create_table(
        "thumbnail",
        sa.Column("bureau_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["bureau_id"], ["bureau.id"], name=op.f("fk_thumbnail_bureau_id")),
        sa.PrimaryKeyConstraint("bureau_id", "sha256", name=op.f("pk_thumbnail")),
    )
    # What records named before this table was there: the same search as server/records/extraction.py makes.
    op.execute(
        """
        insert into declared_file (bureau_id, record_id, sha256, ordinal, kind)
        select r.bureau_id, r.id, f.sha256, row_number() over (partition by r.id order by min(f.place)), min(f.kind)
        from record r
        cross join lateral (
            select photo ->> 'sha256' as sha256, place, 'photo' as kind
            from jsonb_array_elements(r.document::jsonb -> 'photos') with ordinality as photos (photo, place)
            union all
            select answer #>> '{}', 1000 + place,
                case when answer in (
                    select jsonb_path_query(r.document::jsonb, 'lax $.answers.**.signatures[*].sha256')
                ) then 'signature' else 'photo' end
            from jsonb_path_query(r.document::jsonb, 'strict $.answers.** ? (@ like_regex "^[0-9a-f]{64}$")')
                with ordinality as answers (answer, place)
        ) f
        group by r.bureau_id, r.id, f.sha256
        """
    )
    # Facts may be added and not rewritten; an upload only moves from one state to the next.
    op.execute(
        "grant select, insert on declared_file, evidence_file, record_file, thumbnail, upload to xunge_app"
    )
    op.execute("grant update (state, settled_at, found_sha256) on upload to xunge_app")


def downgrade() -> None:
    for table in ("thumbnail", "record_file", "evidence_file", "upload", "declared_file"):
        op.drop_table(table)
