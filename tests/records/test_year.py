"""The figures of two real years, pushed as records and read back from the tables: every sum, to the stick and the fen."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.kernel.work import Kernel
from server.records.goods import NATURES, goods_rows, outcome_row
from server.records.models import GoodsLine, Record, RecordOutcome
from server.records.units import in_ten_thousand_yuan, in_ten_thousands
from tests import year_fixture as year
from tests.fieldwork import push_at, visit_of
from tests.one_house import app, kernel, settings
from tests.town import Town, settle_town

__all__ = ["app", "kernel", "settings"]


@pytest.fixture(scope="module")
def town(kernel: Kernel) -> Town:
    """The town with a year of cases behind it."""
    settled = settle_town(kernel, year.noon(year.date(2026, 1, 1)))
    cases = year.county_cases()
    records = [
        year.case_record(
            case, visit_of(settled, case.number % 2, year.noon(case.day) - timedelta(minutes=case.number))
        )
        for case in cases
    ]
    answer = push_at(kernel, settled, "li", year.noon(year.date(2026, 12, 31)), *records)
    assert answer == []
    return settled


def test_the_year_by_cause(kernel: Kernel, town: Town) -> None:
    sticks = (
        select(GoodsLine.record_id, func.sum(GoodsLine.sticks).label("sticks"))
        .group_by(GoodsLine.record_id)
        .subquery()
    )
    by_cause = (
        select(
            RecordOutcome.cause,
            func.count(),
            func.sum(sticks.c.sticks),
            func.sum(RecordOutcome.case_value_fen),
            func.sum(RecordOutcome.fine_and_confiscation_fen),
        )
        .join(sticks, sticks.c.record_id == RecordOutcome.record_id)
        .group_by(RecordOutcome.cause)
    )
    with kernel.sessions() as session:
        found = {row[0]: tuple(map(int, row[1:])) for row in session.execute(by_cause)}
    assert found == {
        cause.code: (cause.cases, cause.sticks, cause.case_value_fen, cause.fine_and_confiscation_fen)
        for cause in year.COUNTY
    }
    totals = tuple(map(sum, zip(*found.values(), strict=True)))
    assert totals == (
        year.COUNTY_CASES,
        year.COUNTY_STICKS,
        year.COUNTY_VALUE_FEN,
        year.COUNTY_FINES_FEN,
    )
    assert (str(in_ten_thousands(totals[1])), str(in_ten_thousand_yuan(totals[2]))) == ("282.98", "86.62")
    shown = [(str(in_ten_thousands(row[1])), str(in_ten_thousand_yuan(row[2]))) for row in found.values()]
    assert sorted(shown) == [("124.58", "44.41"), ("4.62", "1.81"), ("67.76", "19.06"), ("86.02", "21.34")]


def test_what_went_to_the_police(kernel: Kernel, town: Town) -> None:
    handed = (
        select(RecordOutcome.record_id, RecordOutcome.amount_involved_fen)
        .where(RecordOutcome.amount_involved_fen.is_not(None))
        .subquery()
    )
    counted = select(func.sum(GoodsLine.sticks)).join(handed, handed.c.record_id == GoodsLine.record_id)
    with kernel.sessions() as session:
        cases, amount = session.execute(
            select(func.count(), func.sum(handed.c.amount_involved_fen)).select_from(handed)
        ).one()
        sticks = session.scalars(counted).one()
    assert (cases, int(amount), int(sticks)) == (
        year.POLICE_CASES,
        year.POLICE_AMOUNT_FEN,
        year.POLICE_STICKS,
    )
    # 47.08万支 is 47.08件.
    assert (str(in_ten_thousands(int(sticks))), str(in_ten_thousand_yuan(int(amount)))) == ("47.08", "12.50")


def test_every_case_is_a_valid_record_of_its_day(kernel: Kernel, town: Town) -> None:
    with kernel.sessions() as session:
        rows = session.execute(select(Record.valid, Record.findings, Record.performed_at)).all()
    assert [findings for valid, findings, _ in rows if not valid] == []
    months = Counter(at.astimezone(year.ZONE).month for _, _, at in rows)
    assert set(months) == set(range(1, 13))
    assert sum(months.values()) == year.COUNTY_CASES


def test_a_city_by_kind_of_goods_with_the_rest_shown() -> None:
    sticks: dict[str, int] = defaultdict(int)
    grams = amount = cases = 0
    for lines, money in year.city_lines():
        # As it goes over the wire.
        answers = json.loads(json.dumps({"goods": lines, "money": money, "result": "abnormal"}))
        for row in goods_rows(answers):
            sticks[row["nature"]] += row["sticks"]
            grams += row["grams"]
        outcome = outcome_row(answers)
        assert outcome is not None
        amount += outcome["amount_involved_fen"] or 0
        cases += 1
    assert cases == year.CITY_CASES
    assert (sum(sticks.values()), grams, amount) == (
        year.CITY_STICKS,
        year.CITY_TOBACCO_GRAMS,
        year.CITY_AMOUNT_FEN,
    )
    shown = {nature: str(in_ten_thousands(sticks[nature])) for nature in NATURES}
    assert shown == {"counterfeit": "5014.39", "smuggled": "84.31", "off_channel": "0.00", "other": "4162.32"}
    assert (str(in_ten_thousands(sum(sticks.values()))), str(in_ten_thousand_yuan(amount))) == (
        "9261.02",
        "2162.21",
    )


def test_the_fixture_is_the_same_at_every_call() -> None:
    assert year.county_cases() == year.county_cases()
    assert list(year.city_lines()) == list(year.city_lines())
