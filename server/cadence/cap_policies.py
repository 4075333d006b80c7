"""The bureau's annual caps as dated data: how often a licensee of a credit grade may be inspected in a year."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from server.cadence.models import CapPolicy
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.work import Work


def publish_cap(work: Work, given: Mapping[str, Any]) -> CapPolicy:
    """A new version of the caps: name, legal_basis, effective_from, limits by credit grade, exemptions.

    It is known from now on, so that the ledger of an earlier moment still shows the caps that were known then.
    """
    version = work.session.scalar(
        select(func.coalesce(func.max(CapPolicy.version), 0) + 1).where(CapPolicy.bureau_id == work.bureau_id)
    )
    published = CapPolicy(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        version=version,
        account_id=work.actor.account_id,
        known_at=work.now,
        **given,
    )
    work.session.add(published)
    work.session.flush()
    record_event(work, "cap.published", [published.id], version=published.version, limits=published.limits)
    return published


def cap_on(work: Work, day: date, as_of: datetime) -> CapPolicy | None:
    """The caps in force on ``day``, as known by ``as_of``: the last to have begun; ``None`` without any."""
    return work.session.scalar(
        select(CapPolicy)
        .where(
            CapPolicy.bureau_id == work.bureau_id,
            CapPolicy.effective_from <= day,
            CapPolicy.known_at <= as_of,
        )
        .order_by(CapPolicy.effective_from.desc(), CapPolicy.version.desc())
        .limit(1)
    )


def list_caps(work: Work) -> list[CapPolicy]:
    """Every version, newest first."""
    return list(
        work.session.scalars(
            select(CapPolicy).where(CapPolicy.bureau_id == work.bureau_id).order_by(CapPolicy.version.desc())
        )
    )
