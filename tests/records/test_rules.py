"""Judging records: each finding, each flag, and where their limits lie."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.demo.documents import Document, Signer
from server.records.forms import find_form
from server.records.rules import (
    FLAGS,
    Certificates,
    CheckPolicy,
    Fix,
    Judgement,
    Presence,
    judge,
    performed_at,
    position_of,
    starts_triple_recheck,
)
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
    every_form,
    road_check,
    service_visit,
    site_visit,
)

STRANGER = uuid.UUID("0196f000-0000-7000-8000-0000000000ff")
scalars = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["fail", "open", "other", "", "字"])
)
keys = st.sampled_from(
    [
        *(
            "items",
            "goods",
            "stops",
            "flags",
            "goods_flags",
            "result",
            "access",
            "cause",
            "minors_sign",
            "photo",
        ),
        *("unit", "category", "suspects", "rectify", "unlicensed_subject", "mode", "reason", "stock_lines"),
        "trace_codes",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
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
    return judge(
        document,
        find_form(document["form_code"], document["form_version"]),
        policy or CheckPolicy(),
        Presence(distance_m, converted),
        certificates,
        subject_known=subject_known,
        zone=ZONE,
        received_at=received_at,
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding["code"] for finding in judgement.findings]


def test_complete_records_of_every_form_are_valid() -> None:
    for document in every_form(seed=5):
        judgement = judged(document)
        assert judgement == Judgement(True, [], []), document["form_code"]


def signers(*who: uuid.UUID | None) -> list[dict[str, str | None]]:
    numbers = {FIRST_OFFICER: FIRST_CERT, SECOND_OFFICER: SECOND_CERT}
    return [
        {"person_id": str(person) if person else None, "cert_no": numbers.get(person) if person else None}
        for person in who
    ]


def changed_item(name: str, **values: Any) -> Document:
    document = ecig_check(cause="no_minors_sign")
    document["answers"]["items"][name] |= values
    return document


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        (ecig_check(officers=signers(FIRST_OFFICER)), "too_few_officers", "/officers"),
        (ecig_check(cert_shown=False), "cert_not_shown", "/cert_shown"),
        (ecig_check(cert_shown=None), "cert_not_shown", "/cert_shown"),
        (ecig_check(lon=None), "position_missing", "/position"),
        (ecig_check(accuracy_m=180.0), "position_inaccurate", "/position/accuracy_m"),
        (ecig_check(photos=[]), "photo_missing", "/photos"),
        (ecig_check(ended_at=MONDAY + timedelta(seconds=179)), "duration_too_short", "/ended_at"),
        (ecig_check(ended_at=MONDAY - timedelta(seconds=1)), "ended_before_started", "/ended_at"),
        (ecig_check(approval_no=None), "approval_missing", "/approval_no"),
        (ecig_check(subject_id=None), "subject_unknown", "/subject_id"),
        (ecig_check(subject_kind=None), "subject_unknown", "/subject_id"),
        (ecig_check(subject_kind="site"), "subject_unknown", "/subject_id"),
        (changed_item("minors_sign", note="  "), "item_unproved", "/answers/items/minors_sign"),
        (changed_item("minors_sign", photo=None), "item_unproved", "/answers/items/minors_sign"),
        (changed_item("minors_sign", photo="0" * 64), "item_unproved", "/answers/items/minors_sign"),
        (changed_item("no_flavoured", result="not_checked"), "item_missing", "/answers/items/no_flavoured"),
        (ecig_check(kind="site_visit"), "form_kind_mismatch", "/kind"),
        (ecig_check(form_version=99), "form_unknown", "/form_version"),
        (ecig_check(amends_id=uuid.UUID(int=1)), "amend_reason_missing", "/amend_reason"),
    ],
)
def test_what_makes_a_check_not_valid(document: Document, code: str, path: str) -> None:
    judgement = judged(document)
    assert not judgement.valid
    assert [(finding["code"], finding["path"]) for finding in judgement.findings] == [(code, path)]
    assert judgement.findings[0]["detail"].endswith("。")


def test_a_photo_twice_is_one_photo() -> None:
    photo = ecig_check()["photos"][0]
    two = CheckPolicy()
    assert judged(ecig_check(photos=[photo, photo]), policy=two).valid
    form = find_form("ecig_weekly", 1)
    assert form is not None
    assert form.demands.photos == 1


def test_an_amendment_with_its_reason_is_valid() -> None:
    assert judged(ecig_check(amends_id=uuid.UUID(int=1), amend_reason="补填漏项。")).valid


def test_a_closed_door_is_no_check() -> None:
    document = ecig_check()
    document["answers"] = {"access": "closed"}
    judgement = judged(document)
    assert codes(judgement) == ["access_not_open"]
    assert "到店未查成登记表" in judgement.findings[0]["detail"]


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


class TestPresence:
    @given(
        st.floats(0, 1000),
        st.floats(0, 300),
        st.integers(10, 200),
    )
    def test_far_is_beyond_radius_and_accuracy(
        self, distance_m: float, accuracy_m: float, radius_m: int
    ) -> None:
        policy = CheckPolicy(radius_m=radius_m)
        found = codes(judged(ecig_check(accuracy_m=accuracy_m), policy=policy, distance_m=distance_m))
        assert ("position_far" in found) is (distance_m > radius_m + accuracy_m)
        assert ("position_inaccurate" in found) is (accuracy_m > 100)

    def test_the_limits_themselves_are_near_enough(self) -> None:
        assert judged(ecig_check(accuracy_m=100.0), distance_m=200.0).valid
        assert codes(judged(ecig_check(accuracy_m=100.0), distance_m=200.01)) == ["position_far"]

    def test_an_unknown_accuracy_proves_nothing(self) -> None:
        document = ecig_check(position={"lon": 84.0, "lat": 39.0})
        assert codes(judged(document)) == ["position_inaccurate"]
        assert position_of(document) == Fix(84.0, 39.0, None, "wgs84")

    def test_the_reason_for_no_fix_is_repeated_to_the_leader(self) -> None:
        document = ecig_check(lon=None)
        assert position_of(document) is None
        (finding,) = judged(document).findings
        assert document["no_fix_reason"] in finding["detail"]
        assert "由中队长审核" in finding["detail"]

    def test_an_outlet_without_a_place_is_shown_at_the_desk(self) -> None:
        judgement = judged(ecig_check(), distance_m=None)
        assert judgement.valid
        assert judgement.flags == ["subject_unlocated"]

    @pytest.mark.parametrize(("converted", "flag"), [(True, "crs_converted"), (False, "crs_unconverted")])
    @pytest.mark.parametrize("crs", ["gcj02", "bd09"])
    def test_a_shifted_position_is_shown(self, crs: str, converted: bool, flag: str) -> None:
        assert judged(ecig_check(crs=crs), converted=converted).flags == [flag]
        assert judged(ecig_check(crs="cgcs2000")).flags == []


class TestSubject:
    def test_an_unknown_one(self) -> None:
        assert codes(judged(ecig_check(), subject_known=False)) == ["subject_unknown"]

    def test_a_seller_without_licence_is_described(self) -> None:
        document = site_visit(subject_kind="unlicensed", subject_id=None)
        assert codes(judged(document, distance_m=None)) == ["subject_unknown"]
        document["answers"]["unlicensed_subject"] = {"address": "甲镇集市北口路边摊", "goods": "散支卷烟"}
        assert judged(document, distance_m=None) == Judgement(True, [], [])

    def test_a_moving_road_check_has_no_place_of_its_own(self) -> None:
        document = road_check(subject_kind=None, subject_id=None)
        assert codes(judged(document, distance_m=None)) == ["subject_unknown"]
        document["answers"]["mode"] = "mobile"
        assert judged(document, distance_m=None).valid


class TestClocks:
    def test_the_future_has_a_day_of_grace(self) -> None:
        at = MONDAY + timedelta(days=1)
        assert judged(ecig_check(started_at=at), received_at=MONDAY).valid
        later = judged(ecig_check(started_at=at + timedelta(seconds=1)), received_at=MONDAY)
        assert codes(later) == ["in_future"]

    def test_a_wrong_clock_that_was_measured_is_not_the_future(self) -> None:
        document = ecig_check(started_at=MONDAY + timedelta(days=400), clock_offset_s=400 * 86_400)
        judgement = judged(document)
        assert judgement.valid
        assert judgement.flags == ["clock_skewed"]

    @pytest.mark.parametrize(("offset_s", "flags"), [(300, []), (-300, []), (301, ["clock_skewed"])])
    def test_five_minutes_of_skew_are_let_pass(self, offset_s: int, flags: list[str]) -> None:
        assert judged(ecig_check(clock_offset_s=offset_s)).flags == flags

    def test_late_is_after_three_days(self) -> None:
        assert judged(ecig_check(), received_at=MONDAY + timedelta(hours=72)).flags == []
        late = judged(ecig_check(), received_at=MONDAY + timedelta(hours=72, seconds=1))
        assert late == Judgement(True, [], ["late"])

    @given(
        st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001  Hypothesis wants naive bounds.
        st.integers(-2_147_483_647, 2_147_483_647),
    )
    def test_performed_at_takes_the_offset_off(self, at: datetime, offset_s: int) -> None:
        started_at = at.replace(tzinfo=ZONE)
        assert performed_at(started_at, offset_s) + timedelta(seconds=offset_s) == started_at

    def test_photos_of_another_hour_are_shown(self) -> None:
        document = ecig_check()
        document["photos"][0]["taken_at"] = (MONDAY - timedelta(minutes=11)).isoformat()
        assert judged(document).flags == ["photo_outside_visit"]


class TestItems:
    def test_a_finding_names_the_item(self) -> None:
        document = changed_item("minors_sign", note=None, photo=None)
        assert judged(document).findings[0]["detail"] == (
            "“显著位置设置不向未成年人销售标志”不合格，但缺少情况说明和照片，请提交更正记录补充。"
        )

    def test_a_failed_item_and_a_normal_result_contradict(self) -> None:
        document = changed_item("minors_sign")
        document["answers"]["result"] = "normal"
        assert judged(document).flags == ["result_contradicts_items"]

    def test_nothing_checked_is_shown(self) -> None:
        document = ecig_check()
        for item in document["answers"]["items"].values():
            item["result"] = "not_applicable"
        assert judged(document) == Judgement(True, [], ["nothing_checked"])

    def test_a_wrong_unit_is_a_finding(self) -> None:
        document = site_visit()
        document["answers"]["goods"] = [{"category": "leaf", "quantity": 5, "unit": "carton"}]
        assert codes(judged(document)) == ["unit_not_of_category"]

    def test_a_label_does_not_hide_an_inspection(self) -> None:
        assert judged(site_visit(visit_kind="service")) == Judgement(True, [], ["visit_kind_not_of_form"])
        assert "approval_missing" in codes(judged(site_visit(visit_kind="service", approval_no=None)))


class TestTripleRecheck:
    @pytest.mark.parametrize(
        ("document", "starts"),
        [
            (ecig_check(), False),
            (ecig_check(cause="no_minors_sign"), False),
            (ecig_check(cause="sale_to_minor"), False),
            (ecig_check(cause="vending_or_online_sale"), False),
            (ecig_check(cause="ecig_non_standard"), True),
            (ecig_check("MONTHLY", cause="ecig_off_platform"), True),
            (site_visit(cause="licence_irregular"), False),
            (site_visit(cause="other"), False),
            (site_visit(cause="not_from_local_wholesaler"), True),
            (site_visit(cause="illegally_made_goods"), True),
            (site_visit(cause="smuggled_goods"), True),
            (site_visit(cause="unlicensed_retail"), True),
            (site_visit(cause="other", subject_kind="unlicensed"), True),
            (site_visit(subject_kind="unlicensed"), False),
            (road_check(), False),
            (depot_check(abnormal=True), False),
            (attempt(reason="refused"), False),
        ],
    )
    def test_it_starts_from_illicit_goods_or_unlicensed_sale(self, document: Document, starts: bool) -> None:
        assert starts_triple_recheck(document) is starts

    @pytest.mark.parametrize(
        ("flag", "starts"), [("mouldy", False), ("counterfeit", True), ("diverted", True)]
    )
    def test_a_flag_on_one_line_is_enough(self, flag: str, starts: bool) -> None:
        document = site_visit()
        line = {"category": "cigarette", "quantity": 1, "unit": "carton", "flags": [flag]}
        document["answers"]["goods"] = [line]
        assert starts_triple_recheck(document) is starts
        document["answers"] |= {"goods": None, "goods_flags": [flag]}
        assert starts_triple_recheck(document) is starts

    def test_flavoured_goods_on_display_are_illicit(self) -> None:
        document = ecig_check()
        document["answers"]["items"]["no_flavoured"]["result"] = "fail"
        assert starts_triple_recheck(document)


@given(st.sampled_from(every_form()), st.dictionaries(keys, anything, max_size=6))
def test_whatever_the_answers_a_record_is_judged(document: Document, answers: dict[str, Any]) -> None:
    odd = document | {"answers": answers}
    judgement = judged(odd)
    assert judgement.valid is (judgement.findings == [])
    assert set(judgement.flags) <= set(FLAGS)
    assert starts_triple_recheck(odd) in (True, False)


@given(st.sampled_from(every_form()), st.data())
def test_leaving_out_makes_nothing_more_valid(document: Document, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document["answers"])))
    answers = {name: value for name, value in document["answers"].items() if name != key}
    full, less = judged(document), judged(document | {"answers": answers})
    assert full.valid
    assert {finding["code"] for finding in less.findings} <= {"item_missing"}
