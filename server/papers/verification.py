"""Whether a paper is genuine: asked by anybody who holds one, and answered without a word about people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.vocabulary import PaperKind
from server.kernel.work import Kernel
from server.org.models import Bureau
from server.papers.amendments import words_on
from server.papers.composing import papers_of
from server.papers.pdf import templates
from server.papers.rules import written_day
from server.papers.verifying import digest_of, read_code
from server.records.models import Record

SENTENCES: Mapping[str, str] = {
    "genuine": "经核验，本文书所载记录真实，未经更正。Genuine: the record is ours and was not amended.",
    "amended": "经核验，本文书所载记录真实，但此后已经更正，请向出具单位索取更正后的文书。"
    "Genuine, and amended since: ask the bureau for the amended paper.",
    "no_effect": "经核验，本文书所载更正记录确已提交，但不发生更正效力（提交人无权更正，或者原记录尚未收到），以原文书为准。"
    "An amendment that has no effect: its author may not amend the record, or the record has not come; the original holds.",
    "unknown": "未查到与核验码相符的记录：核验码有误、内容经过改动，或者记录尚未上传。"
    "No record has this code: it is wrong or altered, or the record was not sent yet.",
}
_NOTHING: Mapping[str, Any] = dict.fromkeys(("kind", "title", "bureau", "number", "day", "sha256"))


def verify(kernel: Kernel, text: str) -> dict[str, Any]:
    """What is told of the paper with this code: a state, and its number, kind, day and bureau where it is ours.

    Whoever does not hold the paper cannot make its code, so that nothing is told of records to whoever guesses.
    """
    code = read_code(text)
    with kernel.sessions() as session:
        record = session.get(Record, code.record_id) if code else None
        if code is None or record is None or code.kind not in papers_of(record.document):
            return _told("unknown", _NOTHING)
        digest = digest_of(record.document)
        if not digest.startswith(code.digest):
            return _told("unknown", _NOTHING)
        words = words_on(session, record)
        state = "no_effect" if record not in words else "genuine" if words[-1] is record else "amended"
        return _told(state, _facts(kernel, session, record, code.kind, digest))


def _facts(
    kernel: Kernel, session: Session, record: Record, kind: PaperKind, digest: str
) -> Mapping[str, Any]:
    return {
        "kind": kind.value,
        "title": kind.label_zh,
        "bureau": session.scalars(select(Bureau.name).filter_by(id=record.bureau_id)).one(),
        "number": record.numbers.get(kind.value),
        "day": record.performed_at.astimezone(kernel.settings.zone).date(),
        "sha256": digest,
    }


def _told(state: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": state, "sentence": SENTENCES[state], **facts}


def page_of(told: Mapping[str, Any]) -> str:
    """What ``verify`` tells as a page of HTML that needs no other file."""
    day = told["day"]
    return templates().get_template("verified.html").render(told=told, day=day and written_day(day))
