"""Judging records: each finding, each flag, and where their limits lie."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.demo.documents import Document
from server.records.forms import find_form
from server.records.rules import (
    FLAGS,
    CheckPolicy,
    Fix,
    Judgement,
    performed_at,
    position_of,
    starts_triple_recheck,
)
from tests.records.documents import (
    FIRST_OFFICER,
    MONDAY,
    ZONE,
    attempt,
    depot_check,
    ecig_check,
    every_form,
    road_check,
    site_visit,
)
from tests.records.judging import codes, judged, signers

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


def test_complete_records_of_every_form_are_valid() -> None:
    for document in every_form(seed=5):
        judgement = judged(document)
        assert judgement == Judgement(True, [], []), document["form_code"]


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
    def test_the_future_has_five_minutes_of_grace(self) -> None:
        at = MONDAY + timedelta(minutes=5)
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
    # A seller without licence who is met for the first time is known by the description alone.
    also = {"subject_unknown"} if key == "unlicensed_subject" else set()
    assert {finding["code"] for finding in less.findings} <= {"item_missing"} | also
