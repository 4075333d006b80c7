"""Signed heads: the end of a chain, to be kept where nobody who could rewrite the chain can reach it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.audit.canonical import canonical, utc_text
from server.audit.models import EventSeal
from sync.keys import KeyRing
from sync.signed import BadSignature, read_signed, sign

TYPE = "xunge-audit-head+jwt"


class BadHead(ValueError):
    """The text is no head that one of the keys signed."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a signed head says: at that moment the bureau's chain had this digest at this position."""

    bureau_id: uuid.UUID
    position: int
    digest: bytes
    sealed_at: datetime


def sign_head(seal: EventSeal, now: datetime, keys: KeyRing) -> str:
    """The head as a signed text.

    Raises:
        KeysUnusable: when there is no key to sign with.
    """
    key = keys.signing()
    claims = {
        "digest": seal.digest.hex(),
        "iat": int(now.timestamp()),
        "iss": str(seal.bureau_id),
        "position": str(seal.position),
        "sealed_at": utc_text(seal.sealed_at),
        "seq": str(seal.seq),
    }
    return sign(canonical(claims), TYPE, key)


def read_head(text: str, keys: Mapping[str, Any]) -> Head:
    """What a signed head says, with nothing but the public JWK set.

    Raises:
        BadHead: when none of the keys signed it, or it is something else.
    """
    try:
        claims: dict[str, Any] = json.loads(read_signed(text, TYPE, keys))
    except BadSignature as error:
        raise BadHead(str(error)) from error
    return Head(
        bureau_id=uuid.UUID(claims["iss"]),
        position=int(claims["position"]),
        digest=bytes.fromhex(claims["digest"]),
        sealed_at=datetime.fromisoformat(claims["sealed_at"]),
    )
