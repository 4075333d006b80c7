"""Forms on the wire: versions, drafts, and what one asks otherwise than another."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.record import KINDS
from schemas.vocabulary import CadenceTier

_CODE = validate.Regexp(r"^[a-z][a-z0-9_]{0,39}\Z")
_ANY_OBJECT = {"type": "object", "additionalProperties": True}
_VERSION = validate.Range(min=1, max=1_000_000)


class FormContent(Schema):
    """What a version of a form says. ``demands`` holds the English title and the required items besides the demands.

    ``answers_schema`` is JSON Schema (draft 7) of the subset in docs/operations.md.
    """

    form_code = fields.String(required=True, validate=_CODE)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    tier = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(list(CadenceTier)))
    title = fields.String(required=True, validate=validate.Length(min=2, max=80))
    demands = fields.Dict(keys=fields.String(), required=True, metadata=_ANY_OBJECT)
    answers_schema = fields.Dict(keys=fields.String(), required=True, metadata=_ANY_OBJECT)


class FormDraftIn(FormContent):
    """A draft: the next version of a code, or a new code of a known kind."""


class FormDraftOut(FormContent):
    """A draft as it stands, with the number that it would have."""

    version = fields.Integer()
    state = fields.Constant("draft")
    drafted_by = fields.UUID(allow_none=True)
    drafted_at = fields.AwareDateTime()


class FormVersionOut(FormContent):
    """A version: what it says, since when records are begun on it, and whether it is retired."""

    id = fields.UUID()
    version = fields.Integer()
    state = fields.String()
    published_at = fields.AwareDateTime(allow_none=True)
    effective_from = fields.AwareDateTime(allow_none=True)
    drafted_by = fields.UUID(allow_none=True)
    published_by = fields.UUID(allow_none=True)
    retired_at = fields.AwareDateTime(allow_none=True)
    retired_by = fields.UUID(allow_none=True)
    retire_reason = fields.String(allow_none=True)


class FormList(Schema):
    """Every version that was published, by code and number, and the drafts."""

    items = fields.List(fields.Nested(FormVersionOut), required=True)
    drafts = fields.List(fields.Nested(FormDraftOut), required=True)


class FormPublicationIn(Schema):
    """From when on records are begun on the version; at once where it is left out."""

    effective_from = fields.AwareDateTime(load_default=None, allow_none=True)


class FormRetirementIn(Schema):
    """Why a version is retired."""

    reason = fields.String(required=True, validate=validate.Length(min=2, max=1000))


class FormComparisonQuery(Schema):
    """Which two versions; without ``to`` the draft."""

    since = fields.Integer(required=True, strict=False, data_key="from", validate=_VERSION)
    to = fields.Integer(load_default=None, allow_none=True, validate=_VERSION)


class FormChangeOut(Schema):
    """One difference: an item added, removed, changed or moved, when one is required, or a demand."""

    what = fields.String()
    path = fields.String()
    title = fields.String()
    before = fields.Raw(allow_none=True, metadata={"description": "what it said before"})
    after = fields.Raw(allow_none=True, metadata={"description": "what it says after"})
    sentence = fields.String()


class FormComparisonOut(Schema):
    """What the later one asks otherwise."""

    form_code = fields.String()
    since = fields.Integer(data_key="from")
    to = fields.Integer()
    changes = fields.List(fields.Nested(FormChangeOut), required=True)
