"""The cursor misses no row, whatever order writers commit in. tests/guards shows what is lost without its parts."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from sync import feed, pull
from sync.collection import Collection
from sync.cursor import Checkpoint, parse_checkpoint
from tests.sync.handheld import wait_for_horizon
from tests.sync.toy import BUREAU, EVERYBODY, ToyWork, every_id, reader_of

WRITERS = 8
TRANSACTIONS = 40
THINGS = Collection("things", every_id)


class CursorReader:
    """Pulls with checkpoints and remembers every id that it was ever told of."""

    def __init__(self, sessions: sessionmaker[Session], limit: int = 50) -> None:
        self.sessions = sessions
        self.limit = limit
        self.checkpoint: Checkpoint | None = None
        self.seen: set[uuid.UUID] = set()

    def pull_page(self) -> int:
        with self.sessions() as session:
            answer = json.loads(pull.pull(ToyWork(session), reader_of(), THINGS, self.checkpoint, self.limit))
        self.checkpoint = parse_checkpoint(json.dumps(answer["checkpoint"]))
        self.seen.update(uuid.UUID(document["id"]) for document in answer["documents"])
        return len(answer["documents"])

    def pull_to_the_end(self) -> None:
        while self.pull_page() == self.limit:
            pass


def touch(session: Session, *ids: uuid.UUID) -> None:
    feed.touch(session, BUREAU, "things", [(EVERYBODY, one) for one in ids])


def write_slowly(engine: Engine, seed: int, written: list[uuid.UUID]) -> None:
    """Commit transactions of 5 to 50 ms that touch a row at their start, and some at their end."""
    rng = random.Random(seed)
    with engine.connect() as connection:
        for _ in range(TRANSACTIONS):
            ids = [uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(rng.randint(1, 3))]
            with connection.begin(), Session(connection) as session:
                touch(session, ids[0])
                # How long a transaction stays open is what this test is about.
                time.sleep(rng.uniform(0.005, 0.050))
                touch(session, *ids[1:])
            written += ids


def lost_among_writers(engine: Engine, sessions: sessionmaker[Session]) -> tuple[int, int]:
    """Let eight writers write while a reader pulls; how many rows were written, and how many never reached it."""
    written: list[list[uuid.UUID]] = [[] for _ in range(WRITERS)]
    writers = [
        threading.Thread(target=write_slowly, args=(engine, seed, written[seed])) for seed in range(WRITERS)
    ]
    reader = CursorReader(sessions)
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        reader.pull_page()
    for writer in writers:
        writer.join()
    wait_for_horizon(sessions)
    reader.pull_to_the_end()
    everything = {one for ids in written for one in ids}
    return len(everything), len(everything - reader.seen)


def seen_of_two_that_overlap(engine: Engine, sessions: sessionmaker[Session]) -> tuple[bool, bool]:
    """A begins, B commits, the reader pulls, A commits, the reader pulls: whether A's and B's row reached it."""
    first, second = uuid.uuid4(), uuid.uuid4()
    reader = CursorReader(sessions)
    with engine.connect() as earlier, engine.connect() as later:
        with earlier.begin(), Session(earlier) as of_a:
            touch(of_a, first)
            with later.begin(), Session(later) as of_b:
                touch(of_b, second)
            reader.pull_to_the_end()
        wait_for_horizon(sessions)
        reader.pull_to_the_end()
    return first in reader.seen, second in reader.seen


def test_eight_writers_that_overlap_lose_no_row(
    toy_engine: Engine, toy_sessions: sessionmaker[Session]
) -> None:
    written, lost = lost_among_writers(toy_engine, toy_sessions)

    assert written >= WRITERS * TRANSACTIONS
    assert lost == 0


def test_a_transaction_that_began_first_and_commits_last_is_pulled(
    toy_engine: Engine, toy_sessions: sessionmaker[Session]
) -> None:
    assert seen_of_two_that_overlap(toy_engine, toy_sessions) == (True, True)


def test_a_row_of_a_later_transaction_is_pulled_though_an_earlier_one_has_greater_numbers(
    toy_engine: Engine, toy_sessions: sessionmaker[Session]
) -> None:
    """The later transaction touches between two touches of the earlier one, which therefore has the greatest number."""
    begun, ended, between = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with (
        toy_engine.connect() as earlier,
        toy_engine.connect() as later,
        earlier.begin(),
        Session(earlier) as of_a,
    ):
        touch(of_a, begun)
        with later.begin(), Session(later) as of_b:
            touch(of_b, between)
        touch(of_a, ended)
    wait_for_horizon(toy_sessions)
    reader = CursorReader(toy_sessions, limit=2)
    reader.pull_to_the_end()

    assert reader.seen == {begun, ended, between}


def test_a_transaction_that_is_cut_by_the_end_of_a_page_is_pulled_whole(
    toy_sessions: sessionmaker[Session],
) -> None:
    ids = {uuid.uuid4() for _ in range(5)}
    with toy_sessions.begin() as session:
        touch(session, *ids)
    wait_for_horizon(toy_sessions)
    reader = CursorReader(toy_sessions, limit=2)
    reader.pull_to_the_end()

    assert reader.seen == ids


def test_a_row_touched_again_moves_forward_and_stands_once(toy_sessions: sessionmaker[Session]) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    for ids in ((one, other), (one,)):
        with toy_sessions.begin() as session:
            touch(session, *ids)
    wait_for_horizon(toy_sessions)
    reader = CursorReader(toy_sessions, limit=2)

    assert (reader.pull_page(), reader.pull_page()) == (2, 0)
    with toy_sessions.begin() as session:
        touch(session, other)
    wait_for_horizon(toy_sessions)
    assert (reader.pull_page(), reader.pull_page()) == (1, 0)


def test_rows_above_the_horizon_are_held_back_until_the_oldest_writer_ends(
    toy_engine: Engine, toy_sessions: sessionmaker[Session]
) -> None:
    committed = uuid.uuid4()
    reader = CursorReader(toy_sessions)
    with toy_engine.connect() as slow, slow.begin(), Session(slow) as session:
        touch(session, uuid.uuid4())
        with toy_sessions.begin() as quick:
            touch(quick, committed)
        reader.pull_to_the_end()
        assert committed not in reader.seen
    wait_for_horizon(toy_sessions)
    reader.pull_to_the_end()
    assert committed in reader.seen
