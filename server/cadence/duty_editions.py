"""The versions of a bureau's duty rules: which held on a day, and publishing a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, select

from schemas.vocabulary import DutyRule, performed
from server.cadence.duty_models import DutyRuleVersion
from server.cadence.duty_rules import DEFAULT_DUTY_RULES, DayKind, DutyTerms
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.problems import problem_at
from server.kernel.work import Work

_RECALLED = "duty_rules"


@dataclass(frozen=True, slots=True)
class DutyRules:
    """Every version of the bureau's duty rules, newest first."""

    versions: tuple[DutyRuleVersion, ...]

    def on(self, rule: DutyRule, day: date) -> DutyRuleVersion | None:
        """The version that judges what was triggered on ``day``: the last to have begun; ``None`` without any."""
        begun = (one for one in self.versions if one.code == rule and one.effective_from <= day)
        return max(begun, key=lambda one: (one.effective_from, one.version), default=None)

    def terms_on(self, rule: DutyRule, day: date) -> DutyTerms | None:
        """What that version asks."""
        version = self.on(rule, day)
        return terms_of(version) if version else None


def terms_of(version: DutyRuleVersion) -> DutyTerms:
    """What the pure rules read of a version."""
    return DutyTerms(
        checks=version.checks,
        days=version.days,
        day_kind=DayKind(version.day_kind),
        accepts=frozenset(map(performed, version.accepts)),
        grace_working_days=version.grace_working_days,
        due_soon_working_days=version.due_soon_working_days,
        threshold=MappingProxyType(dict(version.threshold)),
    )


def load_duty_rules(work: Work) -> DutyRules:
    """The bureau's duty rules, looked up once a unit of work."""
    if _RECALLED not in work.recalled:
        versions = work.session.scalars(
            select(DutyRuleVersion)
            .where(DutyRuleVersion.bureau_id == work.bureau_id)
            .order_by(DutyRuleVersion.code, DutyRuleVersion.version.desc())
        )
        work.recalled[_RECALLED] = DutyRules(tuple(versions))
    found: DutyRules = work.recalled[_RECALLED]
    return found


def publish_default_duty_rules(work: Work, effective_from: date) -> int:
    """The rules that the bureau does not have yet, with the packaged numbers, from a day on; how many were published.

    Nothing was owed by a rule before its first version, so it may begin on any day.
    """
    have = {one.code for one in load_duty_rules(work).versions}
    missing = [rule for rule in DEFAULT_DUTY_RULES if rule not in have]
    for rule in missing:
        text = DEFAULT_DUTY_RULES[rule]
        _write(
            work,
            {
                "code": rule.value,
                "name": text.name,
                "legal_basis": text.legal_basis,
                "effective_from": effective_from,
                "checks": text.terms.checks,
                "days": text.terms.days,
                "day_kind": text.terms.day_kind.value,
                "grace_working_days": text.terms.grace_working_days,
                "due_soon_working_days": text.terms.due_soon_working_days,
                "accepts": sorted(text.terms.accepts),
                "threshold": dict(text.terms.threshold),
                "counts_to_cap": text.counts_to_cap,
            },
        )
    return len(missing)


def publish_duty_rule(work: Work, given: Mapping[str, Any]) -> DutyRuleVersion:
    """A new version of a rule, as schemas.duties.DutyRuleIn reads it; what was triggered before its day stays.

    Raises:
        Problem: ``policy_backdated`` unless its first day lies ahead, or the bureau has no version of the rule yet.
    """
    day: date = given["effective_from"]
    known = any(one.code == given["code"] for one in load_duty_rules(work).versions)
    if known and day <= work.now.astimezone(work.zone).date():
        detail = f"{day} 不在今天之后，已触发的任务不能改变。It must lie ahead: what was triggered stays."
        raise problem_at("/effective_from", "policy_backdated", detail)
    return _write(work, given)


def _write(work: Work, given: Mapping[str, Any]) -> DutyRuleVersion:
    latest = select(func.coalesce(func.max(DutyRuleVersion.version), 0)).where(
        DutyRuleVersion.bureau_id == work.bureau_id, DutyRuleVersion.code == given["code"]
    )
    version = DutyRuleVersion(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        version=work.session.scalars(latest).one() + 1,
        account_id=work.actor.account_id,
        known_at=work.now,
        **given,
    )
    work.session.add(version)
    work.session.flush()
    work.recalled.pop(_RECALLED, None)
    record_event(
        work,
        "duty_rule.published",
        [version.id],
        code=version.code,
        version=version.version,
        name=version.name,
    )
    return version
