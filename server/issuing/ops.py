"""Signing reports off: draft, submit, return, review, issue. Each writes rows of its own and rewrites none."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import func, select

from schemas.vocabulary import CadenceTier
from server.cadence.periods import BadPeriod, ReportingPeriod
from server.issuing.freezing import bureau_eyes, canonical, plain
from server.issuing.kinds import KINDS, Kind
from server.issuing.models import ReportIssue, ReportSnapshot, ReportStep
from server.issuing.queries import Standing, find, standings
from server.issuing.restating import Restatement
from server.issuing.rules import (
    Act,
    had_a_hand,
    permission_for,
    possible,
    signable_period,
)
from server.issuing.unsynced import unsynced
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid, problem_at
from server.kernel.work import Work
from server.org.models import Bureau

FORMAT = "xunge.report-snapshot/1"
# A request that began before the moment may commit after it. By then nothing that is known by it is still under way.
SETTLED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a snapshot's bytes have its SHA-256, and what R1, judged again as of its moment, tells differently."""

    sha256: str
    intact: bool
    found: Restatement

    @property
    def agrees(self) -> bool:
        """Whether nothing was changed and nothing differs."""
        return self.intact and not self.found.obligations and not self.found.figures


def period_to_sign(text: str, kind: Kind | None = None) -> ReportingPeriod:
    """The month or quarter.

    Raises:
        Problem: ``bad_period``, with the reason, for anything else, and for a quarter of a kind that is of months.
    """
    try:
        period = signable_period(text)
    except BadPeriod as error:
        raise problem_at("/period", "bad_period", str(error)) from error
    if kind is not None and kind.months_only and len(period.keys[CadenceTier.MONTHLY]) != 1:
        detail = f"{kind.code} 按月签发，例如 2026-07。{kind.code} is of one month, such as 2026-07."
        raise problem_at("/period", "bad_period", detail)
    return period


def draft(work: Work, given: Mapping[str, Any]) -> Standing:
    """Freeze a period's report and begin its next version, or freeze it anew where one is drafted or was returned.

    ``given`` has kind, period, as_of, unsynced_remark and remark (the last three may be None), as
    schemas.issuing.IssueDraftIn reads them. It is the whole bureau's report, whoever drafts it.

    Raises:
        Problem: ``bad_period``; ``issue_too_early``; ``issue_state`` while a version is under review;
            ``issue_unsynced`` with the devices, where some have not synced and no remark says what of it;
            ``issue_unchanged`` where a later version would tell nothing else.
    """
    work.actor.must(Permission.REPORT_DRAFT)
    account_id = _in_person(work)
    kind = KINDS[given["kind"]]
    period = period_to_sign(given["period"], kind)
    _hold(work, kind.code, period.key)
    versions = standings(
        work,
        select(ReportIssue).where(
            ReportIssue.bureau_id == work.bureau_id,
            ReportIssue.kind == kind.code,
            ReportIssue.period == period.key,
        ),
    )
    open_one = versions[0] if versions and versions[0].state is not Act.ISSUED else None
    if open_one and not possible(Act.DRAFTED, open_one.taken):
        raise _wrong_state(open_one)
    before = next((one.snapshot for one in versions if one.state is Act.ISSUED), None)
    first = kind.first_moment(work, period)
    as_of = _moment(work, period, kind.over(period), first, given["as_of"], before)
    issue = open_one.issue if open_one else _new_issue(work, kind.code, period.key, len(versions) + 1)
    snapshot = _freeze(work, issue, period, as_of, before, given)
    _step(work, Act.DRAFTED, issue, snapshot, account_id, given["remark"])
    return find(work, issue.id)


def take_step(work: Work, issue_id: uuid.UUID, act: Act, remark: str | None) -> Standing:
    """Submit, return, review or issue a version.

    Before it is issued the report is judged again as of its moment: what is signed can be worked out again.

    Raises:
        Problem: ``not_found``; ``issue_state``; ``forbidden``; ``issue_same_person``; ``issue_stale`` where the figures
            can no longer be worked out again, as after workdays were loaded.
    """
    account_id = _in_person(work)
    found = find(work, issue_id)
    _hold(work, found.issue.kind, found.issue.period)
    # Somebody else may have signed while this one waited.
    found = find(work, issue_id)
    if not possible(act, found.taken):
        raise _wrong_state(found)
    work.actor.must(permission_for(act, found.taken))
    if had_a_hand(act, account_id, found.taken):
        raise Problem("issue_same_person")
    if act is Act.ISSUED and not verify(work, found.snapshot).agrees:
        raise Problem("issue_stale")
    _step(work, act, found.issue, found.snapshot, account_id, remark)
    return find(work, issue_id)


def verify(work: Work, snapshot: ReportSnapshot) -> Verification:
    """Work the report out again as of its moment and compare; the differences are listed, before as it was frozen."""
    content = orjson.loads(snapshot.content)
    kind, period, bureau = KINDS[content["kind"]], signable_period(content["period"]), bureau_eyes(work)
    again = kind.figures(bureau, period, snapshot.as_of.astimezone(work.zone))
    return Verification(
        sha256=snapshot.sha256,
        intact=hashlib.sha256(snapshot.content).hexdigest() == snapshot.sha256,
        found=kind.compared(bureau, content, again, snapshot.as_of, snapshot.as_of),
    )


def _in_person(work: Work) -> uuid.UUID:
    if work.actor.account_id is None:
        raise Problem(
            "forbidden", detail="报表须由本人签署，不能由系统代办。A person signs a report, not the house."
        )
    return work.actor.account_id


