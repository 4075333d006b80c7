"""Duty over cells on the wire: changes in bulk, what they do, vacancies, and the public board."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import Corners, PageQuery
from schemas.scope import Moved
from schemas.wording import wrong
from schemas.workload import LoadOut

_REASON = validate.Length(min=2, max=500)
_DRY_RUN = {"description": "Tell what it would do, and write nothing"}
_WAYS = ("cell_ids", "bbox", "parent_id", "code_prefix")


class DutyIn(Schema):
    """One assignment: who answers for which cells from which day on."""

    cell_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=5000))
    squad_id = fields.UUID(required=True)
    lead_person_id = fields.UUID(required=True)
    from_day = fields.Date(required=True)
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)


class CellChoice(Schema):
    """Which leaf cells, in exactly one way. ``bbox`` chooses the cells of which the point on the surface lies in the box,
    its border included; ``parent_id`` all below that cell; ``code_prefix`` those whose codes begin so.
    """

    cell_ids = fields.List(
        fields.UUID(), load_default=None, allow_none=True, validate=validate.Length(min=1, max=5000)
    )
    bbox = Corners(load_default=None, allow_none=True)
    parent_id = fields.UUID(load_default=None, allow_none=True)
    code_prefix = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=60))

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_kw: Any) -> None:
        if sum(data.get(way) is not None for way in _WAYS) != 1:
            raise wrong(
                "not_exactly_one",
                "请用 cell_ids、bbox、parent_id、code_prefix 之一指明网格。"
                "Name cells by exactly one of cell_ids, bbox, parent_id and code_prefix.",
            )


class DutyAssignment(Schema):
    """Cells that a squad and its lead officer answer for from a day on, today or later."""

    cells = fields.Nested(CellChoice, required=True)
    squad_id = fields.UUID(required=True)
    lead_person_id = fields.UUID(required=True)
    from_day = fields.Date(required=True)


class DutyEnding(Schema):
    """Cells that nobody answers for from a day on, today or later."""

    cells = fields.Nested(CellChoice, required=True)
    from_day = fields.Date(required=True)


class DutyChangeIn(Schema):
    """Several assignments and endings, all or none. A cell may be in two lines only if both say the same of it."""

    assignments = fields.List(
        fields.Nested(DutyAssignment), load_default=[], validate=validate.Length(max=200)
    )
    endings = fields.List(fields.Nested(DutyEnding), load_default=[], validate=validate.Length(max=200))
    reason = fields.String(
        load_default=None,
        allow_none=True,
        validate=_REASON,
        metadata={"description": "Required where duty ends without a successor"},
    )
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)

    @validates_schema
    def _something(self, data: dict[str, Any], **_kw: Any) -> None:
        if not data.get("assignments") and not data.get("endings"):
            raise wrong("nothing_to_change", "没有写明任何变更。No change is given.", "assignments")
        if data.get("endings") and data.get("reason") is None:
            raise wrong(
                "reason_needed",
                "网格空缺须写明理由。Leaving cells vacant takes a reason.",
                "reason",
            )


class DutyWithdrawal(Schema):
    """Why a change that has not begun is taken back."""

    reason = fields.String(required=True, validate=_REASON)
    dry_run = fields.Boolean(load_default=False, metadata=_DRY_RUN)


class DutyHolder(Schema):
    """Who answers for a cell, and from which day on."""

    squad_id = fields.UUID()
    squad = fields.String()
    lead_person_id = fields.UUID()
    lead = fields.String()
    from_day = fields.Date()


class ChangedCell(Schema):
    """A cell that changes hands: ``after`` is null where it becomes vacant; ``before`` is who would have answered on
    ``from_day``, and ``replaced`` who was to follow later and does not any more.
    """

    cell_id = fields.UUID()
    code = fields.String()
    name = fields.String()
    from_day = fields.Date()
    before = fields.Nested(DutyHolder, allow_none=True)
    after = fields.Nested(DutyHolder, allow_none=True)
    replaced = fields.List(fields.Nested(DutyHolder))


class LoadChange(Schema):
    """The load of a squad, or of one lead officer of it, on the day when all of the change holds."""

    squad_id = fields.UUID()
    squad = fields.String()
    lead_person_id = fields.UUID(allow_none=True)
    lead = fields.String(allow_none=True)
    before = fields.Nested(LoadOut)
    after = fields.Nested(LoadOut)


class LoadChanges(Schema):
    """Loads of whom the change concerns, by names; counts are as of today."""

    squads = fields.List(fields.Nested(LoadChange))
    leads = fields.List(fields.Nested(LoadChange))
    travel = fields.String(metadata={"description": "How the kilometres are estimated"})


class DutyWarning(Schema):
    """What is to be known of cells, and stops nothing: ``cell_without_outlets`` or ``duty_unchanged``."""

    code = fields.String()
    detail = fields.String()
    cells = fields.List(fields.String(), metadata={"description": "Codes of the cells"})


class DutyMoved(Moved):
    """What a change of duty moves, cell by cell and for whom; ``change_id`` is null where nothing was written."""

    change_id = fields.UUID(allow_none=True)
    changed = fields.List(fields.Nested(ChangedCell))
    warnings = fields.List(fields.Nested(DutyWarning))
    workload = fields.Nested(LoadChanges)


class DutyChangeQuery(PageQuery):
    """Which changes, the newest first."""

    cell_id = fields.UUID(load_default=None)


class DutyChangeOut(Schema):
    """A change; ``state`` is ``withdrawal`` of one that takes another back, ``withdrawn`` of one that was taken back,
    ``pending`` before its first day, and ``begun``.
    """

    id = fields.UUID()
    state = fields.String()
    cells = fields.Integer()
    vacated = fields.Integer(metadata={"description": "Cells that it leaves vacant"})
    first_day = fields.Date()
    last_day = fields.Date()
    reason = fields.String(allow_none=True)
    made_at = fields.AwareDateTime()
    made_by = fields.UUID(allow_none=True)
    withdraws_id = fields.UUID(allow_none=True)


class DutyStage(Schema):
    """What a change said of a cell: who answers from that day on; null: nobody."""

    cell_id = fields.UUID()
    code = fields.String()
    name = fields.String()
    from_day = fields.Date()
    holder = fields.Nested(DutyHolder, allow_none=True)


class DutyChangeDetail(DutyChangeOut):
    """A change with what it said of each cell."""

    stages = fields.List(fields.Nested(DutyStage))


class DutyChangePage(Schema):
    """A page of changes."""

    items = fields.List(fields.Nested(DutyChangeOut), required=True)
    after = fields.String(allow_none=True)


class DutyQuery(PageQuery):
    """On which day, of whom."""

    day = fields.Date(load_default=None, metadata={"description": "Default: today"})
    squad_id = fields.UUID(load_default=None)
    lead_person_id = fields.UUID(load_default=None)


class DayQuery(PageQuery):
    """On which day."""

    day = fields.Date(load_default=None, metadata={"description": "Default: today"})


class DutyCell(Schema):
    """A leaf cell of duty."""

    cell_id = fields.UUID(attribute="id")
    code = fields.String()
    name = fields.String()
    town = fields.String(allow_none=True)
    cell_type = fields.String(allow_none=True)


class DutyOut(DutyCell):
    """Who answers for a cell; ``until`` is the first day on which it is not so any more, null where none is known."""

    squad_id = fields.UUID()
    squad = fields.String()
    lead_person_id = fields.UUID()
    lead = fields.String()
    from_day = fields.Date()
    until = fields.Date(allow_none=True)


class DutyPage(Schema):
    """A page of duties, by the cells' codes."""

    day = fields.Date()
    items = fields.List(fields.Nested(DutyOut), required=True)
    after = fields.String(allow_none=True)


