"""What a handheld shows before it syncs, and what the server says afterwards of the same records."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from schemas.vocabulary import ObligationState, performed
from server.cadence.rules import (
    DEFAULT_POLICIES,
    Attempt,
    Fact,
    History,
    Judgement,
    Obligation,
    Rulebook,
    StatusChange,
    Trigger,
    Version,
    judge,
)
from tests.cadence.small_histories import BEIJING, at, owed, visit
from tests.vectors.chance import HOURS, NOTICES, Chance
from tests.vectors.examples import FIRST, SECOND, triple_recheck
from tests.vectors.written import Json, long, moment, short

_DEFAULT = Rulebook([Version(date(2026, 1, 1), DEFAULT_POLICIES)], NOTICES, BEIJING)


def device_vector(seed: int) -> Json:
    """One subject as it was pulled at some moment, and records made after it: nobody else was there meanwhile."""
    chance = Chance(seed)
    book = chance.rulebook()
    pulled_at = chance.moment(HOURS // 3, HOURS)
    now = pulled_at + timedelta(hours=chance.random.randrange(24 * 14))
    known = _pulled(chance.history(), pulled_at)
    before = judge(known, book, pulled_at)
    missed = [one.obligation.key for one in before if one.state is ObligationState.MISSED] or [None]
    records = [
        _record(chance, number, missed, pulled_at, now) for number in range(1, chance.random.randrange(2, 8))
    ]
    return _vector(known, book, pulled_at, records, now)


def _vector(known: History, book: Rulebook, pulled_at: datetime, records: list[Json], now: datetime) -> Json:
    """``gives`` is every state as the server has it once the records came."""
    fresh = [fact for record in records if (fact := _fact(record, now)) is not None]
    tried = [
        Attempt(long(record["id"]), _performed(record), now)
        for record in records
        if record["kind"] == "attempt" and record["amends_id"] is None
    ]
    synced = replace(known, facts=[*known.facts, *fresh], attempts=[*known.attempts, *tried])
    return {
        "zone": str(book.zone),
        "reference": _policies(book),
        "outlet": {
            "statuses": [_status(change) for change in known.changes],
            "scopes": [_scope(change) for change in known.scopes],
        },
        "obligations": [_document(judgement, known) for judgement in judge(known, book, pulled_at)],
        "unsynced": records,
        "now": moment(now),
        "gives": [
            [one.obligation.key, one.state.value, short(one.met_by or one.made_up_by)]
            for one in judge(synced, book, now)
        ],
    }


def _midway(unsynced: str, offset_s: int = 0) -> Json:
    """W37 was met on its Sunday, and Tuesday's visit, too soon for W38, made up W36; then a record of another day."""
    facts = [visit(FIRST, "2026-09-13"), visit(SECOND, "2026-09-15", makes_up="2026-W36")]
    known = History([owed(key) for key in ("2026-W36", "2026-W37", "2026-W38")], facts)
    record = _weekly("f0000000", unsynced, offset_s)
    return _vector(known, _DEFAULT, at("2026-09-16 08:00"), [record], at("2026-09-21 20:00"))


def midway_vectors() -> list[Json]:
    """A visit for which the made-up one is not the last met; one that comes before what was synced already; one that the
    device's clock, nine minutes fast, has on Monday.
    """
    return [_midway("2026-09-16"), _midway("2026-09-14"), _midway("2026-09-21 00:05", 540), _chain()]


def _chain() -> Json:
    """查一补三: two checks of one day count once, whatever the handheld is told of its gap."""
    known = History(triple_recheck(FIRST, "2026-09-29", "2026-09-29 18:00"))
    records = [
        _weekly(f"f000000{number}", when)
        for number, when in enumerate(("2026-09-30 09:00", "2026-09-30 17:00", "2026-10-02 09:00"))
    ]
    return _vector(known, _DEFAULT, at("2026-09-30 08:00"), records, at("2026-10-03 20:00"))


def _weekly(number: str, started: str, offset_s: int = 0) -> Json:
    record: Json = {"id": number, "kind": "ecig_check", "performed": "WEEKLY"}
    record |= {"started_at": at(started).isoformat(), "clock_offset_s": offset_s}
    return record | {"makes_up": None, "amends_id": None, "valid": True}


