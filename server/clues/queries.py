"""Reads of clues: always from what the actor may see, with persons masked."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from geoalchemy2 import Geography
from geoalchemy2.shape import to_shape
from shapely.geometry import Point
from sqlalchemy import ColumnElement, Double, Select, and_, cast, func, literal, null, or_, select, union_all
from sqlalchemy.orm import aliased

from schemas.vocabulary import ClueActKind, ClueMatter, ClueStatus, DutyRule
from server.cadence.models import Obligation
from server.clues import rules
from server.clues.models import Clue, ClueAct
from server.grids.queries import cells_in_scope
from server.kernel.actor import Actor
from server.kernel.bulk import among
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.privacy.masking import mask_plate, mask_text
from server.records.hints import hints_of
from server.records.models import Record
from server.records.queries import visible_to as records_visible_to

# Two clues found longer apart are not proposed as one.
_APART = timedelta(days=90)
MOST_PAIRS = 500
# At 60° north, beyond which there is no bureau, a degree of longitude is so many metres; further south it is more.
_METRES_A_DEGREE = 55_000


def visible_to(actor: Actor) -> Select[Clue]:
    """The clues of the actor's cells and squads, and those that he told himself; whoever sees the bureau's sees all."""
    clues = select(Clue).where(Clue.bureau_id == actor.bureau_id)
    if actor.reaches_bureau(Permission.CLUE_READ):
        return clues
    own: list[ColumnElement[bool]] = [
        Clue.cell_id.in_(cells_in_scope(actor, Permission.CLUE_READ)),
        Clue.squad_id.in_(actor.squad_ids),
    ]
    if actor.person_id is not None:
        own.append(Clue.person_id == actor.person_id)
    if actor.account_id is not None:
        own.append(Clue.account_id == actor.account_id)
    return clues.where(or_(*own))


def find_clue(work: Work, clue_id: uuid.UUID) -> Clue:
    """A clue that the actor may see.

    Raises:
        Problem: ``not_found``, alike for one that is not there and for one out of scope.
    """
    found = work.session.scalar(visible_to(work.actor).where(Clue.id == clue_id))
    if found is None:
        raise Problem("not_found")
    return found


def acts_of(work: Work, clue_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ClueAct]]:
    """What was done with the clues, in the order in which it became known."""
    acts: dict[uuid.UUID, list[ClueAct]] = defaultdict(list)
    for act in work.session.scalars(
        select(ClueAct).where(among(ClueAct.clue_id, clue_ids)).order_by(ClueAct.known_at, ClueAct.id)
    ):
        acts[act.clue_id].append(act)
    return acts


def described(work: Work, clues: Sequence[Clue], *, masked: bool = True) -> list[dict[str, Any]]:
    """Clues as schemas.clues.ClueOut shows them, with acts and clocks; plates and numbers in texts masked or in full."""
    ids = [clue.id for clue in clues]
    acts = acts_of(work, ids)
    notices = _notice_clocks(work, acts, ids)
    merged = _merged_into(work, ids)
    return [
        _described(work, clue, acts.get(clue.id, []), notices.get(clue.id), merged.get(clue.id, []), masked)
        for clue in clues
    ]


def _described(
    work: Work,
    clue: Clue,
    acts: Sequence[ClueAct],
    notice: rules.Clock | None,
    merged: Sequence[Clue],
    masked: bool,
) -> dict[str, Any]:
    point = to_shape(clue.position) if clue.position is not None else None
    lon, lat = (point.x, point.y) if isinstance(point, Point) else (None, None)

    def text(value: str | None) -> str | None:
        return mask_text(value) if value and masked else value

    told: dict[str, Any] = {
        name: getattr(clue, name)
        for name in (
            "id", "number", "source", "source_unit", "record_id", "from_record_id", "matter", "subject_kind", "subject_id",
            "confidence", "elsewhere_unit", "found_at", "cell_id", "squad_id", "known_at", "status",
        )
    }  # fmt: skip
    step = rules.next_step(acts)
    return told | {
        "matter_zh": ClueMatter(clue.matter).label_zh,
        "status_zh": ClueStatus(clue.status).label_zh,
        "summary": text(clue.summary),
        "place": text(clue.place),
        "plate": mask_plate(clue.plate) if clue.plate and masked else clue.plate,
        "lon": lon,
        "lat": lat,
        "masked": masked,
        "sources": [
            {"clue_id": one.id, "source": one.source, "unit": one.source_unit} for one in (clue, *merged)
        ],
        "next_step": step.value if step else None,
        "clocks": [*([notice] if notice else []), *rules.clocks_of(clue.found_at, acts, work.now, work.zone)],
        "acts": [
            {
                "id": act.id,
                "kind": act.kind,
                "kind_zh": ClueActKind(act.kind).label_zh,
                "happened_at": act.happened_at,
                "unit": act.unit,
                "decision": act.decision,
                "people": act.people,
                "note": text(act.note),
                "other_clue_id": act.other_clue_id,
                "article": _ARTICLES.get(ClueActKind(act.kind)),
                "account_id": act.account_id,
                "known_at": act.known_at,
            }
            for act in acts
        ],
    }


_ARTICLES = {
    ClueActKind.HAND_OVER: rules.HAND_OVER_ARTICLES,
    ClueActKind.TRANSFER_PROPOSED: rules.REPORTED,
    ClueActKind.TRANSFER_DECIDED: rules.REPORTED,
    ClueActKind.TRANSFER_SENT: rules.SENT,
    ClueActKind.POLICE_DECIDED: rules.POLICE,
    ClueActKind.GOODS_SENT: rules.GOODS,
}


def _notice_clocks(
    work: Work, acts: Mapping[uuid.UUID, Sequence[ClueAct]], clue_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, rules.Clock]:
    """By clue: until when another place has to be told, as cadence has it, for a clue that concerns one.

    A notice that was written down just now has not met its duty yet, which is done before commit.
    """
    owed = select(Obligation).where(
        Obligation.bureau_id == work.bureau_id,
        Obligation.rule == DutyRule.CLUE_NOTICE.value,
        among(Obligation.trigger_id, clue_ids),
        Obligation.withdrawn_at.is_(None),
    )
    return {
        one.trigger_id: rules.clock(
            "notice",
            DutyRule.CLUE_NOTICE.label_zh,
            rules.day_over(one.last_day, work.zone),
            one.met_at or _noticed_at(acts.get(one.trigger_id, ())),
            work.now,
            provisional=one.provisional,
        )
        for one in work.session.scalars(owed)
        if one.trigger_id is not None
    }


def _noticed_at(acts: Sequence[ClueAct]) -> datetime | None:
    return min((act.happened_at for act in acts if act.kind == ClueActKind.NOTICE), default=None)


def _merged_into(work: Work, clue_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Clue]]:
    """By clue: those that were merged into it, directly, by the last word on each."""
    rows = work.session.execute(
        select(ClueAct.other_clue_id, Clue)
        .join(Clue, Clue.id == ClueAct.clue_id)
        .where(among(ClueAct.other_clue_id, clue_ids), ClueAct.decision == "merged", Clue.status == "merged")
        .order_by(ClueAct.known_at, ClueAct.id)
    )
    merged: dict[uuid.UUID, dict[uuid.UUID, Clue]] = defaultdict(dict)
    for into, clue in rows:
        if into is not None:
            merged[into][clue.id] = clue
    return {into: list(clues.values()) for into, clues in merged.items()}


def hints_for(work: Work, clue: Clue) -> list[Mapping[str, Any]]:
    """Which limits of criminal law the goods and money of its records reach; what follows, a person decides."""
    wanted = [one for one in (clue.record_id, clue.from_record_id) if one is not None]
    records = (
        work.session.scalars(records_visible_to(work.actor).where(Record.id.in_(wanted))) if wanted else ()
    )
    return [
        hint
        for record in records
        for hint in hints_of(record.document)
        if str(hint["code"]).startswith("crime_")
    ]


def possible_duplicates(work: Work, radius_m: float) -> list[dict[str, Any]]:
    """Pairs of clues that may be one: found within ``radius_m`` of each other on the ground, or with the same plate.

    Both are visible to the actor, neither is merged already, they were found within ninety days, and nobody told them
    apart. A person decides; the newest pairs come first, at most ``MOST_PAIRS``.
    """
    mine = visible_to(work.actor).where(Clue.status != ClueStatus.MERGED.value)
    one, other = aliased(Clue, mine.subquery("one")), aliased(Clue, mine.subquery("other"))
    ground = cast(func.ST_Distance(cast(one.position, Geography), cast(other.position, Geography)), Double)
    apart = select(ClueAct.id).where(
        ClueAct.kind == ClueActKind.KEPT_APART.value,
        or_(
            and_(ClueAct.clue_id == one.id, ClueAct.other_clue_id == other.id),
            and_(ClueAct.clue_id == other.id, ClueAct.other_clue_id == one.id),
        ),
    )
    both = and_(
        one.id < other.id,
        other.found_at.between(one.found_at - _APART, one.found_at + _APART),
        ~apart.correlate(one, other).exists(),
    )
    near = (
        select(
            one.id.label("one"),
            other.id.label("other"),
            literal("near").label("reason"),
            ground.label("metres"),
        )
        .join(other, both)
        .where(func.ST_DWithin(one.position, other.position, radius_m / _METRES_A_DEGREE), ground <= radius_m)
    )
    plate = (
        select(one.id, other.id, literal("plate"), cast(null(), Double))
        .join(other, both)
        .where(one.plate == other.plate)
    )
    pairs = union_all(near, plate).subquery()
    rows = work.session.execute(
        select(pairs).order_by(pairs.c.other.desc(), pairs.c.one.desc(), pairs.c.reason).limit(MOST_PAIRS)
    )
    found: dict[tuple[uuid.UUID, uuid.UUID], dict[str, Any]] = {}
    for row in rows:
        pair = found.setdefault(
            (row.one, row.other),
            {"clue_id": row.one, "other_clue_id": row.other, "reasons": [], "distance_m": None},
        )
        pair["reasons"].append(row.reason)
        if row.metres is not None:
            pair["distance_m"] = round(row.metres, 1)
    return list(found.values())
