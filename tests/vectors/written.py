"""How vectors are written: histories, rulebooks and judgements as small JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier
from server.cadence.rules import (
    Attempt,
    Fact,
    History,
    Judgement,
    Obligation,
    Placement,
    Rulebook,
    StatusChange,
    TierPolicy,
    Waiver,
)
from server.kernel.workdays import Workdays

Json = dict[str, Any]


def short(number: UUID | None) -> str | None:
    """The first eight digits of an id whose others are 0: they order alike, as text and as number."""
    if number is None:
        return None
    assert long(number.hex[:8]) == number, number
    return number.hex[:8]


def long(digits: str) -> UUID:
    return UUID(hex=digits.ljust(32, "0"))


def moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def workdays_json(workdays: Workdays) -> Json:
    return {
        "off": [day.isoformat() for day in sorted(workdays.off)],
        "make_up": [day.isoformat() for day in sorted(workdays.make_up)],
        "years": sorted(workdays.years),
    }


def versions_json(book: Rulebook) -> list[Any]:
    """``[first day, {tier: [grace, gap, due soon, satisfies, least working days]}]`` a version."""
    return [
        [max(version.effective_from, date(1970, 1, 1)).isoformat(), _tiers(version.tiers)]
        for version in book.versions
    ]


def _tiers(tiers: Mapping[CadenceTier, TierPolicy]) -> Json:
    return {
        tier.value: [
            policy.grace_working_days,
            policy.min_gap_days,
            policy.due_soon_working_days,
            sorted(policy.satisfies),
            policy.min_workdays,
        ]
        for tier, policy in sorted(tiers.items())
    }


def zone_of(book: Rulebook) -> str:
    assert isinstance(book.zone, ZoneInfo)
    return book.zone.key


def history_json(history: History) -> Json:
    """Rows of values in the order of the rules' own fields; an obligation is named by its key, a record by ``short``."""
    keys = {owed.id: owed.key for owed in history.obligations}
    parts: Json = {
        "obligations": [_obligation(owed) for owed in history.obligations],
        "facts": [_fact(fact) for fact in history.facts],
        "attempts": [_attempt(tried) for tried in history.attempts],
        "waivers": [_waiver(waiver, keys) for waiver in history.waivers if waiver.obligation_id in keys],
        "changes": [_change(change) for change in history.changes],
        "scopes": [_change(change) for change in history.scopes],
        "placements": [_placement(placement) for placement in history.placements],
    }
    return {name: rows for name, rows in parts.items() if rows}


def _obligation(owed: Obligation) -> list[Any]:
    """A triggered one ends with its trigger and the window that this carries."""
    own = [owed.tier, owed.key, owed.first_day.isoformat(), owed.last_day.isoformat(), owed.voided]
    if (trigger := owed.trigger) is None:
        return own
    window = trigger.window
    carried = [
        *(window.due_from.isoformat(), window.grace_last_day.isoformat(), window.waived_by_rule),
        *(window.provisional, window.min_gap_days, sorted(window.checklists)),
    ]
    when = [moment(trigger.at), moment(trigger.known_at), moment(trigger.withdrawn_at)]
    return [*own, [short(trigger.id), trigger.rule.value, *when, carried]]


def _fact(fact: Fact) -> list[Any]:
    when = [moment(fact.performed_at), moment(fact.known_at)]
    return [short(fact.record_id), fact.tier.value, *when, fact.valid, fact.makes_up]


def _attempt(tried: Attempt) -> list[Any]:
    return [short(tried.record_id), moment(tried.at), moment(tried.known_at)]


def _waiver(waiver: Waiver, keys: Mapping[UUID, str]) -> list[Any]:
    return [keys[waiver.obligation_id], moment(waiver.known_at), moment(waiver.revoked_at)]


def _change(change: StatusChange) -> list[Any]:
    return [change.from_day.isoformat(), change.active, moment(change.known_at)]


def _placement(placement: Placement) -> list[Any]:
    return [placement.from_day.isoformat(), short(placement.cell_id), moment(placement.known_at)]


def judgement_json(judgement: Judgement) -> list[Any]:
    """Key, state, who met it, who made it up, when, days late, attempts, whether it is provisional, cell."""
    return [
        judgement.obligation.key,
        judgement.state.value,
        short(judgement.met_by),
        short(judgement.made_up_by),
        moment(judgement.performed_at),
        judgement.days_late,
        [short(tried) for tried in judgement.attempts],
        judgement.provisional,
        short(judgement.cell_id),
    ]
