"""Reads of campaigns: all of the bureau's are seen by everybody in it; the places behind them only in one's scope."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, select

from schemas.vocabulary import CampaignState
from server.campaigns.models import Campaign, CampaignWithdrawal
from server.campaigns.rules import (
    Held,
    Made,
    Terms,
    belongs,
    in_scope,
    state_of,
    tags_at,
    values_between,
    window_of,
)
from server.campaigns.tag_queries import held_tags
from server.grids.models import GridCell
from server.grids.queries import cells_below, cells_in_scope
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.outlets.models import Outlet, OutletStatus, Registration
from server.records.models import Record
from server.records.superseding import stands


@dataclass(frozen=True, slots=True)
class Marked:
    """A record that belongs to a campaign: ``abnormal`` where it found something."""

    id: uuid.UUID
    kind: str
    performed_at: datetime
    subject_kind: str | None
    subject_id: uuid.UUID | None
    cell_id: uuid.UUID | None
    valid: bool
    abnormal: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """An outlet in the scope of a campaign: the tags it came in by, and the records made there, the earliest first."""

    id: uuid.UUID
    licence_no: str
    name: str
    cell_id: uuid.UUID | None
    tags: tuple[str, ...]
    records: tuple[Marked, ...]

    @property
    def visited(self) -> bool:
        """Whether a valid special check was made there."""
        return any(one.valid for one in self.records)

    @property
    def findings(self) -> int:
        """How many valid checks found something."""
        return sum(one.valid and one.abnormal for one in self.records)


def listed(work: Work) -> Select[Any]:
    """The bureau's campaigns with when and why they were withdrawn; unordered."""
    columns = (getattr(Campaign, column.key) for column in Campaign.__table__.columns)
    return (
        select(*columns, CampaignWithdrawal.withdrawn_at, CampaignWithdrawal.reason.label("withdraw_reason"))
        .outerjoin(CampaignWithdrawal, CampaignWithdrawal.campaign_id == Campaign.id)
        .where(Campaign.bureau_id == work.bureau_id)
    )


