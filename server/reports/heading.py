"""What stands above every report: whose it is, and which versions of the policy its periods were judged by."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select

from server.cadence.models import Policy
from server.cadence.timeline import load_timeline
from server.kernel.work import Work
from server.org.models import Bureau

_WEEKDAYS = "一二三四五六日"


class PolicyVersion(NamedTuple):
    """A version of the policy that held on some day of a report."""

    version: int
    name: str
    effective_from: date
    legal_basis: str

    @property
    def line(self) -> str:
        """As it stands on paper."""
        return f"复查制度第 {self.version} 版《{self.name}》，自 {self.effective_from} 起施行；依据：{self.legal_basis}"


def bureau_name(work: Work) -> str:
    """What the bureau is called."""
    return work.session.scalars(select(Bureau.name).where(Bureau.id == work.bureau_id)).one()


def policies_between(work: Work, first: date, last: date, as_of: datetime) -> list[PolicyVersion]:
    """The versions that held on a day from ``first`` to ``last`` and had begun by ``as_of``, the oldest first."""
    last = min(last, as_of.astimezone(work.zone).date())
    held = [stretch for stretch in load_timeline(work).stretches(last) if stretch.last >= first]
    return [policy_version(stretch.edition.policy) for stretch in held]


def policy_version(policy: Policy) -> PolicyVersion:
    """What a report tells of a version."""
    return PolicyVersion(policy.version, policy.name, policy.effective_from, policy.legal_basis)


def days_of(key: str, first: date, last: date) -> str:
    """A period as it stands on paper, with its days."""
    return f"{key}，{first} 至 {last}"


def day_text(day: date) -> str:
    """A day as people read it, ``2026-07-10（周五）``."""
    return f"{day.isoformat()}（周{_WEEKDAYS[day.weekday()]}）"
