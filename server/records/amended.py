"""What amendments make of a record. Pure: documents in, documents and differences out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# What tells one record from another, and why one was written; all the rest is what a record says.
OF_THE_RECORD = ("id", "edit_id", "_deleted", "device_id", "amends_id", "amend_reason")
# Where and when: evidence that a device took, which nobody remembers better afterwards.
EVIDENCE = ("position", "started_at", "ended_at", "clock_offset_s")
_ABSENT = object()


class Difference(NamedTuple):
    """One place in which two documents differ: a JSON pointer (RFC 6901); an absent value is ``None``."""

    path: str
    old: Any
    new: Any


def as_amended(original: Mapping[str, Any], amendments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a record says with its amendments, given those that stand, in their order.

    An amendment says the whole again, so the last one is what the record says. It stays the same record, written on
    the same device: its id and that are the original's.
    """
    last = amendments[-1] if amendments else original
    own = {name: original[name] for name in OF_THE_RECORD if name in original}
    return {**{name: value for name, value in last.items() if name not in OF_THE_RECORD}, **own}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """In what two documents differ, field by field, without what tells one record from another.

    Arrays of one length are compared element by element; where the length differs the whole array is told.
    """
    said = [{name: one[name] for name in one if name not in OF_THE_RECORD} for one in (old, new)]
    return list(_differing("", *said))


def changes_evidence(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an amendment tells of another place or time than what it amends."""
    return any(old.get(name) != new.get(name) for name in EVIDENCE)


def value_at_pointer(document: Any, path: str) -> Any:
    """The value at a pointer that ``differences`` gave, ``None`` where there is none."""
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, list) and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def _differing(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from _differing(f"{path}/{escaped}", old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for ordinal, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(f"{path}/{ordinal}", one, other)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Difference(path, *(None if value is _ABSENT else value for value in (old, new)))
