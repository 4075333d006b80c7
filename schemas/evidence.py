"""Files of records on the wire."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.moment import Moment
from schemas.paging import PageQuery
from schemas.record import SHA256_PATTERN
from schemas.vocabulary import FileKind


class UploadClaim(Schema):
    """What a device says of a file before it sends it: the pairs of ``Upload-Metadata``.

    Clients add pairs of their own, so unknown ones are passed over.
    """

    class Meta:
        unknown = EXCLUDE

    sha256 = fields.String(required=True, validate=validate.Regexp(SHA256_PATTERN))
    record_id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in FileKind]))
    taken_at = Moment(required=True)
    filename = fields.String(load_default=None, validate=validate.Length(max=255))
    filetype = fields.String(load_default=None, validate=validate.Length(max=127))


class FileQuery(Schema):
    """For which record the file is looked at."""

    record = fields.UUID(required=True)


class ThumbnailQuery(FileQuery):
    """And how large, in pixels of the longer side."""

    size = fields.Integer(load_default=320, validate=validate.OneOf([320, 1280]))


class ExifOut(Schema):
    """What a camera wrote into a picture: nobody vouches for it. Degrees are of EPSG:4326."""

    taken_at = fields.String(
        allow_none=True,
        metadata={"description": "The camera's clock, ISO 8601, with an offset where it told one."},
    )
    lon = fields.Float(allow_none=True)
    lat = fields.Float(allow_none=True)


class RecordFileOut(Schema):
    """A file that a record declares, or that was given for it."""

    sha256 = fields.String()
    kind = fields.String()
    declared = fields.Boolean(metadata={"description": "named by the record's document"})
    state = fields.String(
        metadata={"description": "received, missing, mismatch (other bytes came under this name), or erased"}
    )
    size = fields.Integer(allow_none=True)
    media_type = fields.String(allow_none=True)
    taken_at = fields.AwareDateTime(allow_none=True)
    received_at = fields.AwareDateTime(allow_none=True)
    erased_at = fields.AwareDateTime(allow_none=True)
    person_id = fields.UUID(allow_none=True)
    exif = fields.Nested(ExifOut, allow_none=True)
    thumbnail = fields.Boolean()


class RecordFiles(Schema):
    """How many of a record's declared files are there, and which."""

    declared = fields.Integer()
    received = fields.Integer()
    missing = fields.Integer()
    evidence_complete = fields.Boolean()
    items = fields.List(fields.Nested(RecordFileOut))


class MissingQuery(PageQuery):
    """Since how many days at least."""

    days = fields.Integer(load_default=7, validate=validate.Range(min=0, max=3650))


class MissingFileOut(Schema):
    """A file that a record declares and that has not come."""

    record_id = fields.UUID()
    sha256 = fields.String()
    kind = fields.String()
    declared_at = fields.AwareDateTime()


class MissingFilePage(Schema):
    """A page of missing files, the oldest first."""

    items = fields.List(fields.Nested(MissingFileOut), required=True)
    after = fields.String(allow_none=True)


class QuarantinedFileOut(Schema):
    """An upload whose bytes are not what was claimed, or not of a type that its kind has. The bytes are kept."""

    id = fields.UUID()
    record_id = fields.UUID()
    state = fields.String(metadata={"description": "mismatch or unfit"})
    reason = fields.String(
        allow_none=True, metadata={"description": "other_bytes, empty, too_large or other_type"}
    )
    kind = fields.String()
    sha256 = fields.String(metadata={"description": "as claimed"})
    found_sha256 = fields.String(metadata={"description": "of the bytes that came"})
    length = fields.Integer()
    filename = fields.String(allow_none=True)
    filetype = fields.String(allow_none=True)
    taken_at = fields.AwareDateTime()
    settled_at = fields.AwareDateTime()
    person_id = fields.UUID()
    device_id = fields.UUID(allow_none=True)


class QuarantinedFilePage(Schema):
    """A page of quarantined files."""

    items = fields.List(fields.Nested(QuarantinedFileOut), required=True)
    after = fields.String(allow_none=True)
