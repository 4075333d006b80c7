"""A squad leader's desk over the town: a car, an approval of the week, and plans at any moment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.approvals import ApprovalIn
from schemas.plans import PlanIn, TeamsIn, WishIn
from schemas.vocabulary import SolvingState
from server.approvals import ops as approvals
from server.house import compose
from server.kernel.actor import Actor
from server.kernel.ids import new_id
from server.kernel.work import Kernel, Work
from server.org.models import Vehicle
from server.patrols.models import PlanSolving
from server.planning import drafting, publishing, solving
from server.planning.queries import described, find_plan
from tests.conftest import own_database, settings_for
from tests.town import MONDAY, ROLE_ACCOUNTS, SQUAD_OF, Town, settle_town

WEEK_BEGINS = MONDAY.date()
# Grace of the week before ends on Tuesday.
WEDNESDAY = WEEK_BEGINS + timedelta(days=2)
Told = dict[str, Any]


@dataclass(slots=True)
class Desk:
    """The desk of the town's leaders, whose bodies are those of HTTP."""

    kernel: Kernel
    town: Town
    cars: list[uuid.UUID]

    def at(self, now: datetime = MONDAY, name: str = "li") -> AbstractContextManager[Work]:
        """A unit of work of somebody of the town."""
        actor = Actor(
            bureau_id=self.town.bureau_id,
            account_id=self.town.accounts[name],
            roles=frozenset(ROLE_ACCOUNTS[name]),
            person_id=self.town.people.get(name),
            squad_ids=(self.town.squads[SQUAD_OF[name]],) if name in SQUAD_OF else (),
        )
        return self.kernel.work(actor, now)

    def team(self, *names: str, day: date = WEDNESDAY, **given: Any) -> Told:
        """A team as it comes over HTTP: by the first car, from half past eight to half past five."""
        begins = datetime(day.year, day.month, day.day, 8, 30, tzinfo=MONDAY.tzinfo)
        return {
            "people": [str(self.town.people[name]) for name in names],
            "vehicle_id": str(self.cars[0]),
            "starts_at": begins.isoformat(),
            "ends_at": (begins + timedelta(hours=9)).isoformat(),
            **given,
        }

    def draft(
        self,
        *teams: Told,
        now: datetime = MONDAY,
        day: date = WEDNESDAY,
        squad: int = 0,
        by: str = "li",
        **given: Any,
    ) -> list[uuid.UUID]:
        """Drafts of a squad's day or days, the first squad's unless told otherwise."""
        body = {
            "squad_id": str(self.town.squads[squad]),
            "first_day": day.isoformat(),
            "teams": list(teams) or None,
            **given,
        }
        with self.at(now, by) as work:
            return [plan.id for plan in drafting.make_plans(work, PlanIn().load(body))]

    def set_teams(self, plan_id: uuid.UUID, *teams: Told, now: datetime = MONDAY) -> None:
        """Other teams for a draft."""
        with self.at(now) as work:
            drafting.set_teams(work, plan_id, TeamsIn().load({"teams": list(teams)})["teams"])

    def wish(self, plan_id: uuid.UUID, outlet: int, wish: str, now: datetime = MONDAY, **given: Any) -> None:
        """Fix one of the town's outlets in a draft."""
        body = {"subject_id": str(self.town.outlets[outlet]), "wish": wish, **given}
        with self.at(now) as work:
            drafting.wish(work, plan_id, WishIn().load(body))

    def solve(
        self, *plan_ids: uuid.UUID, now: datetime = MONDAY, limit_s: int = 1, by: str = "li"
    ) -> PlanSolving:
        """Let the solver order drafts; the row of the run as it stands then."""
        with self.at(now, by) as work:
            run = solving.ask(work, plan_ids, limit_s, enqueue=False)
        state = solving.run(self.kernel, self.town.bureau_id, run.id, lambda: now)
        with self.at(now, by) as work:
            row = work.session.get_one(PlanSolving, run.id)
        assert row.state == state
        return row

    def planned(self, *teams: Told, now: datetime = MONDAY, **given: Any) -> Told:
        """A plan of one day, drafted and solved."""
        (plan_id,) = self.draft(*teams, now=now, **given)
        assert self.solve(plan_id, now=now).state == SolvingState.DONE
        return self.told(plan_id, now)

    def publish(
        self,
        plan_id: uuid.UUID,
        now: datetime = MONDAY,
        approval: uuid.UUID | None = None,
        by: str = "li",
    ) -> None:
        """Give a plan out."""
        with self.at(now, by) as work:
            publishing.publish(work, plan_id, approval)

    def told(self, plan_id: uuid.UUID, now: datetime = MONDAY) -> Told:
        """A plan as the leader reads it."""
        with self.at(now) as work:
            return described(work, [find_plan(work, plan_id)])[0]

    def approve(
        self, first_day: date = WEEK_BEGINS, days: int = 7, now: datetime = MONDAY, **given: Any
    ) -> uuid.UUID:
        """The bureau leader's approval of a week's inspections."""
        body = {
            "kind": "batch",
            "title": "试样周计划",
            "plan": "按周计划检查",
            "first_day": first_day.isoformat(),
            "last_day": (first_day + timedelta(days=days - 1)).isoformat(),
            "channel": "desk",
            **given,
        }
        with self.at(now, "ju") as work:
            return approvals.give(work, ApprovalIn().load(body)).id


def settle_desk(kernel: Kernel, now: datetime = MONDAY, **asked: Any) -> Desk:
    """A town with two cars of the first squad."""
    town = settle_town(kernel, now, **asked)
    desk = Desk(kernel, town, [])
    with desk.at(now) as work:
        for number in (1, 2):
            car = Vehicle(
                id=new_id(work.now),
                bureau_id=town.bureau_id,
                plate=f"试A{number:05d}",
                squad_id=town.squads[0],
            )
            work.session.add(car)
            desk.cars.append(car.id)
    return desk


@pytest.fixture
def desk(superuser: Engine, template_database: str, tmp_path: Path) -> Iterator[Desk]:
    """The desk in a database of its own, settled on Monday."""
    with own_database(superuser, template_database) as name:
        kernel = compose(settings_for(name, tmp_path))
        yield settle_desk(kernel)
        kernel.close()


def stops_of(plan: Told) -> list[Told]:
    """Every stop of a plan, team by team."""
    return [stop for patrol in plan["patrols"] for stop in patrol["stops"]]
