"""Versions of the re-inspection policy: drafted, planned, signed off where they must be, activated, retired."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, func, select

from schemas.vocabulary import CadenceTier
from server.cadence.checklists import need_published
from server.cadence.models import Policy, PolicySignOff, PolicyTier
from server.cadence.ops import RULE, carry_out_policies
from server.cadence.planning import Plan, plan_change
from server.cadence.rulebook import DEFAULT_POLICIES
from server.cadence.timeline import Edition, forget_timeline, load_timeline, tiers_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem, problem_at
from server.kernel.work import Work
from sync.feed import touch

POLICY_STATES = {"draft": "草案", "planned": "已推算", "active": "施行", "retired": "废止"}

FORMS = {
    CadenceTier.WEEKLY: "ecig_weekly",
    CadenceTier.MONTHLY: "ecig_monthly",
    CadenceTier.QUARTERLY: "ecig_quarterly",
}
_CONTENT = (
    *("tier", "population", "form_code", "form_version", "satisfies", "grace_working_days", "min_gap_days"),
    *("due_soon_working_days", "min_workdays", "min_officers", "radius_m", "max_accuracy_m"),
    *("min_duration_s", "counts_to_cap"),
)


def publish_default_policy(work: Work, effective_from: date) -> Policy:
    """The bureau's first policy: 周复查、月核查、季抽查 for every e-cigarette outlet, with the default figures.

    Nothing was owed before it, so it may begin on any day.
    """
    tiers = [
        {
            "tier": tier.value,
            "population": {"kind": "all"},
            "form_code": FORMS[tier],
            "form_version": 1,
            "satisfies": sorted(other.value for other in default.satisfies),
            "grace_working_days": default.grace_working_days,
            "min_gap_days": default.min_gap_days,
            "due_soon_working_days": default.due_soon_working_days,
            "min_workdays": default.min_workdays,
            "min_officers": 2,
            "radius_m": 100,
            "max_accuracy_m": 100,
            "min_duration_s": 180,
            "counts_to_cap": True,
        }
        for tier, default in DEFAULT_POLICIES.items()
    ]
    policy = _write_draft(
        work,
        {
            "name": "电子烟零售户周复查、月核查、季抽查制度",
            "legal_basis": "《电子烟管理办法》；本局周复查、月核查、季抽查制度",
            "effective_from": effective_from,
            "effective_to": None,
            "tiers": tiers,
        },
    )
    _put_in_force(work, policy)
    record_event(work, "policy.activated", [policy.id], version=policy.version)
    return policy


def draft_policy(work: Work, given: Mapping[str, Any]) -> Policy:
    """Write a draft down, in place of the bureau's present draft or planned version if there is one.

    ``given`` has name, legal_basis, effective_from, effective_to and tiers, as schemas.policies.PolicyDraft reads them.

    Raises:
        Problem: ``form_not_published`` for a tier whose checklist nobody could fill in.
    """
    need_published(work, given["tiers"])
    policy = _write_draft(work, given)
    record_event(work, "policy.drafted", [policy.id], version=policy.version)
    return policy


def plan_policy(work: Work, policy_id: uuid.UUID) -> Plan:
    """Work out what the version would do, and keep the figures with it.

    Raises:
        Problem: ``not_found``; ``policy_state`` for one in force or retired; ``policy_backdated``.
    """
    policy = _held(work, policy_id, "draft", "planned")
    plan = _planned(work, policy)
    policy.state, policy.plan = "planned", plan.to_json()
    policy.edit_id = new_edit_id()
    work.session.flush()
    record_event(work, "policy.planned", [policy.id], version=policy.version, plan=policy.plan)
    return plan


def sign_off_policy(work: Work, policy_id: uuid.UUID, ground: str) -> PolicySignOff:
    """Record that a planned version may ask more than the cap allows, and on what ground.

    It holds for what was signed only: a version that is drafted again needs another one.

    Raises:
        Problem: ``not_found``; ``policy_state`` unless it is planned; ``own_draft`` for whoever drafted it, and for
            nobody in person.
    """
    policy = _held(work, policy_id, "planned")
    if work.actor.account_id is None or work.actor.account_id == policy.drafted_by:
        raise Problem("own_draft")
    signed = PolicySignOff(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        policy_id=policy.id,
        account_id=work.actor.account_id,
        ground=ground,
        content_sha256=content_of(work, policy),
        plan=policy.plan,
        known_at=work.now,
    )
    work.session.add(signed)
    work.session.flush()
    record_event(work, "policy.signed_off", [policy.id], version=policy.version, ground=ground)
    return signed


def activate_policy(work: Work, policy_id: uuid.UUID) -> Policy:
    """Put a planned version in force from its first day on; what has begun by then stays under the one before.

    Raises:
        Problem: ``not_found``; ``policy_state`` unless it is planned; ``policy_backdated``; ``policy_above_cap`` with
            the figures of each grade, where it asks more than the cap and nobody has signed that off;
            ``form_not_published`` where a checklist was taken back since.
    """
    policy = _held(work, policy_id, "planned")
    rows = sorted(tiers_of(work, [policy.id])[policy.id].items(), key=lambda item: item[0].depth)
    need_published(work, [{name: getattr(row, name) for name in _CONTENT} for _, row in rows])
    plan = _planned(work, policy)
    signed = work.session.scalar(
        select(PolicySignOff.id)
        .where(PolicySignOff.policy_id == policy.id, PolicySignOff.content_sha256 == content_of(work, policy))
        .limit(1)
    )
    if plan.above_cap and signed is None:
        raise Problem("policy_above_cap", errors=_over(plan))
    policy.plan = plan.to_json()
    _put_in_force(work, policy)
    record_event(
        work,
        "policy.activated",
        [policy.id],
        version=policy.version,
        plan=policy.plan,
        sign_off=str(signed) if signed else None,
    )
    carry_out_policies(work, policy.effective_from)
    return policy


def retire_policy(work: Work, policy_id: uuid.UUID, last_day: date) -> Policy:
    """End a version after ``last_day``, when the nightly job retires it; one that has not begun by then is retired at
    once and never holds, and the one before it goes on.

    Raises:
        Problem: ``not_found``; ``policy_state`` unless it is active; ``policy_backdated`` for a day gone by.
    """
    policy = _held(work, policy_id, "active")
    if last_day < _today(work):
        raise _backdated("/last_day", last_day)
    first = max(last_day + timedelta(days=1), policy.effective_from)
    policy.effective_to = first - timedelta(days=1)
    if policy.effective_to < policy.effective_from:
        policy.state = "retired"
    _announce(work, policy)
    record_event(
        work, "policy.retired", [policy.id], version=policy.version, last_day=policy.effective_to.isoformat()
    )
    carry_out_policies(work, first)
    return policy


def find_policy(work: Work, policy_id: uuid.UUID) -> Policy:
    """A version of the bureau's policy.

    Raises:
        Problem: ``not_found``.
    """
    policy = work.session.scalar(
        select(Policy).where(Policy.id == policy_id, Policy.bureau_id == work.bureau_id)
    )
    if policy is None:
        raise Problem("not_found")
    return policy


def _held(work: Work, policy_id: uuid.UUID, *states: str) -> Policy:
    """The version, with all of the bureau's policies held until commit, for they decide about each other."""
    _hold(work)
    policy = find_policy(work, policy_id)
    if policy.state not in states:
        now, needed = POLICY_STATES[policy.state], "、".join(POLICY_STATES[state] for state in states)
        told = f"第 {policy.version} 版现为“{now}”，须为“{needed}”。"
        told += f"Version {policy.version} is {policy.state}; this needs one that is {' or '.join(states)}."
        if states == ("planned",) and policy.state == "draft":
            told += f"请先推算 · plan it first: xunge policy plan {policy.version}"
        raise Problem("policy_state", detail=told)
    return policy


