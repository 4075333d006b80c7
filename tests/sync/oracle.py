"""What an officer may see, worked out from duty, membership and time, and from nothing that sync keeps."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import Select, or_, select, union

from server.cadence.models import Obligation, Policy
from server.campaigns.models import Campaign
from server.grids.models import Duty, GridCell, ScopeGrant
from server.kernel.calendar import WorkdayYear
from server.kernel.work import Kernel
from server.org.models import Person, Secondment, SquadMember
from server.outlets.models import Outlet, Site
from server.patrols.models import Patrol, PatrolMember, PatrolPlan, PatrolStop
from server.records.models import Form, Record, RecordOfficer, Rectification
from tests.sync.handheld import Handheld
from tests.town import ZONE, Town

Editions = dict[str, str]
# What changes hands; the rest is everybody's in the bureau.
MOVING = ("cells", "outlets", "obligations", "records", "rectifications")
COLLECTIONS = (*MOVING, "patrols", "stops", "sites", "people", "reference")


def may_see(
    kernel: Kernel, town: Town, name: str, now: datetime, collections: Sequence[str] = COLLECTIONS
) -> dict[str, Editions]:
    """By collection, every document that somebody of the town may see now, with its present edit."""
    person, bureau, today = town.people[name], town.bureau_id, now.astimezone(ZONE).date()
    squads = union(
        *(
            select(works.squad_id).where(works.person_id == person, works.valid.op("@>")(today))
            for works in (SquadMember, Secondment)
        )
    )
    by_duty = select(Duty.cell_id).where(Duty.squad_id.in_(squads), Duty.valid.op("@>")(today))
    lent = select(ScopeGrant.cell_id).where(
        or_(ScopeGrant.person_id == person, ScopeGrant.squad_id.in_(squads)),
        ScopeGrant.valid.op("@>")(today),
        ScopeGrant.revoked_at.is_(None),
    )
    cells = by_duty.union(lent)
    teams = select(PatrolMember.patrol_id).where(PatrolMember.person_id == person)
    squads = select(SquadMember.squad_id).where(
        SquadMember.person_id == person, SquadMember.valid.op("@>")(today)
    )
    patrols = (
        select(Patrol.id)
        .join(PatrolPlan, PatrolPlan.id == Patrol.plan_id)
        .where(
            PatrolPlan.state == "published",
            PatrolPlan.retired_at.is_(None),
            or_(Patrol.id.in_(teams), Patrol.squad_id.in_(squads)),
        )
    )
    signed = select(RecordOfficer.record_id).where(RecordOfficer.person_id == person)
    queries: dict[str, list[Select[tuple[uuid.UUID, uuid.UUID]]]] = {
        "cells": [select(GridCell.id, GridCell.edit_id).where(GridCell.id.in_(cells))],
        "outlets": [select(Outlet.id, Outlet.edit_id).where(Outlet.cell_id.in_(cells))],
        "sites": [select(Site.id, Site.edit_id).where(Site.bureau_id == bureau)],
        "obligations": [select(Obligation.id, Obligation.edit_id).where(Obligation.cell_id.in_(cells))],
        "records": [
            select(Record.id, Record.edit_id).where(
                Record.performed_at >= datetime.combine(today, time.min, ZONE) - timedelta(days=90),
                or_(Record.cell_id.in_(cells), Record.id.in_(signed), Record.pushed_by == person),
            )
        ],
        "rectifications": [
            select(Rectification.id, Rectification.edit_id).where(Rectification.cell_id.in_(cells))
        ],
        "patrols": [select(Patrol.id, Patrol.edit_id).where(Patrol.id.in_(patrols))],
        "stops": [select(PatrolStop.id, PatrolStop.edit_id).where(PatrolStop.patrol_id.in_(patrols))],
        "people": [select(Person.id, Person.edit_id).where(Person.bureau_id == bureau)],
        "reference": [
            select(Form.id, Form.edit_id).where(Form.bureau_id == bureau),
            select(Policy.id, Policy.edit_id).where(Policy.bureau_id == bureau),
            select(Campaign.id, Campaign.edit_id).where(Campaign.bureau_id == bureau),
            select(WorkdayYear.document_id, WorkdayYear.edit_id).where(WorkdayYear.bureau_id == bureau),
        ],
    }
    with kernel.sessions() as session:
        return {
            collection: {
                str(document): str(edit)
                for query in queries[collection]
                for document, edit in session.execute(query)
            }
            for collection in collections
        }


def pulled(device: Handheld, collections: Sequence[str] = COLLECTIONS) -> dict[str, Editions]:
    """Pull collections to the end; what the device holds of them then, in the oracle's shape."""
    device.pull(*collections)
    return {
        collection: {document: held["edit_id"] for document, held in device.held[collection].items()}
        for collection in collections
    }
