"""What the demo bureau plans patrols with: where its squads start from, and the legal office's word on the cap."""

from __future__ import annotations

from datetime import date

from shapely.geometry import MultiPoint
from sqlalchemy import func, select, update

from server.cadence.models import Policy, PolicySignOff
from server.cadence.policies import content_of
from server.demo.city import City
from server.demo.identity import stable_id
from server.demo.staff import KNOWN_AT
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.org.models import Squad

GROUND = "电子烟专项整治期间按上级部署保持复查频次（样例），同意超过年度检查频次上限。"


def settle_planning(work: Work, city: City) -> None:
    """Bases in the middle of the squads' land, and the sign-off that lets the re-inspections be planned beyond the cap."""
    lands: dict[object, list[tuple[float, float]]] = {}
    ground = {cell.id: cell.geom.representative_point() for cell in city.leaf_cells}
    for duty in city.duties:
        point = ground[duty.cell_id]
        lands.setdefault(duty.squad_id, []).append((point.x, point.y))
    for squad in city.squads:
        middle = MultiPoint(lands[squad.id]).centroid
        work.session.execute(
            update(Squad)
            .where(Squad.id == squad.id, Squad.base_place.is_(None))
            .values(
                base_name=f"{squad.name}驻地",
                base_place=func.ST_SetSRID(func.ST_MakePoint(middle.x, middle.y), 4326),
            )
        )
    _sign_off(work, city)


def _sign_off(work: Work, city: City) -> None:
    policy = work.session.scalar(
        select(Policy)
        .where(Policy.bureau_id == work.bureau_id, Policy.effective_from <= date(2026, 1, 1))
        .order_by(Policy.version)
        .limit(1)
    )
    signed = stable_id("policy_sign_off", 1)
    if policy is None or work.session.get(PolicySignOff, signed) is not None:
        return
    legal = next(account for account in city.accounts if Role.LEGAL in account.roles)
    work.session.add(
        PolicySignOff(
            id=signed,
            bureau_id=work.bureau_id,
            policy_id=policy.id,
            account_id=legal.id,
            ground=GROUND,
            content_sha256=content_of(work, policy),
            plan={},
            known_at=KNOWN_AT,
        )
    )
