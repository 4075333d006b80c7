"""One table: synced collection → who may see what of it, and what a push to it does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import UUID

from server.approvals.models import ApprovalWithdrawal, InspectionApproval
from server.approvals.queries import synced_approvals
from server.cadence import queries as cadence
from server.cadence.models import Policy
from server.campaigns.models import Campaign, CampaignWithdrawal
from server.campaigns.queries import synced_campaigns
from server.grids import queries as grids
from server.grids.models import GridCell
from server.kernel.actor import house
from server.kernel.calendar import WorkdayYear
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Kernel, Work
from server.notices import queries as notices
from server.org import queries as org
from server.outlets import queries as outlets
from server.outlets.models import Outlet
from server.patrols import syncing as patrols
from server.patrols.models import Patrol, PatrolStop
from server.patrols.stops import edit_stops
from server.records import queries as records
from server.records.models import Form, Record, Rectification
from server.records.ops import receive_records
from server.records.rectification import edit_rectifications
from server.records.window import carry_out_dates
from sync.collection import Collection, Reader
from sync.retention import mark_feed, principals_of, prune

PERSON = bindparam("person_id", type_=UUID(as_uuid=True))
BUREAU = bindparam("bureau_id", type_=UUID(as_uuid=True))
TODAY: ColumnElement[Any] = bindparam("today", type_=Date())
SINCE = bindparam("since", type_=DateTime(timezone=True))


def synced_reference(ids: ColumnElement[uuid.UUID]) -> Select[str, uuid.UUID]:
    """Forms, policies, workdays, approvals and campaigns: small, alike for everyone in the bureau, one collection."""
    parts = (
        records.synced_forms(ids, BUREAU).correlate_except(Form),
        cadence.synced_policies(ids, BUREAU).correlate_except(Policy),
        cadence.synced_workdays(ids, BUREAU).correlate_except(WorkdayYear),
        synced_approvals(ids, BUREAU).correlate_except(InspectionApproval, ApprovalWithdrawal),
        synced_campaigns(ids, BUREAU).correlate_except(Campaign, CampaignWithdrawal),
    )

    def whichever(name: str) -> ColumnElement[Any]:
        columns = (part.with_only_columns(part.selected_columns[name]).scalar_subquery() for part in parts)
        return func.coalesce(*columns).label(name)

    return select(whichever("document"), whichever("edit_id"))


COLLECTIONS: Mapping[str, Collection] = {
    collection.name: collection
    for collection in (
        Collection("cells", lambda ids: grids.synced(ids, PERSON)),
        Collection("outlets", lambda ids: outlets.synced(ids, PERSON)),
        Collection("sites", lambda ids: outlets.synced_sites(ids, BUREAU)),
        Collection("obligations", lambda ids: cadence.synced(ids, PERSON)),
        Collection(
            "records",
            lambda ids: records.synced(ids, PERSON, SINCE),
            receive_records,
            stored=records.stored,
            held=lambda ids: records.held(ids, BUREAU),
            stamps=frozenset({"stamp"}),
        ),
        Collection(
            "rectifications",
            lambda ids: records.synced_rectifications(ids, PERSON),
            edit_rectifications,
            held=lambda ids: records.held_rectifications(ids, BUREAU),
        ),
        Collection(
            "patrols",
            lambda ids: patrols.synced_patrols(ids, PERSON, TODAY),
            held=lambda ids: patrols.held_patrols(ids, BUREAU),
        ),
        Collection(
            "stops",
            lambda ids: patrols.synced_stops(ids, PERSON, TODAY),
            edit_stops,
            held=lambda ids: patrols.held_stops(ids, BUREAU),
        ),
        Collection("notices", lambda ids: notices.synced(ids, PERSON)),
        Collection("people", lambda ids: org.synced_people(ids, BUREAU, TODAY)),
        Collection("reference", synced_reference),
    )
}


# Collection → the cell of a document: whose desk an edit of it belongs to. Those of ``SQUADS`` say so themselves.
CELLS: Mapping[str, Callable[[ColumnElement[uuid.UUID]], Select[uuid.UUID | None]]] = {
    "cells": lambda ids: select(GridCell.id).where(GridCell.id == ids),
    "outlets": lambda ids: select(Outlet.cell_id).where(Outlet.id == ids),
    "records": lambda ids: select(Record.cell_id).where(Record.id == ids),
    "rectifications": lambda ids: select(Rectification.cell_id).where(Rectification.id == ids),
}

# Collection → the squad of a document that belongs to one by itself, in whosever cells it lies.
SQUADS: Mapping[str, Callable[[ColumnElement[uuid.UUID]], Select[uuid.UUID]]] = {
    "patrols": lambda ids: select(Patrol.squad_id).where(Patrol.id == ids),
    "stops": lambda ids: (
        select(Patrol.squad_id)
        .join(PatrolStop, PatrolStop.patrol_id == Patrol.id)
        .where(PatrolStop.id == ids)
    ),
}


def reader_of(work: Work) -> Reader:
    """Who replicates in this unit of work; today's scope is carried out before anything is read.

    Raises:
        Problem: ``forbidden`` for an account that is nobody in the field.
    """
    actor = work.actor
    actor.must(Permission.SYNC_USE)
    if actor.person_id is None:
        raise Problem(
            "forbidden", detail="该账号没有对应的外勤人员，不能同步。The account is tied to no field person."
        )
    if not actor.push_only:
        carry_out_dates(work)
    return field_reader(work, actor.person_id)


def field_reader(work: Work, person_id: uuid.UUID) -> Reader:
    """Somebody in the field, who is the actor of this unit of work."""
    reader = _reader(work, person_id, work.actor.squad_ids)
    return replace(reader, device_id=work.actor.device_id, may_pull=not work.actor.push_only)


def _reader(work: Work, person_id: uuid.UUID, squad_ids: Sequence[uuid.UUID]) -> Reader:
    return Reader(
        bureau_id=work.bureau_id,
        reader_id=person_id,
        device_id=None,
        principals=(
            f"bureau:{work.bureau_id}",
            *(f"squad:{squad}" for squad in squad_ids[:2]),
            f"officer:{person_id}",
        ),
        parameters=_parameters(work, person_id),
    )


def desk_reader(work: Work) -> Reader:
    """Whoever settles at the desk: no device, no feed; what he may settle is looked up by the desk."""
    actor = work.actor
    return Reader(
        bureau_id=actor.bureau_id,
        reader_id=actor.account_id or actor.bureau_id,
        device_id=None,
        principals=(),
        parameters=_parameters(work, actor.person_id),
    )


def _parameters(work: Work, person_id: uuid.UUID | None) -> dict[str, Any]:
    today = work.now.astimezone(work.zone).date()
    return {
        "person_id": person_id,
        "bureau_id": work.bureau_id,
        "today": today,
        "since": records.window_start(today, work.settings.record_window_days, work.zone),
    }


def prune_feeds(kernel: Kernel, bureau_id: uuid.UUID, now: datetime) -> int:
    """Take tombstones that are older than the retention out of the feeds of a bureau; the number of rows.

    Every principal in a transaction of its own, for an open writer holds the horizon back. Whoever belongs to the
    bureau counts as a reader, with an account or without.
    """
    with kernel.work(house(bureau_id), now) as work:
        carry_out_dates(work)
        below = mark_feed(work.session, now, timedelta(days=work.settings.tombstone_days))
        squads = org.squads_by_person(work.session, bureau_id, now.astimezone(work.zone).date())
        readers = [_reader(work, person, its) for person, its in squads.items()]
    pruned = 0
    if below is None:
        return 0
    for principal, reading in sorted(principals_of(readers).items()):
        with kernel.work(house(bureau_id), now) as work:
            pruned += prune(work.session, principal, reading, COLLECTIONS.values(), below)
    return pruned
