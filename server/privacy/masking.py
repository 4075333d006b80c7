"""What of a document is of persons, and how it reads masked: pure, for whoever lists, prints, exports or compares.

Personal Information Protection Law (个人信息保护法) articles 28 and 51: what identifies somebody is shown in full only to
whom it is for. A form may say of a text ``"person": "name"`` (or ``id_no``, ``phone``, ``plate``, ``home``, ``none``);
where it says nothing, the name of the field does. Numbers and plates that somebody wrote into a free text are found by
their look, and the names that the same document gives elsewhere are found in it again. A name that stands in a free text
alone is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MASK = "*"


class PersonField(StrEnum):
    """What a text tells of a person."""

    NAME = "name"
    ID_NO = "id_no"
    PHONE = "phone"
    PLATE = "plate"
    HOME = "home"


PERSON_WORDS = (*(kind.value for kind in PersonField), "none")
"""What a form may say of a text: which of these it tells, or that it tells none."""


class Place(NamedTuple):
    """Where a document tells of a person: a JSON pointer, and what is told there."""

    pointer: str
    kind: PersonField


# Of whom an object tells: its ``name`` is a person's.
_PEOPLE = frozenset(
    {
        "agent", "carrier", "complainant", "consignee", "contact", "driver", "holder", "household", "informant",
        "keeper", "owner", "party", "recipient", "sender", "suspect", "unlicensed_subject", "witness",
    }
)  # fmt: skip
# Of whom the place of business is told, which is nobody's home.
_PLACES = frozenset({"carrier", "unlicensed_subject"})
_FIELDS: Mapping[str, PersonField] = {
    "id_no": PersonField.ID_NO,
    "id_number": PersonField.ID_NO,
    "phone": PersonField.PHONE,
    "mobile": PersonField.PHONE,
    "plate": PersonField.PLATE,
    "home_address": PersonField.HOME,
    "residence": PersonField.HOME,
}
_SUFFIXES = {"_id_no": PersonField.ID_NO, "_phone": PersonField.PHONE, "_plate": PersonField.PLATE}

_EDGES = "(?<![0-9A-Za-z]){}(?![0-9A-Za-z])"
_PHONE = re.compile(_EDGES.format(r"(?:\+?86[- ]?)?1[0-9]{10}"))
_ID_NO = re.compile(_EDGES.format(r"[1-9][0-9]{16}[0-9Xx]"))
# The first character is a province's, or one that plates of tests and of special services begin with.
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼测使领学警"
_PLATE = re.compile(f"[{_PROVINCES}][A-Z][A-HJ-NP-Z0-9]{{5,6}}(?![0-9A-Za-z])")

# Texts that a machine made: nothing in them is of a person, and their digits may look as if it were.
_MACHINE = re.compile(r"^(?:[0-9a-fA-F-]{32,64}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?)$")


def mask_name(name: str) -> str:
    """The first character, and a star for each of the others, at least one: 张三丰 → 张**."""
    text = name.strip()
    return text[:1] + MASK * max(1, min(len(text), 8) - 1) if text else name


def mask_plate(plate: str) -> str:
    """The place of registration and the last two: 测A00008 → 测A***08."""
    text = plate.strip()
    return text[:2] + MASK * max(3, len(text) - 4) + text[-2:] if len(text) > 4 else MASK * 3


def _ends(first: int, last: int) -> Callable[[str], str]:
    def keep_ends(value: str) -> str:
        text = value.strip()
        if len(text) <= first + last:
            return MASK * max(3, len(text))
        return text[:first] + MASK * (len(text) - first - last) + text[len(text) - last :]

    return keep_ends


def _mask_home(address: str) -> str:
    return address.strip()[:6] + MASK * 4


_MASKS: Mapping[PersonField, Callable[[str], str]] = {
    PersonField.NAME: mask_name,
    PersonField.ID_NO: _ends(3, 2),
    PersonField.PHONE: _ends(3, 4),
    PersonField.PLATE: mask_plate,
    PersonField.HOME: _mask_home,
}


def mask(kind: PersonField, value: str) -> str:
    """One value, masked as its kind is."""
    return _MASKS[kind](value)


def is_machine_made(text: str) -> bool:
    """Whether a text is an id, a digest, a day or a moment, in which nobody is told of and nothing is looked for."""
    return _MACHINE.match(text) is not None


def mask_text(text: str, names: frozenset[str] = frozenset()) -> str:
    """A free text with its ID numbers, phones and plates masked, and the names given wherever they stand in it."""
    if is_machine_made(text):
        return text
    for pattern, kind in (
        (_ID_NO, PersonField.ID_NO),
        (_PHONE, PersonField.PHONE),
        (_PLATE, PersonField.PLATE),
    ):
        text = pattern.sub(lambda found, kind=kind: mask(kind, found[0]), text)  # type: ignore[misc]
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, mask_name(name))
    return text


def person_places(document: Any, schema: Mapping[str, Any] | None = None) -> list[Place]:
    """Where a record's document tells of persons in fields of their own.

    ``schema`` is the JSON Schema of the form's answers, for what it says of its fields. Free texts are not among them.
    """
    return [Place(pointer, kind) for pointer, kind, _ in _walk(document, schema) if kind is not None]


def masked(document: Any, schema: Mapping[str, Any] | None = None) -> Any:
    """A copy of a record's document with all that is of persons masked; everything else stays as it is."""
    kinds = {pointer: (kind, value) for pointer, kind, value in _walk(document, schema)}
    names = frozenset(
        value.strip() for kind, value in kinds.values() if kind is PersonField.NAME and len(value.strip()) > 1
    )

    def copy(node: Any, pointer: str) -> Any:
        if isinstance(node, dict):
            return {name: copy(inner, f"{pointer}/{_escaped(name)}") for name, inner in node.items()}
        if isinstance(node, list):
            return [copy(inner, f"{pointer}/{index}") for index, inner in enumerate(node)]
        if not isinstance(node, str):
            return node
        kind, _ = kinds[pointer]
        return mask(kind, node) if kind else mask_text(node, names)

    return copy(document, "")


