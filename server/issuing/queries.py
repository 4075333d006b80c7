"""Reads of signed reports. Whoever has a part in signing sees what is under way, others what was issued."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, select

from server.access.models import Account
from server.issuing.models import ReportIssue, ReportSnapshot, ReportStep
from server.issuing.rules import Act, Step
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.models import Person

_SIGNERS = frozenset({Permission.REPORT_DRAFT, Permission.REPORT_REVIEW, Permission.REPORT_ISSUE})


@dataclass(frozen=True, slots=True)
class Standing:
    """A version with its last snapshot and its steps in order."""

    issue: ReportIssue
    snapshot: ReportSnapshot
    steps: tuple[ReportStep, ...]

    @property
    def state(self) -> Act:
        """What the last step made of it."""
        return Act(self.steps[-1].act)

    @property
    def taken(self) -> list[Step]:
        """The steps as the rules read them."""
        return [Step(Act(step.act), step.account_id) for step in self.steps]


def visible_to(actor: Actor) -> Select[ReportIssue]:
    """The bureau's reports that the actor may know of."""
    own = select(ReportIssue).where(ReportIssue.bureau_id == actor.bureau_id)
    if actor.permissions & _SIGNERS:
        return own
    issued = select(ReportStep.issue_id).where(ReportStep.act == Act.ISSUED.value)
    return own.where(ReportIssue.id.in_(issued))


def find(work: Work, issue_id: uuid.UUID) -> Standing:
    """A report that the actor may know of.

    Raises:
        Problem: ``not_found``.
    """
    found = standings(work, visible_to(work.actor).where(ReportIssue.id == issue_id))
    if not found:
        raise Problem("not_found")
    return found[0]


def find_version(work: Work, kind: str, period: str, version: int | None) -> Standing:
    """A version of a period's report, by default the newest.

    Raises:
        Problem: ``not_found``.
    """
    query = visible_to(work.actor).where(ReportIssue.kind == kind, ReportIssue.period == period)
    if version is not None:
        query = query.where(ReportIssue.version == version)
    found = standings(work, query)
    if not found:
        raise Problem("not_found")
    return found[0]


def standings(work: Work, issues: Select[ReportIssue]) -> list[Standing]:
    """How each of these versions stands, newest period and version first."""
    rows = work.session.scalars(
        issues.order_by(ReportIssue.period.desc(), ReportIssue.kind, ReportIssue.version.desc())
    ).all()
    ids = [row.id for row in rows]
    steps: dict[uuid.UUID, list[ReportStep]] = defaultdict(list)
    for step in work.session.scalars(
        select(ReportStep).where(among(ReportStep.issue_id, ids)).order_by(ReportStep.seq)
    ):
        steps[step.issue_id].append(step)
    newest = select(ReportSnapshot).where(
        among(ReportSnapshot.id, [taken[-1].snapshot_id for taken in steps.values()])
    )
    snapshots = {one.issue_id: one for one in work.session.scalars(newest)}
    return [Standing(row, snapshots[row.id], tuple(steps[row.id])) for row in rows]


def last_issued(work: Work, kind: str, period: str) -> ReportSnapshot | None:
    """The snapshot of the version of a period's report that was issued last; its moment locks the period."""
    return work.session.scalar(
        select(ReportSnapshot)
        .join(ReportStep, ReportStep.snapshot_id == ReportSnapshot.id)
        .join(ReportIssue, ReportIssue.id == ReportStep.issue_id)
        .where(
            ReportIssue.bureau_id == work.bureau_id,
            ReportIssue.kind == kind,
            ReportIssue.period == period,
            ReportStep.act == Act.ISSUED.value,
        )
        .order_by(ReportIssue.version.desc())
        .limit(1)
    )


def described(work: Work, found: Sequence[Standing]) -> list[dict[str, Any]]:
    """The versions as schemas.issuing.IssueOut shows them, each step with the person's name."""
    accounts = {step.account_id for one in found for step in one.steps}
    names = {
        account_id: name or username
        for account_id, username, name in work.session.execute(
            select(Account.id, Account.username, Person.name)
            .outerjoin(Person, Person.id == Account.person_id)
            .where(Account.id.in_(accounts))
        )
    }
    return [
        {
            "id": one.issue.id,
            "kind": one.issue.kind,
            "period": one.issue.period,
            "version": one.issue.version,
            "state": one.state.value,
            "as_of": one.snapshot.as_of.astimezone(work.zone),
            "sha256": one.snapshot.sha256,
            **one.snapshot.summary,
            "steps": [
                {
                    "act": step.act,
                    "at": step.at.astimezone(work.zone),
                    "account_id": step.account_id,
                    "person": names[step.account_id],
                    "remark": step.remark,
                    "snapshot_id": step.snapshot_id,
                }
                for step in one.steps
            ],
        }
        for one in found
    ]


def must_read_whole(work: Work, standing: Standing) -> None:
    """The whole report is for whoever may read the bureau's figures, or took a step in it.

    Raises:
        Problem: ``not_found`` for others, who have ``of_squad``.
    """
    own_hand = any(step.account_id == work.actor.account_id for step in standing.steps)
    if not own_hand and not work.actor.reaches_bureau(Permission.REPORT_READ):
        raise Problem("not_found")


def whole(work: Work, standing: Standing) -> dict[str, Any]:
    """The frozen report.

    Raises:
        Problem: as ``must_read_whole``.
    """
    must_read_whole(work, standing)
    return content_of(standing)


def content_of(standing: Standing) -> dict[str, Any]:
    """The frozen report, whoever asks."""
    content: dict[str, Any] = orjson.loads(standing.snapshot.content)
    return content


def differences_of(content: dict[str, Any]) -> dict[str, Any]:
    """What a version tells differently from the one before, moments read; nothing of a first version."""
    told = content["differences"]
    if told is None:
        return {"version": None, "sha256": None, "since": None, "obligations": [], "figures": [], "facts": []}
    return {**told, "since": datetime.fromisoformat(told["since"])}


def of_squad(work: Work, standing: Standing, squad_id: uuid.UUID) -> dict[str, Any]:
    """A squad's lines and obligations as they were frozen, for its people and whoever may read the whole.

    Raises:
        Problem: ``not_found`` for another squad.
    """
    content = content_of(standing) if squad_id in work.actor.squad_ids else whole(work, standing)
    wanted = str(squad_id)
    return {
        "lines": [line for line in content["lines"] if line["by"] == "squad" and line["group_id"] == wanted],
        "obligations": [one for one in content["obligations"] if one["squad_id"] == wanted],
    }
