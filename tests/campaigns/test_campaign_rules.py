"""What belongs to a campaign, and what held on some day of a window."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CampaignState
from server.campaigns.rules import (
    Held,
    Made,
    Terms,
    belongs,
    held_days,
    share,
    state_of,
    tags_at,
    values_between,
    window_of,
)
from tests.town import ZONE

FIRST, LAST = date(2026, 6, 9), date(2026, 6, 14)
CELL, SHOP = uuid.UUID(int=1), uuid.UUID(int=2)
BEGINS, ENDS = window_of(FIRST, LAST, None, ZONE)
TERMS = Terms(BEGINS, ENDS, frozenset({"hotel"}), frozenset({CELL}), frozenset({SHOP}), frozenset())
MADE = Made("site_visit", "special", datetime(2026, 6, 10, 9, 0, tzinfo=ZONE), SHOP, None)


@pytest.mark.parametrize(
    ("moment", "belongs_to_it"),
    [
        (datetime(2026, 6, 8, 23, 59, 59, tzinfo=ZONE), False),
        (datetime(2026, 6, 9, 0, 0, tzinfo=ZONE), True),
        (datetime(2026, 6, 14, 23, 59, tzinfo=ZONE), True),
        (datetime(2026, 6, 15, 0, 0, tzinfo=ZONE), False),
        # The same moments by another clock.
        (datetime(2026, 6, 14, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 6, 14, 16, 0, tzinfo=UTC), False),
    ],
)
def test_the_window_is_of_the_bureaus_days(moment: datetime, belongs_to_it: bool) -> None:
    assert belongs(TERMS, replace(MADE, performed_at=moment), ()) is belongs_to_it


@pytest.mark.parametrize(
    ("made", "tags", "belongs_to_it"),
    [
        (MADE, (), True),
        (replace(MADE, visit_kind="routine"), ("hotel",), False),
        (replace(MADE, subject_id=None), (), False),
        (replace(MADE, subject_id=None, cell_id=CELL), (), True),
        (replace(MADE, subject_id=uuid.UUID(int=9)), ("hotel", "teahouse"), True),
        (replace(MADE, subject_id=uuid.UUID(int=9)), ("teahouse",), False),
    ],
)
def test_scope_is_by_name_or_by_cell_or_by_tag(
    made: Made, tags: tuple[str, ...], belongs_to_it: bool
) -> None:
    assert belongs(TERMS, made, tags) is belongs_to_it


def test_kinds_of_record_narrow_it() -> None:
    terms = replace(TERMS, record_kinds=frozenset({"ecig_check"}))
    assert not belongs(terms, MADE, ())
    assert belongs(terms, replace(MADE, kind="ecig_check"), ())


def test_a_campaign_that_was_withdrawn_ends_then() -> None:
    moment = datetime(2026, 6, 11, 12, 0, tzinfo=ZONE)
    assert window_of(FIRST, LAST, moment, ZONE) == (BEGINS, moment)
    assert window_of(FIRST, LAST, ENDS + timedelta(days=1), ZONE) == (BEGINS, ENDS)
    assert window_of(FIRST, LAST, BEGINS - timedelta(days=1), ZONE) == (BEGINS, BEGINS)


def test_its_state_follows_its_days() -> None:
    day = timedelta(days=1)
    states = [state_of(FIRST, LAST, False, one) for one in (FIRST - day, FIRST, LAST, LAST + day)]
    assert states == [
        CampaignState.UPCOMING,
        CampaignState.RUNNING,
        CampaignState.RUNNING,
        CampaignState.OVER,
    ]
    assert state_of(FIRST, LAST, True, LAST + day) is CampaignState.WITHDRAWN


@pytest.mark.parametrize(
    ("to_day", "ended", "last_day", "held"),
    [
        (None, False, None, (FIRST, None)),
        (LAST, False, None, (FIRST, LAST)),
        (LAST, True, None, None),
        (None, True, LAST, (FIRST, LAST)),
        (LAST, True, FIRST, (FIRST, FIRST)),
        (FIRST, True, LAST, (FIRST, FIRST)),
        (LAST, True, FIRST - timedelta(days=1), None),
    ],
)
def test_the_earlier_end_of_a_tag_counts(
    to_day: date | None, ended: bool, last_day: date | None, held: tuple[date, date | None] | None
) -> None:
    assert held_days(FIRST, to_day, ended, last_day) == held


_days = st.dates(date(2026, 1, 1), date(2026, 2, 28))


@given(st.lists(st.tuples(_days, st.sampled_from("abc"))), _days, _days)
def test_what_was_so_on_some_day_is_what_was_so_day_by_day(
    changes: list[tuple[date, str]], one: date, other: date
) -> None:
    changes = sorted(changes, key=lambda change: change[0])
    first, last = min(one, other), max(one, other)

    def on(day: date) -> str | None:
        so = [value for from_day, value in changes if from_day <= day]
        return so[-1] if so else None

    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert set(values_between(changes, first, last)) == {on(day) for day in days} - {None}


@given(_days, st.none() | st.integers(0, 60), _days, _days)
def test_a_tag_holds_between_if_it_holds_on_one_of_the_days(
    from_day: date, lasts: int | None, one: date, other: date
) -> None:
    to_day = None if lasts is None else from_day + timedelta(days=lasts)
    held, first, last = Held("hotel", from_day, to_day), min(one, other), max(one, other)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert held.between(first, last) is any(tags_at([held], day) for day in days)


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0) is None
    assert share(1, 3) == 0.3333
