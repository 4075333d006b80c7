"""Whatever is changed, removed, put in or reordered in the trail, in its chain or in the records is found and named."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from server.audit.chaining import seal_events
from server.audit.heads import BadHead, Head, read_head
from server.audit.verifying import Broken, Proof, verify_chain
from server.covered import CONTENTS
from server.kernel.actor import house
from server.kernel.work import Work
from sync.keys import KeyRing, create_keys
from tests.audit.conftest import Chain

B = Broken


def proved(chain: Chain, session: Session, *anchors: Head) -> Proof:
    return verify_chain(session, chain.town.bureau_id, CONTENTS, anchors=anchors)


def found(chain: Chain, session: Session, *anchors: Head) -> Broken | None:
    fault = proved(chain, session, *anchors).fault
    return fault.what if fault else None


def run(session: Session, statement: str, **given_: Any) -> None:
    assert session.execute(text(statement), given_).rowcount > 0  # type: ignore[attr-defined]


def test_a_chain_that_nobody_touched_is_sound(chain: Chain, tampering: Session) -> None:
    proof = proved(chain, tampering, chain.head)
    assert proof.fault is None
    assert proof.seals == chain.head.position >= 36
    assert (proof.tail.events, proof.tail.since) == (0, None)


# Each changes one row of those that the draw picks by position; what it must be found as.
def _event(statement: str) -> str:
    return (
        f"update event set {statement} where seq = (select seq from event_seal where position = :at"
        " and bureau_id = :bureau)"
    )


def _seal(statement: str) -> str:
    return f"update event_seal set {statement} where position = :at and bureau_id = :bureau"


CHANGES: dict[str, tuple[str, set[Broken]]] = {
    "an event's name": (_event("name = name || 'x'"), {B.EVENT_CHANGED}),
    "an event's time": (_event("at = at + interval '1 microsecond'"), {B.EVENT_CHANGED}),
    "an event's actor": (_event("account_id = gen_random_uuid()"), {B.EVENT_CHANGED}),
    "an event's device": (_event("device_id = gen_random_uuid()"), {B.EVENT_CHANGED}),
    "an event's subjects": (_event("subject_ids = subject_ids || '[\"x\"]'"), {B.EVENT_CHANGED}),
    "an event's subjects as something else": (_event("subject_ids = '7'"), {B.EVENT_CHANGED}),
    "an event's facts": (_event("facts = facts || '{\"and\": 1}'"), {B.EVENT_CHANGED}),
    "an event's transaction": (_event("xid = '3'"), {B.EVENT_MOVED}),
    "an event is gone": (
        "delete from event where seq = (select seq from event_seal where position = :at and bureau_id = :bureau)",
        {B.EVENT_MISSING},
    ),
    "a seal's time": (_seal("sealed_at = sealed_at + interval '1 second'"), {B.SEAL_CHANGED}),
    "a seal's transaction": (_seal("xid = xid + 1"), {B.SEAL_CHANGED}),
    "a seal's epoch": (_seal("epoch = gen_random_uuid()"), {B.SEAL_CHANGED}),
    "a seal's contents": (_seal("contents = '{}'"), {B.SEAL_CHANGED}),
    "a seal's digest": (_seal("digest = sha256('x')"), {B.SEAL_CHANGED}),
    "a seal's event": (_seal("event_digest = sha256('x')"), {B.SEAL_CHANGED}),
    "a seal's predecessor": (_seal("previous = sha256('x')"), {B.LINK_BROKEN}),
    "a seal is gone": (
        "delete from event_seal where position = :at and bureau_id = :bureau",
        # The last seal of all leaves a shorter chain, which only a head that was kept elsewhere tells.
        {B.SEAL_MISSING, B.ANCHOR_BEYOND},
    ),
    "a seal is of another place": (_seal("position = 100000"), {B.SEAL_MISSING, B.SEAL_CHANGED}),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_an_event_or_a_seal_is_found_at_its_place(
    chain: Chain, tampering: Session, data: st.DataObject
) -> None:
    change = data.draw(st.sampled_from(sorted(CHANGES)))
    at = data.draw(st.integers(1, chain.head.position))
    statement, expected = CHANGES[change]
    try:
        run(tampering, statement, at=at, bureau=chain.town.bureau_id)
        fault = proved(chain, tampering, chain.head).fault
    finally:
        tampering.rollback()
    assert fault is not None
    assert fault.what in expected
    assert fault.position == at or fault.what in (B.ANCHOR_BEYOND, B.SEAL_CHANGED)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_two_rows_that_changed_places_are_found(
    chain: Chain, tampering: Session, data: st.DataObject
) -> None:
    places = st.integers(1, chain.head.position)
    one, other = sorted(data.draw(st.lists(places, min_size=2, max_size=2, unique=True)))
    whole = data.draw(st.booleans())
    given_ = {"one": one, "other": other, "bureau": chain.town.bureau_id}
    try:
        if whole:
            # Both seals change their places, with everything that they say.
            for before, after in ((one, -1), (other, one), (-1, other)):
                run(
                    tampering,
                    "update event_seal set position = :after where position = :before and bureau_id = :bureau",
                    before=before,
                    after=after,
                    bureau=chain.town.bureau_id,
                )
        else:
            # What two events say changes places.
            run(
                tampering,
                "update event set name = other.name, at = other.at, facts = other.facts,"
                " subject_ids = other.subject_ids, account_id = other.account_id, device_id = other.device_id"
                " from event other, event_seal mine, event_seal others"
                " where event.seq = mine.seq and other.seq = others.seq and mine.bureau_id = :bureau"
                " and others.bureau_id = :bureau and (mine.position, others.position) in ((:one, :other), (:other, :one))",
                **given_,
            )
        fault = proved(chain, tampering, chain.head).fault
    finally:
        tampering.rollback()
    assert fault is not None
    assert fault.position == one
    assert fault.what in ({B.LINK_BROKEN} if whole else {B.EVENT_CHANGED})


RECORDS: dict[str, tuple[str, Broken]] = {
    "another word in a document": (
        "update record set document = replace(document::text, '\"kind\"', '\"Kind\"')::json where id = :id",
        B.ROW_CHANGED,
    ),
    "a space in a document": (
        "update record set document = (document::text || ' ')::json where id = :id",
        B.ROW_CHANGED,
    ),
    "when it came": (
        "update record set received_at = received_at - interval '1 day' where id = :id",
        B.ROW_CHANGED,
    ),
    "when it was performed": (
        "update record set performed_at = performed_at - interval '1 day' where id = :id",
        B.ROW_CHANGED,
    ),
    "by how much the clock was wrong": (
        "update record set clock_offset_s = clock_offset_s + 1 where id = :id",
        B.ROW_CHANGED,
    ),
    "a record is gone": ("delete from record where id = :id", B.ROW_MISSING),
    "a record of another id": ("update record set id = gen_random_uuid() where id = :id", B.ROW_MISSING),
}


@pytest.mark.parametrize("change", RECORDS)
def test_a_change_of_a_record_is_found_and_the_record_is_named(
    chain: Chain, tampering: Session, change: str
) -> None:
    # Whoever may do this may also do without foreign keys.
    tampering.execute(text("set local session_replication_role = replica"))
    record_id: uuid.UUID = tampering.execute(
        text("select id from record order by id limit 1 offset 5")
    ).scalar_one()
    statement, what = RECORDS[change]
    run(tampering, statement, id=record_id)
    fault = proved(chain, tampering).fault
    assert fault is not None
    assert (fault.what, fault.row) == (what, record_id)
    event = text("select name from event where seq = :seq")
    assert tampering.scalar(event, {"seq": fault.seq}) == "records.received"


def test_a_record_that_nobody_sent_is_found(chain: Chain, tampering: Session) -> None:
    tampering.execute(text("set local session_replication_role = replica"))
    forged = uuid.uuid4()
    tampering.execute(
        text(
            "create temporary table forged on commit drop as select * from record limit 1;"
            f" update forged set id = '{forged}'; insert into record select * from forged"
        )
    )
    fault = proved(chain, tampering).fault
    assert fault is not None
    assert (fault.what, fault.row) == (B.ROW_UNNAMED, forged)


def test_an_event_put_in_among_sealed_ones_is_found(chain: Chain, tampering: Session) -> None:
    run(
        tampering,
        "insert into event (xid, bureau_id, at, name, subject_ids, facts)"
        " select xid, bureau_id, at, 'device.renamed', '[]', '{}' from event"
        " where seq = (select seq from event_seal where position = 4 and bureau_id = :bureau)",
        bureau=chain.town.bureau_id,
    )
    assert found(chain, tampering) is B.EVENT_INSERTED


def test_a_chain_that_was_made_anew_is_told_by_a_head_kept_elsewhere(
    chain: Chain, tampering: Session
) -> None:
    """Whoever may write everything may also compute everything; what was signed before stays signed."""
    run(tampering, "update event set name = 'device.found' where name = 'device.renamed'")
    run(tampering, "delete from event_seal")
    tampering.execute(text("set local session_replication_role = replica"))
    work = Work(tampering, house(chain.town.bureau_id), chain.head.sealed_at, chain.settings)
    # The events that were changed in this very transaction are not below its horizon yet, unless they say so.
    tampering.execute(text("update event set xid = '3'"))
    while seal_events(work, CONTENTS):
        pass
    assert found(chain, tampering) is None
    assert found(chain, tampering, chain.head) is B.ANCHOR_DIFFERS


def test_a_chain_cut_short_is_told_by_a_head_kept_elsewhere(chain: Chain, tampering: Session) -> None:
    def cut(statement: str) -> None:
        run(tampering, statement, last=chain.head.position - 3)

    cut("delete from event where seq in (select seq from event_seal where position > :last)")
    cut("delete from event_seal where position > :last")
    assert found(chain, tampering, chain.head) is B.ANCHOR_BEYOND


def test_since_believes_what_was_sealed_before(chain: Chain, tampering: Session) -> None:
    run(tampering, _event("name = 'x'"), at=3, bureau=chain.town.bureau_id)
    bureau, sealed_at = chain.town.bureau_id, chain.head.sealed_at
    assert verify_chain(tampering, bureau, CONTENTS, since=sealed_at).fault is not None
    later = verify_chain(tampering, bureau, CONTENTS, since=sealed_at.replace(year=2030))
    assert (later.fault, later.seals) == (None, 0)


def test_a_head_that_others_signed_is_none(chain: Chain, tmp_path: Any) -> None:
    create_keys(tmp_path / "others.json")
    with pytest.raises(BadHead):
        read_head(chain.signed, KeyRing(tmp_path / "others.json").public())
    with pytest.raises(BadHead):
        read_head("no head", KeyRing(chain.settings.receipt_keys_file).public())


@pytest.mark.parametrize(
    "statement", ["update {} set bureau_id = bureau_id", "delete from {}", "truncate {}"]
)
@pytest.mark.parametrize("table", ["event", "event_seal", "amendment"])
def test_the_application_cannot_rewrite_what_it_wrote(chain: Chain, table: str, statement: str) -> None:
    with chain.kernel.sessions() as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement.format(table)))
