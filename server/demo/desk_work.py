"""What the demo's desks have written down: a few days of leave, a secondment, tags, a campaign, a hand-over signed over.

All of it lies after the closed quarter, or is of no figure of it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from server.campaigns import tags
from server.campaigns.ops import set_up
from server.demo.city import City
from server.demo.staff import ZONE, officer_id, squad_id
from server.handovers.models import HandoverSheet
from server.handovers.ops import sign
from server.kernel.actor import Actor, house
from server.kernel.work import Kernel
from server.roster.ops import Wanted, write
from server.roster.rules import NOON, Days

# By squad and place in it: the days after the National Day holiday of 2026.
_AWAY = (
    (0, 2, "leave", Days(date(2026, 10, 19), date(2026, 10, 23)), "年休假"),
    (1, 3, "leave", Days(date(2026, 10, 28), date(2026, 10, 28), from_time=NOON), "就医"),
    (2, 2, "training", Days(date(2026, 11, 2), date(2026, 11, 6)), "执法证继续教育"),
    (3, 1, "other_duty", Days(date(2026, 11, 10), date(2026, 11, 10), to_time=NOON), "市局会议"),
)
# An officer of the second squad helps the first one over the holidays at the year's end.
_LENT = Wanted(
    person_id=officer_id(1, 4),
    kind="secondment",
    days=Days(date(2026, 12, 14), date(2027, 1, 8)),
    squad_id=squad_id(0),
    note="元旦专班",
)
_TAGGED = (
    ("Y", "liquor_shop", "2026 年重点场所名单（样例）"),
    ("S", "supermarket", "2026 年重点场所名单（样例）"),
)
_SHOPS = 12
AT = datetime(2026, 10, 8, 9, 30, tzinfo=ZONE)
"""When it is all written down: the first morning after the holiday."""

CAMPAIGN = {
    "number": "样烟专〔2026〕9号",
    "name": "名烟名酒店专项整治行动",
    "basis": "样烟〔2026〕31号（样例）",
    "first_day": date(2026, 10, 21),
    "last_day": date(2026, 11, 15),
    "tags": ["liquor_shop", "supermarket"],
    "cell_ids": [],
    "subject_ids": [],
    "record_kinds": ["site_visit"],
}


def work_at_desks(kernel: Kernel, city: City) -> None:
    """Write it all down, and sign the hand-over of August over as the lead officer who gave his cell away."""
    with kernel.work(house(city.bureau.id), AT) as work:
        away = [
            Wanted(officer_id(squad, place), kind, days, note=note)
            for squad, place, kind, days, note in _AWAY
        ]
        write(work, [*away, _LENT])
        for business_kind, tag, ground in _TAGGED:
            shops = [one.licence_no for one in city.outlets if one.business_kind == business_kind]
            tags.put(work, _listing(tag, ground, sorted(shops)[:_SHOPS]))
        set_up(work, CAMPAIGN)
        sheet = work.session.scalars(
            select(HandoverSheet).where(HandoverSheet.bureau_id == work.bureau_id)
        ).first()
        if sheet is None:
            # A city that was loaded before there were sheets has none.
            return
        sheet_id, giver = sheet.id, sheet.from_lead_id
    account = next(one for one in city.accounts if one.person_id == giver)
    person = next(one for one in city.people if one.id == giver)
    actor = Actor(
        bureau_id=city.bureau.id,
        account_id=account.id,
        roles=frozenset(account.roles),
        person_id=giver,
        squad_ids=(person.squad_id,),
    )
    with kernel.work(actor, AT) as work:
        sign(work, sheet_id, "国庆假期后补办")


def _listing(tag: str, ground: str, licence_nos: list[str]) -> dict[str, Any]:
    return {
        "tag": tag,
        "from_day": date(2026, 10, 1),
        "to_day": None,
        "ground": ground,
        "licence_nos": licence_nos,
        "outlets_of_cells": [],
        "subjects": [],
    }
