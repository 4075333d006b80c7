"""Plan and deed of patrols on the wire. Figures are of patrols and of sums of them; there is none of a person."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.reports import PeriodQuery, ShapeQuery

PATROLS_BY = ("squad", "day", "patrol")


class DeedQuery(Schema):
    """As known when."""

    as_of = Moment(load_default=None, metadata={"description": "As known by this moment; default: now"})


class DeedsQuery(DeedQuery):
    """Of which squad (all in scope where none is named), from which day to which, both included."""

    squad_id = fields.UUID(load_default=None)
    from_day = fields.Date(required=True, data_key="from")
    to_day = fields.Date(required=True, data_key="to")


class SkippedOut(Schema):
    """How many stops were skipped for a reason."""

    reason = fields.String()
    reason_zh = fields.String()
    count = fields.Integer()


class DeedFigures(Schema):
    """The figures of a patrol, or the sums of several. Metres and seconds are whole.

    ``planned`` are the stops that were to be made: done, attempted, skipped, unproved and not reached together.
    """

    patrols = fields.Integer()
    started = fields.Integer(metadata={"description": "Patrols of which a beginning or an end is known"})
    ended = fields.Integer(metadata={"description": "Patrols of which the end is known"})
    planned = fields.Integer()
    done = fields.Integer(metadata={"description": "A record of the team, or the record that the stop names"})
    attempted = fields.Integer(metadata={"description": "Only an attempt (到店未查成)"})
    skipped = fields.Integer()
    unproved = fields.Integer(metadata={"description": "Told as done, without a record"})
    not_reached = fields.Integer(metadata={"description": "No record and no word"})
    withdrawn = fields.Integer(
        metadata={"description": "Stops taken out of the plan; not among those planned"}
    )
    added = fields.Integer(metadata={"description": "Subjects visited that are no stop"})
    metres_planned = fields.Integer()
    metres_done = fields.Integer()
    measured = fields.Integer(metadata={"description": "Patrols whose metres a handheld measured"})
    inspections_s = fields.Integer()
    road_checks_s = fields.Integer()
    depot_checks_s = fields.Integer()
    other_s = fields.Integer()
    way_s = fields.Integer(
        metadata={"description": "Of patrols whose end is known: on the way, and at what no record tells of"}
    )
    run_s = fields.Integer(metadata={"description": "Of patrols whose end is known: from beginning to end"})


class MemberOut(Schema):
    """Somebody of the team."""

    person_id = fields.UUID()
    name = fields.String()
    part = fields.String(metadata={"description": "lead, second or extra"})


class RunOut(Schema):
    """When the team was out, and the records that tell so."""

    started_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)
    record_ids = fields.List(fields.UUID())
    other_record_ids = fields.List(
        fields.UUID(), metadata={"description": "Records of the same patrol that do not count"}
    )


class StopDeedOut(Schema):
    """What became of a stop, with the records behind it."""

    stop_id = fields.UUID()
    ordinal = fields.Integer()
    field_ordinal = fields.Integer()
    subject_kind = fields.String()
    subject_id = fields.UUID()
    name = fields.String(allow_none=True)
    outcome = fields.String(
        metadata={"description": "done, attempted, skipped, unproved, not_reached or withdrawn"}
    )
    outcome_zh = fields.String()
    skip_reason = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    record_ids = fields.List(fields.UUID())
    awaited = fields.Boolean(metadata={"description": "The record that is told has not come yet"})


class AddedOut(Schema):
    """A subject that was visited and is no stop; null for what was made at nobody's of a register."""

    subject_kind = fields.String(allow_none=True)
    subject_id = fields.UUID(allow_none=True)
    name = fields.String(allow_none=True)
    record_ids = fields.List(fields.UUID())


class PurposeOut(Schema):
    """Seconds spent on something, with the records that tell of it; ``way`` is what is left of the run."""

    purpose = fields.String()
    purpose_zh = fields.String()
    seconds = fields.Integer(allow_none=True)
    record_ids = fields.List(fields.UUID())


class DeedOut(Schema):
    """The plan of one patrol beside what was done."""

    as_of = fields.AwareDateTime()
    patrol_id = fields.UUID()
    plan_id = fields.UUID()
    squad_id = fields.UUID()
    squad = fields.String()
    day = fields.Date()
    name = fields.String()
    mode = fields.String()
    team = fields.List(fields.Nested(MemberOut))
    planned_start_at = fields.AwareDateTime()
    planned_end_at = fields.AwareDateTime()
    planned_travel_s = fields.Integer(allow_none=True)
    planned_service_s = fields.Integer(allow_none=True)
    run = fields.Nested(RunOut, allow_none=True)
    figures = fields.Nested(DeedFigures)
    skipped_for = fields.List(fields.Nested(SkippedOut))
    stops = fields.List(fields.Nested(StopDeedOut))
    added = fields.List(fields.Nested(AddedOut))
    purposes = fields.List(fields.Nested(PurposeOut))
    metres_by = fields.String(
        allow_none=True,
        metadata={
            "description": "device: measured by a handheld; positions: straight from record to record, times 1.35"
        },
    )
    metres_record_ids = fields.List(fields.UUID())


class DeedRow(DeedFigures):
    """The figures of one patrol; the records behind them stand at ``/patrols/{patrol_id}/deed``."""

    patrol_id = fields.UUID()
    plan_id = fields.UUID()
    squad_id = fields.UUID()
    squad = fields.String()
    day = fields.Date()
    name = fields.String()
    metres_by = fields.String(allow_none=True)


class DeedList(Schema):
    """Plan and deed of the patrols of some days, with their sum."""

    as_of = fields.AwareDateTime(required=True)
    from_day = fields.Date(required=True, data_key="from")
    to_day = fields.Date(required=True, data_key="to")
    squad_id = fields.UUID(allow_none=True)
    items = fields.List(fields.Nested(DeedRow), required=True)
    total = fields.Nested(DeedFigures, required=True)
    skipped_for = fields.List(fields.Nested(SkippedOut), required=True)


class PatrolsQuery(PeriodQuery, ShapeQuery):
    """Of which squad (all in scope where none is named), and how the report is cut."""

    by = fields.String(load_default="squad", validate=validate.OneOf(PATROLS_BY))
    squad_id = fields.UUID(load_default=None)


class PatrolsRow(Schema):
    """One group's plan and deed in kilometres and minutes; a figure of nothing is null and printed "—"."""

    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    patrols = fields.Integer()
    started = fields.Integer()
    planned = fields.Integer()
    done = fields.Integer()
    attempted = fields.Integer()
    skipped = fields.Integer()
    unproved = fields.Integer()
    not_reached = fields.Integer()
    done_rate = fields.String(allow_none=True, metadata={"description": "Done of planned, percent"})
    added = fields.Integer()
    kilometres_planned = fields.String()
    kilometres_done = fields.String()
    measured = fields.Integer()
    inspections_minutes = fields.Integer()
    road_checks_minutes = fields.Integer()
    depot_checks_minutes = fields.Integer()
    other_minutes = fields.Integer()
    way_minutes = fields.Integer(allow_none=True)
    run_minutes = fields.Integer(allow_none=True)


class PatrolsAnswer(Schema):
    """Plan and deed of a period."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    skipped_for = fields.List(fields.Nested(SkippedOut), required=True)
    rows = fields.List(fields.Nested(PatrolsRow), required=True)
    total = fields.Nested(PatrolsRow, required=True)
