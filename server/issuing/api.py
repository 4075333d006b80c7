"""Signed reports and restatements over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from schemas.issuing import (
    DifferencesOut,
    IssueDraftIn,
    IssueList,
    IssueOut,
    IssueQuery,
    IssueReturnIn,
    IssueStepIn,
    RestatedOut,
    RestatedQuery,
    SignedPart,
    UnsyncedOut,
    UnsyncedQuery,
    VerificationOut,
)
from server.issuing import ops, queries
from server.issuing.models import ReportIssue
from server.issuing.paper import paper_of
from server.issuing.restated_sheet import restated_sheet
from server.issuing.restating import moments_between, restated
from server.issuing.rules import Act, day_over
from server.issuing.unsynced import unsynced
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.reports.answering import answer
from server.reports.moment import moment_for, period_for

blueprint = Noun("issuing", "报表签发 Signed reports")


@blueprint.endpoint(
    "GET", "/report-issues", permission=Permission.REPORT_READ, takes=IssueQuery, gives=IssueList
)
def list_issues(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """The versions of signed reports; those that are not issued yet are shown to whoever has a part in signing."""
    wanted = queries.visible_to(work.actor)
    if query["kind"]:
        wanted = wanted.where(ReportIssue.kind == query["kind"])
    if query["period"]:
        wanted = wanted.where(ReportIssue.period == ops.period_to_sign(query["period"]).key)
    return {"items": queries.described(work, queries.standings(work, wanted))}


@blueprint.endpoint(
    "POST",
    "/report-issues",
    permission=Permission.REPORT_DRAFT,
    takes=IssueDraftIn,
    gives=IssueOut,
    status=201,
)
def draft(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """拟稿: freeze a month's or quarter's report, or freeze it anew after it was returned."""
    return _one(work, ops.draft(work, given))


@blueprint.endpoint(
    "GET",
    "/report-issues/unsynced",
    permission=Permission.REPORT_READ,
    takes=UnsyncedQuery,
    gives=UnsyncedOut,
)
def list_unsynced(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Who has not synced since the period's end: before a month or quarter locks."""
    as_of = moment_for(work, query["as_of"])
    period = ops.period_to_sign(query["period"] or period_for(work, None, as_of).key)
    return {"period": period.key, "as_of": as_of, "items": unsynced(work, day_over(period), as_of)}


@blueprint.endpoint(
    "GET", "/report-issues/<uuid:issue_id>", permission=Permission.REPORT_READ, gives=IssueOut
)
def get_issue(work: Work, issue_id: uuid.UUID) -> dict[str, Any]:
    """One version, with the steps of its signing."""
    return _one(work, queries.find(work, issue_id))


@blueprint.endpoint(
    "POST",
    "/report-issues/<uuid:issue_id>/submit",
    permission=Permission.REPORT_DRAFT,
    takes=IssueStepIn,
    gives=IssueOut,
)
def submit(work: Work, given: dict[str, Any], issue_id: uuid.UUID) -> dict[str, Any]:
    """送审: hand the draft over for review."""
    return _one(work, ops.take_step(work, issue_id, Act.SUBMITTED, given["remark"]))


@blueprint.endpoint(
    "POST",
    "/report-issues/<uuid:issue_id>/return",
    permission=Permission.REPORT_READ,
    takes=IssueReturnIn,
    gives=IssueOut,
)
def return_issue(work: Work, given: dict[str, Any], issue_id: uuid.UUID) -> dict[str, Any]:
    """退回: back to be drafted anew, by whoever would review or issue it."""
    return _one(work, ops.take_step(work, issue_id, Act.RETURNED, given["remark"]))


@blueprint.endpoint(
    "POST",
    "/report-issues/<uuid:issue_id>/review",
    permission=Permission.REPORT_REVIEW,
    takes=IssueStepIn,
    gives=IssueOut,
)
def review(work: Work, given: dict[str, Any], issue_id: uuid.UUID) -> dict[str, Any]:
    """审核: let it go on to be issued."""
    return _one(work, ops.take_step(work, issue_id, Act.REVIEWED, given["remark"]))


