"""What only some addresses need: an approval, a pack, a calendar, a clue, a dispatch, goods in a store, a patrol."""

from __future__ import annotations

import uuid
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from server.demo import documents
from server.demo.registered import RegisteredGoods
from server.kernel.actor import house
from server.records.models import Rectification
from tests.api.bodies import sound_body
from tests.api.conftest import World
from tests.fieldwork import push_at, visit_of
from tests.patrols.plans import Team, a_plan
from tests.town import MONDAY

MADE_AT_THE_DESK = {
    "approval_id": ("ju", "/approvals", "ApprovalIn"),
    "briefing_id": ("li", "/briefings", "BriefingIn"),
    "calendar_token_id": ("li", "/me/calendar-tokens", "CalendarTokenIn"),
    "clue_id": ("ju", "/clues", "ClueIn"),
    "dispatch_id": ("li", "/dispatches", "DispatchIn"),
    "entry_id": ("li", "/roster", "RosterEntryIn"),
    "sheet_id": ("li", "/handovers", "HandoverIn"),
    "campaign_id": ("ju", "/campaigns", "CampaignIn"),
}


def furnish(world: World) -> None:
    """Make one of each, and let the world's addresses name it."""

    def made(name: str, path: str, schema: str | None = None) -> dict[str, Any]:
        body = sound_body(world, schema) if schema else None
        answer = world.client(name).post(f"/api/v1{path}", json=body)
        assert answer.status_code == 201, (path, answer.get_json())
        given: dict[str, Any] = answer.get_json()
        return given

    for argument, way in MADE_AT_THE_DESK.items():
        world.known[argument] = uuid.UUID(made(*way)["id"])
    changed = world.client("ju").post("/api/v1/duty-changes", json=sound_body(world, "DutyChangeIn"))
    assert changed.status_code == 200, changed.get_json()
    world.known["change_id"] = uuid.UUID(changed.get_json()["change_id"])
    (planned,) = made("li", "/plans", "PlanIn")["items"]
    world.known["plan_id"] = uuid.UUID(planned["id"])
    asked = world.client("li").post(
        f"/api/v1/plans/{planned['id']}/solving", json=sound_body(world, "SolveIn")
    )
    assert asked.status_code == 202, asked.get_json()
    world.known["solving_id"] = uuid.UUID(asked.get_json()["id"])
    (store,) = made("ju", "/custody/stores", "StoreIn")["items"]
    world.known["store_id"] = uuid.UUID(store["id"])
    made("wu", f"/custody/hand-overs/{store['offered_id']}/acknowledgement")
    at = MONDAY + timedelta(hours=4)
    goods = [RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton")]
    registered = documents.registration_list(
        visit_of(world.town, 1, at), Random(1), goods, inspection_id=uuid.uuid4()
    )
    found = documents.site_visit(visit_of(world.town, 1, at + timedelta(hours=1)), Random(2))
    found["answers"] |= {"rectify": {"demand": "试样要求", "due_on": "2026-07-20"}, "disposal": "rectify"}
    assert push_at(world.kernel, world.town, "li", at + timedelta(hours=2), registered, found) == []
    world.known["list_id"] = uuid.UUID(registered["id"])
    with world.kernel.sessions() as session:
        order = select(Rectification.id).where(Rectification.bureau_id == world.town.bureau_id)
        world.known["order_id"] = session.scalars(order).one()
    with world.kernel.work(house(world.town.bureau_id), at) as work:
        plan = a_plan(work, world.town, at.date(), Team(("li", "wang"), (0, 1)))
    world.known["patrol_id"] = plan.patrols[0]
    world.known["act_id"] = uuid.UUID(made("wu", "/custody/acts", "CustodyActIn")["id"])
