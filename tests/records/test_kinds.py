"""Every kind of record is taken, about every kind of subject, before anybody has published a form of it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import product

from schemas.record import KINDS, SUBJECT_KINDS
from server.kernel.work import Kernel
from server.records.models import Record
from tests.fieldwork import check_of, push_at
from tests.town import MONDAY, settle_town


def test_a_record_of_a_form_that_nobody_published_is_stored_and_explained(kernel: Kernel) -> None:
    town = settle_town(kernel)
    records = [
        check_of(town, 0, MONDAY + timedelta(hours=1))
        | {
            "id": str(uuid.uuid4()),
            "kind": kind,
            "form_code": "of_the_bureau",
            "subject_kind": subject_kind,
            "subject_id": subject_kind and str(uuid.uuid4()),
        }
        for kind, subject_kind in product(KINDS, (*SUBJECT_KINDS, None))
    ]

    push_at(kernel, town, "li", MONDAY + timedelta(hours=2), *records)

    with kernel.sessions() as session:
        stored = {str(record.id): record for record in session.query(Record)}
    assert stored.keys() == {record["id"] for record in records}
    for record in stored.values():
        assert not record.valid
        assert "form_unknown" in {finding["code"] for finding in record.findings}