def _hold(work: Work, kind: str, period: str) -> None:
    """One step at a time in a period's report, whoever else would take one waits until commit."""
    name = f"report_issue:{work.bureau_id}:{kind}:{period}"
    work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _wrong_state(found: Standing) -> Problem:
    detail = (
        f"第 {found.issue.version} 版现为“{found.state.label_zh}”，不能这样做。"
        f"Version {found.issue.version} is {found.state.value}."
    )
    return Problem("issue_state", detail=detail)


def _moment(
    work: Work,
    period: ReportingPeriod,
    day_over: date,
    first: datetime,
    given: datetime | None,
    before: ReportSnapshot | None,
) -> datetime:
    """As of when to judge: as asked for, or once every grace is over, or, for a later version, now.

    Raises:
        Problem: ``issue_too_early``, ``invalid`` for a moment not after that of the version before.
    """
    newest = (work.now - SETTLED).astimezone(work.zone).replace(second=0, microsecond=0)
    over = datetime.combine(day_over, time(), work.zone)
    if given is None:
        as_of = newest if before else first
    else:
        as_of = given.replace(tzinfo=work.zone) if given.tzinfo is None else given.astimezone(work.zone)
    if as_of < over or as_of > newest:
        detail = (
            f"{period.key} 于 {over.isoformat(timespec='minutes')} 结束，宽限期于 "
            f"{first.isoformat(timespec='minutes')} 届满；截止时刻须在周期结束之后，且至少早于当前 5 分钟。"
            "The moment has to lie after the period's end and five minutes back."
        )
        raise problem_at("/as_of", "issue_too_early", detail)
    if before is not None and as_of <= before.as_of:
        detail = "更正版的截止时刻须晚于上一版。The moment has to lie after that of the version before."
        raise invalid("/as_of", "not_after_version", detail)
    return as_of


def _new_issue(work: Work, kind: str, period: str, version: int) -> ReportIssue:
    issue = ReportIssue(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        kind=kind,
        period=period,
        version=version,
        created_at=work.now,
    )
    work.session.add(issue)
    work.session.flush()
    return issue


def _freeze(
    work: Work,
    issue: ReportIssue,
    period: ReportingPeriod,
    as_of: datetime,
    before: ReportSnapshot | None,
    given: Mapping[str, Any],
) -> ReportSnapshot:
    """Write the frozen report down.

    Raises:
        Problem: ``issue_unsynced``, ``issue_unchanged``.
    """
    kind, bureau = KINDS[issue.kind], bureau_eyes(work)
    silent = plain(unsynced(bureau, kind.over(period), as_of))
    if silent and not given["unsynced_remark"]:
        raise Problem("issue_unsynced", errors=[_unsynced_fault(one) for one in silent])
    frozen = plain(kind.freeze(bureau, period, as_of))
    differences: dict[str, Any] | None = None
    restated: Restatement | None = None
    if before is not None:
        restated = kind.compared(bureau, orjson.loads(before.content), frozen, before.as_of, as_of)
        if not restated.changed:
            raise Problem("issue_unchanged")
        differences = {
            "version": issue.version - 1,
            "sha256": before.sha256,
            "since": before.as_of.astimezone(work.zone),
            "obligations": restated.obligations,
            "figures": restated.figures,
            "facts": restated.facts,
        }
    content = canonical(
        {
            "format": FORMAT,
            "kind": kind.code,
            "title": kind.title_zh,
            "bureau": work.session.scalars(select(Bureau.name).where(Bureau.id == work.bureau_id)).one(),
            "bureau_id": work.bureau_id,
            "period": period.key,
            "periods": {tier.value: keys for tier, keys in period.keys.items()},
            "version": issue.version,
            "as_of": as_of,
            "drafted_at": work.now.astimezone(work.zone),
            "drafted_by": work.actor.account_id,
            **frozen,
            "unsynced": silent,
            "unsynced_remark": given["unsynced_remark"],
            "differences": differences,
        }
    )
    snapshot = ReportSnapshot(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        issue_id=issue.id,
        as_of=as_of,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        summary={
            **kind.summary(frozen),
            "provisional": frozen["provisional"],
            "annexed": frozen["annex"] is not None,
            "unsynced": len(silent),
            "unsynced_remark": given["unsynced_remark"],
            "changed": restated.changed if restated else None,
        },
        created_at=work.now,
    )
    work.session.add(snapshot)
    work.session.flush()
    return snapshot


def _unsynced_fault(device: Mapping[str, Any]) -> dict[str, Any]:
    heard = device["last_heard_at"] or "从未联系"
    detail = f"{device['squad'] or '未编入中队'} {device['person']}（{device['label']}），最近联系：{heard}"
    return {
        "path": "/unsynced_remark",
        "code": "issue_unsynced",
        "detail": detail,
        "device_id": device["device_id"],
    }


def _step(
    work: Work,
    act: Act,
    issue: ReportIssue,
    snapshot: ReportSnapshot,
    account_id: uuid.UUID,
    remark: str | None,
) -> None:
    taken = work.session.scalars(
        select(func.count()).select_from(ReportStep).where(ReportStep.issue_id == issue.id)
    ).one()
    work.session.add(
        ReportStep(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            issue_id=issue.id,
            seq=taken + 1,
            act=act.value,
            snapshot_id=snapshot.id,
            account_id=account_id,
            remark=remark,
            at=work.now,
        )
    )
    work.session.flush()
    record_event(
        work,
        f"report.{act.value}",
        [issue.id],
        kind=issue.kind,
        period=issue.period,
        version=issue.version,
        sha256=snapshot.sha256,
    )
