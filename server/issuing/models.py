"""Tables of issuing. All three are append-only: what was drafted, and who signed what when, is never rewritten."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class ReportIssue(Owned, Base):
    """One version of a report of a month or quarter that is, or is to be, issued (签发).

    Its state is what its last step says.
    """

    __tablename__ = "report_issue"
    __table_args__ = (UniqueConstraint("bureau_id", "kind", "period", "version"),)

    kind: Mapped[str]
    period: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]


class ReportSnapshot(Owned, Base):
    """The frozen report of one draft: canonical JSON and the SHA-256 of exactly these bytes.

    ``as_of`` is the moment as known by which it was judged. ``summary`` repeats what lists show. A version that was
    returned and drafted anew has several; the last one counts.
    """

    __tablename__ = "report_snapshot"
    __table_args__ = (CheckConstraint("sha256 = encode(sha256(content), 'hex')", name="sha256"),)

    issue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("report_issue.id"), index=True)
    as_of: Mapped[datetime]
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    summary: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ReportStep(Owned, Base):
    """That somebody drafted, submitted, returned, reviewed or issued a snapshot of a version, and the remark."""

    __tablename__ = "report_step"
    __table_args__ = (
        UniqueConstraint("issue_id", "seq"),
        CheckConstraint("act in ('drafted', 'submitted', 'returned', 'reviewed', 'issued')", name="act"),
        Index("uq_report_step_issued", "issue_id", unique=True, postgresql_where=text("act = 'issued'")),
    )

    issue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("report_issue.id"))
    seq: Mapped[int]
    act: Mapped[str]
    snapshot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("report_snapshot.id"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    remark: Mapped[str | None]
    at: Mapped[datetime]