def described(work: Work, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of ``listed`` as schemas.campaigns.CampaignOut shows them, with the state of each."""
    today = work.now.astimezone(work.zone).date()
    told = []
    for row in rows:
        state = state_of(row.first_day, row.last_day, row.withdrawn_at is not None, today)
        told.append({**row._mapping, "state": state.value, "state_zh": state.label_zh})
    return told


def told(work: Work, campaign_id: uuid.UUID) -> dict[str, Any]:
    """One of them.

    Raises:
        Problem: ``not_found``.
    """
    rows = work.session.execute(listed(work).where(Campaign.id == campaign_id)).all()
    if not rows:
        raise Problem("not_found")
    return described(work, rows)[0]


def find(work: Work, campaign_id: uuid.UUID) -> Campaign:
    """A campaign of the bureau.

    Raises:
        Problem: ``not_found``.
    """
    own = select(Campaign).where(Campaign.id == campaign_id, Campaign.bureau_id == work.bureau_id)
    campaign = work.session.scalar(own)
    if campaign is None:
        raise Problem("not_found")
    return campaign


def campaigns_on(work: Work, day: date) -> list[Campaign]:
    """The campaigns that last on a day and were not withdrawn, the earliest first."""
    withdrawn = select(CampaignWithdrawal.campaign_id).where(CampaignWithdrawal.campaign_id == Campaign.id)
    return list(
        work.session.scalars(
            select(Campaign)
            .where(
                Campaign.bureau_id == work.bureau_id,
                Campaign.first_day <= day,
                Campaign.last_day >= day,
                ~withdrawn.exists(),
            )
            .order_by(Campaign.first_day, Campaign.number)
        )
    )


def terms_of(work: Work, campaign: Campaign) -> Terms:
    """What a campaign asks for, with its cells down to the leaves."""
    withdrawn_at = work.session.scalar(
        select(CampaignWithdrawal.withdrawn_at).where(CampaignWithdrawal.campaign_id == campaign.id)
    )
    begins, ends = window_of(campaign.first_day, campaign.last_day, withdrawn_at, work.zone)
    below = cells_below(work.bureau_id, [uuid.UUID(one) for one in campaign.cell_ids])
    leaves = select(GridCell.id).where(GridCell.id.in_(below), GridCell.cell_level == 4)
    return Terms(
        begins=begins,
        ends=ends,
        tags=frozenset(campaign.tags),
        cells=frozenset(work.session.scalars(leaves)) if campaign.cell_ids else frozenset(),
        subjects=frozenset(uuid.UUID(one) for one in campaign.subject_ids),
        record_kinds=frozenset(campaign.record_kinds),
    )


def subjects_of(work: Work, campaign: Campaign, day: date) -> set[uuid.UUID]:
    """The ids of the outlets, and of the other subjects named or tagged, that are in a campaign's scope on a day.

    For planners; it is not narrowed to what the actor may see. Where an outlet lies is what the register says now.
    """
    terms, held = terms_of(work, campaign), held_tags(work)
    found = {
        subject_id for subject_id, own in held.items() if not terms.tags.isdisjoint(tags_at(own, day))
    } | terms.subjects
    cells = set(work.session.scalars(select(GridCell.id).where(GridCell.bureau_id == work.bureau_id)))
    outlets = select(Outlet.id, Outlet.cell_id).where(
        Outlet.bureau_id == work.bureau_id, Outlet.cell_id.is_not(None)
    )
    for outlet_id, cell_id in work.session.execute(outlets):
        if cell_id in terms.cells or cell_id in found:
            found.add(outlet_id)
    return found - cells


def records_of(work: Work, campaign: Campaign) -> list[Marked]:
    """The records that belong to a campaign, in the actor's scope, the earliest first; of an amended one the last word."""
    terms, held = terms_of(work, campaign), held_tags(work)
    result = Record.document["answers"]["result"].as_string()
    candidates = select(
        Record.id,
        Record.kind,
        Record.visit_kind,
        Record.performed_at,
        Record.subject_kind,
        Record.subject_id,
        Record.cell_id,
        Record.valid,
        result.label("result"),
    ).where(
        stands(work, work.now),
        Record.visit_kind == "special",
        Record.performed_at >= terms.begins,
        Record.performed_at < terms.ends,
    )
    if not work.actor.reaches_bureau(Permission.CAMPAIGN_READ):
        candidates = candidates.where(
            Record.cell_id.in_(cells_in_scope(work.actor, Permission.CAMPAIGN_READ))
        )
    found = []
    for row in work.session.execute(candidates.order_by(Record.performed_at, Record.id)):
        day = row.performed_at.astimezone(work.zone).date()
        own = [*held.get(row.subject_id, ()), *held.get(row.cell_id, ())]
        made = Made(row.kind, row.visit_kind, row.performed_at, row.subject_id, row.cell_id)
        if belongs(terms, made, tags_at(own, day)):
            found.append(
                Marked(
                    row.id,
                    row.kind,
                    row.performed_at,
                    row.subject_kind,
                    row.subject_id,
                    row.cell_id,
                    row.valid,
                    row.result == "abnormal",
                )
            )
    return found


def outlets_of(work: Work, campaign: Campaign) -> list[Reached]:
    """The outlets in a campaign's scope, in the actor's, by licence number, with the records made there.

    In scope is whoever was in business, and was named, lay in one of the cells or was under one of the tags (his own or
    his cell's), on some day of the campaign; where an outlet lay and what it was is told by facts with their days.
    """
    terms, held = terms_of(work, campaign), held_tags(work)
    first, last = campaign.first_day, campaign.last_day
    statuses, placements = _histories(work)
    outlets = select(Outlet.id, Outlet.licence_no, Outlet.name, Outlet.cell_id).where(
        Outlet.bureau_id == work.bureau_id
    )
    if not work.actor.reaches_bureau(Permission.CAMPAIGN_READ):
        outlets = outlets.where(Outlet.cell_id.in_(cells_in_scope(work.actor, Permission.CAMPAIGN_READ)))
    made: dict[uuid.UUID, list[Marked]] = defaultdict(list)
    for record in records_of(work, campaign):
        if record.subject_id is not None:
            made[record.subject_id].append(record)
    found = []
    for outlet_id, licence_no, name, cell_id in work.session.execute(outlets.order_by(Outlet.licence_no)):
        if "active" not in values_between(statuses.get(outlet_id, []), first, last):
            continue
        cells = {cell for cell in values_between(placements.get(outlet_id, []), first, last) if cell}
        tags = _under(terms, [held.get(outlet_id, []), *(held.get(cell, []) for cell in cells)], first, last)
        if in_scope(terms, outlet_id, cells, tags):
            records = tuple(made.get(outlet_id, ()))
            found.append(Reached(outlet_id, licence_no, name, cell_id, tuple(sorted(tags)), records))
    return found


def _under(terms: Terms, held: Sequence[Sequence[Held]], first: date, last: date) -> set[str]:
    """The campaign's tags that some of these hold on some day of it."""
    return {one.tag for own in held for one in own if one.tag in terms.tags and one.between(first, last)}


Changes = dict[uuid.UUID, list[tuple[date, Any]]]


def _histories(work: Work) -> tuple[Changes, Changes]:
    """By outlet: its statuses and its cells, each from a day on, in the order in which they hold."""
    statuses: Changes = defaultdict(list)
    for outlet_id, from_day, status in work.session.execute(
        select(OutletStatus.outlet_id, OutletStatus.from_day, OutletStatus.status)
        .where(OutletStatus.bureau_id == work.bureau_id)
        .order_by(OutletStatus.from_day, OutletStatus.known_at, OutletStatus.id)
    ):
        statuses[outlet_id].append((from_day, status))
    placements: Changes = defaultdict(list)
    for outlet_id, from_day, cell_id in work.session.execute(
        select(Registration.outlet_id, Registration.from_day, Registration.cell_id)
        .where(Registration.bureau_id == work.bureau_id)
        .order_by(Registration.from_day, Registration.seq)
    ):
        placements[outlet_id].append((from_day, cell_id))
    return statuses, placements


def synced_campaigns(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID]
) -> Select[str, uuid.UUID]:
    """Campaigns as documents of the collection ``reference``, for officers who are to make special checks."""
    withdrawn = select(CampaignWithdrawal.withdrawn_at).where(CampaignWithdrawal.campaign_id == Campaign.id)
    fields: Any = func.json_build_object(
        "id", Campaign.id,
        "edit_id", Campaign.edit_id,
        "_deleted", False,
        "kind", "campaign",
        "number", Campaign.number,
        "name", Campaign.name,
        "basis", Campaign.basis,
        "first_day", Campaign.first_day,
        "last_day", Campaign.last_day,
        "tags", Campaign.tags,
        "cell_ids", Campaign.cell_ids,
        "subject_ids", Campaign.subject_ids,
        "record_kinds", Campaign.record_kinds,
        "withdrawn_at", withdrawn.scalar_subquery(),
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Campaign.edit_id).where(
        Campaign.id == ids, Campaign.bureau_id == bureau_id
    )


def in_state(work: Work, state: str) -> ColumnElement[bool]:
    """A condition on rows of ``listed``."""
    today = work.now.astimezone(work.zone).date()
    withdrawn = CampaignWithdrawal.withdrawn_at.is_not(None)
    if state == CampaignState.WITHDRAWN:
        return withdrawn
    by_day = {
        CampaignState.UPCOMING: Campaign.first_day > today,
        CampaignState.RUNNING: (Campaign.first_day <= today) & (Campaign.last_day >= today),
        CampaignState.OVER: Campaign.last_day < today,
    }[CampaignState(state)]
    return ~withdrawn & by_day
