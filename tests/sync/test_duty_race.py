"""Two hand-overs of the same cells at once: one duty at the end, the same by every table, and nobody deadlocks."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import select, true

from server.grids.duties import vacancies_on
from server.grids.duty_changes import Wanted, change_duty, find_change, withdraw_change
from server.grids.duty_plans import Holder, Stage
from server.grids.models import Duty, GridCell
from server.grids.queries import on_duty
from server.kernel import http
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.kernel.work import Kernel, Work
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.interleaving import Rival
from tests.town import MONDAY, Town, client_of


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "zhao")})
    made.check()
    return made


def lines(town: Town, cells: list[int], lead: str, squad: int, later: int = 0) -> list[Wanted]:
    chosen = {"cell_ids": [town.cells[cell] for cell in cells]}
    day = MONDAY.date() + timedelta(days=later)
    return [Wanted("", "", chosen, Stage(day, Holder(town.squads[squad], town.people[lead])))]


def leads(kernel: Kernel, town: Town, now: datetime) -> list[str | None]:
    """Who leads each cell today: by ``duty``, by the facts and by the vacancies, which have to agree."""
    names = {town.people[name]: name for name in town.people}
    day = now.date()
    with kernel.work(house(town.bureau_id), now) as work:
        view = work.session.execute(
            select(Duty.cell_id, Duty.lead_person_id).where(Duty.valid.op("@>")(day))
        ).all()
        duty = on_duty(GridCell.id, day, now)
        told = select(GridCell.id, duty.c.lead_person_id).outerjoin(duty, true())
        facts = dict(work.session.execute(told).all())
        vacant = {row.id for row in work.session.execute(vacancies_on(work.actor, day))}
    assert len(view) == len(dict(view)), "a cell has two duties"
    assert {cell for cell, lead in facts.items() if lead} == set(dict(view))
    assert {cell for cell, lead in facts.items() if not lead} == vacant
    assert all(facts[cell] == lead for cell, lead in view)
    return [names.get(facts[cell]) for cell in town.cells]


def test_the_second_of_two_waits_and_is_the_last_word(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    def second() -> None:
        with bureau.work() as work:
            change_duty(work, lines(town, [1, 0, 2], "wang", 0), None)

    with bureau.work() as work:
        change_duty(work, lines(town, [0, 1, 3], "qian", 1), None)
        rival = Rival(kernel.sessions, second)
    rival.finish()

    assert rival.was_blocked
    assert leads(kernel, town, clock.now) == ["wang", "wang", "wang", "qian"]
    bureau.check()


def test_whoever_asked_before_and_comes_after_is_refused(
    bureau: Bureau, kernel: Kernel, town: Town, clock: Clock
) -> None:
    """His request was on its way when the other was made, so he decided without knowing of it; and by the time at which
    it became known his word would not be the last.
    """
    before = clock.now
    clock.pass_by(seconds=3)
    refused = []

    def second() -> None:
        try:
            with kernel.work(house(town.bureau_id), before) as work:
                change_duty(work, lines(town, [0], "wang", 0), None)
        except Problem as problem:
            refused.append(problem.code)

    with bureau.work() as work:
        change_duty(work, lines(town, [0], "qian", 1), None)
        rival = Rival(kernel.sessions, second)
    rival.finish()

    assert rival.was_blocked
    assert leads(kernel, town, clock.now) == ["qian", "li", "zhao", "zhao"]
    assert refused == ["conflict"]
    bureau.check()


def test_a_change_is_withdrawn_once(bureau: Bureau, kernel: Kernel, town: Town, clock: Clock) -> None:
    with bureau.work() as work:
        change_id = change_duty(work, lines(town, [0], "qian", 1, later=2), None).change_id
    assert change_id is not None

    def withdraw(work: Work) -> None:
        withdraw_change(work, find_change(work, change_id), "试样")

    def again() -> None:
        with bureau.work() as work:
            withdraw(work)

    with bureau.work() as work:
        withdraw(work)
        rival = Rival(kernel.sessions, again)
    with pytest.raises(Problem, match="duty_withdrawn"):
        rival.finish()
    assert rival.was_blocked


def test_many_at_once_end_with_one_duty_and_no_failure_but_one_to_try_again(
    app: Flask, bureau: Bureau, kernel: Kernel, town: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight leaders on their own threads, each with its own order of cells; devices pull and a day begins meanwhile."""
    began = time.perf_counter()

    def now() -> datetime:
        return MONDAY + timedelta(seconds=time.perf_counter() - began)

    monkeypatch.setattr(http, "now", now)
    desks = [client_of(app, kernel, town, "ju") for _ in range(8)]

    def decide(number: int) -> list[int]:
        chance, statuses = Random(number), []
        for _ in range(6):
            cells = chance.sample(range(4), chance.randint(1, 4))
            squad, lead = chance.choice([(0, "li"), (0, "wang"), (1, "zhao"), (1, "qian")])
            line = {
                "cells": {"cell_ids": [str(town.cells[cell]) for cell in cells]},
                "from_day": (MONDAY.date() + timedelta(days=chance.choice([0, 0, 1]))).isoformat(),
            }
            if chance.random() < 0.2:
                body = {"endings": [line], "reason": "试样"}
            else:
                line |= {"squad_id": str(town.squads[squad]), "lead_person_id": str(town.people[lead])}
                body = {"assignments": [line], "dry_run": chance.random() < 0.2}
            statuses.append(desks[number].post("/api/v1/duty-changes", json=body).status_code)
            bureau.devices["li" if number % 2 else "zhao"].client.get("/sync/v1/cells/pull")
        return statuses

    with ThreadPoolExecutor(8) as pool:
        answered = Counter(status for statuses in pool.map(decide, range(8)) for status in statuses)

    assert set(answered) <= {200, 409, 503}, answered
    assert answered[200] >= 8
    clock.now = now()
    leads(kernel, town, clock.now)
    monkeypatch.setattr(http, "now", lambda: clock.now)
    bureau.check()
    clock.pass_by(days=1)
    leads(kernel, town, clock.now)
    bureau.devices["li"].pull_page("cells")
    bureau.check()