class VacancyOut(DutyCell):
    """A cell that nobody answers for; ``vacant_since`` is null where nobody ever did."""

    vacant_since = fields.Date(allow_none=True)
    next_from_day = fields.Date(allow_none=True)
    next_squad = fields.String(allow_none=True)


class VacancyPage(Schema):
    """A page of vacancies, by the cells' codes."""

    day = fields.Date()
    items = fields.List(fields.Nested(VacancyOut), required=True)
    after = fields.String(allow_none=True)


class DutyConcern(Schema):
    """Why the lead cannot carry the duty: ``not_an_officer``, ``not_in_squad``, ``certificate_missing`` or
    ``certificate_expired``.
    """

    code = fields.String()
    detail = fields.String()


class UnfitDuty(DutyCell):
    """A duty that its lead officer cannot carry on that day."""

    squad_id = fields.UUID()
    squad = fields.String()
    lead_person_id = fields.UUID()
    lead = fields.String()
    certificate_to = fields.Date(allow_none=True)
    concerns = fields.List(fields.Nested(DutyConcern))


class UnfitPage(Schema):
    """A page of duties that cannot be carried, by the cells' codes."""

    day = fields.Date()
    items = fields.List(fields.Nested(UnfitDuty), required=True)
    after = fields.String(allow_none=True)


class BoardQuery(Schema):
    """What to look for in the cell's code and name, the town and the squad; ``after`` is the one of the page before."""

    q = fields.String(load_default="", validate=validate.Length(max=60))
    after = fields.String(load_default=None)
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=1000))


class BoardPost(Schema):
    """One cell with who answers for it: what the public may know, and nothing else."""

    cell_code = fields.String()
    cell_name = fields.String()
    town = fields.String(allow_none=True)
    cell_type = fields.String(allow_none=True)
    squad = fields.String(allow_none=True)
    lead = fields.String(allow_none=True)
    cert_no = fields.String(allow_none=True)
    since = fields.Date(allow_none=True)


class BoardOut(Schema):
    """A page of the public duty board of a bureau. ``cells`` and ``vacant`` count what fits the search."""

    bureau = fields.String()
    region_code = fields.String()
    day = fields.Date()
    phone = fields.String(allow_none=True)
    cells = fields.Integer()
    vacant = fields.Integer()
    items = fields.List(fields.Nested(BoardPost), required=True)
    after = fields.String(allow_none=True)


class BoardName(Schema):
    """A bureau whose board is here."""

    bureau = fields.String()
    region_code = fields.String()


class BoardList(Schema):
    """The bureaus whose boards are here, by region code."""

    items = fields.List(fields.Nested(BoardName), required=True)
