"""Signed reports and restatements on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.field_reports import MonthlyRow
from schemas.moment import Moment
from schemas.reports import SHAPES, CadenceRow

_KINDS = ("R1", "R3")
_REMARK = validate.Length(min=2, max=1000)


class IssueQuery(Schema):
    """Which signed reports."""

    kind = fields.String(load_default=None, validate=validate.OneOf(_KINDS))
    period = fields.String(load_default=None, metadata={"description": "2026-07 or 2026Q3"})


class IssueDraftIn(Schema):
    """A report to draft: as known by and judged at ``as_of``, by default when the period's last grace has run out."""

    kind = fields.String(load_default="R1", validate=validate.OneOf(_KINDS))
    period = fields.String(required=True, metadata={"description": "A month or a quarter: 2026-07, 2026Q3"})
    as_of = Moment(load_default=None, allow_none=True)
    unsynced_remark = fields.String(
        load_default=None,
        allow_none=True,
        validate=_REMARK,
        metadata={"description": "Needed where devices have not synced: what of it"},
    )
    remark = fields.String(load_default=None, allow_none=True, validate=_REMARK)


class IssueStepIn(Schema):
    """A step of signing, with a remark if there is one."""

    remark = fields.String(load_default=None, allow_none=True, validate=_REMARK)


class IssueReturnIn(Schema):
    """Back to whoever drafts it, and why."""

    remark = fields.String(required=True, validate=_REMARK)


class IssueStepOut(Schema):
    """A step that was taken: drafted, submitted, returned, reviewed or issued."""

    act = fields.String()
    at = fields.AwareDateTime()
    account_id = fields.UUID()
    person = fields.String()
    remark = fields.String(allow_none=True)
    snapshot_id = fields.UUID()


class SignedLine(CadenceRow):
    """The bureau's line of a tier."""

    by = fields.String()


class IssueOut(Schema):
    """A version of a signed report: how it stands, its totals, and what its drafter was shown."""

    id = fields.UUID()
    kind = fields.String()
    period = fields.String()
    version = fields.Integer()
    state = fields.String()
    as_of = fields.AwareDateTime()
    sha256 = fields.String(metadata={"description": "Of the snapshot's bytes"})
    totals = fields.List(fields.Nested(SignedLine), metadata={"description": "Of R1"})
    figures = fields.List(fields.Nested(MonthlyRow), metadata={"description": "Of R3"})
    pending = fields.Integer(metadata={"description": "Obligations that were still open at that moment"})
    unknown = fields.Integer(
        metadata={"description": "Obligations whose answer may lie on a device not heard"}
    )  # type: ignore[assignment]
    provisional = fields.Boolean()
    annexed = fields.Boolean(
        metadata={"description": "Whether it has a legal annex: the floor exceeds the cap"}
    )
    unsynced = fields.Integer(metadata={"description": "Devices that had not synced"})
    unsynced_remark = fields.String(allow_none=True)
    changed = fields.Integer(
        allow_none=True, metadata={"description": "Obligations that differ from the version before"}
    )
    steps = fields.List(fields.Nested(IssueStepOut))


class IssueList(Schema):
    """Signed reports, newest period and version first."""

    items = fields.List(fields.Nested(IssueOut), required=True)


class ObligationChange(Schema):
    """An obligation before and after, as snapshots have it, and the facts that became known in between."""

    id = fields.UUID()
    subject = fields.String(allow_none=True, metadata={"description": "Licence number and name"})
    before = fields.Dict(keys=fields.String(), allow_none=True)
    after = fields.Dict(keys=fields.String(), allow_none=True)
    learned = fields.List(fields.Dict(keys=fields.String()))


class FigureChange(Schema):
    """A figure before and after: R1's by group and tier, R3's by its name, in base units."""

    by = fields.String()
    group_id = fields.UUID(allow_none=True)
    group = fields.String()
    tier = fields.String(allow_none=True)
    figure = fields.String()
    column = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class FactChange(Schema):
    """What of a month's statistics comes from another record, dispatch or outlet; amounts in the figure's base unit."""

    figure = fields.String()
    id = fields.UUID()
    kind = fields.String()
    before = fields.Integer(allow_none=True)
    after = fields.Integer(allow_none=True)


class DifferencesOut(Schema):
    """What a version tells differently from the one before; a first version has none and ``since`` is null."""

    version = fields.Integer(allow_none=True)
    sha256 = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)
    obligations = fields.List(fields.Nested(ObligationChange), required=True)
    figures = fields.List(fields.Nested(FigureChange), required=True)
    facts = fields.List(fields.Nested(FactChange))


class VerificationOut(Schema):
    """Whether the bytes have their SHA-256, and what the report, worked out again as of its moment, tells differently."""

    sha256 = fields.String(required=True)
    intact = fields.Boolean(required=True)
    agrees = fields.Boolean(required=True)
    obligations = fields.List(fields.Nested(ObligationChange), required=True)
    figures = fields.List(fields.Nested(FigureChange), required=True)


class SignedPart(Schema):
    """A squad's lines and obligations as they were frozen."""

    lines = fields.List(fields.Nested(SignedLine), required=True)
    obligations = fields.List(fields.Dict(keys=fields.String()), required=True)


class UnsyncedQuery(Schema):
    """Before which lock, as known when."""

    period = fields.String(
        load_default=None, metadata={"description": "2026-07 or 2026Q3; default: this quarter"}
    )
    as_of = Moment(load_default=None)


class UnsyncedDevice(Schema):
    """A device that may still hold something of the period."""

    device_id = fields.UUID()
    label = fields.String()
    squad_id = fields.UUID(allow_none=True)
    squad = fields.String(allow_none=True)
    person_id = fields.UUID()
    person = fields.String()
    last_heard_at = fields.AwareDateTime(allow_none=True)
    last_empty_at = fields.AwareDateTime(allow_none=True)
    queue_length = fields.Integer()


class UnsyncedOut(Schema):
    """Who has not synced since the period's end."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    items = fields.List(fields.Nested(UnsyncedDevice), required=True)


class RestatedQuery(Schema):
    """Which period, and between which moments."""

    period = fields.String(
        load_default=None,
        metadata={"description": "2026Q3, 2026-07, 2026-W31 or 2026; default: this quarter"},
    )
    since = Moment(
        load_default=None, metadata={"description": "Default: the moment of the report as it was issued last"}
    )
    until = Moment(load_default=None, metadata={"description": "Default: now"})
    format = fields.String(load_default="json", validate=validate.OneOf(SHAPES))


class RestatedOut(Schema):
    """What R1 tells differently as known by ``until`` than by ``since``."""

    period = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    until = fields.AwareDateTime(required=True)
    obligations = fields.List(fields.Nested(ObligationChange), required=True)
    figures = fields.List(fields.Nested(FigureChange), required=True)
