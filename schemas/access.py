"""What signing in and devices send and receive."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.moment import Moment
from schemas.wording import PATTERN

_NAME = validate.Length(min=1, max=200)


class SignIn(Schema):
    """Credentials."""

    username = fields.String(required=True, validate=_NAME)
    password = fields.String(required=True, validate=_NAME, load_only=True)


class SignedIn(Schema):
    """A session. ``csrf_token`` goes into the X-CSRF-Token header of every change made with the cookie."""

    token = fields.String(required=True)
    csrf_token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    roles = fields.List(fields.String(), required=True)


class Me(Schema):
    """The signed-in account."""

    account_id = fields.UUID(required=True)
    bureau_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    device_id = fields.UUID(allow_none=True)
    squad_ids = fields.List(fields.UUID())
    roles = fields.List(fields.String())
    permissions = fields.List(fields.String())
    email = fields.String(allow_none=True)
    email_notices = fields.Boolean()


class MailSettings(Schema):
    """Where one's digests are mailed to, null for nowhere, and whether they are."""

    email = fields.String(
        required=True,
        allow_none=True,
        validate=[
            validate.Length(max=254),
            validate.Email(error=PATTERN),
            validate.Regexp(r"^[\x21-\x7e]+$", error=PATTERN),
        ],
    )
    email_notices = fields.Boolean(load_default=True)


class Enrolment(Schema):
    """A handheld to enrol."""

    label = fields.String(required=True, validate=_NAME)


class Enrolled(Schema):
    """An enrolled handheld; ``token`` is told this once."""

    device_id = fields.UUID(required=True)
    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


class DeviceOut(Schema):
    """A handheld."""

    id = fields.UUID(required=True)
    person_id = fields.UUID(required=True)
    label = fields.String(required=True)
    state = fields.String(required=True)
    enrolled_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    revoked_at = fields.AwareDateTime(allow_none=True)
    clock_offset_s = fields.Integer(required=True)


class DeviceList(Schema):
    """Handhelds."""

    items = fields.List(fields.Nested(DeviceOut), required=True)


class Revocation(Schema):
    """How to revoke: ``at_once`` also refuses what the device still holds (a stolen one)."""

    at_once = fields.Boolean(load_default=False)


class Contact(Schema):
    """What a handheld tells of itself."""

    queue_length = fields.Integer(required=True, validate=validate.Range(min=0, max=1_000_000))
    queue_oldest = Moment(
        load_default=None,
        metadata={"description": "When the oldest waiting change was made, by the same clock"},
    )
    device_time = Moment(required=True, metadata={"description": "The device's own clock"})


class ContactAnswer(Schema):
    """The true time, and how far the device's clock is off (device minus true, seconds)."""

    server_time = fields.AwareDateTime(required=True)
    clock_offset_s = fields.Integer(required=True)
