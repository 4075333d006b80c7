"""What the kind of a record settles by itself, whatever its form says: who must be there, and what was performed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from schemas.vocabulary import Deed, SubjectKind


class Attendance(NamedTuple):
    """The least number of people who must be there, and whether they have to hold valid certificates (执法证)."""

    people: int
    certified: bool


INSPECTION = Attendance(2, True)
"""At least two law-enforcement officers, who show their certificates (行政处罚法第四十二条、第五十五条)."""
ANYBODY = Attendance(1, False)
"""One person, who need not be an officer: nothing is inspected, and nobody is bound to put up with it."""

_ATTENDANCE: Mapping[str, Attendance] = MappingProxyType(
    {
        "ecig_check": INSPECTION,
        "site_visit": INSPECTION,
        "road_check": INSPECTION,
        "depot_check": INSPECTION,
        "manufacturer_check": INSPECTION,
        "unlicensed_check": INSPECTION,
        "registration_list": INSPECTION,
        "attempt": ANYBODY,
        "callback": ANYBODY,
        "household_visit": ANYBODY,
        "clue": ANYBODY,
        "incident": ANYBODY,
        "dispatch": ANYBODY,
        "patrol": ANYBODY,
        "co_signature": ANYBODY,
    }
)
KIND_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ecig_check": "电子烟检查",
        "site_visit": "零售户检查、走访",
        "road_check": "路检路查",
        "depot_check": "寄递网点检查",
        "attempt": "到店未查成",
        "manufacturer_check": "生产企业检查",
        "unlicensed_check": "无证户检查",
        "callback": "投诉回访",
        "household_visit": "入户检查",
        "clue": "线索",
        "incident": "突发情况",
        "registration_list": "先行登记保存",
        "dispatch": "出动",
        "patrol": "巡查",
        "co_signature": "共同签名",
    }
)
"""What a kind of record is called in lists."""

OF_NO_PLACE = frozenset({"patrol"})
"""Kinds of record that are about a way and not a place: in which cell one was written says nothing of it."""

# What is registered is approved by itself (行政处罚法第五十六条): its approval stands among its answers.
_APPROVED_BY_ITSELF = frozenset({"registration_list"})
# A form for an outlet with these labels only is a visit (走访): it serves and looks, and inspects nothing.
_SERVING = frozenset({"service", "patrol"})
_DEEDS: Mapping[str, Deed] = MappingProxyType(
    {
        "ecig_check": Deed.INSPECTION,
        "site_visit": Deed.INSPECTION,
        "manufacturer_check": Deed.INSPECTION,
        "unlicensed_check": Deed.INSPECTION,
        "depot_check": Deed.DEPOT_CHECK,
    }
)

# What a record calls its subject → what cadence calls it.
SUBJECTS: Mapping[str, SubjectKind] = MappingProxyType(
    {
        "outlet": SubjectKind.OUTLET,
        "site": SubjectKind.DEPOT,
        "unlicensed": SubjectKind.UNLICENSED,
        "household": SubjectKind.HOUSEHOLD,
        "complaint": SubjectKind.COMPLAINT,
        "clue": SubjectKind.CLUE,
    }
)


def attendance_of(kind: str, visit_kinds: Collection[str] = ()) -> Attendance:
    """Who must be there for a record of this kind on a form with these labels; a form may ask for more, never for less.

    Raises:
        KeyError: for a kind of record that there is not.
    """
    if kind == "site_visit" and visit_kinds and _SERVING.issuperset(visit_kinds):
        return ANYBODY
    return _ATTENDANCE[kind]


def asks_inspection_approval(kind: str, *, certified: bool) -> bool:
    """Whether a record of this kind must name the approval of an inspection (检查审批)."""
    return certified and kind not in _APPROVED_BY_ITSELF


def deed_of(kind: str, answers: Mapping[str, Any], *, certified: bool) -> Deed | None:
    """What a record performed at its subject, ``None`` where it was no deed or reached nobody.

    ``certified`` says whether its form demands certified officers; where it does not, a visit to an outlet is a 走访.
    A call-back whose mode is not answered is taken for the lesser one, by telephone.
    """
    if kind == "callback":
        if answers.get("reached") is False:
            return None
        return Deed.DOOR_CALLBACK if answers.get("mode") == "door" else Deed.CALLBACK
    if kind == "household_visit":
        return Deed.SERVICE if answers.get("access") in (None, "met") else None
    deed = _DEEDS.get(kind)
    return Deed.SERVICE if deed is Deed.INSPECTION and not certified else deed
