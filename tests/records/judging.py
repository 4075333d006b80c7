"""Judging in tests: with the officers of the tests' records, near the subject, soon after the visit."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from server.access.clocks import Measured, settle_clock
from server.demo.documents import Document
from server.records.forms import find_form
from server.records.rules import Certificates, CheckPolicy, Judgement, Presence, judge
from tests.records.documents import (
    CERTIFICATES,
    FIRST_CERT,
    FIRST_OFFICER,
    MONDAY,
    SECOND_CERT,
    SECOND_OFFICER,
    ZONE,
)


def judged(
    document: Document,
    *,
    policy: CheckPolicy | None = None,
    distance_m: float | None = 12.0,
    converted: bool = False,
    certificates: Certificates = CERTIFICATES,
    subject_known: bool = True,
    received_at: datetime = MONDAY + timedelta(hours=3),
) -> Judgement:
    claimed_s = document.get("clock_offset_s")
    # As where the server had measured the clock as the document says.
    measured = Measured(last_s=claimed_s or 0, confirmed=frozenset({claimed_s or 0}))
    return judge(
        document,
        find_form(document["form_code"], document["form_version"]),
        policy or CheckPolicy(),
        Presence(distance_m, converted),
        certificates,
        clock=settle_clock(claimed_s, measured),
        subject_known=subject_known,
        zone=ZONE,
        received_at=received_at,
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding["code"] for finding in judgement.findings]


def signers(*who: uuid.UUID | None) -> list[dict[str, str | None]]:
    numbers = {FIRST_OFFICER: FIRST_CERT, SECOND_OFFICER: SECOND_CERT}
    return [
        {"person_id": str(person) if person else None, "cert_no": numbers.get(person) if person else None}
        for person in who
    ]
