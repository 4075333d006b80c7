"""Who signed a record, and how many of them count as officers.

An inspection takes at least two law-enforcement officers, who show their certificates (行政处罚法第四十二条、
第五十五条). Auxiliaries may be there and may not be counted (国办发〔2024〕54号).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from server.records.forms import Finding

HeldCertificate = tuple[str, date, date]
"""Number (执法证号), first and last day of validity."""

Certificates = Mapping[uuid.UUID, tuple[str, Sequence[HeldCertificate]]]
"""Everybody known who signed: kind (officer, auxiliary, staff) and every certificate ever held."""


@dataclass(slots=True)
class Signers:
    """The different people who count, what is wrong with the others, and flags."""

    counted: set[uuid.UUID] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def finding(self, code: str, path: str, detail: str) -> None:
        self.findings.append({"code": code, "path": path, "detail": detail})


def judge_signers(
    officers: Sequence[Mapping[str, Any]],
    certificates: Certificates,
    day: date,
    *,
    wanted: int,
    certified: bool,
) -> Signers:
    """Count who signed, in the order of signing, on the local ``day`` of the visit.

    With ``certified`` only officers count whose certificate was valid that day; a certificate that is
    expired, missing or somebody else's is a finding even when enough others signed, because the record then
    says something untrue. An auxiliary is one only when the number of officers falls short of ``wanted``,
    else a flag. Without ``certified`` everybody known counts.
    """
    result = Signers()
    seen: set[uuid.UUID] = set()
    auxiliaries: list[int] = []
    for index, officer in enumerate(officers):
        person = _person(officer, certificates)
        if person is None:
            detail = f"第{index + 1}名签名人员不在人员库中，请核对人员或补录后复核。"
            result.finding("officer_unknown", f"/officers/{index}", detail)
            continue
        if person in seen:
            result.flags.append("officer_repeated")
            continue
        seen.add(person)
        kind, held = certificates[person]
        if certified and kind != "officer":
            auxiliaries.append(index)
        elif not certified or _is_certified(index, officer.get("cert_no"), held, day, result):
            result.counted.add(person)
    if len(result.counted) < wanted:
        who = "持有效执法证的执法人员" if certified else "人员"
        detail = f"应有不少于{wanted}名{who}，实有{len(result.counted)}名，请由合规人员重新检查。"
        result.finding("too_few_officers", "/officers", detail)
        for index in auxiliaries:
            detail = (
                f"第{index + 1}名签名人员不是执法人员，不能计入执法检查的法定人数，请由执法人员重新检查。"
            )
            result.finding("auxiliary_present_as_officer", f"/officers/{index}", detail)
    elif auxiliaries:
        result.flags.append("auxiliary_present")
    return result


def _person(officer: Mapping[str, Any], certificates: Certificates) -> uuid.UUID | None:
    """Who signed: by identity, else by a certificate number that exactly one person holds."""
    if officer.get("person_id"):
        person = uuid.UUID(officer["person_id"])
        return person if person in certificates else None
    number = officer.get("cert_no")
    if not number:
        return None
    holders = [
        person for person, (_, held) in certificates.items() if any(number == known for known, _, _ in held)
    ]
    return holders[0] if len(holders) == 1 else None


def _is_certified(
    index: int, number: str | None, held: Sequence[HeldCertificate], day: date, result: Signers
) -> bool:
    """Whether the certificate shown was this officer's and valid that day; any held one, if none is named."""
    path = f"/officers/{index}"
    if not held:
        detail = f"第{index + 1}名执法人员没有执法证登记，请补登执法证后复核。"
        result.finding("certificate_missing", path, detail)
        return False
    if not number:
        result.flags.append("cert_no_absent")
    shown = [one for one in held if one[0] == number] if number else held
    if not shown:
        detail = f"第{index + 1}名执法人员所填执法证号不是本人的，请核对证号并提交更正记录。"
        result.finding("certificate_mismatch", f"{path}/cert_no", detail)
        return False
    if not any(first <= day <= last for _, first, last in shown):
        spans = "、".join(f"{first.isoformat()}至{last.isoformat()}" for _, first, last in shown)
        said = f"第{index + 1}名执法人员的执法证有效期为{spans}，{day.isoformat()}不在其内"
        detail = f"{said}，请由持有效证件的人员重新检查。"
        result.finding("certificate_expired", f"{path}/cert_no", detail)
        return False
    return True
