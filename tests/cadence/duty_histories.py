"""Builders of what something triggered, for one subject: findings by number, days as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from schemas.vocabulary import Deed, DutyRule
from server.cadence.duty_rules import DEFAULT_DUTY_RULES, span_after
from server.cadence.rules import Attempt, Fact, History, Judgement, Obligation, StatusChange, Trigger, judge
from tests.cadence.small_histories import BEIJING, RULEBOOK, WORKDAYS, at, record

TRIPLE = DutyRule.TRIPLE_RECHECK


def triggered(
    number: int,
    when: str | datetime,
    rule: DutyRule = TRIPLE,
    *,
    known: datetime | None = None,
    withdrawn: datetime | None = None,
) -> list[Obligation]:
    """What the trigger of that number asks for, by the packaged numbers."""
    happened = at(when) if isinstance(when, str) else when
    terms = DEFAULT_DUTY_RULES[rule].terms
    span = span_after(rule, terms, happened.astimezone(BEIJING).date(), WORKDAYS)
    trigger = Trigger(record(number), rule, happened, span.window, known or happened, withdrawn)
    return [
        Obligation(
            uuid5(NAMESPACE_OID, f"{rule}/{number}/{n}/{withdrawn}"),
            None,
            f"{number}/{n}",
            span.first_day,
            span.last_day,
            trigger=trigger,
        )
        for n in range(1, terms.checks + 1)
    ]


def inspection(
    number: int, when: str | datetime, *, known: datetime | None = None, deed: Deed = Deed.INSPECTION
) -> Fact:
    """A valid inspection that is no tier's checklist."""
    happened = at(when) if isinstance(when, str) else when
    return Fact(record(number), deed, happened, known or happened, valid=True)


def judged(
    obligations: Sequence[Obligation],
    as_of: str | datetime,
    facts: Sequence[Fact] = (),
    *,
    attempts: Sequence[Attempt] = (),
    changes: Sequence[StatusChange] = (),
) -> list[Judgement]:
    moment = at(as_of) if isinstance(as_of, str) else as_of
    history = History(obligations, facts, attempts, changes=changes)
    return list(judge(history, RULEBOOK, moment))


def states(
    obligations: Sequence[Obligation], as_of: str | datetime, facts: Sequence[Fact] = (), **more: object
) -> list[str]:
    """The states, chain by chain in order of time."""
    return [one.state.value for one in judged(obligations, as_of, facts, **more)]  # type: ignore[arg-type]


def last_day(rule: DutyRule, day: str) -> tuple[date, bool]:
    """The last day by the packaged numbers, and whether it is provisional."""
    span = span_after(rule, DEFAULT_DUTY_RULES[rule].terms, date.fromisoformat(day), WORKDAYS)
    return span.last_day, span.window.provisional


def met_by(judgements: Sequence[Judgement]) -> list[UUID | None]:
    return [one.met_by for one in judgements]
