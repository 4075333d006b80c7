"""What is told of an incident: where, when and of what nature. Who was hurt and what was said stand in the record alone."""

from __future__ import annotations

from typing import Any

from server.kernel.work import Work
from server.records.models import Record
from server.records.queries import form_of


def told(work: Work, record: Record) -> dict[str, Any]:
    """A record of kind ``incident`` as lists of incidents have it."""
    answers = record.document["answers"]
    nature, named = _nature(work, record, answers.get("nature"))
    return {
        "record_id": str(record.id),
        "cell_id": str(record.cell_id) if record.cell_id else None,
        "nature": nature,
        "nature_zh": named,
        "started_at": record.performed_at.astimezone(work.zone).isoformat(timespec="minutes"),
        "help_needed": answers.get("help_needed") is True,
    }


def _nature(work: Work, record: Record, said: Any) -> tuple[str | None, str]:
    """Its code, and what the record's form calls it. What no form has a word for may be anything, and is not passed on."""
    form = form_of(work.session, record)
    labels = form.answers_schema.get("properties", {}).get("nature", {}).get("labels", {}) if form else {}
    if isinstance(said, str) and said in labels:
        return said, str(labels[said])
    return None, "未写明"
