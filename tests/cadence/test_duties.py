"""What records ask for, pushed as handhelds do: it is written down, met, moved and taken back."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import select, update

from schemas.vocabulary import DutyRule
from server.cadence.duty_editions import load_duty_rules, publish_duty_rule
from server.cadence.duty_models import DutySubject, DutyWithdrawal
from server.cadence.histories import load_histories
from server.cadence.models import Obligation
from server.cadence.rules import Judgement, judge
from server.cadence.timeline import load_timeline
from server.demo import documents
from server.demo.documents import Document
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel
from server.outlets.models import Outlet, OutletStatus, Site
from server.outlets.upkeep import place_again
from server.reports.cap import cap_report
from tests.cadence.test_keeping import assert_kept_as_judged
from tests.conftest import SettledTown, SettledTowns
from tests.fieldwork import attempt_at, check_of, push_at, visit_of
from tests.town import MONDAY, ZONE, Town

DAY = timedelta(days=1)
R = DutyRule
COPIED = (
    *("code", "name", "legal_basis", "checks", "days", "day_kind", "grace_working_days"),
    *("due_soon_working_days", "accepts", "threshold"),
)


@pytest.fixture
def settled_town(settled_towns: SettledTowns) -> SettledTown:
    """Outlets 0 and 1 sell e-cigarettes, 2 and 3 do not."""
    return settled_towns(ecig=2)


def inspection_of(
    town: Town, outlet: int, at: datetime, *, cause: str | None = None, **given: Any
) -> Document:
    """An inspection that is no tier's checklist."""
    visit = visit_of(town, outlet, at, **given)
    return documents.site_visit(visit, Random(str(visit.record_id)), cause=cause)


def finding_of(town: Town, outlet: int, at: datetime, **given: Any) -> Document:
    """An inspection that found cartons of another shop."""
    return inspection_of(town, outlet, at, cause="not_from_local_wholesaler", **given)


def judged(
    kernel: Kernel, town: Town, subject: uuid.UUID, as_of: datetime, rule: DutyRule
) -> list[Judgement]:
    with kernel.work(house(town.bureau_id), as_of) as work:
        loaded = load_histories(work, [subject]).get(subject)
        if loaded is None:
            return []
        found = judge(loaded.history, load_timeline(work).rulebook, as_of)
        of_rule = [one for one in found if one.obligation.trigger and one.obligation.trigger.rule is rule]
        return sorted(of_rule, key=lambda one: (one.obligation.first_day, one.obligation.key))


def states(
    kernel: Kernel, town: Town, outlet: int, as_of: datetime, rule: DutyRule = R.TRIPLE_RECHECK
) -> list[str]:
    return [one.state.value for one in judged(kernel, town, town.outlets[outlet], as_of, rule)]


def owed(kernel: Kernel, town: Town, rule: DutyRule) -> list[Obligation]:
    with kernel.sessions() as session:
        wanted = select(Obligation).where(Obligation.bureau_id == town.bureau_id, Obligation.rule == rule)
        return list(session.scalars(wanted.order_by(Obligation.triggered_at, Obligation.key)))


def test_a_finding_asks_for_three_days_and_inspections_meet_them(kernel: Kernel, town: Town) -> None:
    found = finding_of(town, 2, MONDAY)
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), found)
    chain = owed(kernel, town, R.TRIPLE_RECHECK)
    assert [one.key for one in chain] == [f"{found['id']}/{n}" for n in (1, 2, 3)]
    assert {(one.first_day, one.last_day, one.subject_id) for one in chain} == {
        (date(2026, 7, 7), date(2026, 7, 13), town.outlets[2])
    }
    assert {one.cell_id for one in chain} == {town.cells[2]}
    checks = [inspection_of(town, 2, MONDAY + days * DAY) for days in (1, 3)]
    push_at(kernel, town, "li", MONDAY + 3 * DAY + timedelta(hours=1), *checks)
    assert states(kernel, town, 2, MONDAY + 4 * DAY) == ["met", "met", "due"]
    assert [one.met_by for one in owed(kernel, town, R.TRIPLE_RECHECK)] == [
        *(uuid.UUID(check["id"]) for check in checks),
        None,
    ]
    # A service visit is no inspection, and neither is one of a single officer.
    alone = inspection_of(town, 2, MONDAY + 4 * DAY, by=("li",))
    visit = visit_of(town, 2, MONDAY + 5 * DAY, visit_kind="service")
    service = documents.service_visit(visit, Random(1))
    push_at(kernel, town, "li", MONDAY + 5 * DAY + timedelta(hours=1), alone, service)
    assert states(kernel, town, 2, MONDAY + 8 * DAY) == ["met", "met", "missed"]
    assert_kept_as_judged(kernel, town, MONDAY + 8 * DAY)


