"""Papers on the wire: which a record gives, and what verifying one tells."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.vocabulary import PaperKind

_KIND = validate.OneOf([kind.value for kind in PaperKind])


class PaperQuery(Schema):
    """How a paper is to be printed."""

    photos = fields.Boolean(load_default=False, metadata={"description": "Add the photos as an annex."})


class PaperOut(Schema):
    """A paper that a record gives."""

    kind = fields.String(validate=_KIND)
    title = fields.String()
    number = fields.String(allow_none=True)
    provisional_no = fields.String(allow_none=True)
    code = fields.String(metadata={"description": "What it is verified by."})
    times_printed = fields.Integer()
    printed_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it was printed last."})


class PaperList(Schema):
    """The papers of a record."""

    items = fields.List(fields.Nested(PaperOut), required=True)


class VerifyQuery(Schema):
    """The code of a paper, as printed beside its QR code."""

    code = fields.String(required=True, validate=validate.Length(max=200))


class VerifiedOut(Schema):
    """What anybody may know of a paper: that its record is ours, and nothing of what it says."""

    state = fields.String(
        validate=validate.OneOf(["genuine", "amended", "no_effect", "unknown"]),
        metadata={
            "description": "genuine, amended since (更正), an amendment without effect, or unknown: not ours, altered, or "
            "not yet synced."
        },
    )
    sentence = fields.String()
    kind = fields.String(allow_none=True, validate=_KIND)
    title = fields.String(allow_none=True)
    bureau = fields.String(allow_none=True)
    number = fields.String(allow_none=True)
    day = fields.Date(allow_none=True)
    sha256 = fields.String(allow_none=True)


class NumberStyleIn(Schema):
    """What a bureau's numbers begin with from a day on."""

    abbreviation = fields.String(required=True)
    words = fields.Dict(keys=fields.String(validate=_KIND), values=fields.String(), load_default=dict)
    from_day = fields.Date(required=True)


class NumberStyleOut(Schema):
    """What numbers of a day begin with."""

    abbreviation = fields.String()
    words = fields.Dict(keys=fields.String(), values=fields.String())
