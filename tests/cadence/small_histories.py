"""Builders of small histories: one subject, known keys, Beijing times written as people write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier
from server.cadence.periods import parse_period
from server.cadence.rules import (
    DEFAULT_POLICIES,
    Attempt,
    Fact,
    History,
    Judgement,
    Obligation,
    Rulebook,
    StatusChange,
    TierPolicy,
    Waiver,
    judge,
)
from server.kernel import workdays as workdays_module
from server.kernel.workdays import Workdays

BEIJING = ZoneInfo("Asia/Shanghai")
WEEKLY, MONTHLY, QUARTERLY = CadenceTier
NOTICES = Path(workdays_module.__file__).parent / "data" / "workdays_2025_2026.json"


def load_notices() -> Workdays:
    document = json.loads(NOTICES.read_text(encoding="utf-8"))
    return Workdays(
        off=frozenset(map(date.fromisoformat, document["off"])),
        make_up=frozenset(map(date.fromisoformat, document["make_up_work"])),
        years=frozenset(map(int, document["source"])),
    )


WORKDAYS = load_notices()
RULEBOOK = Rulebook.of(DEFAULT_POLICIES, WORKDAYS, BEIJING)


def rulebook(**weekly: int) -> Rulebook:
    """The defaults, with other numbers for the weekly tier."""
    numbers = {"grace_working_days": 2} | weekly
    return Rulebook.of({**DEFAULT_POLICIES, WEEKLY: TierPolicy(**numbers)}, WORKDAYS, BEIJING)


def at(text: str) -> datetime:
    """Beijing time; a bare day is its noon."""
    return datetime.fromisoformat(text if " " in text else f"{text} 12:00").replace(tzinfo=BEIJING)


def owed(key: str) -> Obligation:
    period = parse_period(key)
    return Obligation(uuid5(NAMESPACE_OID, key), period.tier, key, period.first_day, period.last_day)


def record(number: int) -> UUID:
    return UUID(int=number)


def visit(
    number: int,
    when: str,
    tier: CadenceTier = WEEKLY,
    *,
    known: str | None = None,
    valid: bool = True,
    makes_up: str | None = None,
) -> Fact:
    return Fact(record(number), tier, at(when), at(known or when), valid, makes_up)


def attempt(number: int, when: str, known: str | None = None) -> Attempt:
    return Attempt(record(number), at(when), at(known or when))


def waiver(key: str, known: str, revoked: str | None = None) -> Waiver:
    revoked_at = at(revoked) if revoked else None
    return Waiver(owed(key).id, "门店装修", at(known), revoked_at=revoked_at)


def status(from_day: str, active: bool, known: str | None = None) -> StatusChange:
    return StatusChange(date.fromisoformat(from_day), active, at(known or f"{from_day} 00:00"))


def judged(
    keys: str,
    as_of: str,
    facts: Iterable[Fact] = (),
    *,
    attempts: Iterable[Attempt] = (),
    waivers: Iterable[Waiver] = (),
    changes: Iterable[StatusChange] = (),
    rules: Rulebook = RULEBOOK,
) -> Mapping[str, Judgement]:
    """The judgements of the obligations named in ``keys`` (parted by spaces), by key."""
    history = History(
        [owed(key) for key in keys.split()], list(facts), list(attempts), list(waivers), list(changes)
    )
    return {judgement.obligation.key: judgement for judgement in judge(history, rules, at(as_of))}


def states(keys: str, as_of: str, facts: Iterable[Fact] = (), **more: object) -> dict[str, str]:
    found = judged(keys, as_of, facts, **more)  # type: ignore[arg-type]
    return {key: judgement.state.value for key, judgement in found.items()}
