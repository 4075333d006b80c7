"""Whose step it is, what follows on what, and when a sheet is overdue."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import HandoverAct as A
from schemas.vocabulary import HandoverState as S
from server.handovers.rules import WAITING, Side, Signer, is_overdue, may_follow, may_take, overdue_after

GIVING = Side(uuid.UUID(int=1), uuid.UUID(int=11))
TAKING = Side(uuid.UUID(int=2), uuid.UUID(int=12))
STRANGER = uuid.UUID(int=99)


@pytest.mark.parametrize(
    ("act", "signer", "by_hand", "may"),
    [
        (A.SIGNED, Signer(GIVING.lead_id), False, True),
        (A.SIGNED, Signer(STRANGER, [GIVING.squad_id]), False, True),
        (A.SIGNED, Signer(TAKING.lead_id, [TAKING.squad_id]), False, False),
        (A.SIGNED, Signer(None, (), for_bureau=True), False, False),
        (A.ACKNOWLEDGED, Signer(TAKING.lead_id), False, True),
        (A.OBJECTED, Signer(STRANGER, [TAKING.squad_id]), False, True),
        (A.ACKNOWLEDGED, Signer(GIVING.lead_id, [GIVING.squad_id]), False, False),
        (A.WITHDRAWN, Signer(None, (), for_bureau=True), False, True),
        (A.WITHDRAWN, Signer(STRANGER, [GIVING.squad_id]), True, True),
        (A.WITHDRAWN, Signer(STRANGER, [GIVING.squad_id]), False, False),
        (A.WITHDRAWN, Signer(GIVING.lead_id), True, False),
        (A.WITHDRAWN, Signer(TAKING.lead_id, [TAKING.squad_id]), True, False),
    ],
)
def test_whose_step_it_is(act: A, signer: Signer, by_hand: bool, may: bool) -> None:
    assert may_take(act, GIVING, TAKING, by_hand=by_hand, signer=signer) is may


def test_what_follows_on_what() -> None:
    follows = {(state, act) for state in S for act in A if may_follow(state, act)}
    assert follows == {
        (S.OPEN, A.SIGNED),
        (S.OPEN, A.WITHDRAWN),
        (S.OBJECTED, A.SIGNED),
        (S.OBJECTED, A.WITHDRAWN),
        (S.SIGNED, A.ACKNOWLEDGED),
        (S.SIGNED, A.OBJECTED),
        (S.SIGNED, A.WITHDRAWN),
    }


_days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@given(st.sampled_from(list(S)), _days, _days, _days)
def test_it_is_overdue_from_the_day_after_its_last(
    state: S, from_day: date, known: date, today: date
) -> None:
    last = overdue_after(from_day, known)
    assert last - timedelta(days=3) in (from_day, known)
    assert last >= max(from_day, known)
    assert is_overdue(state, from_day, known, today) is (state in WAITING and today > last)