def test_a_record_that_finds_nothing_illicit_starts_no_chain(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", MONDAY + DAY, inspection_of(town, 2, MONDAY, cause="no_minors_sign"))
    assert owed(kernel, town, R.TRIPLE_RECHECK) == []


def test_a_late_finding_counts_from_when_it_came_with_its_true_days(kernel: Kernel, town: Town) -> None:
    found, check = finding_of(town, 0, MONDAY), check_of(town, 0, MONDAY + 2 * DAY)
    push_at(kernel, town, "li", MONDAY + 2 * DAY + timedelta(hours=1), check)
    push_at(kernel, town, "li", MONDAY + 9 * DAY, found)
    assert states(kernel, town, 0, MONDAY + 8 * DAY) == []
    assert states(kernel, town, 0, MONDAY + 9 * DAY) == ["met", "missed", "missed"]
    # The weekly check met its week as well.
    assert_kept_as_judged(kernel, town, MONDAY + 9 * DAY)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_does_not_matter(kernel: Kernel, town: Town, seed: int) -> None:
    """Two findings, one taken back, re-checks and attempts: the same states however they came."""
    dice = Random(seed)
    first, second = finding_of(town, 0, MONDAY), finding_of(town, 0, MONDAY + 3 * DAY)
    wrong = finding_of(town, 0, MONDAY + 4 * DAY)
    corrected = inspection_of(
        town,
        0,
        MONDAY + 4 * DAY,
        amends_id=uuid.UUID(wrong["id"]),
        amend_reason="条码核对有误",
        record_id=uuid.UUID(int=2**128 - 1),
    )
    records = [first, second, wrong, corrected]
    records += [inspection_of(town, 0, MONDAY + days * DAY) for days in (1, 5, 5)]
    records += [check_of(town, 0, MONDAY + 6 * DAY), attempt_at(town, 0, MONDAY + 2 * DAY)]
    dice.shuffle(records)
    now = MONDAY + 8 * DAY
    for record in records:
        now += timedelta(minutes=7)
        push_at(kernel, town, "li", now, record)
        assert_kept_as_judged(kernel, town, now)
    found = judged(kernel, town, town.outlets[0], now + 5 * DAY, R.TRIPLE_RECHECK)
    by_trigger = {
        number: [one.state.value for one in found if one.obligation.key.startswith(record["id"])]
        for number, record in enumerate((first, second, wrong))
    }
    assert by_trigger[0] == ["met", "met", "void"]
    # The finding that was taken back either never asked for anything or asks no more: the records it came with count.
    assert by_trigger[1] == ["met", "met", "met"], by_trigger
    assert set(by_trigger[2]) <= {"void"}


def test_an_amendment_moves_a_finding_or_takes_it_back(kernel: Kernel, town: Town) -> None:
    found = finding_of(town, 2, MONDAY)
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), found)
    amended = {"amends_id": uuid.UUID(found["id"]), "amend_reason": "日期填写有误"}
    moved = finding_of(town, 2, MONDAY - DAY, record_id=uuid.UUID(int=2**127), **amended)
    push_at(kernel, town, "li", MONDAY + DAY, moved)
    chains = judged(kernel, town, town.outlets[2], MONDAY + DAY, R.TRIPLE_RECHECK)
    # The visit goes along with the finding: it is no check of its own chain.
    assert [(one.state.value, one.obligation.first_day.day) for one in chains] == [
        *(("open", 6),) * 3,
        *(("void", 7),) * 3,
    ]
    # Whoever takes a finding back does so by a valid record.
    alone = inspection_of(town, 2, MONDAY, by=("li",), record_id=uuid.UUID(int=2**127 + 1), **amended)
    push_at(kernel, town, "li", MONDAY + DAY + timedelta(hours=1), alone)
    assert states(kernel, town, 2, MONDAY + 2 * DAY)[:3] == ["open"] * 3
    nothing = inspection_of(town, 2, MONDAY, record_id=uuid.UUID(int=2**127 + 2), **amended)
    push_at(kernel, town, "li", MONDAY + 2 * DAY, nothing)
    assert states(kernel, town, 2, MONDAY + 2 * DAY) == ["void"] * 6
    with kernel.sessions() as session:
        withdrawn = session.scalars(select(DutyWithdrawal).order_by(DutyWithdrawal.known_at)).all()
    assert [one.account_id for one in withdrawn if one.bureau_id == town.bureau_id] != []


def test_a_record_that_is_not_valid_starts_a_chain(kernel: Kernel, town: Town) -> None:
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), finding_of(town, 2, MONDAY, by=("li",)))
    assert states(kernel, town, 2, MONDAY + DAY) == ["open"] * 3


