"""Secrets that have to be read again, sealed by keys that are in a file and not in the database or its backups."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SealBroken(Exception):
    """The file of keys is missing, unreadable, or does not hold the key that sealed this."""


def seal(keys_file: Path, secret: str) -> str:
    """The secret, encrypted and authenticated (Fernet) by the first key of the file, which is made if there is none.

    Raises:
        SealBroken: where the file cannot be read or made.
    """
    try:
        _make(keys_file)
        return _keys(keys_file).encrypt(secret.encode()).decode()
    except OSError as error:
        raise SealBroken(f"{keys_file}: {error.strerror}") from error


def unseal(keys_file: Path, sealed: str) -> str:
    """The secret that ``seal`` sealed with any key of the file: a new key is put first, the former ones stay.

    Raises:
        SealBroken: where the keys are not there, or none of them fits.
    """
    try:
        return _keys(keys_file).decrypt(sealed.encode()).decode()
    except OSError as error:
        raise SealBroken(f"{keys_file}: {error.strerror}") from error
    except InvalidToken as error:
        raise SealBroken(f"{keys_file}: no key of it fits") from error


def _keys(keys_file: Path) -> MultiFernet:
    lines = keys_file.read_text(encoding="ascii").split()
    try:
        return MultiFernet([Fernet(line) for line in lines])
    except ValueError as error:
        raise SealBroken(f"{keys_file}: holds no keys") from error


def _make(keys_file: Path) -> None:
    """A first key, readable by its owner alone; of two who make it at once one does."""
    if keys_file.exists():
        return
    keys_file.parent.mkdir(parents=True, exist_ok=True)
    draft = keys_file.with_name(f".{keys_file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, keys_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
