"""The proof: the chain is computed again from what is stored, and the first place where it differs is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from server.audit.chaining import Contents, Tail, digests_of, last_seal, named_in, tail_of
from server.audit.heads import Head
from server.audit.models import EventSeal
from server.audit.seals import NOTHING_BEFORE, event_digest, seal_digest
from server.kernel.events import Event
from sync.tables import Xid8
from sync.tables import epoch as sync_epoch

CHUNK = 500


class Broken(StrEnum):
    """How a chain can be broken."""

    SEAL_MISSING = "seal_missing"
    SEAL_CHANGED = "seal_changed"
    LINK_BROKEN = "link_broken"
    EVENT_MISSING = "event_missing"
    EVENT_CHANGED = "event_changed"
    EVENT_MOVED = "event_moved"
    EVENT_INSERTED = "event_inserted"
    ROW_MISSING = "row_missing"
    ROW_CHANGED = "row_changed"
    ROW_UNNAMED = "row_unnamed"
    ANCHOR_DIFFERS = "anchor_differs"
    ANCHOR_BEYOND = "anchor_beyond"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where what is stored is not what was sealed. ``row`` is the record or other row it is about."""

    what: Broken
    position: int | None
    seq: int | None
    row: uuid.UUID | None
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verification found: seals looked at, the first fault or none, and the tail that nothing proves yet."""

    seals: int
    last: EventSeal | None
    fault: Fault | None
    tail: Tail


Progress = Callable[[int], None]


def verify_chain(
    session: Session,
    bureau_id: uuid.UUID,
    contents: Contents,
    *,
    since: datetime | None = None,
    anchors: Sequence[Head] = (),
    progress: Progress = lambda done: None,
) -> Proof:
    """Verify a bureau's chain from its first seal, or from the first made at ``since`` or later.

    With ``since`` the seal before it is believed, and whether every row is named by some event is left out. Nothing is
    written, and nobody is kept from writing.
    """
    before = _last_before(session, bureau_id, since) if since else None
    walk = _Walk(session, bureau_id, contents, before)
    fault = walk.first_fault(progress)
    last = last_seal(session, bureau_id)
    fault = (
        fault
        or _inserted(session, bureau_id, last)
        or next(filter(None, (_against(session, bureau_id, anchor, last) for anchor in anchors)), None)
        or (_unnamed(session, bureau_id, contents) if since is None else None)
    )
    return Proof(walk.done, last, fault, tail_of(session, bureau_id))


def count_seals(session: Session, bureau_id: uuid.UUID) -> int:
    """How many seals a bureau's chain has, for the progress bar."""
    counted = select(func.count()).select_from(EventSeal).where(EventSeal.bureau_id == bureau_id)
    return session.scalar(counted) or 0