def _pulled(history: History, at: datetime) -> History:
    """What the server knew at that moment, of which nothing is taken back later."""
    return replace(
        history,
        facts=[fact for fact in history.facts if fact.known_at <= at and fact.performed_at <= at],
        attempts=[tried for tried in history.attempts if tried.known_at <= at and tried.at <= at],
        waivers=[
            replace(waiver, revoked_at=None)
            for waiver in history.waivers
            if waiver.known_at <= at and not (waiver.revoked_at and waiver.revoked_at <= at)
        ],
        changes=[change for change in history.changes if change.known_at <= at],
        scopes=[scope for scope in history.scopes if scope.known_at <= at],
        placements=[],
        obligations=[_known(owed, at) for owed in history.obligations if not _comes(owed, at)],
    )


def _comes(owed: Obligation, at: datetime) -> bool:
    return owed.trigger is not None and owed.trigger.known_at > at


def _known(owed: Obligation, at: datetime) -> Obligation:
    if owed.trigger is None or owed.trigger.withdrawn_at is None or owed.trigger.withdrawn_at <= at:
        return owed
    return replace(owed, trigger=replace(owed.trigger, withdrawn_at=None))


def _document(judgement: Judgement, known: History) -> Json:
    owed = judgement.obligation
    waived = any(waiver.obligation_id == owed.id for waiver in known.waivers)
    return {
        "id": owed.key,
        "rule": owed.trigger.rule.value if owed.trigger else "ecig_cadence",
        "tier": owed.tier,
        "key": owed.key,
        "first_day": owed.first_day.isoformat(),
        "last_day": owed.last_day.isoformat(),
        "met_by": short(judgement.met_by or judgement.made_up_by),
        "met_at": judgement.performed_at.isoformat() if judgement.performed_at else None,
        "attempts": len(judgement.attempts),
        "waiver": "门店装修" if waived else None,
        "voided": owed.voided,
        "provisional": judgement.provisional,
        **_carried(owed.trigger),
    }


def _carried(trigger: Trigger | None) -> Json:
    if trigger is None:
        return {}
    return {
        "trigger_id": short(trigger.id),
        "triggered_at": moment(trigger.at),
        "known_at": moment(trigger.known_at),
        "withdrawn_at": moment(trigger.withdrawn_at),
        "due_from": trigger.window.due_from.isoformat(),
        "grace_last_day": trigger.window.grace_last_day.isoformat(),
        "accepts": sorted(trigger.window.checklists),
        "min_gap_days": trigger.window.min_gap_days,
    }


def _record(chance: Chance, number: int, missed: list[str | None], after: datetime, until: datetime) -> Json:
    hours = max(1, int((until - after) / timedelta(hours=1)))
    at = after + timedelta(hours=chance.random.randrange(hours), seconds=number)
    offset = chance.random.choice((0, 0, 540, -75))
    attempted = chance.random.randrange(5) == 0
    return {
        "id": f"f{chance.random.getrandbits(28):07x}",
        "kind": "attempt" if attempted else "ecig_check",
        "performed": None if attempted else chance.performed().value,
        "started_at": (at + timedelta(seconds=offset)).isoformat(),
        "clock_offset_s": offset,
        "makes_up": missed[chance.random.randrange(len(missed))] if chance.random.randrange(2) else None,
        "amends_id": "0000beef" if chance.random.randrange(12) == 0 else None,
        "valid": chance.random.randrange(6) > 0,
    }


def _performed(record: Json) -> datetime:
    return datetime.fromisoformat(record["started_at"]) - timedelta(seconds=record["clock_offset_s"])


def _fact(record: Json, now: datetime) -> Fact | None:
    if record["performed"] is None or record["amends_id"] is not None:
        return None
    what = performed(record["performed"])
    return Fact(long(record["id"]), what, _performed(record), now, record["valid"], record["makes_up"])


def _policies(book: Rulebook) -> list[Json]:
    return [
        {
            "kind": "policy",
            "version": number,
            "effective_from": version.effective_from.isoformat(),
            "effective_to": None,
            "tiers": [
                {
                    "tier": tier.value,
                    "satisfies": sorted(policy.satisfies),
                    "grace_working_days": policy.grace_working_days,
                    "min_gap_days": policy.min_gap_days,
                    "due_soon_working_days": policy.due_soon_working_days,
                    "min_workdays": policy.min_workdays,
                }
                for tier, policy in version.tiers.items()
            ],
        }
        for number, version in enumerate(book.versions, start=1)
    ]


def _status(change: StatusChange) -> Json:
    return _row(change, status="active" if change.active else "suspended")


def _scope(change: StatusChange) -> Json:
    return _row(change, licence_scope=["cigarette", "ecig"] if change.active else ["cigarette"])


def _row(change: StatusChange, **said: Any) -> Json:
    return {"from_day": change.from_day.isoformat(), **said, "known_at": moment(change.known_at)}
