"""Complete, valid records for tests, made by the builders of the demo with identities that tests may rely on.

Every builder takes what ``Visit`` takes, and besides any top-level key of the document, which then replaces
it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal
from zoneinfo import ZoneInfo

from server.demo import documents
from server.demo.documents import AttemptReason, Document, Signer, Tier, Visit
from server.demo.further_answers import CallMode
from server.demo.registered import RegisteredGoods
from server.records.rules import Certificates

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 7, 6, 9, 30, tzinfo=ZONE)

FIRST_OFFICER = uuid.UUID("0196f000-0000-7000-8000-000000000001")
SECOND_OFFICER = uuid.UUID("0196f000-0000-7000-8000-000000000002")
AUXILIARY = uuid.UUID("0196f000-0000-7000-8000-000000000003")
OUTLET = uuid.UUID("0196f000-0000-7000-8000-000000000010")
SITE = uuid.UUID("0196f000-0000-7000-8000-000000000011")
PATROL = uuid.UUID("0196f000-0000-7000-8000-000000000030")
INSPECTION = uuid.UUID("0196f000-0000-7000-8000-000000000020")
FIRST_CERT, SECOND_CERT = "99018100001", "99018100002"
SIGNERS = (
    Signer(person_id=FIRST_OFFICER, cert_no=FIRST_CERT),
    Signer(person_id=SECOND_OFFICER, cert_no=SECOND_CERT),
)
CERTIFICATES: Certificates = {
    FIRST_OFFICER: ("officer", [(FIRST_CERT, date(2024, 1, 1), date(2028, 12, 31))]),
    SECOND_OFFICER: ("officer", [(SECOND_CERT, date(2024, 1, 1), date(2028, 12, 31))]),
    AUXILIARY: ("auxiliary", []),
}
_VISIT_FIELDS = {field.name for field in fields(Visit)}


def ecig_check(
    tier: Tier = "WEEKLY", *, seed: int = 0, cause: str | None = None, **overrides: Any
) -> Document:
    """An e-cigarette check of a tier, valid as it is."""
    given, rest = _split(overrides)
    return documents.ecig_check(tier, visit(seed, given), Random(seed), cause=cause) | rest


def site_visit(*, seed: int = 0, cause: str | None = None, **overrides: Any) -> Document:
    """An inspection of an outlet, valid as it is."""
    given, rest = _split(overrides)
    return documents.site_visit(visit(seed, given), Random(seed), cause=cause) | rest


def service_visit(*, seed: int = 0, **overrides: Any) -> Document:
    """A visit that inspects nothing, valid as it is."""
    given, rest = _split(overrides)
    return documents.service_visit(visit(seed, given), Random(seed)) | rest


def road_check(
    *, seed: int = 0, stops: list[tuple[datetime, bool]] | None = None, **overrides: Any
) -> Document:
    """A road-check session of two hours with eight stops, of which the sixth has goods; valid as it is."""
    given, rest = _split(overrides)
    started_at = given.get("started_at", MONDAY)
    at_site = {"subject_kind": "site", "subject_id": SITE, "ended_at": started_at + timedelta(hours=2)}
    return documents.road_check(visit(seed, at_site | given), Random(seed), stops=stops) | rest


def depot_check(*, seed: int = 0, abnormal: bool = False, **overrides: Any) -> Document:
    """A check of a depot, valid as it is."""
    given, rest = _split(overrides)
    at_site = {"subject_kind": "site", "subject_id": SITE}
    return documents.depot_check(visit(seed, at_site | given), Random(seed), abnormal=abnormal) | rest


def registration_list(*, seed: int = 0, **overrides: Any) -> Document:
    """A list of registered goods, valid as it is."""
    given, rest = _split(overrides)
    goods = [
        RegisteredGoods("cigarette", "样例牌（硬）", 12, "carton"),
        RegisteredGoods("cigarette", "样例牌（软）", 7, "pack", "mouldy"),
        RegisteredGoods("leaf", "烤烟", 40, "kilogram"),
    ]
    return (
        documents.registration_list(visit(seed, given), Random(seed), goods, inspection_id=INSPECTION) | rest
    )


def attempt(*, seed: int = 0, reason: AttemptReason = "closed", **overrides: Any) -> Document:
    """An attempt without access at an outlet, valid as it is."""
    given, rest = _split(overrides)
    return documents.attempt(visit(seed, given), Random(seed), reason=reason) | rest


def manufacturer_check(*, seed: int = 0, **overrides: Any) -> Document:
    """A check of a manufacturer, valid as it is."""
    given, rest = _split(overrides)
    at_site = {"subject_kind": "site", "subject_id": SITE}
    return documents.manufacturer_check(visit(seed, at_site | given), Random(seed)) | rest


def unlicensed_check(*, seed: int = 0, selling: bool = True, **overrides: Any) -> Document:
    """A check of a seller without licence who is met for the first time, valid as it is."""
    given, rest = _split(overrides)
    first_met = {"subject_kind": "unlicensed", "subject_id": None}
    return documents.unlicensed_check(visit(seed, first_met | given), Random(seed), selling=selling) | rest


def callback(*, seed: int = 0, reached: bool = True, mode: CallMode = "phone", **overrides: Any) -> Document:
    """A call-back by one auxiliary, valid as it is."""
    given, rest = _split(overrides)
    about = {"subject_kind": "complaint", "subject_id": SITE, "signers": [Signer(person_id=AUXILIARY)]}
    return documents.callback(visit(seed, about | given), Random(seed), mode=mode, reached=reached) | rest


def household_visit(*, seed: int = 0, **overrides: Any) -> Document:
    """A visit to a household by one auxiliary, valid as it is."""
    given, rest = _split(overrides)
    about = {"subject_kind": "household", "subject_id": SITE, "signers": [Signer(person_id=AUXILIARY)]}
    return documents.household_visit(visit(seed, about | given), Random(seed)) | rest


def patrol(*, seed: int = 0, act: Literal["start", "end"] = "end", **overrides: Any) -> Document:
    """The beginning or the end of a patrol, signed by two officers."""
    given, rest = _split(overrides)
    told: dict[str, Any] = {}
    if act == "end":
        track = Random(seed).randbytes(32).hex()
        told = {
            "people": [FIRST_OFFICER, AUXILIARY],
            "plates": ["测A00001"],
            "metres": 21_500,
            "track": track,
        }
    return documents.patrol(visit(seed, given), Random(seed), act, PATROL, **told) | rest


def every_form(seed: int = 0) -> list[Document]:
    """One valid record of each form, and one abnormal one of each form that has such."""
    return [
        *(ecig_check(tier, seed=seed) for tier in ("WEEKLY", "MONTHLY", "QUARTERLY")),
        *(
            ecig_check(tier, seed=seed, cause="ecig_non_standard")
            for tier in ("WEEKLY", "MONTHLY", "QUARTERLY")
        ),
        site_visit(seed=seed),
        site_visit(seed=seed, cause="not_from_local_wholesaler"),
        service_visit(seed=seed),
        road_check(seed=seed),
        depot_check(seed=seed),
        depot_check(seed=seed, abnormal=True),
        manufacturer_check(seed=seed),
        unlicensed_check(seed=seed),
        unlicensed_check(seed=seed, selling=False),
        callback(seed=seed),
        callback(seed=seed, reached=False, mode="door"),
        household_visit(seed=seed),
        registration_list(seed=seed),
        patrol(seed=seed, act="start"),
        patrol(seed=seed),
        *(attempt(seed=seed, reason=reason) for reason in ("closed", "moved", "refused", "unsafe")),
    ]


def visit(seed: int = 0, given: Mapping[str, Any] | None = None) -> Visit:
    """A visit of a quarter of an hour on a Monday morning by two certified officers, at the outlet's door."""
    rng = Random(seed)
    values: dict[str, Any] = {
        "record_id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "edit_id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "signers": SIGNERS,
        "started_at": MONDAY,
        "lon": 84.0123456,
        "lat": 39.0123456,
        "subject_id": OUTLET,
        "device_id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "squad_id": uuid.UUID(int=rng.getrandbits(128), version=4),
        "cell_id": uuid.UUID(int=rng.getrandbits(128), version=4),
        **(given or {}),
    }
    values.setdefault("ended_at", values["started_at"] + timedelta(minutes=15))
    return Visit(**values)


def _split(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the visit takes, and what replaces a key of the document."""
    given = {key: value for key, value in overrides.items() if key in _VISIT_FIELDS}
    return given, {key: value for key, value in overrides.items() if key not in _VISIT_FIELDS}
