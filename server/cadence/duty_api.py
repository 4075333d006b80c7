"""Triggered duties over HTTP: their rules, opening one, what was done, taking it back."""

from __future__ import annotations

from typing import Any

from schemas.duties import (
    DutyActIn,
    DutyActOut,
    DutyOpened,
    DutyOpening,
    DutyRuleIn,
    DutyRuleList,
    DutyRuleOut,
    DutySubjectPage,
    DutySubjectQuery,
    DutyWithdrawalAnswer,
    DutyWithdrawalIn,
)
from schemas.vocabulary import Deed
from server.cadence.duty_acts import open_duty, record_act, withdraw_duties
from server.cadence.duty_editions import load_duty_rules, publish_duty_rule
from server.cadence.duty_models import DutyAct, DutyRuleVersion, DutySubject
from server.cadence.queries import subjects_visible_to
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.work import Work

blueprint = Noun("duties", "触发任务 Triggered duties")


@blueprint.endpoint("GET", "/duty-rules", permission=Permission.POLICY_READ, gives=DutyRuleList)
def list_rules(work: Work) -> dict[str, Any]:
    """Every version of the bureau's duty rules."""
    return {"items": load_duty_rules(work).versions}


@blueprint.endpoint(
    "POST",
    "/duty-rules",
    permission=Permission.POLICY_MANAGE,
    takes=DutyRuleIn,
    gives=DutyRuleOut,
    status=201,
)
def publish_rule(work: Work, given: dict[str, Any]) -> DutyRuleVersion:
    """Publish a new version of a rule; what was triggered before its first day stays as it is."""
    return publish_duty_rule(work, given)


@blueprint.endpoint(
    "POST",
    "/obligations",
    permission=Permission.OBLIGATION_OPEN,
    takes=DutyOpening,
    gives=DutyOpened,
    status=201,
)
def open_duties(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Open what a rule asks for at the named subjects; doing it twice adds nothing."""
    ids = open_duty(work, given)
    return {"opened": len(ids), "obligation_ids": ids}


@blueprint.endpoint(
    "POST",
    "/obligations/withdrawals",
    permission=Permission.CADENCE_WAIVE,
    takes=DutyWithdrawalIn,
    gives=DutyWithdrawalAnswer,
    status=201,
)
def withdraw(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Take back what the triggers of the obligations ask for, with a reason."""
    return {"withdrawn": withdraw_duties(work, given["obligation_ids"], given["reason"])}


@blueprint.endpoint(
    "POST",
    "/obligations/acts",
    permission=Permission.OBLIGATION_RECORD,
    takes=DutyActIn,
    gives=DutyActOut,
    status=201,
)
def record(work: Work, given: dict[str, Any]) -> DutyAct:
    """Write down that somebody did what is owed, where no field form tells of it."""
    return record_act(work, given["obligation_id"], Deed(given["deed"]), given["performed_at"], given["note"])


@blueprint.endpoint(
    "GET",
    "/duty-subjects",
    permission=Permission.OBLIGATION_READ,
    takes=DutySubjectQuery,
    gives=DutySubjectPage,
)
def list_subjects(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """Households, complaints, clues, cases and unlicensed sellers in scope, by id."""
    subjects = subjects_visible_to(work.actor)
    if query["kind"]:
        subjects = subjects.where(DutySubject.kind == query["kind"])
    if query["number"]:
        subjects = subjects.where(DutySubject.number == query["number"])
    return page_of(work.session, subjects, [DutySubject.id], query["after"], query["limit"])
