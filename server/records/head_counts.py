"""How many people and vehicles a record lists, beside the numbers that somebody typed.

Person-times and vehicle-times (人次、辆次) are counted from those listed, each once; a typed number is only compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST_PEOPLE: Final = 100_000
"""The most people that a unit is believed to have sent along."""


def people_listed(document: Mapping[str, Any]) -> list[str | None]:
    """The ids of who was out, each once: the signers, then those listed; None for each signer without an id.

    The list of a patrol (巡查) says who was out in all, so those who only signed count where there is none.
    """
    listed = [one for row in _rows(document["answers"], "people") if (one := _id(row.get("person_id")))]
    people: dict[Any, str | None] = {}
    for place, officer in enumerate(
        document["officers"] if document["kind"] != "patrol" or not listed else ()
    ):
        one = _id(officer.get("person_id"))
        people[one or place] = one
    people |= {one: one for one in listed}
    for vehicle in _rows(document["answers"], "vehicles"):
        if one := _id(vehicle.get("driver_id")):
            people[one] = one
    return list(people.values())


def plates_listed(document: Mapping[str, Any]) -> list[str]:
    """The plates of the bureau's own vehicles, each once, in capitals and without blanks and dots."""
    plates = (plate_of(row.get("plate")) for row in _rows(document["answers"], "vehicles"))
    return list(dict.fromkeys(plate for plate in plates if plate))


def plate_of(text: Any) -> str:
    """A plate in the one way in which plates are compared: 测a·000 08 → 测A00008; empty for what is none."""
    kept = (character for character in text if character.isalnum()) if isinstance(text, str) else ()
    return "".join(kept).upper()


def head_count_findings(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """One ``people_count_differs`` or ``vehicle_count_differs``, with both numbers, for each typed number that differs.

    A road check of the first version lists no vehicle: its typed number is then all there is, and nothing differs.
    """
    answers = document["answers"]
    findings = []
    told = answers.get("people_told") if document["kind"] == "dispatch" else None
    listed = len(people_listed(document))
    if _is_count(told) and told != listed:
        detail = f"自报出动{told}人，名单上为{listed}人；人次按名单计，请核对名单后提交更正记录。"
        findings.append({"code": "people_count_differs", "path": "/answers/people_told", "detail": detail})
    name = "vehicles_told" if document["kind"] == "dispatch" else "vehicles_used"
    told, listed = answers.get(name), len(plates_listed(document))
    compared = document["kind"] == "dispatch" or (document["kind"] == "road_check" and listed)
    if compared and _is_count(told) and told != listed:
        detail = f"自报出动车辆{told}辆，列明{listed}辆；辆次按列明的计，请核对后提交更正记录。"
        findings.append({"code": "vehicle_count_differs", "path": f"/answers/{name}", "detail": detail})
    return findings


def vehicles_only_told(document: Mapping[str, Any]) -> int:
    """How many vehicles a road check tells by number alone, because it lists none."""
    told = document["answers"].get("vehicles_used")
    return int(told) if _is_count(told) and not plates_listed(document) else 0


def _is_count(value: Any) -> bool:
    # JSON Schema takes 3.0 for a whole number too.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _id(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _rows(node: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a list that may be absent, null, or (where its form is not known here) something else."""
    value = node.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