@blueprint.endpoint(
    "POST",
    "/report-issues/<uuid:issue_id>/issue",
    permission=Permission.REPORT_ISSUE,
    takes=IssueStepIn,
    gives=IssueOut,
)
def issue(work: Work, given: dict[str, Any], issue_id: uuid.UUID) -> dict[str, Any]:
    """签发: from now on the period is locked, and what becomes known shows as a restatement."""
    return _one(work, ops.take_step(work, issue_id, Act.ISSUED, given["remark"]))


@blueprint.endpoint("GET", "/report-issues/<uuid:issue_id>/snapshot", permission=Permission.REPORT_READ)
def snapshot(work: Work, issue_id: uuid.UUID) -> AnyResponse:
    """The frozen report, byte for byte; its ETag is the SHA-256 of these bytes."""
    standing = queries.find(work, issue_id)
    queries.must_read_whole(work, standing)
    name = f"{standing.issue.kind}-{standing.issue.period}-v{standing.issue.version}.json"
    frozen = Response(
        standing.snapshot.content,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    frozen.set_etag(standing.snapshot.sha256)
    return frozen.make_conditional(request)


@blueprint.endpoint("GET", "/report-issues/<uuid:issue_id>/pdf", permission=Permission.REPORT_READ)
def pdf(work: Work, issue_id: uuid.UUID) -> Response:
    """The frozen report on paper, with its annexes and its signers."""
    return answer(paper_of(work, queries.find(work, issue_id)), "pdf")


@blueprint.endpoint(
    "GET",
    "/report-issues/<uuid:issue_id>/squads/<uuid:squad_id>",
    permission=Permission.REPORT_READ,
    gives=SignedPart,
)
def squad_part(work: Work, issue_id: uuid.UUID, squad_id: uuid.UUID) -> dict[str, Any]:
    """A squad's own figures as they were signed, for its people."""
    return queries.of_squad(work, queries.find(work, issue_id), squad_id)


@blueprint.endpoint(
    "GET",
    "/report-issues/<uuid:issue_id>/differences",
    permission=Permission.REPORT_READ,
    gives=DifferencesOut,
)
def differences(work: Work, issue_id: uuid.UUID) -> dict[str, Any]:
    """What this version tells differently from the one before, as it was signed."""
    content = queries.whole(work, queries.find(work, issue_id))
    return queries.differences_of(content)


@blueprint.endpoint(
    "GET",
    "/report-issues/<uuid:issue_id>/verification",
    permission=Permission.REPORT_READ,
    gives=VerificationOut,
)
def verification(work: Work, issue_id: uuid.UUID) -> dict[str, Any]:
    """Work the report out again as of its moment, and check the SHA-256 of what was frozen."""
    standing = queries.find(work, issue_id)
    queries.must_read_whole(work, standing)
    verified = ops.verify(work, standing.snapshot)
    return {
        "sha256": verified.sha256,
        "intact": verified.intact,
        "agrees": verified.agrees,
        "obligations": verified.found.obligations,
        "figures": verified.found.figures,
    }


@blueprint.endpoint(
    "GET",
    "/reports/cadence/restated",
    permission=Permission.REPORT_READ,
    takes=RestatedQuery,
    gives=RestatedOut,
)
def list_restated(work: Work, query: dict[str, Any]) -> Response:
    """What became known since a report of the period was issued, or since any moment, and what it changes in R1."""
    period = period_for(work, query["period"], work.now)
    since, until = moments_between(work, period, query["since"], query["until"])
    return answer(restated_sheet(work, period, restated(work, period, since, until)), query["format"])


def _one(work: Work, standing: queries.Standing) -> dict[str, Any]:
    return queries.described(work, [standing])[0]