class _Walk:
    def __init__(
        self, session: Session, bureau_id: uuid.UUID, contents: Contents, before: EventSeal | None
    ) -> None:
        self.done = 0
        self._session, self._bureau_id, self._contents = session, bureau_id, contents
        self._position, self._previous = (before.position, before.digest) if before else (0, NOTHING_BEFORE)
        self._epoch = session.scalar(select(sync_epoch.c.epoch))

    def first_fault(self, progress: Progress) -> Fault | None:
        while rows := self._chunk():
            events = [event for _, event in rows if event is not None]
            now = digests_of(self._session, self._contents, events)
            for seal, event in rows:
                fault = next(self._faults(seal, event, now), None)
                if fault is not None:
                    return fault
                self._position, self._previous = seal.position, seal.digest
                self.done += 1
            progress(len(rows))
            self._session.expunge_all()
        return None

    def _chunk(self) -> list[tuple[EventSeal, Event | None]]:
        found = self._session.execute(
            select(EventSeal, Event)
            .outerjoin(Event, Event.seq == EventSeal.seq)
            .where(EventSeal.bureau_id == self._bureau_id, EventSeal.position > self._position)
            .order_by(EventSeal.position)
            .limit(CHUNK)
            .execution_options(populate_existing=True)
        )
        return [(seal, event) for seal, event in found]

    def _faults(
        self,
        seal: EventSeal,
        event: Event | None,
        now: Mapping[str, Mapping[uuid.UUID, str]],
    ) -> Iterator[Fault]:
        def fault(what: Broken, expected: object, found: object, row: uuid.UUID | None = None) -> Fault:
            return Fault(what, seal.position, seal.seq, row, str(expected), str(found))

        if seal.position != self._position + 1:
            yield Fault(
                Broken.SEAL_MISSING,
                self._position + 1,
                None,
                None,
                str(self._position + 1),
                str(seal.position),
            )
        if seal.previous != self._previous:
            yield fault(Broken.LINK_BROKEN, self._previous.hex(), seal.previous.hex())
        computed = seal_digest(
            bureau_id=seal.bureau_id,
            position=seal.position,
            seq=seal.seq,
            xid=seal.xid,
            epoch=seal.epoch,
            sealed_at=seal.sealed_at,
            event=seal.event_digest,
            contents=seal.contents,
            previous=seal.previous,
        )
        if computed != seal.digest:
            yield fault(Broken.SEAL_CHANGED, seal.digest.hex(), computed.hex())
        if event is None:
            yield fault(Broken.EVENT_MISSING, seal.event_digest.hex(), "—")
            return
        digest = event_digest(event)
        if digest != seal.event_digest:
            yield fault(Broken.EVENT_CHANGED, seal.event_digest.hex(), digest.hex())
        if seal.epoch == self._epoch and int(event.xid) != seal.xid:
            yield fault(Broken.EVENT_MOVED, seal.xid, event.xid)
        stored = named_in(event, self._contents, now)
        for row_id, expected in (seal.contents or {}).items():
            found = (stored or {}).get(row_id)
            if found != expected:
                what = Broken.ROW_MISSING if found is None else Broken.ROW_CHANGED
                yield fault(what, expected or "—", found or "—", uuid.UUID(row_id))


def _last_before(session: Session, bureau_id: uuid.UUID, since: datetime) -> EventSeal | None:
    return session.scalar(
        select(EventSeal)
        .where(EventSeal.bureau_id == bureau_id, EventSeal.sealed_at < since)
        .order_by(EventSeal.position.desc())
        .limit(1)
    )


def _inserted(session: Session, bureau_id: uuid.UUID, last: EventSeal | None) -> Fault | None:
    """An event in the midst of what is sealed already: nothing that really happened can come there."""
    end = last and session.scalar(select(Event.xid).where(Event.seq == last.seq))
    if not end:
        return None
    seq = session.scalar(
        select(Event.seq)
        .outerjoin(EventSeal, EventSeal.seq == Event.seq)
        .where(
            Event.bureau_id == bureau_id,
            Event.xid < literal(end, Xid8()),
            EventSeal.seq.is_(None),
        )
        .order_by(Event.xid, Event.seq)
        .limit(1)
    )
    return Fault(Broken.EVENT_INSERTED, None, seq, None, "—", str(seq)) if seq is not None else None


def _against(session: Session, bureau_id: uuid.UUID, anchor: Head, last: EventSeal | None) -> Fault | None:
    """Whether the chain still has what an earlier head says of it."""
    if anchor.bureau_id != bureau_id:
        return None
    if last is None or last.position < anchor.position:
        found = str(last.position if last else 0)
        return Fault(Broken.ANCHOR_BEYOND, anchor.position, None, None, str(anchor.position), found)
    digest = session.scalar(
        select(EventSeal.digest).where(
            EventSeal.bureau_id == bureau_id, EventSeal.position == anchor.position
        )
    )
    if digest == anchor.digest:
        return None
    found = digest.hex() if digest else "—"
    return Fault(Broken.ANCHOR_DIFFERS, anchor.position, None, None, anchor.digest.hex(), found)


def _unnamed(session: Session, bureau_id: uuid.UUID, contents: Contents) -> Fault | None:
    for name, covered in contents.items():
        strangers = covered.unnamed(session, bureau_id)
        if strangers:
            return Fault(Broken.ROW_UNNAMED, None, None, strangers[0], name, f"{len(strangers)}")
    return None
