"""Random histories from a seed: always the same ones, whatever version of hypothesis is installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier, Deed, DutyRule, Performed
from server.cadence.rules import (
    Attempt,
    Fact,
    History,
    Obligation,
    Placement,
    Rulebook,
    StatusChange,
    TierPolicy,
    Trigger,
    Version,
    Waiver,
    Window,
)
from tests.cadence.small_histories import BEIJING, MONTHLY, QUARTERLY, WEEKLY, WORKDAYS, owed
from tests.vectors.written import long, short

KEYS = [f"2026-W{week}" for week in range(35, 43)] + ["2026-08", "2026-09", "2026-10", "2026-Q3", "2026-Q4"]
# Eight weeks around National Day, short enough for visits to come close upon each other.
START = datetime(2026, 8, 24, tzinfo=BEIJING)
HOURS = 24 * 56
# Where summer time begins in these weeks, the bureau's days are not the device's.
SYDNEY = ZoneInfo("Australia/Sydney")
# A single day of a year whose notice is not known is not used.
NOTICES = replace(WORKDAYS, off=WORKDAYS.off | {date(2027, 1, 5), date(2027, 2, 5)})
SHALLOWER = {WEEKLY: [], MONTHLY: [WEEKLY], QUARTERLY: [WEEKLY, MONTHLY]}


class Chance:
    """Whatever a history is made of, drawn by one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.records = [long(f"{self.random.getrandbits(32):08x}") for _ in range(24)]

    def moment(self, first: int = 0, last: int = HOURS) -> datetime:
        """A full hour, or two minutes before one: midnight is where days are mistaken."""
        hour = first + self.random.randrange(max(1, last - first))
        return START + timedelta(hours=hour, minutes=-2 * self.random.randrange(2))

    def day(self) -> date:
        return self.moment().date()

    def record(self) -> UUID:
        return self.records[self.random.randrange(len(self.records))]

    def delay(self) -> timedelta:
        """Known at once, hours late, weeks late, or ahead of a device's fast clock."""
        longest = (1, 48, 700, -30)[self.random.randrange(4)]
        return timedelta(
            hours=self.random.randrange(longest, 1) if longest < 0 else self.random.randrange(longest)
        )

    def performed(self) -> Performed:
        return (WEEKLY, WEEKLY, MONTHLY, QUARTERLY, Deed.INSPECTION, Deed.SERVICE)[self.random.randrange(6)]

    def key(self) -> str:
        return KEYS[self.random.randrange(len(KEYS))]

    def fact(self) -> Fact:
        when = self.moment()
        # Mostly one that may have been missed by then, and now and then any.
        ended = [key for key in KEYS if owed(key).last_day + timedelta(days=4) < when.date()] or KEYS
        named = (None, self.key(), ended[self.random.randrange(len(ended))])
        makes_up = named[self.random.choice((0, 1, 2, 2))]
        valid = self.random.randrange(5) > 0
        return Fact(self.record(), self.performed(), when, when + self.delay(), valid, makes_up)

    def triggered(self) -> list[Obligation]:
        """What one trigger asks for: some checks of different days within a window of its own."""
        rules = (DutyRule.TRIPLE_RECHECK, DutyRule.TRIPLE_RECHECK, DutyRule.ATTEMPT_RETRY, DutyRule.ROUND)
        happened = self.moment()
        first = happened.astimezone(BEIJING).date() + timedelta(days=1)
        last = first + timedelta(days=self.random.randrange(9))
        checklists = [*CadenceTier, Deed.INSPECTION, *((Deed.SERVICE,) if self.random.randrange(2) else ())]
        window = Window(
            due_from=first + timedelta(days=self.random.randrange((last - first).days + 1)),
            grace_last_day=last + timedelta(days=self.random.choice((0, 0, 2))),
            waived_by_rule=False,
            provisional=self.random.randrange(5) == 0,
            min_gap_days=self.random.randrange(3),
            checklists=frozenset[Performed](checklists[self.random.randrange(2) :]),
        )
        withdrawn = (
            happened + timedelta(hours=self.random.randrange(200)) if self.random.randrange(4) == 0 else None
        )
        trigger = Trigger(
            long(f"{self.random.getrandbits(32):08x}"),
            rules[self.random.randrange(len(rules))],
            happened,
            window,
            happened + self.delay(),
            withdrawn,
        )
        return [
            Obligation(uuid5(NAMESPACE_OID, key), None, key, first, last, trigger=trigger)
            for key in (f"{short(trigger.id)}/{n}" for n in range(1, self.random.randrange(2, 5)))
        ]

    def attempt(self) -> Attempt:
        when = self.moment()
        return Attempt(self.record(), when, when + self.delay())

    def waiver(self) -> Waiver:
        when = self.moment()
        length = timedelta(hours=self.random.randrange(500))
        revoked = when + length if self.random.randrange(2) else None
        return Waiver(owed(self.key()).id, "门店装修", when, revoked_at=revoked)

    def facts(self, triggered: list[Obligation]) -> list[Fact]:
        """Some visits are of one moment, some records were made with two checklists, some name what was triggered."""
        found = [self.fact() for _ in range(self.random.randrange(15))]
        found += [
            replace(self.fact(), makes_up=one.key) for one in triggered if self.random.randrange(3) == 0
        ]
        for fact in found[:]:
            other, tier = self.fact(), self.performed()
            if self.random.randrange(6) == 0:
                found.append(replace(other, performed_at=fact.performed_at))
            if self.random.randrange(6) == 0:
                found.append(replace(fact, tier=tier, valid=True, makes_up=other.makes_up))
        return found

    def changes(self, most: int) -> list[StatusChange]:
        """Now and then a day is corrected."""
        found = [
            StatusChange(self.day(), self.random.randrange(2) == 1, self.moment())
            for _ in range(self.random.randrange(most + 1))
        ]
        corrected = [replace(one, active=not one.active, known_at=self.moment()) for one in found[:1]]
        return found + (corrected if self.random.randrange(2) else [])

    def placements(self) -> list[Placement]:
        """Now and then two are noted of one day at one moment."""
        cells = (None, long("00000001"), long("b0000002"))
        found = [
            Placement(self.day(), cells[self.random.randrange(3)], self.moment())
            for _ in range(self.random.randrange(4))
        ]
        return found + [replace(one, cell_id=cells[self.random.randrange(3)]) for one in found[:1]]

    def history(self) -> History:
        dropped = {self.key() for _ in range(self.random.randrange(3))}
        triggered = [one for _ in range(self.random.choice((0, 0, 1, 3))) for one in self.triggered()]
        keys = KEYS if self.random.randrange(2) else [key for key in KEYS if self.random.randrange(3)]
        return History(
            [*(replace(owed(key), voided=key in dropped) for key in keys), *triggered],
            self.facts(triggered),
            [self.attempt() for _ in range(self.random.randrange(5))],
            [self.waiver() for _ in range(self.random.randrange(4))],
            self.changes(self.random.choice((0, 0, 1, 3))),
            self.changes(self.random.choice((0, 0, 0, 2))),
            self.placements(),
        )

    def tiers(self) -> dict[CadenceTier, TierPolicy]:
        return {
            tier: TierPolicy(
                grace_working_days=self.random.randrange(9),
                min_gap_days=self.random.randrange(8),
                due_soon_working_days=self.random.randrange(5),
                satisfies=frozenset(one for one in below if self.random.randrange(3)),
                min_workdays=self.random.randrange(4),
            )
            for tier, below in SHALLOWER.items()
        }

    def rulebook(self) -> Rulebook:
        """One version of the policy, or a second that begins in the middle."""
        versions = [Version(date(2026, 1, 1), self.tiers())]
        if self.random.randrange(2):
            versions.append(Version(self.day(), self.tiers()))
        zone = SYDNEY if self.random.randrange(5) == 0 else BEIJING
        return Rulebook(versions, NOTICES, zone)
