"""What R1 is made of: sums of judged obligations by group, and the periods that they belong to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schemas.vocabulary import CadenceTier
from server.cadence.periods import ReportingPeriod, parse_period
from server.cadence.rulebook import Rulebook
from server.cadence.tally import Tally


class By(StrEnum):
    """What a row of the report stands for; a town is the cell of the third level in which the leaf lies."""

    TOTAL = "total"
    SQUAD = "squad"
    OFFICER = "officer"
    CELL = "cell"
    TOWN = "town"
    OUTLET = "outlet"


@dataclass(frozen=True, slots=True)
class Sum:
    """The counts of one group and tier, and of one key where each period is asked for.

    ``days_late`` is the sum of days of the late ones, ``unknown`` and ``provisional`` are how many of the obligations may
    still be answered by a handheld, and how many rest on a year whose holidays are not loaded.
    """

    group_id: uuid.UUID | None
    tier: CadenceTier
    key: str | None
    counts: Tally
    days_late: int
    attempts: int
    unknown: int
    provisional: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A period that has begun; ``over`` says that its grace has ended, so that what is not done was missed."""

    tier: CadenceTier
    key: str
    first_day: date
    last_day: date
    over: bool
    provisional: bool


def periods_begun(rulebook: Rulebook, period: ReportingPeriod, today: date) -> list[Begun]:
    """The periods reported in ``period`` that began by ``today`` under some version, with what their days decide.

    All obligations of a tier and key share their days, and their grace follows the version that held on the first.
    """
    found = []
    for tier, keys in period.keys.items():
        for one in map(parse_period, keys):
            held = any(tier in two.tiers and two.effective_from <= one.first_day for two in rulebook.versions)
            if one.first_day <= today and held:
                window = rulebook.window(tier, one.first_day, one.last_day)
                over = today > window.grace_last_day
                found.append(Begun(tier, one.key, one.first_day, one.last_day, over, window.provisional))
    return found