def _walk(document: Any, schema: Mapping[str, Any] | None) -> Iterator[tuple[str, PersonField | None, str]]:
    """Every text of a document: its pointer, what it tells of a person, and itself."""
    waiting: list[tuple[Any, str, tuple[str, ...], Any]] = [(document, "", (), None)]
    while waiting:
        node, pointer, path, said = waiting.pop()
        if isinstance(node, dict):
            for name, inner in node.items():
                below = schema if not path and name == "answers" else _below(said, "properties", name)
                waiting.append((inner, f"{pointer}/{_escaped(name)}", (*path, name), below))
        elif isinstance(node, list):
            below = said.get("items") if isinstance(said, Mapping) else None
            waiting += [(inner, f"{pointer}/{index}", path, below) for index, inner in enumerate(node)]
        elif isinstance(node, str):
            yield pointer, _kind_of(path, said), node


def _below(said: Any, part: str, name: str) -> Any:
    return said.get(part, {}).get(name) if isinstance(said, Mapping) else None


def _kind_of(path: tuple[str, ...], said: Any) -> PersonField | None:
    told = said.get("person") if isinstance(said, Mapping) else None
    if told in PERSON_WORDS:
        return None if told == "none" else PersonField(told)
    if not path:
        return None
    name, above = path[-1], path[-2] if len(path) > 1 else ""
    if name in _FIELDS:
        return _FIELDS[name]
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return kind
    if name in _PEOPLE or (name == "name" and above in _PEOPLE):
        return PersonField.NAME
    if name in ("unit", "address") and above in _PEOPLE - _PLACES:
        return PersonField.HOME
    return PersonField.NAME if name.removesuffix("_name") in _PEOPLE else None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