def test_an_unlicensed_seller_comes_into_the_register_and_is_looked_at_again(
    kernel: Kernel, town: Town
) -> None:
    found = finding_of(town, 0, MONDAY, subject_kind="unlicensed", subject_id=None)
    found["answers"]["unlicensed_subject"] = {"name": "路边摊", "address": "试样路口东侧", "goods": "卷烟"}
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), found)
    with kernel.sessions() as session:
        subject = session.scalars(select(DutySubject).where(DutySubject.bureau_id == town.bureau_id)).one()
    assert (subject.kind, subject.name, subject.cell_id) == ("unlicensed", "试样路口东侧", town.cells[0])
    again = inspection_of(town, 0, MONDAY + DAY, subject_kind="unlicensed", subject_id=subject.id)
    push_at(kernel, town, "li", MONDAY + DAY + timedelta(hours=1), again)
    found_states = judged(kernel, town, subject.id, MONDAY + 2 * DAY, R.TRIPLE_RECHECK)
    assert [one.state.value for one in found_states] == ["met", "open", "open"]


def test_an_order_is_re_checked_after_its_day(kernel: Kernel, town: Town) -> None:
    order = inspection_of(town, 2, MONDAY, cause="no_minors_sign")
    order["answers"]["rectify"] = {"demand": "设置标志", "due_on": "2026-07-10"}
    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), order)
    (recheck,) = owed(kernel, town, R.RECTIFICATION_RECHECK)
    assert (recheck.first_day, recheck.last_day) == (date(2026, 7, 11), date(2026, 7, 17))
    # A visit before the day proves nothing yet.
    push_at(
        kernel, town, "li", MONDAY + 2 * DAY + timedelta(hours=1), inspection_of(town, 2, MONDAY + 2 * DAY)
    )
    assert states(kernel, town, 2, MONDAY + 3 * DAY, R.RECTIFICATION_RECHECK) == ["upcoming"]
    assert states(kernel, town, 2, MONDAY + 12 * DAY, R.RECTIFICATION_RECHECK) == ["missed"]
    push_at(
        kernel, town, "li", MONDAY + 9 * DAY + timedelta(hours=1), inspection_of(town, 2, MONDAY + 9 * DAY)
    )
    assert states(kernel, town, 2, MONDAY + 12 * DAY, R.RECTIFICATION_RECHECK) == ["met"]


def test_attempts_ask_for_a_retry_and_the_third_for_a_look_at_dormancy(kernel: Kernel, town: Town) -> None:
    for days in (0, 8, 16):
        at = MONDAY + days * DAY
        push_at(kernel, town, "li", at + timedelta(hours=1), attempt_at(town, 2, at))
    assert states(kernel, town, 2, MONDAY + 17 * DAY, R.ATTEMPT_RETRY) == ["missed", "missed", "attempted"]
    (suspicion,) = owed(kernel, town, R.DORMANCY_CHECK)
    assert (suspicion.first_day, suspicion.last_day) == (date(2026, 7, 23), date(2026, 8, 5))
    # One that was made earlier and came late is the third of an earlier count: the suspicion dates from then.
    early = MONDAY + DAY
    push_at(kernel, town, "li", MONDAY + 18 * DAY, attempt_at(town, 2, early))
    found = judged(kernel, town, town.outlets[2], MONDAY + 18 * DAY, R.DORMANCY_CHECK)
    assert [(one.state.value, one.obligation.first_day.day) for one in found] == [
        ("attempted", 15),
        ("void", 23),
    ]
    visit = visit_of(town, 2, MONDAY + 19 * DAY, visit_kind="service")
    push_at(kernel, town, "li", MONDAY + 19 * DAY + DAY, documents.service_visit(visit, Random(2)))
    assert states(kernel, town, 2, MONDAY + 20 * DAY, R.DORMANCY_CHECK) == ["met", "void"]


