"""Co-signatures (共同签名): the second officer signs a record on a device of his own, over the record's digest.

A co-signature is a record that names another one and the SHA-256 of its document. Whether it fits is found out once both
are here, in whatever order they come, and noted once; what does not fit is told to whoever leads, and never refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, true

from server.audit.canonical import digest_of
from server.kernel.bulk import among
from server.kernel.db import table_of
from server.kernel.ids import parse_id
from server.kernel.work import Work
from server.org.models import Certificate, Person
from server.org.queries import certificates_of
from server.privacy.masking import mask_text
from server.records.extraction import moment_of
from server.records.goods import rows_of
from server.records.kinds import attendance_of
from server.records.models import CoSignature, CoSignatureCheck, Record, RecordOfficer
from server.records.queries import visible_to
from server.records.storing import STAMPED, Judged

CONCERNS = {
    "digest_differs": "所签内容与入库的记录不一致",
    "signer_not_on_record": "签名人不在记录的检查人员之列",
    "signer_not_officer": "签名人不是执法人员",
    "certificate_not_valid": "签名人当日没有有效执法证",
    "signed_by_author": "签名人就是提交该记录的人",
    "pushed_by_another": "签名由他人的手持机提交",
    "objects": "签名人有异议",
}
"""What may be the matter with a co-signature, in the order in which it is told."""


def document_digest(document: dict[str, Any]) -> str:
    """The SHA-256 that a co-signature is over: of the record's canonical text without what the sync adds to it.

    See docs/sync-protocol.md, "Co-signatures"; the text is that of the audit trail's seals (RFC 8785).
    """
    return digest_of({name: value for name, value in document.items() if name not in STAMPED}).hex()


def follow_co_signatures(work: Work, stored: Sequence[Judged]) -> None:
    """After storing: keep the co-signatures among the records, and compare every one whose record is here now."""
    rows = [_row(work, record) for record in stored if record.document["kind"] == "co_signature"]
    if rows:
        work.session.execute(insert(table_of(CoSignature)), rows)
    ids = [record.id for record in stored]
    _compare(work, or_(among(CoSignature.record_id, ids), among(CoSignature.signed_record_id, ids)))


def compare_waiting(work: Work) -> int:
    """Compare co-signatures whose record came in another transaction at the same moment; how many.

    Neither transaction could see what the other brought, so neither compared the two.
    """
    return _compare(work, true())


def _compare(work: Work, which: ColumnElement[bool]) -> int:
    waiting = (
        select(CoSignature, Record)
        .join(Record, Record.id == CoSignature.signed_record_id)
        .outerjoin(CoSignatureCheck, CoSignatureCheck.record_id == CoSignature.record_id)
        .where(
            CoSignature.bureau_id == work.bureau_id,
            Record.bureau_id == work.bureau_id,
            CoSignatureCheck.record_id.is_(None),
            which,
        )
        .order_by(CoSignature.record_id)
    )
    found = work.session.execute(waiting).all()
    if found:
        checks = [_checked(work, signature, record) for signature, record in found]
        work.session.execute(insert(table_of(CoSignatureCheck)), checks)
    return len(found)


def _row(work: Work, record: Judged) -> dict[str, Any]:
    answers = record.document["answers"]
    images = [one.get("sha256") for one in rows_of(answers, "signatures")]
    note = answers.get("note")
    # A form that is not known here may give anything; what it lacks fits nothing.
    return {
        "bureau_id": work.bureau_id,
        "record_id": record.id,
        "signed_record_id": parse_id(answers.get("record_id")),
        "document_sha256": str(answers.get("document_sha256"))[:64],
        "decision": "object" if answers.get("decision") == "object" else "agree",
        "note": note if isinstance(note, str) else None,
        "signed_at": moment_of(answers.get("signed_at")) or record.performed_at,
        "person_id": next(iter(_known(work, record)), None),
        "signature_sha256": next((one for one in images if isinstance(one, str)), None),
        "known_at": work.now,
    }


def _known(work: Work, record: Judged) -> Sequence[uuid.UUID]:
    """Who signed, if the bureau knows him: the first person of the co-signature."""
    first = record.extract.officers[0]["person_id"]
    found = select(Person.id).where(Person.id == first, Person.bureau_id == work.bureau_id)
    return work.session.scalars(found).all() if first else ()


def _checked(work: Work, signature: CoSignature, record: Record) -> dict[str, Any]:
    """What comparing a co-signature with its record gives, at the day of the visit."""
    person = signature.person_id
    officers = select(RecordOfficer.person_id).where(RecordOfficer.record_id == record.id)
    kind, held = certificates_of(work.session, work.bureau_id, {person} if person else set()).get(
        person or uuid.UUID(int=0), ("", [])
    )
    certified = attendance_of(record.kind).certified
    pushed_by = work.session.scalar(select(Record.pushed_by).where(Record.id == signature.record_id))
    day = record.performed_at.astimezone(work.zone).date()
    concerns = {
        "digest_differs": signature.document_sha256 != document_digest(record.document),
        "signer_not_on_record": person is None or person not in set(work.session.scalars(officers)),
        "signer_not_officer": certified and kind != "officer",
        "certificate_not_valid": certified and kind == "officer" and not _is_held(held, day),
        "signed_by_author": person is not None and person == record.pushed_by,
        "pushed_by_another": person != pushed_by,
        "objects": signature.decision == "object",
    }
    return {
        "bureau_id": work.bureau_id,
        "record_id": signature.record_id,
        "signed_record_id": record.id,
        "matches": not concerns["digest_differs"],
        "concerns": [code for code in CONCERNS if concerns[code]],
        "known_at": work.now,
    }


def _is_held(held: Sequence[Certificate], day: date, number: str | None = None) -> bool:
    return any(one.valid_from <= day <= one.valid_to and number in (None, one.cert_no) for one in held)


def signatures_of(work: Work, record: Record) -> list[dict[str, Any]]:
    """Who signed a record, in the order of its officers, and whoever else co-signed it, as schemas.records.SignatureOut.

    On the device of the record the n-th signature of an officer is the n-th officer's.
    """
    there = work.session.execute(
        select(RecordOfficer, Person.name)
        .outerjoin(Person, Person.id == RecordOfficer.person_id)
        .where(RecordOfficer.record_id == record.id)
        .order_by(RecordOfficer.ordinal)
    ).all()
    own = _co_signatures(work, record.id)
    people = {one.person_id for one, _ in there if one.person_id}
    certificates = certificates_of(work.session, work.bureau_id, people)
    day = record.performed_at.astimezone(work.zone).date()
    drawn = [
        one.get("sha256")
        for one in rows_of(record.document["answers"], "signatures")
        if one.get("role") == "officer"
    ]
    told: list[dict[str, Any]] = []
    for officer, name in there:
        _, held = certificates.get(officer.person_id, ("", [])) if officer.person_id else ("", [])
        here = drawn[officer.ordinal - 1] if officer.ordinal <= len(drawn) else None
        base = {
            "ordinal": officer.ordinal,
            "person_id": officer.person_id,
            "name": name,
            "cert_no": officer.cert_no,
            "certificate_valid": _is_held(held, day, officer.cert_no),
        }
        theirs = [one for one in own if officer.person_id and one["person_id"] == officer.person_id]
        told += [base | one for one in theirs]
        if here is not None or not theirs:
            told.append(base | {"where": "same_device" if here else None, "signature_sha256": here})
    return told + [one for one in own if one["person_id"] not in people]


def _co_signatures(work: Work, record_id: uuid.UUID) -> list[dict[str, Any]]:
    rows = work.session.execute(
        select(CoSignature, CoSignatureCheck, Person.name)
        .outerjoin(CoSignatureCheck, CoSignatureCheck.record_id == CoSignature.record_id)
        .outerjoin(Person, Person.id == CoSignature.person_id)
        .where(CoSignature.signed_record_id == record_id, CoSignature.bureau_id == work.bureau_id)
        .order_by(CoSignature.known_at, CoSignature.record_id)
    )
    return [_told(signature, check, name) for signature, check, name in rows]


def _told(signature: CoSignature, check: CoSignatureCheck | None, name: str | None) -> dict[str, Any]:
    return {
        "where": "own_device",
        "co_signature_id": signature.record_id,
        "record_id": signature.signed_record_id,
        "person_id": signature.person_id,
        "name": name,
        "signature_sha256": signature.signature_sha256,
        "signed_at": signature.signed_at,
        "decision": signature.decision,
        "note": mask_text(signature.note) if signature.note else signature.note,
        "matches": check.matches if check else None,
        "concerns": [{"code": code, "detail": CONCERNS[code]} for code in check.concerns] if check else [],
        "known_at": signature.known_at,
    }


def co_signatures(work: Work, state: str | None) -> Select[CoSignature, CoSignatureCheck, str]:
    """The co-signatures in scope, unordered: those that ``wait`` for their record, with a ``concern``, or all.

    In scope is one whose own record is, or the record that it signs.
    """
    seen = visible_to(work.actor).with_only_columns(Record.id)
    wanted = (
        select(CoSignature, CoSignatureCheck, Person.name)
        .outerjoin(CoSignatureCheck, CoSignatureCheck.record_id == CoSignature.record_id)
        .outerjoin(Person, Person.id == CoSignature.person_id)
        .where(or_(CoSignature.record_id.in_(seen), CoSignature.signed_record_id.in_(seen)))
    )
    if state == "waiting":
        return wanted.where(CoSignatureCheck.record_id.is_(None))
    if state == "concern":
        return wanted.where(func.jsonb_array_length(CoSignatureCheck.concerns) > 0)
    return wanted


def list_co_signatures(work: Work, state: str | None) -> list[dict[str, Any]]:
    """As ``co_signatures`` says, the newest first, at most a thousand."""
    rows = co_signatures(work, state).order_by(CoSignature.known_at.desc(), CoSignature.record_id.desc())
    return [_told(*row) for row in work.session.execute(rows.limit(1000))]
