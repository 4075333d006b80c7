"""Plan and deed as schemas.patrol_deeds tells them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from schemas.vocabulary import PatrolPurpose, SkipReason, StopOutcome
from server.cadence.duty_models import DutySubject
from server.kernel.bulk import among
from server.kernel.work import Work
from server.org.models import Person, Squad
from server.outlets.models import Outlet, Site
from server.patrols.comparing import Deed, Figures, StopDeed, figures_of
from server.patrols.models import Patrol, PatrolMember
from server.privacy.masking import mask_text


def deed_shown(work: Work, deed: Deed, as_of: datetime) -> dict[str, Any]:
    """One patrol with everything behind its figures. Here alone the team is named, for a patrol is its team's."""
    patrol, run, figures = deed.patrol, deed.run, figures_of([deed])
    subjects = [
        *(one.stop.subject_id for one in deed.stops),
        *(visits[0].subject_id for visits in deed.added),
    ]
    names = subject_names(work, [one for one in subjects if one is not None])
    return {
        "as_of": as_of.astimezone(work.zone),
        **_of_patrol(patrol, squad_names(work)),
        "mode": patrol.mode,
        "team": _team(work, patrol),
        "planned_start_at": (patrol.leaves_at or patrol.starts_at).astimezone(work.zone),
        "planned_end_at": (patrol.returns_at or patrol.ends_at).astimezone(work.zone),
        "planned_travel_s": patrol.travel_s,
        "planned_service_s": patrol.service_s,
        "run": run
        and {
            "started_at": run.started_at.astimezone(work.zone),
            "ended_at": run.ended_at and run.ended_at.astimezone(work.zone),
            "record_ids": run.record_ids,
            "other_record_ids": run.other_ids,
        },
        "figures": figures_shown(figures),
        "skipped_for": skipped_shown(figures),
        "stops": [_stop(one, names) for one in deed.stops],
        "added": [
            {
                "subject_kind": visits[0].subject_kind,
                "subject_id": visits[0].subject_id,
                "name": names.get(visits[0].subject_id) if visits[0].subject_id else None,
                "record_ids": [visit.id for visit in visits],
            }
            for visits in deed.added
        ],
        "purposes": _purposes(deed),
        "metres_by": deed.metres_by,
        "metres_record_ids": deed.metres_record_ids,
    }


def row_shown(deed: Deed, squads: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    """One patrol's figures, without its team."""
    return {
        **_of_patrol(deed.patrol, squads),
        **figures_shown(figures_of([deed])),
        "metres_by": deed.metres_by,
    }


def figures_shown(figures: Figures) -> dict[str, int]:
    """Figures as schemas.patrol_deeds.DeedFigures tells them."""
    return {
        **{
            name: getattr(figures, name)
            for name in (
                *("patrols", "started", "ended", "planned", "added"),
                *("metres_planned", "metres_done", "measured", "way_s", "run_s"),
            )
        },
        **{outcome.value: figures.outcomes[outcome] for outcome in StopOutcome},
        **{
            f"{purpose}_s": figures.seconds[purpose]
            for purpose in PatrolPurpose
            if purpose is not PatrolPurpose.WAY
        },
    }


def skipped_shown(figures: Figures) -> list[dict[str, Any]]:
    """How many stops were skipped for which reason, in the order of the reasons."""
    return [
        {"reason": reason.value, "reason_zh": reason.label_zh, "count": figures.skipped[reason]}
        for reason in SkipReason
        if figures.skipped[reason]
    ]


def squad_names(work: Work) -> dict[uuid.UUID, str]:
    """What the bureau's squads are called."""
    return dict(
        work.session.execute(select(Squad.id, Squad.name).where(Squad.bureau_id == work.bureau_id)).all()
    )


def subject_names(work: Work, subjects: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What subjects are called in whichever register holds them."""
    wanted = sorted(set(subjects))
    names: dict[uuid.UUID, str] = {}
    for table in (Outlet, Site, DutySubject):
        found = select(table.id, table.name).where(among(table.id, wanted), table.bureau_id == work.bureau_id)
        names |= dict(work.session.execute(found).all())
    return names


def _of_patrol(patrol: Patrol, squads: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "patrol_id": patrol.id,
        "plan_id": patrol.plan_id,
        "squad_id": patrol.squad_id,
        "squad": squads[patrol.squad_id],
        "day": patrol.day,
        "name": patrol.name,
    }


def _team(work: Work, patrol: Patrol) -> Sequence[Any]:
    return work.session.execute(
        select(PatrolMember.person_id, Person.name, PatrolMember.part)
        .join(Person, Person.id == PatrolMember.person_id)
        .where(PatrolMember.patrol_id == patrol.id)
        .order_by(PatrolMember.ordinal)
    ).all()


def _stop(deed: StopDeed, names: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    stop, word = deed.stop, deed.word
    return {
        "stop_id": stop.id,
        "ordinal": stop.ordinal,
        "field_ordinal": word.field_ordinal if word else stop.ordinal,
        "subject_kind": stop.subject_kind,
        "subject_id": stop.subject_id,
        "name": names.get(stop.subject_id),
        "outcome": deed.outcome.value,
        "outcome_zh": deed.outcome.label_zh,
        "skip_reason": word.skip_reason if word else None,
        "note": mask_text(word.note) if word and word.note else None,
        "record_ids": deed.record_ids,
        "awaited": deed.awaited,
    }


def _purposes(deed: Deed) -> list[dict[str, Any]]:
    records: dict[PatrolPurpose, list[uuid.UUID]] = defaultdict(list)
    for visit in deed.visits:
        if visit.takes_time:
            records[visit.purpose].append(visit.id)
    records[PatrolPurpose.WAY] = deed.run.record_ids if deed.run else []
    seconds: dict[PatrolPurpose, int | None] = {purpose: deed.seconds[purpose] for purpose in PatrolPurpose}
    seconds[PatrolPurpose.WAY] = deed.way_s
    return [
        {
            "purpose": purpose.value,
            "purpose_zh": purpose.label_zh,
            "seconds": seconds[purpose],
            "record_ids": records[purpose],
        }
        for purpose in PatrolPurpose
    ]
