"""Signed heads: the end of a chain, to be kept where nobody who could rewrite the chain can reach it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from server.audit.canonical import canonical, utc_text
from server.audit.models import EventSeal
from sync.keys import CURVE, KeyRing

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
    """The head as a compact JWS (RFC 7515, EdDSA over Ed25519).

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
    header = {"alg": CURVE, "kid": key.kid, "typ": TYPE}
    return jws.serialize_compact(header, canonical(claims), key, algorithms=[CURVE])


def read_head(text: str, keys: Mapping[str, Any]) -> Head:
    """What a signed head says, with nothing but the public JWK set.

    Raises:
        BadHead: when none of the keys signed it, or it is something else.
    """
    try:
        signed = jws.deserialize_compact(text, KeySet.import_key_set(keys), algorithms=[CURVE])  # type: ignore[arg-type]
    except (JoseError, ValueError) as error:
        raise BadHead(str(error)) from error
    if signed.headers().get("typ") != TYPE:
        raise BadHead("signed by us, and no head of the audit chain")
    claims: dict[str, Any] = json.loads(signed.payload or b"{}")
    return Head(
        bureau_id=uuid.UUID(claims["iss"]),
        position=int(claims["position"]),
        digest=bytes.fromhex(claims["digest"]),
        sealed_at=datetime.fromisoformat(claims["sealed_at"]),
    )
