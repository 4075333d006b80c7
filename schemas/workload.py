"""Workload on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.reports import SHAPES


class WorkloadQuery(Schema):
    """By whom, of what is owed up to how many days ahead, in what shape."""

    by = fields.String(load_default="squad", validate=validate.OneOf(["squad", "lead"]))
    days = fields.Integer(
        load_default=14,
        validate=validate.Range(min=0, max=92),
        metadata={"description": "Periods that begin in more than two weeks are not written down yet"},
    )
    format = fields.String(load_default="json", validate=validate.OneOf((*SHAPES, "html")))


class LoadOut(Schema):
    """What there is to do in cells. ``km`` is an estimate: round the outlets of each cell once, by great circles with a
    detour factor of 1.35, without the ways between cells.
    """

    cells = fields.Integer()
    outlets = fields.Integer(metadata={"description": "In business"})
    ecig_outlets = fields.Integer(metadata={"description": "Those of them that sell e-cigarettes"})
    weekly = fields.Integer(metadata={"description": "Obligations of 周复查 that can be met in these days"})
    monthly = fields.Integer(metadata={"description": "Obligations of 月核查 that can be met in these days"})
    quarterly = fields.Integer(
        metadata={"description": "Obligations of 季抽查 that can be met in these days"}
    )
    triggered = fields.Integer(metadata={"description": "Triggered duties that can be met in these days"})
    per_year = fields.Integer(
        metadata={"description": "Obligations of a year, were every period as the present one of its tier"}
    )
    km = fields.String(metadata={"description": "An estimate, with one decimal"})


class WorkloadRow(LoadOut):
    """The load of a squad, or of one lead officer of it; without a squad that of cells that nobody answers for."""

    squad_id = fields.UUID(allow_none=True)
    squad = fields.String(allow_none=True)
    lead_person_id = fields.UUID(allow_none=True)
    lead = fields.String(allow_none=True)


class UnplacedOut(Schema):
    """Outlets in business that are in no cell: ``outlet_without_position`` or ``outlet_outside_cells``."""

    code = fields.String()
    outlets = fields.Integer()


class WorkloadAnswer(Schema):
    """Workload of today, by names; it ranks nobody."""

    day = fields.Date()
    until = fields.Date()
    as_of = fields.AwareDateTime()
    by = fields.String()
    rows = fields.List(fields.Nested(WorkloadRow))
    total = fields.Nested(LoadOut)
    unplaced = fields.List(fields.Nested(UnplacedOut))
    travel = fields.String(metadata={"description": "How the kilometres are estimated"})
