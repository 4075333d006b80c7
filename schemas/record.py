"""The wire shape of a field record: what a device must send for its evidence to be stored at all.

Evidence is never refused for being incomplete, so little is required here. What else an inspection needs is
judged after the record is stored, and told as findings. The answers to the form are checked by the form's
own schema.
"""

from __future__ import annotations

from typing import Any

# Days are checked against their month, because PostgreSQL and Python refuse 30 February and one such day
# must not stop the rows that came with it. Python's \d takes digits of every script, so ranges are spelled
# out.
_DATE = (
    "(?:19[7-9][0-9]|20[0-9][0-9])-"
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:19(?:[79][26]|8[048])|20(?:[02468][048]|[13579][26]))-02-29"
)

DATE_PATTERN = f"^(?:{_DATE})$"
"""A calendar day of 1970 to 2099, ``2026-07-06``."""

TIMESTAMP_PATTERN = (
    f"^(?:{_DATE})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{{1,6}})?"
    "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"
)
"""RFC 3339 with an offset, of 1970 to 2099, to the microsecond; no leap second, which neither side can store.

A device whose clock has lost its battery says 1970, and its records are evidence as well.
"""

UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
SHA256_PATTERN = "^[0-9a-f]{64}$"
MAX_TEXT = 4000
"""Characters of the longest text in a record."""

KINDS = (
    "ecig_check",
    "site_visit",
    "road_check",
    "depot_check",
    "attempt",
    "manufacturer_check",
    "unlicensed_check",
    "callback",
    "household_visit",
    "clue",
    "incident",
    "registration_list",
    "dispatch",
    "patrol",
    "co_signature",
)
SUBJECT_KINDS = ("outlet", "site", "unlicensed", "household", "complaint", "clue")
VISIT_KINDS = ("routine", "special", "case", "patrol", "service")
COORDINATE_SYSTEMS = ("wgs84", "cgcs2000", "gcj02", "bd09")
REQUIRED = (
    "id",
    "edit_id",
    "kind",
    "form_code",
    "form_version",
    "officers",
    "visit_kind",
    "started_at",
    "ended_at",
    "photos",
    "answers",
)

_UUID = {"type": "string", "pattern": UUID_PATTERN}
_MAYBE_UUID = {"type": ["string", "null"], "pattern": UUID_PATTERN}
_TIMESTAMP = {"type": "string", "pattern": TIMESTAMP_PATTERN}
_FLAG = {"type": ["boolean", "null"]}
# A device counts in 32 bits; more could not be a true offset, and would lead out of the calendar.
_CLOCK_LIMIT_S = 2_147_483_647


def _text(longest: int) -> dict[str, Any]:
    return {"type": ["string", "null"], "maxLength": longest}


def _position() -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "required": ["lon", "lat"],
        "properties": {
            "lon": {"type": "number", "minimum": -180, "maximum": 180},
            "lat": {"type": "number", "minimum": -90, "maximum": 90},
            "accuracy_m": {"type": ["number", "null"], "minimum": 0, "maximum": 10_000_000},
            "source": _text(40),
            "crs": {"enum": [*COORDINATE_SYSTEMS, None]},
        },
        "additionalProperties": False,
    }


ENVELOPE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "现场记录",
    "type": "object",
    "required": list(REQUIRED),
    "properties": {
        "id": _UUID,
        "edit_id": _UUID,
        "_deleted": {"type": "boolean"},
        "kind": {"enum": list(KINDS)},
        # A bureau may publish forms of its own, and a device may know a newer one: the shape is fixed, not
        # the list.
        "form_code": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "form_version": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "device_id": _MAYBE_UUID,
        "officers": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {
                "type": "object",
                "properties": {"person_id": _MAYBE_UUID, "cert_no": _text(40)},
                "additionalProperties": False,
            },
        },
        "squad_id": _MAYBE_UUID,
        "cell_id": _MAYBE_UUID,
        "subject_kind": {"enum": [*SUBJECT_KINDS, None]},
        "subject_id": _MAYBE_UUID,
        "visit_kind": {"enum": list(VISIT_KINDS)},
        "started_at": _TIMESTAMP,
        "ended_at": _TIMESTAMP,
        "clock_offset_s": {"type": "integer", "minimum": -_CLOCK_LIMIT_S, "maximum": _CLOCK_LIMIT_S},
        "position": _position(),
        "no_fix_reason": _text(MAX_TEXT),
        "approval_no": _text(80),
        # What the device numbered the paper by that it gave out on the spot; the official number comes from the server.
        "provisional_no": _text(80),
        "notice_given": _FLAG,
        "cert_shown": _FLAG,
        "photos": {
            "type": "array",
            "maxItems": 50,
            "items": {
                "type": "object",
                "required": ["sha256"],
                "properties": {
                    "sha256": {"type": "string", "pattern": SHA256_PATTERN},
                    "taken_at": {"type": ["string", "null"], "pattern": TIMESTAMP_PATTERN},
                    "position": _position(),
                },
                "additionalProperties": False,
            },
        },
        "body_cam_ref": _text(200),
        "narrative": _text(MAX_TEXT),
        "status": {"enum": ["final"]},
        "amends_id": _MAYBE_UUID,
        # The dispatch (出动) on which it was made; its own record may arrive later.
        "dispatch_id": _MAYBE_UUID,
        "amend_reason": _text(MAX_TEXT),
        "makes_up": _text(80),
        "answers": {"type": "object"},
        # What only the server says. A pushed one is dropped, so its shape does not matter.
        "stamp": {},
        "review": {},
    },
    "additionalProperties": False,
}
"""JSON Schema (draft 7) of a record without its answers.

Coordinates are degrees, accuracies metres, ``clock_offset_s`` whole seconds (device minus true), photos are
named by the sha256 of their bytes in lower-case hexadecimal. ``crs`` absent or null means what the chip
gives, ``wgs84``.
"""
