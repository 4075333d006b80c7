"""Versions of the policy and annual caps over HTTP."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

from sqlalchemy import select

from schemas.policies import (
    CapIn,
    CapList,
    CapOut,
    DrawList,
    PlanOut,
    PolicyDraft,
    PolicyList,
    PolicyOut,
    RetirementIn,
    SignOffIn,
    SignOffOut,
)
from server.cadence import policies
from server.cadence.cap_policies import list_caps, publish_cap
from server.cadence.models import CapPolicy, Policy, PolicySignOff, PolicyTier, PopulationDraw
from server.cadence.timeline import tiers_of
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("policies", "复查制度版本 Policies")


def described(work: Work, found: list[Policy]) -> list[dict[str, Any]]:
    """The versions as PolicyOut shows them, with their tiers and sign-offs."""
    ids = [policy.id for policy in found]
    tiers = tiers_of(work, ids)
    signed: dict[uuid.UUID, list[PolicySignOff]] = defaultdict(list)
    by_time = select(PolicySignOff).where(PolicySignOff.policy_id.in_(ids)).order_by(PolicySignOff.known_at)
    for one in work.session.scalars(by_time):
        signed[one.policy_id].append(one)
    plain = (
        *("id", "code", "version", "name", "legal_basis", "state", "effective_from", "effective_to"),
        *("drafted_by", "drafted_at", "activated_at", "plan"),
    )
    return [
        {
            **{name: getattr(policy, name) for name in plain},
            "tiers": [
                tiers[policy.id][tier] for tier in sorted(tiers[policy.id], key=lambda tier: tier.depth)
            ],
            "sign_offs": signed[policy.id],
        }
        for policy in found
    ]


@blueprint.endpoint("GET", "/policies", permission=Permission.POLICY_READ, gives=PolicyList)
def list_policies(work: Work) -> dict[str, Any]:
    """The versions of the bureau's re-inspection policy, newest first."""
    found = work.session.scalars(
        select(Policy).where(Policy.bureau_id == work.bureau_id).order_by(Policy.version.desc())
    ).all()
    return {"items": described(work, list(found))}


@blueprint.endpoint(
    "POST", "/policies", permission=Permission.POLICY_MANAGE, takes=PolicyDraft, gives=PolicyOut, status=201
)
def draft(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Draft a version, in place of the draft that there is."""
    return described(work, [policies.draft_policy(work, given)])[0]


@blueprint.endpoint("GET", "/policies/<uuid:policy_id>", permission=Permission.POLICY_READ, gives=PolicyOut)
def get_policy(work: Work, policy_id: uuid.UUID) -> dict[str, Any]:
    """One version."""
    return described(work, [policies.find_policy(work, policy_id)])[0]


@blueprint.endpoint(
    "POST", "/policies/<uuid:policy_id>/plan", permission=Permission.POLICY_MANAGE, gives=PlanOut
)
def plan(work: Work, policy_id: uuid.UUID) -> dict[str, Any]:
    """Work out what the version would do; nothing that is owed changes."""
    return policies.plan_policy(work, policy_id).to_json()


@blueprint.endpoint(
    "POST",
    "/policies/<uuid:policy_id>/sign-off",
    permission=Permission.POLICY_SIGN_OFF,
    takes=SignOffIn,
    gives=SignOffOut,
    status=201,
)
def sign_off(work: Work, given: dict[str, Any], policy_id: uuid.UUID) -> PolicySignOff:
    """Let a planned version ask more than the cap, on a ground."""
    return policies.sign_off_policy(work, policy_id, given["ground"])


@blueprint.endpoint(
    "POST", "/policies/<uuid:policy_id>/activate", permission=Permission.POLICY_MANAGE, gives=PolicyOut
)
def activate(work: Work, policy_id: uuid.UUID) -> dict[str, Any]:
    """Put a planned version in force from its first day on."""
    return described(work, [policies.activate_policy(work, policy_id)])[0]


@blueprint.endpoint(
    "POST",
    "/policies/<uuid:policy_id>/retire",
    permission=Permission.POLICY_MANAGE,
    takes=RetirementIn,
    gives=PolicyOut,
)
def retire(work: Work, given: dict[str, Any], policy_id: uuid.UUID) -> dict[str, Any]:
    """End a version after a day."""
    return described(work, [policies.retire_policy(work, policy_id, given["last_day"])])[0]


@blueprint.endpoint(
    "GET", "/policies/<uuid:policy_id>/draws", permission=Permission.POLICY_READ, gives=DrawList
)
def list_draws(work: Work, policy_id: uuid.UUID) -> dict[str, Any]:
    """The samples of a version, each with its frozen pool and its seed, so that anyone can draw it again."""
    policies.find_policy(work, policy_id)
    rows = work.session.execute(
        select(PopulationDraw, PolicyTier.tier)
        .join(PolicyTier, PolicyTier.id == PopulationDraw.policy_tier_id)
        .where(PolicyTier.policy_id == policy_id)
        .order_by(PopulationDraw.key, PolicyTier.tier)
    ).all()
    names = ("key", "seed", "percent", "pool", "drawn", "known_at")
    return {"items": [{"tier": tier, **{name: getattr(made, name) for name in names}} for made, tier in rows]}


@blueprint.endpoint("GET", "/caps", permission=Permission.POLICY_READ, gives=CapList)
def get_caps(work: Work) -> dict[str, Any]:
    """The annual caps on inspections by credit grade, newest version first."""
    return {"items": list_caps(work)}


@blueprint.endpoint("POST", "/caps", permission=Permission.CAP_MANAGE, takes=CapIn, gives=CapOut, status=201)
def add_cap(work: Work, given: dict[str, Any]) -> CapPolicy:
    """Publish a version of the annual caps; it counts from now on as known."""
    return publish_cap(work, given)
