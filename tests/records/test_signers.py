"""Who signed: certificates, auxiliaries, strangers, and which kinds one person may do alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from server.demo.documents import Document, Signer
from server.records.rules import CheckPolicy
from tests.records.documents import (
    AUXILIARY,
    CERTIFICATES,
    FIRST_CERT,
    FIRST_OFFICER,
    MONDAY,
    SECOND_CERT,
    SECOND_OFFICER,
    SIGNERS,
    ZONE,
    attempt,
    depot_check,
    ecig_check,
    road_check,
    service_visit,
    site_visit,
)
from tests.records.judging import codes, judged, signers

STRANGER = uuid.UUID("0196f000-0000-7000-8000-0000000000ff")


class TestOfficers:
    def test_the_same_officer_twice_is_one(self) -> None:
        judgement = judged(ecig_check(officers=signers(FIRST_OFFICER, FIRST_OFFICER)))
        assert codes(judgement) == ["too_few_officers"]
        assert judgement.flags == ["officer_repeated"]

    def test_an_auxiliary_is_no_second_officer(self) -> None:
        judgement = judged(ecig_check(officers=signers(FIRST_OFFICER, AUXILIARY)))
        assert codes(judgement) == ["too_few_officers", "auxiliary_present_as_officer"]
        assert judgement.findings[1]["path"] == "/officers/1"

    def test_an_auxiliary_beside_two_officers_is_seen(self) -> None:
        judgement = judged(ecig_check(officers=signers(FIRST_OFFICER, SECOND_OFFICER, AUXILIARY)))
        assert judgement.valid
        assert judgement.flags == ["auxiliary_present"]

    def test_a_stranger_is_told(self) -> None:
        judgement = judged(ecig_check(officers=signers(FIRST_OFFICER, STRANGER)))
        assert codes(judgement) == ["officer_unknown", "too_few_officers"]

    def test_nobody_is_a_stranger(self) -> None:
        assert codes(judged(ecig_check(officers=[{}]))) == ["officer_unknown", "too_few_officers"]

    def test_an_officer_is_found_by_the_card(self) -> None:
        by_card = [*signers(FIRST_OFFICER), {"person_id": None, "cert_no": SECOND_CERT}]
        assert judged(ecig_check(officers=by_card)).valid
        same_card = [*signers(FIRST_OFFICER), {"person_id": None, "cert_no": FIRST_CERT}]
        assert codes(judged(ecig_check(officers=same_card))) == ["too_few_officers"]

    def test_without_a_number_the_file_decides(self) -> None:
        signed = [*signers(FIRST_OFFICER), {"person_id": str(SECOND_OFFICER), "cert_no": None}]
        judgement = judged(ecig_check(officers=signed))
        assert judgement.valid
        assert judgement.flags == ["cert_no_absent"]

    def test_somebody_elses_card(self) -> None:
        signed = [*signers(FIRST_OFFICER), {"person_id": str(SECOND_OFFICER), "cert_no": FIRST_CERT}]
        assert codes(judged(ecig_check(officers=signed))) == ["certificate_mismatch", "too_few_officers"]

    def test_an_officer_without_any_card(self) -> None:
        certificates = {**CERTIFICATES, SECOND_OFFICER: ("officer", [])}
        judgement = judged(ecig_check(), certificates=certificates)
        assert codes(judgement) == ["certificate_missing", "too_few_officers"]

    def test_an_expired_card_of_a_third_officer_is_told_as_well(self) -> None:
        third = uuid.UUID(int=3)
        certificates = {**CERTIFICATES, third: ("officer", [("3", date(2020, 1, 1), date(2022, 1, 1))])}
        signed = (*SIGNERS, Signer(person_id=third, cert_no="3"))
        judgement = judged(ecig_check(signers=signed), certificates=certificates)
        assert codes(judgement) == ["certificate_expired"]

    def test_a_renewed_card_keeps_its_number(self) -> None:
        spans = [
            (SECOND_CERT, date(2020, 1, 1), date(2024, 12, 31)),
            (SECOND_CERT, date(2025, 1, 1), date(2029, 12, 31)),
        ]
        assert judged(ecig_check(), certificates={**CERTIFICATES, SECOND_OFFICER: ("officer", spans)}).valid

    @pytest.mark.parametrize(
        ("at", "offset_s", "valid"),
        [
            # The day is the bureau's: in UTC these all lie on the 30th.
            (datetime(2026, 6, 30, 23, 59, tzinfo=ZONE), 0, True),
            (datetime(2026, 7, 1, 0, 1, tzinfo=ZONE), 0, False),
            # A clock nine minutes fast says July when it is still June.
            (datetime(2026, 7, 1, 0, 8, tzinfo=ZONE), 540, True),
            (datetime(2026, 7, 1, 0, 9, tzinfo=ZONE), 540, False),
        ],
    )
    def test_a_card_is_valid_to_the_end_of_its_last_day(
        self, at: datetime, offset_s: int, valid: bool
    ) -> None:
        spans = [(SECOND_CERT, date(2024, 1, 1), date(2026, 6, 30))]
        judgement = judged(
            ecig_check(started_at=at, clock_offset_s=offset_s),
            certificates={**CERTIFICATES, SECOND_OFFICER: ("officer", spans)},
            received_at=at + timedelta(hours=1),
        )
        assert judgement.valid is valid
        if not valid:
            assert codes(judgement) == ["certificate_expired", "too_few_officers"]
            assert "2024-01-01至2026-06-30" in judgement.findings[0]["detail"]

    def test_policy_may_ask_more_of_inspections_only(self) -> None:
        policy = CheckPolicy(min_officers=3)
        assert codes(judged(ecig_check(), policy=policy)) == ["too_few_officers"]
        assert judged(attempt(), policy=policy).valid
        assert not judged(
            ecig_check(officers=signers(FIRST_OFFICER)), policy=CheckPolicy(min_officers=1)
        ).valid


class TestWhoMayGoAlone:
    @pytest.mark.parametrize("make", [attempt, service_visit])
    @pytest.mark.parametrize("who", [FIRST_OFFICER, AUXILIARY])
    def test_one_known_person_is_enough(self, make: Callable[..., Document], who: uuid.UUID) -> None:
        assert judged(make(officers=signers(who))).valid

    @pytest.mark.parametrize("make", [attempt, service_visit])
    def test_a_stranger_is_not(self, make: Callable[..., Document]) -> None:
        assert codes(judged(make(officers=signers(STRANGER)))) == ["officer_unknown", "too_few_officers"]

    @pytest.mark.parametrize("make", [ecig_check, site_visit, road_check, depot_check])
    def test_inspections_take_two(self, make: Callable[..., Document]) -> None:
        assert codes(judged(make(officers=signers(FIRST_OFFICER)))) == ["too_few_officers"]

    def test_an_attempt_needs_a_place_and_a_reason(self) -> None:
        assert judged(attempt(photos=[], ended_at=MONDAY)).valid
        assert codes(judged(attempt(lon=None))) == ["position_missing"]
        unexplained = attempt()
        unexplained["answers"]["reason"] = None
        assert codes(judged(unexplained)) == ["item_missing"]
