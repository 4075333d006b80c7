"""Recording that a visit does not count to the annual cap, by an exemption that the caps name."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from server.cadence.cap_policies import cap_on
from server.cadence.models import CapExemption
from server.kernel.events import record_event
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.records.models import Record


def exempt_visit(work: Work, record_id: uuid.UUID, code: str | None, reference: str) -> CapExemption:
    """Note that a recorded visit is exempt by ``code`` of the caps in force on its day, or with ``None`` that it is not.

    ``reference`` names the document that shows it, such as the order from above.

    Raises:
        Problem: ``not_found``; ``invalid`` for a code that those caps do not have, or not for visits of its kind.
    """
    record = work.session.scalar(
        select(Record).where(Record.id == record_id, Record.bureau_id == work.bureau_id)
    )
    if record is None:
        raise Problem("not_found")
    if code is not None:
        cap = cap_on(work, record.performed_at.astimezone(work.zone).date(), work.now)
        known = {one["code"]: one for one in cap.exemptions} if cap else {}
        if code not in known:
            detail = f"检查当日的频次上限没有豁免事由“{code}”。The caps of that day have no such exemption."
            raise invalid("/code", "exemption_unknown", detail)
        if record.visit_kind not in known[code]["visit_kinds"]:
            detail = f"豁免事由“{code}”不适用于 {record.visit_kind}。It is not for visits of this kind."
            raise invalid("/code", "exemption_of_another_kind", detail)
    noted = CapExemption(
        bureau_id=work.bureau_id,
        record_id=record.id,
        code=code,
        reference=reference,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(noted)
    work.session.flush()
    record_event(work, "cap.visit_exempted", [record.id], code=code, reference=reference)
    return noted
