"""Writing campaigns: set up, and withdrawn."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from server.cadence.duty_models import DutySubject
from server.campaigns.models import Campaign, CampaignWithdrawal
from server.campaigns.queries import find
from server.campaigns.tags import check_tags
from server.grids.models import GridCell
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from sync.feed import touch


def set_up(work: Work, given: Mapping[str, Any]) -> Campaign:
    """Set a campaign up; ``given`` as schemas.campaigns.CampaignIn. The devices of the bureau are told.

    Raises:
        Problem: ``number_taken``; ``invalid`` for a scope of nothing, an unknown tag, cell or subject.
    """
    if not (given["tags"] or given["cell_ids"] or given["subject_ids"]):
        detail = "请按标签、网格或对象写明范围。Say its scope by tags, cells or subjects."
        raise invalid("/tags", "scope_empty", detail)
    check_tags(work, given["tags"], "/tags")
    _must_know(work, "/cell_ids", "cell_unknown", given["cell_ids"], GridCell)
    _must_know(work, "/subject_ids", "subject_unknown", given["subject_ids"], Outlet, Site, DutySubject)
    taken = select(Campaign.id).where(
        Campaign.bureau_id == work.bureau_id, Campaign.number == given["number"]
    )
    if work.session.scalar(taken) is not None:
        raise Problem("number_taken")
    campaign = Campaign(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        number=given["number"],
        name=given["name"],
        basis=given["basis"],
        first_day=given["first_day"],
        last_day=given["last_day"],
        tags=sorted(set(given["tags"])),
        cell_ids=sorted({str(one) for one in given["cell_ids"]}),
        subject_ids=sorted({str(one) for one in given["subject_ids"]}),
        record_kinds=sorted(set(given["record_kinds"])),
        account_id=work.actor.account_id,
        known_at=work.now,
        edit_id=new_edit_id(),
    )
    work.session.add(campaign)
    work.session.flush()
    _announce(work, campaign)
    record_event(work, "campaign.set_up", [campaign.id], number=campaign.number)
    return campaign


def _must_know(work: Work, path: str, code: str, ids: list[uuid.UUID], *registers: Any) -> None:
    wanted = sorted(set(ids))
    known = 0
    for register in registers:
        own = select(func.count()).where(register.bureau_id == work.bureau_id, among(register.id, wanted))
        known += work.session.scalars(own).one()
    if known != len(wanted):
        detail = "有不属于本单位或没有登记的编号。Something named is in no register of the bureau."
        raise invalid(path, code, detail)


def withdraw(work: Work, campaign_id: uuid.UUID, reason: str) -> Campaign:
    """End a campaign now; what was checked before still counts.

    Raises:
        Problem: ``not_found``; ``campaign_withdrawn``.
    """
    campaign = find(work, campaign_id)
    if work.session.get(CampaignWithdrawal, campaign.id) is not None:
        raise Problem("campaign_withdrawn")
    work.session.add(
        CampaignWithdrawal(
            bureau_id=work.bureau_id,
            campaign_id=campaign.id,
            withdrawn_at=work.now,
            account_id=work.actor.account_id,
            reason=reason,
        )
    )
    campaign.edit_id = new_edit_id()
    work.session.flush()
    _announce(work, campaign)
    record_event(work, "campaign.withdrawn", [campaign.id], reason=reason)
    return campaign


def _announce(work: Work, campaign: Campaign) -> None:
    touch(work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", campaign.id)])