def _hold(work: Work) -> None:
    held = select(func.pg_advisory_xact_lock(func.hashtextextended(f"policy:{work.bureau_id}", 0)))
    work.session.execute(held)


def _write_draft(work: Work, given: Mapping[str, Any]) -> Policy:
    _hold(work)
    own = select(Policy).where(Policy.bureau_id == work.bureau_id, Policy.code == RULE)
    policy = work.session.scalar(own.where(Policy.state.in_(("draft", "planned"))))
    if policy is None:
        newest = work.session.scalar(
            select(func.coalesce(func.max(Policy.version), 0)).where(
                Policy.bureau_id == work.bureau_id, Policy.code == RULE
            )
        )
        policy = Policy(id=new_id(work.now), bureau_id=work.bureau_id, code=RULE, version=(newest or 0) + 1)
        work.session.add(policy)
    for name in ("name", "legal_basis", "effective_from", "effective_to"):
        setattr(policy, name, given[name])
    policy.state, policy.plan, policy.edit_id = "draft", None, new_edit_id()
    policy.drafted_by, policy.drafted_at = work.actor.account_id, work.now
    work.session.flush()
    work.session.execute(delete(PolicyTier).where(PolicyTier.policy_id == policy.id))
    for tier in given["tiers"]:
        row = {name: tier[name] for name in _CONTENT}
        work.session.add(
            PolicyTier(id=new_id(work.now), bureau_id=work.bureau_id, policy_id=policy.id, **row)
        )
    work.session.flush()
    return policy


