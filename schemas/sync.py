"""The desk on the wire: edits that lost, and rows that could not be taken."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate, validates_schema

from schemas.paging import PageQuery
from schemas.wording import wrong

_REASON = validate.Length(min=1, max=2000)
_ANY: dict[str, Any] = {"description": "JSON"}
_OBJECT: dict[str, Any] = {"type": ["object", "null"], "additionalProperties": True}


class DeskQuery(PageQuery):
    """Which of what waits at the desk."""

    collection = fields.String(load_default=None, validate=validate.Length(min=1, max=40))
    state = fields.String(load_default=None, validate=validate.OneOf(["open", "settled"]))
    squad_id = fields.UUID(load_default=None)


class ConflictQuery(DeskQuery):
    """Which edits that lost."""


class KeptRowQuery(DeskQuery):
    """Which rows in quarantine."""


class _Sent(Schema):
    """What was sent when, by whom, on what device; and when it was dealt with."""

    collection = fields.String()
    document_id = fields.UUID(allow_none=True)
    edit_id = fields.UUID(allow_none=True)
    at = fields.AwareDateTime()
    person_id = fields.UUID(attribute="reader_id")
    person_name = fields.String(attribute="reader_name", allow_none=True)
    device_id = fields.UUID(allow_none=True)
    device_label = fields.String(allow_none=True)
    resolved_at = fields.AwareDateTime(allow_none=True)


class ConflictOut(_Sent):
    """An edit that lost."""

    id = fields.Integer(attribute="seq")
    assumed_edit_id = fields.UUID(allow_none=True)
    their_edit_id = fields.UUID(allow_none=True)


class ConflictPage(Schema):
    """A page of edits that lost."""

    items = fields.List(fields.Nested(ConflictOut), required=True)
    after = fields.String(allow_none=True)


class DifferingField(Schema):
    """A field in which the sides differ: ``hard`` where both changed it, ``soft`` where one side did."""

    name = fields.String()
    clash = fields.String(metadata={"enum": ["hard", "soft"]})
    changed_by = fields.String(metadata={"enum": ["ours", "theirs", "both"]})
    base = fields.Raw(metadata=_ANY)
    ours = fields.Raw(metadata=_ANY)
    theirs = fields.Raw(metadata=_ANY)
    now = fields.Raw(metadata=_ANY)


class SettlementOut(Schema):
    """What was decided on an edit that lost."""

    id = fields.UUID()
    at = fields.AwareDateTime()
    account_id = fields.UUID(attribute="settled_by", allow_none=True)
    username = fields.String(allow_none=True)
    choice = fields.String()
    fields_ = fields.Raw(attribute="fields", data_key="fields", metadata=_OBJECT)
    reason = fields.String()
    edit_id = fields.UUID(allow_none=True)


class ConflictWhole(ConflictOut):
    """An edit that lost, with its three sides and the document as it stands now."""

    base = fields.Raw(metadata=_OBJECT)
    ours = fields.Raw(metadata=_OBJECT)
    theirs = fields.Raw(metadata=_OBJECT)
    now = fields.Raw(metadata=_OBJECT)
    master_edit_id = fields.UUID(allow_none=True)
    differing = fields.List(fields.Nested(DifferingField))
    settlements = fields.List(fields.Nested(SettlementOut))


class SettlementIn(Schema):
    """Whose word stands. ``master_edit_id`` is that of the document that was looked at; ``fields`` for ``merged`` only."""

    choice = fields.String(required=True, validate=validate.OneOf(["theirs", "ours", "merged"]))
    fields_ = fields.Dict(
        keys=fields.String(validate=validate.Length(max=200)),
        attribute="fields",
        data_key="fields",
        load_default=dict,
        validate=validate.Length(max=200),
    )
    reason = fields.String(required=True, validate=_REASON)
    master_edit_id = fields.UUID(required=True, allow_none=True)

    @validates_schema
    def fields_for_merged(self, data: dict[str, Any], **_kw: Any) -> None:
        """Fields are what a merge is made of, and mean nothing elsewhere."""
        if bool(data["fields"]) != (data["choice"] == "merged"):
            raise wrong(
                "fields_for_merged",
                "合并时须给出字段，其他选择不得给出字段。Fields are given for merged, and for nothing else.",
            )


class KeptRowOut(_Sent):
    """A row in quarantine."""

    id = fields.UUID()
    review = fields.List(fields.Dict())
    resolution = fields.String(allow_none=True, metadata={"enum": ["retried", "dismissed", None]})


class KeptRowPage(Schema):
    """A page of rows in quarantine."""

    items = fields.List(fields.Nested(KeptRowOut), required=True)
    after = fields.String(allow_none=True)


class KeptRowWhole(KeptRowOut):
    """A row in quarantine with its bytes: in base64, and as text where they are text."""

    raw = fields.String()
    text = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class RetryIn(Schema):
    """Why a row is tried again; ``document`` where it was put right by hand."""

    document = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    reason = fields.String(required=True, validate=_REASON)


class RetryAnswer(Schema):
    """What became of the row; ``review`` where it still cannot be taken."""

    outcome = fields.String()
    document_id = fields.UUID(allow_none=True)
    review = fields.List(fields.Dict())


class DismissalIn(Schema):
    """Why a row is put aside."""

    reason = fields.String(required=True, validate=_REASON)
