"""The shape of every error answer (RFC 9457)."""

from __future__ import annotations

from marshmallow import Schema, fields


class FieldFault(Schema):
    """One field at fault."""

    path = fields.String(required=True, metadata={"description": "JSON pointer of the field at fault"})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """application/problem+json with a stable ``code``, listed in docs/errors.md."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    title_en = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldFault))
