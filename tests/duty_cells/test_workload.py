"""Workload: what lies in whose cells, by names, alike in every shape; and what a change of duty does to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from gis.tours import tour_lengths_m
from server.cadence.models import Obligation, Waiver
from server.kernel.ids import new_id
from server.outlets.models import Outlet
from server.reports.workload import Load, loads_of
from tests.conftest import SettledTown, SettledTowns
from tests.duty_cells.conftest import Desk

FIGURES = (
    "cells",
    "outlets",
    "ecig_outlets",
    "weekly",
    "monthly",
    "quarterly",
    "triggered",
    "per_year",
    "km",
)


@pytest.fixture
def settled_town(settled_towns: SettledTowns) -> SettledTown:
    """Twelve outlets in the four cells, six of them with e-cigarettes."""
    return settled_towns(outlets=12, ecig=6)


def report(desk: Desk, name: str = "ju", **query: Any) -> dict[str, Any]:
    answer = desk.client(name).get("/api/v1/reports/workload", query_string=query)
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, Any] = answer.get_json()
    return told


def rows_of(told: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in told["rows"]]


def loads(desk: Desk, days: int = 14) -> list[Load]:
    with desk.work() as work:
        found = loads_of(work, desk.town.cells, days)
    return [found[cell] for cell in desk.town.cells]


def test_squads_stand_by_their_names_with_what_lies_in_their_cells(desk: Desk) -> None:
    told = report(desk)
    assert rows_of(told, "squad", "lead", "cells", "outlets", "ecig_outlets") == [
        ("试样1中队", None, 2, 6, 4),
        ("试样2中队", None, 2, 6, 2),
    ]
    assert (told["total"]["cells"], told["total"]["outlets"], told["total"]["ecig_outlets"]) == (4, 12, 6)
    assert (told["day"], told["until"]) == (desk.day(0), desk.day(14))
    assert "An estimate" in told["travel"]


def test_leads_stand_below_their_squads_and_what_nobody_answers_for_stands_last(desk: Desk) -> None:
    desk.change(desk.line([1], 0, "wang"), endings=[desk.ending([3])])
    assert rows_of(report(desk, by="lead"), "squad", "lead", "cells", "outlets") == [
        ("试样1中队", "li", 1, 3),
        ("试样1中队", "wang", 1, 3),
        ("试样2中队", "zhao", 1, 3),
        (None, None, 1, 3),
    ]
    assert report(desk)["total"] == report(desk, by="lead")["total"]


def test_an_obligation_counts_while_it_can_be_met(desk: Desk) -> None:
    """Against every obligation of the town, judged one by one."""
    for days in (0, 3, 14):
        counted = loads(desk, days)
        with desk.kernel.sessions() as session:
            owed = session.scalars(select(Obligation)).all()
        until = desk.today + timedelta(days=days)
        for cell, load in zip(desk.town.cells, counted, strict=True):
            of_cell = [one for one in owed if one.cell_id == cell]
            can_be = [one for one in of_cell if one.first_day <= until and one.grace_last_day >= desk.today]
            for tier in ("WEEKLY", "MONTHLY", "QUARTERLY"):
                assert getattr(load, tier.lower()) == sum(one.tier == tier for one in can_be), (tier, days)
            present = [one.tier for one in of_cell if one.first_day <= desk.today <= one.last_day]
            assert load.per_year == sum(
                {"WEEKLY": 52, "MONTHLY": 12, "QUARTERLY": 4}[tier] for tier in present
            )
    assert loads(desk)[0].weekly > 0


def test_what_is_met_excused_or_void_is_no_work_any_more(desk: Desk) -> None:
    before = loads(desk)[0]
    with desk.work() as work:
        weekly = work.session.scalars(
            select(Obligation)
            .where(Obligation.cell_id == desk.town.cells[0], Obligation.tier == "WEEKLY")
            .order_by(Obligation.first_day, Obligation.id)
        ).all()
        this_week = [one for one in weekly if one.first_day <= desk.today <= one.last_day]
        this_week[0].met_by = new_id(work.now)
        waiver = {"id": new_id(work.now), "bureau_id": work.bureau_id, "obligation_id": this_week[1].id}
        work.session.execute(insert(Waiver).values(**waiver, reason="试样：停业装修", known_at=work.now))
        weekly[-1].voided_at = work.now
    after = loads(desk)[0]
    assert before.weekly - after.weekly == 3
    # The rate says what the policy asks, met or not.
    assert after.per_year == before.per_year


def test_outlets_count_while_they_are_in_business_and_placed(desk: Desk) -> None:
    with desk.work() as work:
        outlet = update(Outlet)
        gone, nowhere, outside = desk.town.outlets[:3]
        work.session.execute(outlet.where(Outlet.id == gone).values(status="suspended"))
        work.session.execute(outlet.where(Outlet.id == nowhere).values(geom=None, cell_id=None))
        work.session.execute(outlet.where(Outlet.id == outside).values(cell_id=None))
    told = report(desk)
    assert told["total"]["outlets"] == 9
    assert told["unplaced"] == [
        {"code": "outlet_without_position", "outlets": 1},
        {"code": "outlet_outside_cells", "outlets": 1},
    ]
    # A squad's leader is told of his squad's cells alone.
    assert report(desk, "li")["unplaced"] == []


def test_kilometres_are_the_rounds_of_the_cells(desk: Desk) -> None:
    spread = np.random.default_rng(3).uniform(0.01, 0.09, (12, 2))
    with desk.work() as work:
        for number, (outlet, (east, north)) in enumerate(zip(desk.town.outlets, spread, strict=True)):
            place = f"SRID=4326;POINT({84 + number % 4 / 10 + east} {39 + north})"
            work.session.execute(update(Outlet).where(Outlet.id == outlet).values(geom=place))
    x, y = 84 + np.arange(12) % 4 / 10 + spread[:, 0], 39 + spread[:, 1]
    rounds = tour_lengths_m(np.arange(12) % 4, x, y, 4).tolist()
    assert [load.travel_m for load in loads(desk)] == rounds
    assert rows_of(report(desk), "km") == [
        (f"{(rounds[0] + rounds[1]) / 1000:.1f}",),
        (f"{(rounds[2] + rounds[3]) / 1000:.1f}",),
    ]


def test_a_squad_leader_reads_his_own_squads(desk: Desk) -> None:
    assert rows_of(report(desk, "li"), "squad", "cells") == [("试样1中队", 2)]
    assert rows_of(report(desk, "zhao", by="lead"), "squad", "lead") == [("试样2中队", "zhao")]


def test_every_shape_tells_the_same_and_no_rank(desk: Desk) -> None:
    csv = desk.client("ju").get("/api/v1/reports/workload", query_string={"format": "csv"}).text
    lines = csv.lstrip("\ufeff").splitlines()
    assert lines[0] == "squad,cells,outlets,ecig_outlets,weekly,monthly,quarterly,triggered,per_year,km"
    told = report(desk)
    assert [line.split(",") for line in lines[1:]] == [
        [str(row[name]) for name in lines[0].split(",")] for row in told["rows"]
    ]
    page = desk.client("ju").get("/api/v1/reports/workload", query_string={"format": "html"}).text
    assert "不排名次" in page
    assert "估算" in page


def test_a_change_tells_whose_load_it_changes_before_and_after(desk: Desk) -> None:
    told = desk.change(desk.line([1], 1, "qian", later=3), desk.line([2], 1, "qian", later=1), dry_run=True)
    loads = told["workload"]
    assert [one["squad"] for one in loads["squads"]] == ["试样1中队", "试样2中队"]
    assert [(one["before"]["cells"], one["after"]["cells"]) for one in loads["squads"]] == [(2, 1), (2, 3)]
    assert [(one["lead"], one["before"]["outlets"], one["after"]["outlets"]) for one in loads["leads"]] == [
        ("li", 6, 3),
        ("qian", 0, 6),
        ("zhao", 6, 3),
    ]
    for column in FIGURES:
        before, after = (
            sum(float(one[side][column]) for one in loads["leads"]) for side in ("before", "after")
        )
        assert before == pytest.approx(after, abs=0.2), column
    # The report of that day then says what was foretold.
    desk.change(desk.line([1], 1, "qian", later=3), desk.line([2], 1, "qian", later=1))
    desk.clock.pass_by(days=3)
    assert rows_of(report(desk, by="lead"), "lead", "cells") == [("li", 1), ("qian", 2), ("zhao", 1)]


def test_a_change_of_the_lead_alone_concerns_no_squad(desk: Desk) -> None:
    loads = desk.change(desk.line([0], 0, "wang"), dry_run=True)["workload"]
    assert loads["squads"] == []
    assert [(one["lead"], one["before"]["cells"], one["after"]["cells"]) for one in loads["leads"]] == [
        ("li", 2, 1),
        ("wang", 0, 1),
    ]


def test_cells_left_vacant_are_a_load_less(desk: Desk) -> None:
    (squad,) = desk.change(endings=[desk.ending([0, 1], 1)], dry_run=True)["workload"]["squads"]
    assert (squad["squad"], squad["before"]["outlets"], squad["after"]["outlets"]) == ("试样1中队", 6, 0)
