"""A report as of a past moment never changes, whatever becomes known later."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import update

from gis.crs import Crs
from schemas.vocabulary import BusinessKind, LicenceScope
from schemas.vocabulary import OutletStatus as Status
from server.cadence.ops import materialise, waive
from server.grids.ops import assign_duty
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.outlets.importing import apply_outlets, plan_outlets
from server.outlets.models import Outlet, OutletStatus
from server.outlets.register import OutletCandidate
from tests.api.conftest import problem_of
from tests.fieldwork import attempt_at, check_of, field_actor, push_at
from tests.reports.conftest import HAND_OVER, Quarter, at

PAST = ("2026-07-08T12:00:00+08:00", "2026-07-22T00:00:00+08:00", "2026-08-25T00:00:00+08:00")
LATER = "2026-09-30T00:00:00+08:00"


def told(quarter: Quarter, as_of: str) -> str:
    """Every cut and everything behind it, as text."""
    cuts = [
        quarter.rows(by=by, each_period="true", as_of=as_of)
        for by in ("total", "squad", "officer", "cell", "outlet")
    ]
    return json.dumps([cuts, quarter.items(as_of=as_of)], ensure_ascii=False, sort_keys=True)


def late_sync(quarter: Quarter) -> None:
    record = check_of(quarter.town, 1, at(7, 21), by=("li", "wang"))
    assert push_at(quarter.kernel, quarter.town, "li", at(9, 1), record) == []


def late_attempt(quarter: Quarter) -> None:
    record = attempt_at(quarter.town, 1, at(7, 22), by=("li", "wang"))
    assert push_at(quarter.kernel, quarter.town, "li", at(9, 1), record) == []


def late_waiver(quarter: Quarter) -> None:
    with quarter.kernel.work(field_actor(quarter.town, "li"), at(9, 1)) as work:
        assert waive(work, [quarter.obligation(1, "2026-W30")], "补办免查手续") == 1


def late_hand_over(quarter: Quarter) -> None:
    with quarter.kernel.work(house(quarter.town.bureau_id), at(9, 1)) as work:
        assign_duty(
            work, quarter.town.cells[2:], quarter.town.squads[0], quarter.town.people["li"], HAND_OVER
        )


def late_suspension(quarter: Quarter) -> None:
    with quarter.kernel.work(house(quarter.town.bureau_id), at(9, 1)) as work:
        work.session.add(
            OutletStatus(
                id=new_id(work.now),
                bureau_id=quarter.town.bureau_id,
                outlet_id=quarter.town.outlets[1],
                from_day=at(7, 13).date(),
                status="suspended",
                known_at=work.now,
            )
        )
        work.wrote("outlet", [quarter.town.outlets[1]])


def new_obligations(quarter: Quarter) -> None:
    with quarter.kernel.work(house(quarter.town.bureau_id), at(9, 1)) as work:
        materialise(work)


@pytest.mark.parametrize(
    ("happen", "shows_later"),
    [
        (late_sync, True),
        (late_attempt, True),
        (late_waiver, True),
        (late_hand_over, True),
        (late_suspension, True),
        (new_obligations, False),
    ],
)
def test_what_is_learned_later_changes_no_past_report(
    own_quarter: Quarter, happen: Callable[[Quarter], None], shows_later: bool
) -> None:
    before = [told(own_quarter, moment) for moment in PAST]
    since = told(own_quarter, LATER)
    happen(own_quarter)
    assert [told(own_quarter, moment) for moment in PAST] == before
    assert (told(own_quarter, LATER) != since) is shows_later


def moved_outlet(quarter: Quarter) -> None:
    """The outlet turns out to lie in a cell of the other squad."""
    with quarter.kernel.work(house(quarter.town.bureau_id), at(9, 1)) as work:
        work.session.execute(
            update(Outlet).where(Outlet.id == quarter.town.outlets[1]).values(cell_id=quarter.town.cells[2])
        )
        work.wrote("outlet", [quarter.town.outlets[1]])


def shop(*scope: LicenceScope) -> OutletCandidate:
    """A shop of the first cell as a register tells of it, licensed since January."""
    return OutletCandidate(
        row=4,
        licence_no="990281199999",
        name="试样新店",
        holder_name=None,
        address=None,
        business_kind=BusinessKind.GROCERY,
        credit_grade=None,
        licence_scope=frozenset(scope),
        licence_from=at(1, 1).date(),
        licence_to=at(12, 31).date(),
        status=Status.ACTIVE,
        phone=None,
        squad_name=None,
        note=None,
        crs=Crs.WGS84,
        given_lon=84.05,
        given_lat=39.06,
        lon=84.05,
        lat=39.06,
    )


def registered_outlet(quarter: Quarter) -> None:
    """The shop comes into the register only now."""
    with quarter.kernel.work(house(quarter.town.bureau_id), at(9, 1)) as work:
        plan = plan_outlets(work, [shop(LicenceScope.ECIG)])
        assert len(plan.new) == 1
        apply_outlets(work, plan)


def test_an_outlet_that_moves_later_changes_no_past_report(own_quarter: Quarter) -> None:
    before = [told(own_quarter, moment) for moment in PAST]
    moved_outlet(own_quarter)
    assert [told(own_quarter, moment) for moment in PAST] == before


def test_a_licence_widened_later_changes_no_past_report(own_quarter: Quarter) -> None:
    town = own_quarter.town
    with own_quarter.kernel.work(house(town.bureau_id), at(7, 6)) as work:
        apply_outlets(work, plan_outlets(work, [shop(LicenceScope.CIGARETTE)]))
    before = [told(own_quarter, moment) for moment in PAST]
    with own_quarter.kernel.work(house(town.bureau_id), at(9, 1)) as work:
        apply_outlets(work, plan_outlets(work, [shop(LicenceScope.CIGARETTE, LicenceScope.ECIG)]))
    assert [told(own_quarter, moment) for moment in PAST] == before


def test_an_outlet_registered_later_changes_no_past_report(own_quarter: Quarter) -> None:
    before = [told(own_quarter, moment) for moment in PAST]
    registered_outlet(own_quarter)
    assert [told(own_quarter, moment) for moment in PAST] == before


@pytest.mark.parametrize("as_of", ["2199-01-01T00:00:00Z", "2100-01-01T00:00:00+08:00"])
def test_what_is_to_come_is_not_told(own_quarter: Quarter, as_of: str) -> None:
    answer = own_quarter.get("cadence", as_of=as_of)
    assert problem_of(answer, status=422, code="invalid")["errors"][0]["code"] == "in_future"
