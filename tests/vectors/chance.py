"""Random histories from a seed: always the same ones, whatever version of hypothesis is installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from schemas.vocabulary import CadenceTier
from server.cadence.rules import (
    Attempt,
    Fact,
    History,
    Placement,
    Rulebook,
    StatusChange,
    TierPolicy,
    Version,
    Waiver,
)
from tests.cadence.small_histories import BEIJING, MONTHLY, QUARTERLY, WEEKLY, WORKDAYS, owed
from tests.vectors.written import long

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

    def tier(self) -> CadenceTier:
        return (WEEKLY, WEEKLY, MONTHLY, QUARTERLY)[self.random.randrange(4)]

    def key(self) -> str:
        return KEYS[self.random.randrange(len(KEYS))]

    def fact(self) -> Fact:
        when = self.moment()
        # Mostly one that may have been missed by then, and now and then any.
        ended = [key for key in KEYS if owed(key).last_day + timedelta(days=4) < when.date()] or KEYS
        named = (None, self.key(), ended[self.random.randrange(len(ended))])
        makes_up = named[self.random.choice((0, 1, 2, 2))]
        valid = self.random.randrange(5) > 0
        return Fact(self.record(), self.tier(), when, when + self.delay(), valid, makes_up)

    def attempt(self) -> Attempt:
        when = self.moment()
        return Attempt(self.record(), when, when + self.delay())

    def waiver(self) -> Waiver:
        when = self.moment()
        length = timedelta(hours=self.random.randrange(500))
        revoked = when + length if self.random.randrange(2) else None
        return Waiver(owed(self.key()).id, "门店装修", when, revoked_at=revoked)

    def facts(self) -> list[Fact]:
        """Some visits are of one moment, and some records were made with two checklists."""
        found = [self.fact() for _ in range(self.random.randrange(15))]
        for fact in found[:]:
            other, tier = self.fact(), self.tier()
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
        keys = KEYS if self.random.randrange(2) else [key for key in KEYS if self.random.randrange(3)]
        return History(
            [replace(owed(key), voided=key in dropped) for key in keys],
            self.facts(),
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