def test_suspension_voids_and_hand_over_takes_along(kernel: Kernel, town: Town) -> None:
    push_at(
        kernel,
        town,
        "li",
        MONDAY + timedelta(hours=1),
        finding_of(town, 2, MONDAY),
        finding_of(town, 3, MONDAY),
    )
    push_at(kernel, town, "zhao", MONDAY + DAY + timedelta(hours=1), inspection_of(town, 2, MONDAY + DAY))
    with kernel.work(house(town.bureau_id), MONDAY + 2 * DAY) as work:
        work.session.add(
            OutletStatus(
                id=uuid.uuid4(),
                bureau_id=town.bureau_id,
                outlet_id=town.outlets[3],
                from_day=date(2026, 7, 8),
                status="suspended",
                known_at=work.now,
            )
        )
        work.session.execute(update(Outlet).where(Outlet.id == town.outlets[2]).values(cell_id=town.cells[0]))
        work.wrote("outlet", town.outlets[2:4])
    assert states(kernel, town, 3, MONDAY + 3 * DAY) == ["void"] * 3
    # What was met stays where it was met; what is open went to the cell of the other squad.
    mine = [one for one in owed(kernel, town, R.TRIPLE_RECHECK) if one.subject_id == town.outlets[2]]
    assert [one.cell_id for one in mine] == [town.cells[2], town.cells[0], town.cells[0]]
    assert_kept_as_judged(kernel, town, MONDAY + 2 * DAY)
    with kernel.work(house(town.bureau_id), MONDAY + 3 * DAY) as work:
        assign_duty(work, [town.cells[0]], town.squads[1], town.people["zhao"], date(2026, 7, 9))
    assert states(kernel, town, 2, MONDAY + 4 * DAY) == ["met", "due", "due"]


def test_a_letter_about_a_depot_asks_for_a_look_after_it(kernel: Kernel, town: Town) -> None:
    depot = new_id(MONDAY)
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        lon, lat = town.positions[0]
        place = from_shape(Point(lon, lat), srid=4326)
        work.session.add(
            Site(
                id=depot,
                bureau_id=town.bureau_id,
                kind="depot",
                code="D1",
                name="试样快递",
                facts={},
                geom=place,
                cell_id=town.cells[0],
                edit_id=new_edit_id(),
            )
        )

    def depot_check(at: datetime, abnormal: bool) -> Document:
        visit = visit_of(town, 0, at, subject_kind="site", subject_id=depot)
        return documents.depot_check(visit, Random(3), depot_kind="express", abnormal=abnormal)

    push_at(kernel, town, "li", MONDAY + timedelta(hours=1), depot_check(MONDAY, True))
    found = judged(kernel, town, depot, MONDAY + DAY, R.DEPOT_RECHECK)
    assert [(one.state.value, one.cell_id) for one in found] == [("open", None)]
    (recheck,) = owed(kernel, town, R.DEPOT_RECHECK)
    assert (recheck.subject_kind, recheck.cell_id, recheck.last_day) == (
        "depot",
        town.cells[0],
        date(2026, 8, 5),
    )
    # What is open at the depot goes along to the cell that holds it, here and back.
    for number in (3, 0):
        with kernel.work(house(town.bureau_id), MONDAY + DAY) as work:
            there = from_shape(Point(*town.positions[number]), srid=4326)
            work.session.execute(update(Site).where(Site.id == depot).values(geom=there))
            place_again(work, [])
        (moved,) = owed(kernel, town, R.DEPOT_RECHECK)
        assert moved.cell_id == town.cells[number]
    push_at(kernel, town, "li", MONDAY + 3 * DAY, depot_check(MONDAY + 2 * DAY, False))
    (recheck,) = owed(kernel, town, R.DEPOT_RECHECK)
    assert (recheck.met_at, recheck.cell_id) == (MONDAY + 2 * DAY, town.cells[0])


def test_before_the_bureau_had_a_rule_nothing_is_owed_by_it(kernel: Kernel, town: Town) -> None:
    before = datetime(2026, 6, 26, 10, tzinfo=ZONE)
    push_at(kernel, town, "li", MONDAY, finding_of(town, 2, before))
    assert owed(kernel, town, R.TRIPLE_RECHECK) == []


def test_re_checks_count_to_the_cap_unless_the_rule_says_otherwise(kernel: Kernel, town: Town) -> None:
    with kernel.work(house(town.bureau_id), MONDAY - DAY) as work:
        version = {
            name: getattr(load_duty_rules(work).on(R.TRIPLE_RECHECK, MONDAY.date()), name) for name in COPIED
        }
        publish_duty_rule(
            work, {**version, "effective_from": MONDAY.date() + 7 * DAY, "counts_to_cap": False}
        )

    def counted(as_of: datetime) -> tuple[int, dict[str, int]]:
        with kernel.work(house(town.bureau_id), as_of) as work:
            accounts = cap_report(work, 2026, as_of).accounts
        ledger = next(one.ledger for one in accounts if one.outlet_id == town.outlets[2])
        return ledger.total, dict(ledger.exempt)

    for first in (MONDAY, MONDAY + 14 * DAY):
        records = [finding_of(town, 2, first), inspection_of(town, 2, first + DAY)]
        push_at(kernel, town, "li", first + 2 * DAY, *records)
    # The first chain began under the version that counts, the second under the one that does not.
    assert counted(MONDAY + 13 * DAY) == (2, {})
    assert counted(MONDAY + 17 * DAY) == (3, {"本局查一补三制度：查获违规烟后一个星期内连续补查三次": 1})
