"""Versions of the policy: what a new one does before and after it is in force, and who must sign it off."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from schemas.policies import CapIn, PolicyDraft
from schemas.vocabulary import CadenceTier, ObligationState
from server.cadence.cap_policies import publish_cap
from server.cadence.histories import hold_subjects, load_histories
from server.cadence.models import Obligation, Policy, PopulationDraw
from server.cadence.ops import materialise
from server.cadence.policies import (
    activate_policy,
    draft_policy,
    plan_policy,
    retire_policy,
    retire_superseded,
    sign_off_policy,
)
from server.cadence.population import GRADES, Population, draw
from server.cadence.rules import judge
from server.cadence.timeline import need_rulebook
from server.kernel.actor import Actor, house
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.outlets.models import Outlet
from server.records.models import Form
from server.reports.cadence import By, cadence_report
from server.reports.moment import period_for
from tests.fieldwork import check_of, push_at
from tests.sync.interleaving import Rival
from tests.town import MONDAY, ROLE_ACCOUNTS, Town

DAY = timedelta(days=1)
# A Saturday; the month of August was written down on 20 July.
DECIDED = MONDAY + 19 * DAY
AUGUST = date(2026, 8, 1)


@pytest.fixture
def town(kernel: Kernel, town: Town) -> Town:
    for week in (1, 2):
        with kernel.work(house(town.bureau_id), MONDAY + 7 * week * DAY) as work:
            materialise(work)
    return town


def somebody(town: Town, name: str) -> Actor:
    return Actor(
        bureau_id=town.bureau_id, account_id=town.accounts[name], roles=frozenset(ROLE_ACCOUNTS[name])
    )


def tier(name: str, **given: Any) -> dict[str, Any]:
    return {"tier": name, "form_code": f"ecig_{name.lower()}", "grace_working_days": 2, **given}


def version(*tiers: dict[str, Any], first: date = AUGUST) -> Any:
    return PolicyDraft().load(
        {
            "name": "试样制度",
            "legal_basis": "试样依据",
            "effective_from": first.isoformat(),
            "tiers": list(tiers),
        }
    )


def in_force(kernel: Kernel, town: Town, given: Any, now: datetime = DECIDED) -> uuid.UUID:
    with kernel.work(somebody(town, "admin"), now) as work:
        policy_id = draft_policy(work, given).id
        plan_policy(work, policy_id)
        activate_policy(work, policy_id)
    return policy_id


def limit(kernel: Kernel, town: Town, now: datetime = DECIDED, **limits: int) -> None:
    given = CapIn().load(
        {"name": "试样上限", "legal_basis": "试样依据", "effective_from": "2026-01-01", "limits": limits}
    )
    with kernel.work(somebody(town, "fa"), now) as work:
        publish_cap(work, given)


def judged(kernel: Kernel, town: Town, outlet: int, as_of: datetime) -> dict[str, ObligationState]:
    with kernel.work(house(town.bureau_id), as_of) as work:
        history = load_histories(work, [town.outlets[outlet]])[town.outlets[outlet]].history
        found = judge(history, need_rulebook(work, as_of.date()), as_of)
    return {one.obligation.key: one.state for one in found}


def told(kernel: Kernel, town: Town, as_of: datetime) -> str:
    with kernel.work(house(town.bureau_id), DECIDED + 60 * DAY) as work:
        report = cadence_report(work, period_for(work, "2026Q3", as_of), as_of, By.OUTLET, each_period=True)
    return json.dumps([str(line) for line in report.lines])


def test_a_new_version_rewrites_nothing_that_had_begun(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", MONDAY + 3 * DAY, check_of(town, 0, MONDAY + 2 * DAY))
    moments = [MONDAY + 5 * DAY, MONDAY + 16 * DAY, DECIDED]
    before = [told(kernel, town, moment) for moment in moments]
    in_force(kernel, town, version(tier("WEEKLY", grace_working_days=9, min_gap_days=0)))
    with kernel.work(house(town.bureau_id), DECIDED + 30 * DAY) as work:
        materialise(work)
    assert [told(kernel, town, moment) for moment in moments] == before
    # The week of 27 July began under two days of grace and keeps them; that of 3 August has nine.
    states = judged(kernel, town, 1, datetime(2026, 8, 12, 9, tzinfo=MONDAY.tzinfo))
    assert (states["2026-W31"], states["2026-W32"]) == (ObligationState.MISSED, ObligationState.DUE)


def test_what_a_new_version_drops_is_void_and_what_had_begun_is_not(kernel: Kernel, town: Town) -> None:
    policy_id = in_force(kernel, town, version(tier("WEEKLY")))
    states = judged(kernel, town, 1, DECIDED + 10 * DAY)
    assert states["2026-08"] is ObligationState.VOID
    assert states["2026-07"] is not ObligationState.VOID
    assert states["2026-Q3"] is not ObligationState.VOID
    # It is withdrawn before its first day: August is owed again.
    with kernel.work(somebody(town, "admin"), DECIDED + DAY) as work:
        assert retire_policy(work, policy_id, (DECIDED + DAY).date()).state == "retired"
    assert judged(kernel, town, 1, DECIDED + 10 * DAY)["2026-08"] is ObligationState.OPEN


def test_a_change_of_policy_waits_for_whoever_settles_a_subject_and_holds_nothing_that_he_needs(
    kernel: Kernel, town: Town
) -> None:
    def change() -> None:
        in_force(kernel, town, version(tier("WEEKLY")))

    with kernel.work(house(town.bureau_id), DECIDED) as work:
        hold_subjects(work, [town.outlets[1]])
        rival = Rival(kernel.sessions, change)
        assert rival.was_blocked
        month = select(Obligation.id).where(
            Obligation.subject_id == town.outlets[1], Obligation.key == "2026-08"
        )
        assert work.session.scalars(month.with_for_update(nowait=True)).one()
    rival.finish()
    assert judged(kernel, town, 1, DECIDED + 10 * DAY)["2026-08"] is ObligationState.VOID


def test_a_plan_tells_what_is_added_and_voided_and_changes_nothing(kernel: Kernel, town: Town) -> None:
    limit(kernel, town, A=4)
    with kernel.sessions() as session:
        before = session.execute(select(Obligation.id, Obligation.edit_id).order_by(Obligation.id)).all()
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        policy_id = draft_policy(work, version(tier("QUARTERLY", satisfies=["WEEKLY"]), tier("WEEKLY"))).id
        figures = plan_policy(work, policy_id).to_json()
    with kernel.sessions() as session:
        assert (
            session.execute(select(Obligation.id, Obligation.edit_id).order_by(Obligation.id)).all() == before
        )
    # Four outlets; twelve months from August 2026 to July 2027 are asked no more, weeks and quarters are.
    assert figures["tiers"] == [
        {"tier": "WEEKLY", "added": 0, "voided": 0, "kept": 4 * 52},
        {"tier": "MONTHLY", "added": 0, "voided": 4 * 12, "kept": 0},
        {"tier": "QUARTERLY", "added": 0, "voided": 0, "kept": 4 * 4},
    ]
    assert figures["grades"] == [
        {"grade": "A", "outlets": 4, "visits_now": 52, "visits_planned": 52, "cap": 4, "over": True}
    ]
    assert figures["above_cap"] is True


def test_guard_above_the_cap_is_refused_until_the_legal_office_signs(kernel: Kernel, town: Town) -> None:
    limit(kernel, town, A=4)
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        policy_id = draft_policy(work, version(tier("WEEKLY"))).id
        plan_policy(work, policy_id)
    with (
        pytest.raises(Problem, match="policy_above_cap") as refused,
        kernel.work(somebody(town, "admin"), DECIDED) as work,
    ):
        activate_policy(work, policy_id)
    (over,) = refused.value.errors
    assert (over["grade"], over["outlets"], over["visits_planned"], over["cap"]) == ("A", 4, 52, 4)
    with kernel.work(somebody(town, "fa"), DECIDED) as work:
        sign_off_policy(work, policy_id, "上级专项部署，附件一")
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        assert activate_policy(work, policy_id).state == "active"


def test_guard_nobody_signs_their_own_draft_and_a_signature_is_of_one_text(
    kernel: Kernel, town: Town
) -> None:
    limit(kernel, town, A=4)
    with kernel.work(somebody(town, "fa"), DECIDED) as work:
        policy_id = draft_policy(work, version(tier("WEEKLY"))).id
        plan_policy(work, policy_id)
    for who in (somebody(town, "fa"), house(town.bureau_id)):
        with pytest.raises(Problem, match="own_draft"), kernel.work(who, DECIDED) as work:
            sign_off_policy(work, policy_id, "自己签批")
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        sign_off_policy(work, policy_id, "他人签批")
        # The text changes after it was signed.
        draft_policy(work, version(tier("WEEKLY", min_gap_days=1)))
        plan_policy(work, policy_id)
    with (
        pytest.raises(Problem, match="policy_above_cap"),
        kernel.work(somebody(town, "admin"), DECIDED) as work,
    ):
        activate_policy(work, policy_id)


def test_guard_a_version_begins_ahead_and_in_order(kernel: Kernel, town: Town) -> None:
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        policy_id = draft_policy(work, version(tier("WEEKLY"), first=DECIDED.date())).id
    for act, code in ((plan_policy, "policy_backdated"), (activate_policy, "policy_state")):
        with pytest.raises(Problem, match=code), kernel.work(house(town.bureau_id), DECIDED) as work:
            act(work, policy_id)
    with kernel.sessions() as session:
        first = session.scalars(select(Policy.id).where(Policy.version == 1)).one()
    with (
        pytest.raises(Problem, match="policy_backdated"),
        kernel.work(house(town.bureau_id), DECIDED) as work,
    ):
        retire_policy(work, first, (DECIDED - DAY).date())
    with pytest.raises(Problem, match="not_found"), kernel.work(house(town.bureau_id), DECIDED) as work:
        plan_policy(work, uuid.uuid4())


def test_a_version_that_is_followed_is_retired_at_night(kernel: Kernel, town: Town) -> None:
    in_force(kernel, town, version(tier("WEEKLY")))
    with kernel.work(house(town.bureau_id), DECIDED + DAY) as work:
        assert retire_superseded(work) == 0
    with kernel.work(house(town.bureau_id), DECIDED + 20 * DAY) as work:
        assert retire_superseded(work) == 1
    with kernel.sessions() as session:
        assert session.execute(select(Policy.version, Policy.state).order_by(Policy.version)).all() == [
            (1, "retired"),
            (2, "active"),
        ]
    # What came into being under it is judged by it as before.
    assert judged(kernel, town, 1, DECIDED + 20 * DAY)["2026-W28"] is ObligationState.MISSED


SAMPLED = {
    "kind": "sample",
    "percent": {grade: 50 if grade == "A" else 0 for grade in GRADES},
    "seed": "2026-07-25 福彩3D 4 1 7",
}


def test_a_sample_is_drawn_once_from_all_and_can_be_drawn_again(kernel: Kernel, town: Town) -> None:
    in_force(kernel, town, version(tier("WEEKLY"), tier("MONTHLY", population=SAMPLED)))
    with kernel.work(house(town.bureau_id), DECIDED) as work:
        (made,) = work.session.scalars(select(PopulationDraw).where(PopulationDraw.key == "2026-08"))
        assert len(made.pool) == 4
        assert len(made.drawn) == 2
        again = Population.from_json({"kind": "sample", "percent": made.percent, "seed": made.seed})
        assert draw(again, made.key, made.pool) == tuple(made.drawn)
        licences = dict(work.session.execute(select(Outlet.id, Outlet.licence_no)).all())
    for outlet in range(4):
        august = judged(kernel, town, outlet, DECIDED + 10 * DAY)["2026-08"]
        drawn = licences[town.outlets[outlet]] in made.drawn
        assert (august is ObligationState.OPEN) is drawn
        assert drawn or august is ObligationState.VOID
    # An outlet that is looked at alone draws nothing anew.
    with kernel.work(house(town.bureau_id), DECIDED + 38 * DAY) as work:
        materialise(work, town.outlets[:1])
        keys = work.session.scalars(select(PopulationDraw.key)).all()
    assert keys == ["2026-08"]


def test_open_findings_are_owed_by_those_who_have_one_when_the_week_begins(
    kernel: Kernel, town: Town
) -> None:
    in_force(kernel, town, version(tier("WEEKLY", population={"kind": "open_findings"})))
    found_at = datetime(2026, 7, 29, 10, tzinfo=MONDAY.tzinfo)
    check = check_of(town, 0, found_at)
    check["answers"] |= {
        "disposal": "rectify",
        "rectify": {"demand": "张贴警示标志", "due_on": "2026-08-20"},
    }
    late = {**check_of(town, 1, found_at), "answers": check["answers"]}
    push_at(kernel, town, "li", found_at + DAY, check)
    # The other handheld came into the network after the week had begun.
    push_at(kernel, town, "li", found_at + 6 * DAY, late)

    def owing(key: str, now: datetime) -> list[bool]:
        with kernel.work(house(town.bureau_id), now) as work:
            materialise(work)
        found = [judged(kernel, town, outlet, now).get(key, ObligationState.VOID) for outlet in range(3)]
        return [state is not ObligationState.VOID for state in found]

    # The policy before had written this week down for all; the new one gives it back to whom it is about.
    assert owing("2026-W32", found_at + 8 * DAY) == [True, False, False]
    # Nobody knows yet whose findings will be open next week.
    assert owing("2026-W33", found_at + 8 * DAY) == [False, False, False]
    assert owing("2026-W33", found_at + 13 * DAY) == [True, True, False]


def test_a_check_is_judged_by_the_version_of_its_own_day(kernel: Kernel, town: Town) -> None:
    in_force(kernel, town, version(tier("WEEKLY", min_officers=3)))
    before = check_of(town, 0, datetime(2026, 7, 29, 10, tzinfo=MONDAY.tzinfo))
    after = check_of(town, 1, datetime(2026, 8, 5, 10, tzinfo=MONDAY.tzinfo))
    push_at(kernel, town, "li", datetime(2026, 8, 6, 10, tzinfo=MONDAY.tzinfo), before, after)
    with kernel.sessions() as session:
        met = dict(
            session.execute(
                select(Obligation.key, Obligation.met_by).where(
                    Obligation.subject_id.in_(town.outlets[:2]), Obligation.met_by.is_not(None)
                )
            ).all()
        )
    assert met == {"2026-W31": uuid.UUID(before["id"])}


def test_the_tiers_of_the_default_are_the_vocabulary_s(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), DECIDED) as work:
        work.session.execute(update(Outlet).values(credit_grade=None))
        policy_id = draft_policy(work, version(*(tier(one.value) for one in CadenceTier))).id
        (load,) = plan_policy(work, policy_id).to_json()["grades"]
    assert (load["grade"], load["cap"], load["over"], load["visits_planned"]) == ("ungraded", None, False, 68)


def test_a_checklist_that_is_not_published_for_its_tier_is_refused_by_its_place(
    kernel: Kernel, town: Town
) -> None:
    given = version(
        tier("WEEKLY"), tier("MONTHLY", form_version=7), tier("QUARTERLY", form_code="ecig_weekly")
    )
    with pytest.raises(Problem) as refused, kernel.work(somebody(town, "admin"), DECIDED) as work:
        draft_policy(work, given)
    assert refused.value.code == "form_not_published"
    assert [error["path"] for error in refused.value.errors] == [
        "/tiers/1/form_version",
        "/tiers/2/form_code",
    ]


def test_a_checklist_that_was_taken_back_since_the_draft_keeps_it_from_activation(
    kernel: Kernel, town: Town
) -> None:
    with kernel.work(somebody(town, "admin"), DECIDED) as work:
        policy_id = draft_policy(work, version(tier("WEEKLY"))).id
        plan_policy(work, policy_id)
        work.session.execute(
            update(Form).where(Form.form_code == "ecig_weekly").values(state="retired"),
        )
    with pytest.raises(Problem) as refused, kernel.work(somebody(town, "admin"), DECIDED + DAY) as work:
        activate_policy(work, policy_id)
    assert refused.value.code == "form_not_published"
