"""Hand-over sheets on the wire."""

from __future__ import annotations

from datetime import date

from marshmallow import Schema, fields, validate

from schemas.paging import PageQuery
from schemas.vocabulary import HandoverState

_DAY = validate.Range(min=date(1970, 1, 1), max=date(2199, 12, 31))
_REASON = validate.Length(min=2, max=1000)


class HandoverQuery(PageQuery):
    """Which sheets: by state, cell and squad; those that wait for the asker, and those that nobody took in time."""

    state = fields.String(
        load_default=None, validate=validate.OneOf([state.value for state in HandoverState])
    )
    cell_id = fields.UUID(load_default=None)
    squad_id = fields.UUID(load_default=None, metadata={"description": "It gives or takes"})
    waiting = fields.Boolean(
        load_default=False, metadata={"description": "What the asker is to do something about"}
    )
    overdue = fields.Boolean(load_default=False)


class HandoverIn(Schema):
    """Cells to hand over though duty stays, or moves later; whoever answers for them today gives."""

    cell_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=5000))
    to_squad_id = fields.UUID(required=True)
    to_lead_id = fields.UUID(required=True)
    from_day = fields.Date(required=True, validate=_DAY)
    reason = fields.String(required=True, validate=_REASON)


class HandoverSigning(Schema):
    """What is open now is signed over."""

    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=1000))


class HandoverAcknowledgement(Schema):
    """What was signed over is taken, by the SHA-256 of what the receiver saw."""

    sha256 = fields.String(required=True, validate=validate.Regexp(r"^[0-9a-f]{64}$"))
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=1000))


class HandoverObjection(Schema):
    """Why it is not taken as it was signed over."""

    sha256 = fields.String(required=True, validate=validate.Regexp(r"^[0-9a-f]{64}$"))
    note = fields.String(required=True, validate=_REASON)


class HandoverEnding(Schema):
    """Why nobody is to take it."""

    reason = fields.String(required=True, validate=_REASON)


class HandoverPaperQuery(Schema):
    """In what shape the paper is wanted."""

    format = fields.String(load_default="pdf", validate=validate.OneOf(("pdf", "html", "xlsx", "csv")))


class HandoverSide(Schema):
    """Who gives or takes: a squad and its lead officer."""

    squad_id = fields.UUID(required=True)
    squad = fields.String(required=True)
    lead_id = fields.UUID(required=True)
    lead = fields.String(required=True)


class HandoverStepOut(Schema):
    """A step, and the SHA-256 of what was signed or seen."""

    act = fields.String(required=True)
    act_zh = fields.String(required=True)
    person = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    at = fields.AwareDateTime(required=True)
    sha256 = fields.String(allow_none=True)


class HandoverLine(Schema):
    """A sheet in a list. ``sha256`` is of what was signed over last; ``you_may`` are the steps that are the asker's now."""

    id = fields.UUID(required=True)
    origin = fields.String(
        required=True, metadata={"description": "duty: made when duty moved; desk: by hand"}
    )
    state = fields.String(required=True)
    state_zh = fields.String(required=True)
    giving = fields.Nested(HandoverSide, required=True)
    taking = fields.Nested(HandoverSide, required=True)
    from_day = fields.Date(required=True)
    reason = fields.String(allow_none=True)
    known_at = fields.AwareDateTime(required=True)
    cells = fields.Integer(required=True, metadata={"description": "Number of cells that it is about now"})
    overdue = fields.Boolean(required=True)
    overdue_after = fields.Date(required=True, metadata={"description": "The last day that is in time"})
    sha256 = fields.String(allow_none=True)
    you_may = fields.List(fields.String(), required=True)
    steps = fields.List(fields.Nested(HandoverStepOut), required=True)


class HandoverPage(Schema):
    """A page of sheets, those of the latest days first."""

    items = fields.List(fields.Nested(HandoverLine), required=True)
    after = fields.String(allow_none=True)


class HandedCell(Schema):
    """A cell with its licensed outlets, in business or out of it for a while."""

    cell_id = fields.UUID()
    code = fields.String()
    name = fields.String()
    outlets = fields.Integer()


class _OfSubject(Schema):
    cell_code = fields.String()
    subject_kind = fields.String()
    subject_kind_zh = fields.String()
    subject_id = fields.UUID()
    name = fields.String()
    number = fields.String()


class HandedObligation(_OfSubject):
    """What a tier asks for and is not done; missed ones of the last month, for they may be made up."""

    obligation_id = fields.UUID()
    duty = fields.String()
    duty_zh = fields.String()
    key = fields.String()
    first_day = fields.String()
    last_day = fields.String()
    grace_last_day = fields.String()
    state = fields.String()
    state_zh = fields.String()


class HandedChain(_OfSubject):
    """What one trigger asks for: ``checks`` in all, ``left`` of them, the next by ``last_day``."""

    trigger_id = fields.UUID()
    rule = fields.String()
    rule_zh = fields.String()
    triggered_on = fields.String()
    last_day = fields.String()
    grace_last_day = fields.String()
    checks = fields.Integer()
    left = fields.Integer()
    overdue = fields.Boolean()
    obligation_ids = fields.List(fields.UUID())


class HandedOrder(Schema):
    """An order to put something right that is open; what is demanded is masked."""

    order_id = fields.UUID()
    cell_code = fields.String()
    name = fields.String()
    number = fields.String()
    demand = fields.String()
    due_on = fields.String()
    state = fields.String()
    state_zh = fields.String()


class HandedGoods(Schema):
    """A registration list on which it is not decided, or of which something is kept; ``of_giver``: who gives signed it."""

    list_id = fields.UUID()
    number = fields.String(allow_none=True)
    cell_code = fields.String()
    name = fields.String()
    licence_no = fields.String()
    registered_on = fields.String()
    decide_by = fields.String()
    provisional = fields.Boolean()
    lines = fields.Integer()
    undecided = fields.Integer()
    kept = fields.Boolean()
    of_giver = fields.Boolean()


class HandedClue(Schema):
    """A clue with which something is still to be done."""

    clue_id = fields.UUID()
    number = fields.String()
    cell_code = fields.String()
    matter = fields.String()
    matter_zh = fields.String()
    status = fields.String()
    status_zh = fields.String()
    found_on = fields.String()


class HandoverContentOut(Schema):
    """What is open in the cells: as it is now, or as it was signed over."""

    as_of = fields.String()
    cells = fields.List(fields.Nested(HandedCell))
    outlets = fields.Integer()
    obligations = fields.List(fields.Nested(HandedObligation))
    chains = fields.List(fields.Nested(HandedChain))
    rectifications = fields.List(fields.Nested(HandedOrder))
    goods = fields.List(fields.Nested(HandedGoods))
    clues = fields.List(fields.Nested(HandedClue))


class HandoverOut(HandoverLine):
    """A sheet with what it says; ``frozen`` where that is what was signed. Nothing where nobody signed before it ended."""

    frozen = fields.Boolean(required=True)
    content = fields.Nested(HandoverContentOut, allow_none=True, required=True)
