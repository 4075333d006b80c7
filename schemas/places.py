"""Cells, outlets and sites on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.paging import Box, PageQuery
from schemas.vocabulary import LicenceScope, OutletStatus


class HeldTag(Schema):
    """A tag of a place, from a day to a day (both included), or until it is ended."""

    tag = fields.String(required=True)
    from_day = fields.String(required=True)
    to_day = fields.String(allow_none=True)


class CellOut(Schema):
    """A grid cell; ``difference_count`` is planned minus existing and may be negative."""

    id = fields.UUID(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    cell_level = fields.Integer(required=True)
    cell_type = fields.String(allow_none=True)
    control_mode = fields.String(required=True)
    purpose = fields.String(required=True)
    parent_id = fields.UUID(allow_none=True)
    planned_count = fields.Integer(allow_none=True)
    existing_count = fields.Integer(required=True)
    tags = fields.List(fields.Nested(HeldTag), required=True)
    difference_count = fields.Function(
        lambda cell: None if cell.planned_count is None else cell.planned_count - cell.existing_count,
        metadata={"type": ["integer", "null"]},
    )


class CellPage(Schema):
    """A page of cells."""

    items = fields.List(fields.Nested(CellOut), required=True)
    after = fields.String(allow_none=True)


class CellQuery(PageQuery):
    """Which cells."""

    level = fields.Integer(load_default=None, validate=validate.Range(min=1, max=4))
    bbox = Box(load_default=None)


class OutletQuery(PageQuery):
    """Which outlets; ``q`` looks in name, licence number, address and the name's pinyin initials."""

    q = fields.String(load_default=None, validate=validate.Length(min=1, max=60))
    cell_id = fields.UUID(load_default=None)
    status = fields.String(
        load_default=None, validate=validate.OneOf([status.value for status in OutletStatus])
    )
    scope = fields.String(load_default=None, validate=validate.OneOf([scope.value for scope in LicenceScope]))
    bbox = Box(load_default=None)


class OutletOut(Schema):
    """An outlet."""

    id = fields.UUID(required=True)
    licence_no = fields.String(required=True)
    name = fields.String(required=True)
    holder_name = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    business_kind = fields.String(required=True)
    credit_grade = fields.String(allow_none=True)
    licence_scope = fields.List(fields.String(), required=True)
    licence_from = fields.Date(required=True)
    licence_to = fields.Date(required=True)
    status = fields.String(required=True)
    cell_id = fields.UUID(allow_none=True)
    tags = fields.List(fields.Nested(HeldTag), required=True)


class OutletPage(Schema):
    """A page of outlets."""

    items = fields.List(fields.Nested(OutletOut), required=True)
    after = fields.String(allow_none=True)
