"""What the server signs and anybody may verify offline: compact JWS (RFC 7515), EdDSA over Ed25519, told apart by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from sync.keys import CURVE


class BadSignature(ValueError):
    """None of the keys signed the text, or it is of another type."""


def sign(payload: bytes, kind: str, key: OKPKey) -> str:
    """The payload, signed as what its ``typ`` says."""
    header = {"alg": CURVE, "kid": key.kid, "typ": kind}
    return jws.serialize_compact(header, payload, key, algorithms=[CURVE])


def read_signed(text: str, kind: str, keys: Mapping[str, Any]) -> bytes:
    """The payload of a text of this ``typ``, with nothing but the public JWK set.

    Raises:
        BadSignature: when none of the keys signed it, or it is something else.
    """
    try:
        signed = jws.deserialize_compact(text, KeySet.import_key_set(keys), algorithms=[CURVE])  # type: ignore[arg-type]
    except (JoseError, ValueError) as error:
        raise BadSignature(str(error)) from error
    if signed.headers().get("typ") != kind:
        raise BadSignature(f"signed by us, and no {kind}")
    return signed.payload or b""