def _put_in_force(work: Work, policy: Policy) -> None:
    policy.state, policy.activated_at = "active", work.now
    _announce(work, policy)


def _announce(work: Work, policy: Policy) -> None:
    policy.edit_id = new_edit_id()
    work.session.flush()
    forget_timeline(work)
    touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", policy.id)])


def _planned(work: Work, policy: Policy) -> Plan:
    if policy.effective_from <= _today(work):
        raise _backdated("/effective_from", policy.effective_from)
    return plan_change(work, Edition(policy, tiers_of(work, [policy.id])[policy.id]))


def _backdated(path: str, day: date) -> Problem:
    detail = f"{day} 不在今天之后，已开始的周期不能改变。It must lie ahead."
    return problem_at(path, "policy_backdated", detail)


def _over(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "path": f"/grades/{load.grade}",
            "code": "policy_above_cap",
            "detail": f"{load.grade}：{load.outlets} 户，每户每年至少 {load.visits_planned} 次，上限 {load.cap} 次。",
            "grade": load.grade,
            "outlets": load.outlets,
            "visits_planned": load.visits_planned,
            "cap": load.cap,
        }
        for load in plan.grades
        if load.over
    ]


def content_of(work: Work, policy: Policy) -> str:
    """SHA-256 of what a version says, whatever its state."""
    tiers = tiers_of(work, [policy.id])[policy.id]
    said = {
        "effective_from": policy.effective_from.isoformat(),
        "effective_to": policy.effective_to.isoformat() if policy.effective_to else None,
        "legal_basis": policy.legal_basis,
        "tiers": [{name: getattr(tiers[tier], name) for name in _CONTENT} for tier in sorted(tiers)],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _today(work: Work) -> date:
    return work.now.astimezone(work.zone).date()


def retire_superseded(work: Work) -> int:
    """Every night: active versions from which a later one has taken over, or whose last day is gone, are retired.

    They go on judging what came into being under them. Returns how many there were.
    """
    today = _today(work)
    stretches = list(load_timeline(work).stretches(date.max))
    living = {stretch.edition.policy.id for stretch in stretches if stretch.last >= today}
    ended = work.session.scalars(
        select(Policy).where(
            Policy.bureau_id == work.bureau_id, Policy.state == "active", Policy.id.not_in(living)
        )
    ).all()
    for policy in ended:
        policy.state = "retired"
        _announce(work, policy)
    return len(ended)
