"""Which versions of an app may still sync: the header Xunge-Client against the setting XUNGE_MIN_CLIENT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from server.kernel.problems import Problem

HEADER = "Xunge-Client"
# A name and a version of up to four numbers, as in "field/1.4.0"; what follows ("-beta") is the app's own affair.
_CLIENT = re.compile(r"([a-z][a-z0-9-]{0,39})/([0-9]{1,6}(?:\.[0-9]{1,6}){0,3})(?:[-+ ].*)?", re.ASCII)
_NUMBERS = 4

Versions = Mapping[str, tuple[int, ...]]


def read_versions(clients: Iterable[str]) -> Versions:
    """The oldest version of each app that may sync, from ``name/version`` each.

    Raises:
        ValueError: for what is no name and version.
    """
    versions: dict[str, tuple[int, ...]] = {}
    for client in filter(None, map(str.strip, clients)):
        read = _read(client)
        if read is None:
            raise ValueError(f"{client} is not like field/1.4.0")
        versions[read[0]] = read[1]
    return versions


def must_be_new_enough(header: str | None, oldest: Versions, *, must_tell: bool) -> None:
    """Let an app sync, unless it is older than the bureau allows.

    A program that is not ours tells no version, or a name of its own, or nothing that can be read, and may sync unless
    every app must tell: what it sends may be evidence.

    Raises:
        Problem: ``client_too_old``.
    """
    read = _read(header or "")
    if read is None:
        if must_tell:
            detail = f"请求缺少 {HEADER}，应如 field/1.4.0。{HEADER} has to be sent, like field/1.4.0."
            raise Problem("client_too_old", detail=detail)
        return
    name, version = read
    if version < oldest.get(name, ()):
        needed = ".".join(map(str, oldest[name]))
        raise Problem(
            "client_too_old",
            detail=f"应用版本过旧，需要 {needed} 以上，请更新后再同步；未上传的记录不会丢失。"
            f"The app is too old: {needed} or later is needed. Update it, then sync; what waits on it is not lost.",
        )


def _read(client: str) -> tuple[str, tuple[int, ...]] | None:
    matched = _CLIENT.fullmatch(client)
    if matched is None:
        return None
    numbers = [int(number) for number in matched[2].split(".")]
    return matched[1], (*numbers, *[0] * (_NUMBERS - len(numbers)))
