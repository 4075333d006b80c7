"""Tables of patrols: the plan of a squad's day, its teams with their stops, and the runs that were made of it."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base, Owned


class PatrolPlan(Owned, Base):
    """The plan of one squad's day. Of several drafts one is published; ``revises_id`` names the published one it replaces.

    ``wishes`` are what the leader asked for (schemas.planning.WishesIn) and ``warnings`` what he should know of it, each
    with a stable code. ``ways`` tells how the ways were measured: pairs by road and by great circle, and the extract.
    ``retired_at`` is when it left the handhelds because its day had left the record window.
    """

    __tablename__ = "patrol_plan"
    __table_args__ = (
        CheckConstraint("state in ('draft', 'published', 'withdrawn')", name="state"),
        CheckConstraint("state <> 'published' or published_at is not null", name="published"),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_at is not null)", name="withdrawn"),
        Index(
            "uq_patrol_plan_squad_id_day",
            "squad_id",
            "day",
            unique=True,
            postgresql_where="state = 'published'",
        ),
    )

    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"), index=True)
    day: Mapped[date]
    state: Mapped[str]
    wishes: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    ways: Mapped[dict[str, Any] | None]
    objective: Mapped[int | None]
    solved_at: Mapped[datetime | None]
    made_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime]
    revises_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patrol_plan.id"))
    approval_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("inspection_approval.id"))
    grant_ids: Mapped[list[Any]] = mapped_column(default=list)
    published_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    published_at: Mapped[datetime | None]
    withdrawn_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    withdrawn_at: Mapped[datetime | None]
    withdraw_reason: Mapped[str | None]
    retired_at: Mapped[datetime | None]
    edit_id: Mapped[uuid.UUID]


class Patrol(Owned, Base):
    """One team's day: a vehicle, a shift, where it begins and ends, and the way it takes.

    Times and lengths of the way are what the plan says: ``travel_s``, ``service_s`` and ``waiting_s`` are seconds. The line
    is EPSG:4326. ``dispatch_id`` of records made on it is its own id. A shift may cross midnight; it belongs to ``day``.
    """

    __tablename__ = "patrol"
    __table_args__ = (
        UniqueConstraint("plan_id", "ordinal"),
        CheckConstraint("mode in ('car', 'foot')", name="mode"),
        CheckConstraint("ends_at > starts_at", name="shift"),
        Index("ix_patrol_squad_id_day", "squad_id", "day"),
    )

    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol_plan.id"), index=True)
    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"))
    day: Mapped[date]
    ordinal: Mapped[int]
    name: Mapped[str]
    mode: Mapped[str]
    vehicle_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("vehicle.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    start_name: Mapped[str]
    start_place: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    end_name: Mapped[str]
    end_place: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    most_stops: Mapped[int | None]
    leaves_at: Mapped[datetime | None]
    returns_at: Mapped[datetime | None]
    metres: Mapped[int | None]
    travel_s: Mapped[int | None]
    service_s: Mapped[int | None]
    waiting_s: Mapped[int | None]
    line: Mapped[WKBElement | None] = mapped_column(Geometry("LINESTRING", srid=4326, spatial_index=False))
    edit_id: Mapped[uuid.UUID]


class PatrolMember(Base):
    """Somebody of the team; the first two are the certified officers who inspect, whoever comes along is ``extra``."""

    __tablename__ = "patrol_member"
    __table_args__ = (
        CheckConstraint("part in ('lead', 'second', 'extra')", name="part"),
        UniqueConstraint("patrol_id", "person_id"),
        Index("ix_patrol_member_person_id", "person_id"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    patrol_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    part: Mapped[str]


class PatrolCell(Base):
    """A cell that is assigned to one team: its subjects are visited by that team or by none."""

    __tablename__ = "patrol_cell"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    patrol_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol.id"), primary_key=True)
    cell_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("grid_cell.id"), primary_key=True, index=True)


class PatrolStop(Owned, Base):
    """A stop of a team in its order, with the times of the plan and why it is there.

    ``reasons`` are as planning.reasons writes them, ``obligation_ids`` what one visit meets, ``form_code`` the checklist
    to fill. ``leg_*`` is the way from the stop before, or from the start. ``visit_kind`` is the label of the inspection.
    What the officers say is in ``status``, ``skip_reason``, ``note``, ``record_id`` and ``field_ordinal``, the order in
    which they take it; a leader's hold on it is in ``fixed`` (team, or team and time).
    """

    __tablename__ = "patrol_stop"
    __table_args__ = (
        UniqueConstraint("patrol_id", "subject_id"),
        CheckConstraint("status in ('planned', 'done', 'skipped', 'withdrawn')", name="status"),
        CheckConstraint("(status = 'skipped') = (skip_reason is not null)", name="skipped"),
        CheckConstraint("fixed in ('team', 'time')", name="fixed"),
        Index("ix_patrol_stop_subject_id", "subject_id"),
    )

    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol_plan.id"), index=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol.id"))
    ordinal: Mapped[int]
    field_ordinal: Mapped[int]
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    place: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    arrives_at: Mapped[datetime]
    begins_at: Mapped[datetime]
    departs_at: Mapped[datetime]
    leg_metres: Mapped[int]
    leg_s: Mapped[int]
    leg_by_road: Mapped[bool]
    visit_kind: Mapped[str]
    form_code: Mapped[str | None]
    obligation_ids: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    fixed: Mapped[str | None]
    status: Mapped[str]
    skip_reason: Mapped[str | None]
    note: Mapped[str | None]
    record_id: Mapped[uuid.UUID | None]
    told_at: Mapped[datetime | None]
    told_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    edit_id: Mapped[uuid.UUID]


class StopWord(Base):
    """What was said of a stop, in the field or at the desk, as it was known: the last word holds. Append-only."""

    __tablename__ = "patrol_stop_word"
    __table_args__ = (
        CheckConstraint("status in ('planned', 'done', 'skipped')", name="status"),
        CheckConstraint("(status = 'skipped') = (skip_reason is not null)", name="skipped"),
        Index("ix_patrol_stop_word_stop_id", "stop_id", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    stop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol_stop.id"))
    edit_id: Mapped[uuid.UUID]
    status: Mapped[str]
    skip_reason: Mapped[str | None]
    note: Mapped[str | None]
    # No foreign key: the record may arrive later.
    record_id: Mapped[uuid.UUID | None]
    field_ordinal: Mapped[int]
    told_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    known_at: Mapped[datetime]


class PlanUnfitted(Base):
    """What was due and is not in the plan: why, as a stable code, and the first day on which it is late."""

    __tablename__ = "plan_unfitted"

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol_plan.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    cell_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("grid_cell.id"))
    code: Mapped[str]
    late_on: Mapped[date | None]
    obligation_ids: Mapped[list[Any]]
    reasons: Mapped[list[Any]]


class PlanWish(Owned, Base):
    """What the leader fixed about a subject in a plan: to be in it, on which team, when; or to stay out of it.

    ``not_before`` and ``not_after`` bound the beginning of the visit. It outlives every solving until it is taken back.
    """

    __tablename__ = "plan_wish"
    __table_args__ = (
        UniqueConstraint("plan_id", "subject_id"),
        CheckConstraint("wish in ('include', 'exclude')", name="wish"),
        CheckConstraint("not_after >= not_before", name="times"),
    )

    plan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol_plan.id"))
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    wish: Mapped[str]
    patrol_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patrol.id"))
    not_before: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    note: Mapped[str | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class PlanSolving(Owned, Base):
    """One run of the solver over the plans of one or more days, as a job: how far it is, and what it has so far.

    ``best`` is the solution so far in the words of gis.routing, so that a run which is cancelled, or whose worker is
    killed, has kept it. ``faults`` tell which team, stop or window makes a day impossible.
    """

    __tablename__ = "plan_solving"
    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'cancelled', 'failed')", name="state"),
        CheckConstraint("limit_s between 1 and 600", name="limit_s"),
    )

    squad_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("squad.id"))
    plan_ids: Mapped[list[Any]]
    state: Mapped[str]
    limit_s: Mapped[int]
    elapsed_s: Mapped[int]
    objective: Mapped[int | None]
    served: Mapped[int | None]
    unserved: Mapped[int | None]
    best: Mapped[dict[str, Any] | None]
    faults: Mapped[list[Any]]
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cancel_asked_at: Mapped[datetime | None]


class PlanningRules(Owned, Base):
    """A version of the bureau's numbers for planning, from a day on: minutes at a door by kind, opening hours, speeds.

    Append-only; ``rules`` as planning.rulebook.PlanningRules reads them.
    """

    __tablename__ = "planning_rules"
    __table_args__ = (UniqueConstraint("bureau_id", "version"),)

    version: Mapped[int]
    effective_from: Mapped[date]
    rules: Mapped[dict[str, Any]]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class OpeningHours(Owned, Base):
    """When one subject is open, as somebody noted it; the last word holds, and a null week takes it back. Append-only.

    ``week`` maps ISO weekdays ("1" is Monday) to lists of ``[opens, closes]`` as HH:MM; a day that is missing is closed.
    """

    __tablename__ = "opening_hours"
    __table_args__ = (Index("ix_opening_hours_subject_id", "subject_id", "known_at"),)

    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    week: Mapped[dict[str, Any] | None]
    note: Mapped[str | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    known_at: Mapped[datetime]


class PatrolRun(Base):
    """What a record of kind ``patrol`` tells: that a team began or ended its patrol. Append-only.

    ``metres`` is what the handheld measured between the two, where it did.
    """

    __tablename__ = "patrol_run"
    __table_args__ = (
        CheckConstraint("act in ('start', 'end')", name="act"),
        Index("ix_patrol_run_patrol_id", "patrol_id"),
    )

    bureau_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bureau.id"))
    record_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("record.id"), primary_key=True)
    # No foreign key: a record may name a patrol that is another bureau's, or none.
    patrol_id: Mapped[uuid.UUID]
    act: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    metres: Mapped[int | None]
    known_at: Mapped[datetime]
