"""Who read what is of persons in full: an event each, so that the readings are in the sealed trail like every other act."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Select, select

from server.kernel.events import Event, record_event
from server.kernel.work import Work

READ = "person_data.read"

# What else shows persons to somebody: a file, a printed paper, both sides of a conflict, a row as it was sent.
READINGS = (READ, "file.read", "paper.printed", "sync.conflict_opened", "sync.quarantine_opened")

# Acts of which only the trail tells, for it is nobody's business in the field that somebody told a clue.
CONFIDENTIAL = ("clue.informant_kept",)


def note_reading(work: Work, subject_id: uuid.UUID, purpose: str, pointers: Sequence[str]) -> None:
    """Note that the actor read a document in full, what for, and where it tells of persons (个人信息保护法第五十一条).

    What is told there is not noted: the trail is kept for ever and persons' data is not.
    """
    record_event(work, READ, [subject_id], purpose=purpose, places=list(pointers))


def readings_of(work: Work, subject_id: uuid.UUID) -> Select[Event]:
    """Every reading of a document and of what belongs to it, unordered."""
    return select(Event).where(
        Event.bureau_id == work.bureau_id,
        Event.name.in_(READINGS),
        Event.subject_ids.contains([str(subject_id)]),
    )
