"""What a paper can be verified by: the digest of the record that it was made from, and a code that holds both.

The code needs no secret and no server to make, so the handheld prints the same one offline. Who has not seen the
paper cannot guess it: it holds the beginning of the digest of a record that nobody else has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.vocabulary import PaperKind

# What the server adds to a document is no part of what was recorded.
_OURS: Final = ("edit_id", "_deleted", "stamp", "review")
_LETTERS: Final = {
    PaperKind.SCENE_RECORD: "X",
    PaperKind.INSPECTION_RECORD: "J",
    PaperKind.REGISTRATION_LIST: "D",
    PaperKind.RECTIFICATION_ORDER: "G",
}
_KINDS: Final = {letter: kind for kind, letter in _LETTERS.items()}
_DIGEST_BYTES: Final = 14


class Code(NamedTuple):
    """What a code says: which paper of which record, and how the record's digest begins, in hexadecimal."""

    kind: PaperKind
    record_id: uuid.UUID
    digest: str


def digest_of(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a record as its device wrote it, in hexadecimal: of canonical JSON (RFC 8785) in UTF-8.

    A whole number is written without a point however it came, for JavaScript knows one kind of number only.
    """
    recorded = {name: _plain(value) for name, value in document.items() if name not in _OURS}
    text = json.dumps(recorded, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def code_of(kind: PaperKind, record_id: uuid.UUID, digest: str) -> str:
    """The code of a paper: a letter and six groups of eight characters of base32."""
    body = base64.b32encode(record_id.bytes + bytes.fromhex(digest)[:_DIGEST_BYTES]).decode()
    return "-".join([_LETTERS[kind], *(body[start : start + 8] for start in range(0, len(body), 8))])


def read_code(text: str) -> Code | None:
    """What a code says, ``None`` for what is none. Small letters and other blanks than hyphens are forgiven."""
    plain = "".join(text.upper().replace("-", " ").split())
    kind = _KINDS.get(plain[:1])
    if kind is None or len(plain) != 1 + 48:
        return None
    try:
        held = base64.b32decode(plain[1:])
    except (binascii.Error, ValueError):
        return None
    return Code(kind, uuid.UUID(bytes=held[:16]), held[16:].hex())


def address_of(public_url: str, code: str) -> str:
    """What the QR code holds: the page that verifies, or the code alone where the server has no public address."""
    return f"{public_url.rstrip('/')}/verify/{code}" if public_url else code
