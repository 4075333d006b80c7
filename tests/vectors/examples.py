"""The worked dates of the domain, each with its sentence, under the default policy and the notices of 2025 and 2026."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_OID, uuid5

from schemas.vocabulary import CadenceTier, Deed, DutyRule
from server.cadence.rules import Attempt, Fact, History, Obligation, StatusChange, Trigger, Waiver, Window
from tests.cadence.small_histories import (
    MONTHLY,
    QUARTERLY,
    at,
    attempt,
    owed,
    record,
    status,
    visit,
    waiver,
)

# A vector writes the first eight digits of an id.
FIRST, SECOND, THIRD = (number << 96 for number in (1, 2, 3))


class Example(NamedTuple):
    """One history, judged at some moments."""

    says: str
    history: History
    moments: tuple[str, ...]


def example(
    says: str,
    keys: str,
    moments: str,
    facts: Iterable[Fact] = (),
    *,
    attempts: Iterable[Attempt] = (),
    waivers: Iterable[Waiver] = (),
    changes: Iterable[StatusChange] = (),
) -> Example:
    """``keys`` are parted by spaces, ``moments`` by commas, in Beijing time."""
    history = History(
        [owed(key) for key in keys.split()], list(facts), list(attempts), list(waivers), list(changes)
    )
    return Example(says, history, tuple(moments.split(", ")))


def triple_recheck(number: int, found: str, known: str) -> list[Obligation]:
    """查一补三: three checks on different days within the seven calendar days after the finding, no holiday extends."""
    day = date.fromisoformat(found)
    first, last = day + timedelta(days=1), day + timedelta(days=7)
    window = Window(
        last - timedelta(days=1), last, False, False, 1, frozenset((*CadenceTier, Deed.INSPECTION))
    )
    trigger = Trigger(record(number), DutyRule.TRIPLE_RECHECK, at(found), window, at(known))
    keys = (f"{number >> 96}/{check}" for check in (1, 2, 3))
    return [Obligation(uuid5(NAMESPACE_OID, key), None, key, first, last, trigger=trigger) for key in keys]


def chain(says: str, moments: str, owed: list[Obligation], facts: Iterable[Fact]) -> Example:
    return Example(says, History(owed, list(facts)), tuple(moments.split(", ")))


EXAMPLES = (
    chain(
        "查一补三 over National Day: found on 29 September, three different days by 6 October.",
        "2026-09-29 13:00, 2026-09-30 13:00, 2026-10-03, 2026-10-06 23:59, 2026-10-07",
        triple_recheck(FIRST, "2026-09-29", "2026-09-29 18:00"),
        [
            visit(FIRST, "2026-09-30"),
            visit(SECOND, "2026-09-30 18:00"),
            Fact(record(THIRD), Deed.INSPECTION, at("2026-10-02"), at("2026-10-02"), valid=True),
        ],
    ),
    chain(
        "A new finding supersedes the chain: what was open of it is void from the next day, what it missed stays missed.",
        "2026-07-09 13:00, 2026-07-10 13:00, 2026-07-11, 2026-07-18",
        triple_recheck(FIRST, "2026-07-06", "2026-07-06")
        + triple_recheck(SECOND, "2026-07-10", "2026-07-10"),
        [visit(FIRST, "2026-07-08"), visit(THIRD, "2026-07-10 15:00"), visit(SECOND, "2026-07-11")],
    ),
    example(
        "An ordinary week by the clock: due from Thursday, in grace to Tuesday, then missed.",
        "2026-W37",
        "2026-09-06 23:59, 2026-09-07 00:00, 2026-09-09 23:59, 2026-09-10 00:00, 2026-09-15 23:59, 2026-09-16 00:00",
    ),
    example(
        "2026-W08 has no working day: waived by rule, and a visit in it pays the week before.",
        "2026-W07 2026-W08 2026-W09",
        "2026-02-15, 2026-02-16, 2026-02-18 13:00, 2026-03-10",
        [visit(FIRST, "2026-02-18")],
    ),
    example(
        "2026-W53 ends in 2027, whose notice is not known: its grace is provisional.",
        "2026-W52 2026-W53 2026-12 2026-Q4",
        "2026-12-28, 2027-01-03 23:59, 2027-01-05 23:59, 2027-01-06, 2027-01-09",
        [visit(FIRST, "2027-01-05")],
    ),
    example(
        "A week of 2027 is provisional from beginning to end.",
        "2027-W05 2027-02 2027-Q1",
        "2027-02-04, 2027-02-09, 2027-02-10, 2027-03-30",
    ),
    example(
        "Sunday 23:58 counts for Sunday's week, though it is known on Monday.",
        "2026-W37 2026-W38",
        "2026-09-13 23:59, 2026-09-14 07:00, 2026-09-14 09:00, 2026-09-18",
        [visit(FIRST, "2026-09-13 23:58", known="2026-09-14 08:00")],
    ),
    example(
        "Midnight begins grace.",
        "2026-W37",
        "2026-09-14 00:00, 2026-12-01",
        [visit(FIRST, "2026-09-14 00:00")],
    ),
    example(
        "2026-09-20, a Sunday, works: W38 is due from Friday, and its grace ends on Tuesday the 22nd.",
        "2026-W38 2026-09",
        "2026-09-17 23:59, 2026-09-18 00:00, 2026-09-20 23:59, 2026-09-22 23:59, 2026-09-23 00:00",
    ),
    example(
        "National Day: the grace of W40 reaches to 9 October, into W41, and the oldest debt is paid first.",
        "2026-W40 2026-W41 2026-09 2026-Q3",
        "2026-09-29, 2026-10-05, 2026-10-08 13:00, 2026-10-09 00:00, 2026-10-10 00:00, 2026-10-11 13:00, 2026-10-14",
        [visit(FIRST, "2026-10-08"), visit(SECOND, "2026-10-11")],
    ),
    example(
        "A quarterly check in the first days of August pays July and its week, and meets the quarter.",
        "2026-W31 2026-W32 2026-07 2026-08 2026-Q3",
        "2026-08-03 11:00, 2026-08-03 13:00, 2026-08-11",
        [visit(FIRST, "2026-08-03", QUARTERLY)],
    ),
    example(
        "Three days must lie between two weeks that are met in time.",
        "2026-W37 2026-W38",
        "2026-09-17, 2026-12-01",
        [visit(FIRST, "2026-09-13"), visit(SECOND, "2026-09-15"), visit(THIRD, "2026-09-16 00:00")],
    ),
    example(
        "A visit that is left over makes up the missed week that it names.",
        "2026-W36 2026-W37 2026-W38",
        "2026-09-15 23:59, 2026-09-16, 2026-09-17 13:00",
        [visit(SECOND, "2026-09-16"), visit(THIRD, "2026-09-17", makes_up="2026-W37")],
    ),
    example(
        "An attempt is none: the week stays open, is due, and is missed.",
        "2026-W37 2026-09",
        "2026-09-08 11:00, 2026-09-08 13:00, 2026-09-10, 2026-09-16",
        attempts=[attempt(FIRST, "2026-09-08", known="2026-09-08 12:30")],
    ),
    example(
        "What a fast clock dates ahead has not happened yet.",
        "2026-W37 2026-W38",
        "2026-09-08 11:00, 2026-09-08 13:00, 2026-09-15 13:00, 2026-09-16 13:00",
        [visit(FIRST, "2026-09-16", known="2026-09-15")],
        attempts=[attempt(FIRST, "2026-09-08", known="2026-09-08 10:30")],
    ),
    example(
        "A waiver lets off from when it is known until it is withdrawn.",
        "2026-W37 2026-W38",
        "2026-09-09 11:00, 2026-09-09 13:00, 2026-09-20, 2026-09-25",
        [visit(FIRST, "2026-09-11")],
        waivers=[waiver("2026-W37", "2026-09-09", "2026-09-22"), waiver("2026-W38", "2026-09-09")],
    ),
    example(
        "From a suspension on, every period that ends on or after its day is void, unless it was met before.",
        "2026-W36 2026-W37 2026-W38 2026-W39 2026-W40 2026-09",
        "2026-09-08, 2026-09-10 13:00, 2026-10-12",
        [visit(FIRST, "2026-09-08"), visit(SECOND, "2026-09-29", MONTHLY)],
        changes=[status("2026-09-10", False), status("2026-09-23", True)],
    ),
    example(
        "A leader's later word on a record counts from when it is known.",
        "2026-W37",
        "2026-09-09 13:00, 2026-09-21, 2026-09-23",
        [
            visit(FIRST, "2026-09-09", valid=False),
            visit(FIRST, "2026-09-09", known="2026-09-22"),
        ],
    ),
    example(
        "Two devices in one week: the earlier visit meets it, and of two at one moment the lower id.",
        "2026-W37",
        "2026-12-01",
        [visit(THIRD, "2026-09-11"), visit(SECOND, "2026-09-10"), visit(FIRST, "2026-09-10")],
    ),
)
