"""The keys that sign receipts: a JWK set (RFC 7517) in one file, the first key signs, the others only verify."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import KeySet, OKPKey

CURVE: Final = "Ed25519"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeysUnusable(Exception):
    """There is no key to sign with: no file, a file that others may read, or one that holds no signing key."""


@dataclass(slots=True)
class KeyRing:
    """The keys of a file, read again whenever the file was replaced, so that a rotation needs no restart."""

    path: Path
    _read: tuple[tuple[int, int, int], KeySet] | None = field(default=None, init=False)

    def keys(self) -> KeySet:
        """All keys, the signing one first.

        Raises:
            KeysUnusable: when there is none to sign with.
        """
        try:
            seen = self.path.stat()
        except OSError as error:
            raise KeysUnusable(f"{self.path}: {error.strerror}") from error
        if seen.st_mode & _OTHERS:
            raise KeysUnusable(f"{self.path} can be read by others: chmod 600")
        version = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if self._read is None or self._read[0] != version:
            self._read = (version, _load(self.path))
        return self._read[1]

    def signing(self) -> OKPKey:
        """The key that signs now. Raises ``KeysUnusable`` like ``keys``."""
        first = self.keys().keys[0]
        if not isinstance(first, OKPKey) or not first.is_private:
            raise KeysUnusable(f"{self.path}: the first key is no private key")
        return first

    def public(self) -> dict[str, Any]:
        """The JWK set that anybody may have, to verify with. Raises ``KeysUnusable`` like ``keys``."""
        return dict(self.keys().as_dict(private=False))


def create_keys(path: Path) -> bool:
    """Write a file with one new key, unless there is a file already; whether one was written."""
    written = _write(path, [_new_key()])
    try:
        # Unlike a rename this fails where a file stands, so that two who create at once keep one and the same key.
        os.link(written, path)
    except FileExistsError:
        return False
    finally:
        written.unlink()
    return True


def rotate_keys(path: Path) -> str:
    """Sign with a new key from now on; the former ones keep their public halves, to verify what they signed.

    Returns the new key's id. Raises ``KeysUnusable`` where there are no keys yet.
    """
    former = KeyRing(path).public()["keys"]
    new = _new_key()
    os.replace(_write(path, [new, *former]), path)
    return str(new["kid"])


def _new_key() -> dict[str, Any]:
    key = OKPKey.generate_key(CURVE, {"use": "sig", "alg": CURVE}, auto_kid=True)
    return dict(key.as_dict(private=True))


def _write(path: Path, keys: list[dict[str, Any]]) -> Path:
    """A complete file beside ``path`` that nobody else may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump({"keys": keys}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return beside


def _load(path: Path) -> KeySet:
    try:
        return KeySet.import_key_set(json.loads(path.read_bytes()))
    except Exception as error:
        # Whatever is wrong with the file, the server goes on without receipts and says which file it is.
        raise KeysUnusable(f"{path} is no JWK set") from error
