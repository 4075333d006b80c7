"""One thing done in the day, and what is expected to come of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from schemas.vocabulary import CadenceTier, DutyRule
from server.demo.shift.handheld import Document


@dataclass(frozen=True, slots=True)
class Errand:
    """The words for it, the record, and what it is meant for.

    ``tier`` is whose obligation it meets, if any; ``asks`` the duty that follows from it; ``registers`` that it is a list
    of goods kept; ``amends`` the record of the day that it puts right; ``stop`` the stop of the patrol that it was made at.
    """

    words: str
    document: Document
    tier: CadenceTier | None = None
    asks: DutyRule | None = None
    registers: bool = False
    amends: uuid.UUID | None = None
    stop: Document | None = None
