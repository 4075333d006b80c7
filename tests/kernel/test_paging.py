"""Pages put together are the whole, whatever the keys look like and whatever is written meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from server.kernel.paging import decode_after, encode_after, page_of
from server.kernel.problems import Problem
from server.org.models import Bureau, Certificate, Person
from tests.conftest import own_database, settings_for

BUREAU = uuid.UUID(int=1)
# What PostgreSQL can hold; marks, quotes, blanks and other scripts included.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
MOMENTS = st.integers(0, 7_258_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 2, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
DAYS = st.dates(date(1970, 1, 1), date(2199, 1, 1))
# Few values, so that most rows share theirs with others and the id decides.
FEW_DAYS = st.sampled_from([date(2026, 7, 6), date(2026, 7, 7)])


@pytest.fixture(scope="module")
def engine(
    superuser: Engine, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A database of this file's own; every example is rolled back."""
    with own_database(superuser, template_database) as name:
        made = create_engine(settings_for(name, tmp_path_factory.mktemp("files")).owner_database_url)
        with Session(made) as session:
            session.add(Bureau(id=BUREAU, name="试样局", level="county", region_code="990281"))
            session.commit()
        yield made
        made.dispose()


def person(number: int, name: str) -> Person:
    return Person(
        id=uuid.uuid4(), bureau_id=BUREAU, name=name, staff_no=f"{number}", kind="staff", edit_id=uuid.uuid4()
    )


def pages(session: Session, keys: Sequence[Any], limit: int) -> Iterator[list[Any]]:
    after: str | None = None
    for _ in range(100):
        page = page_of(session, select(keys[0].class_), keys, after, limit)
        yield page["items"]
        after = page["after"]
        if after is None:
            return
    raise AssertionError("the pages have no end")


@limits(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, max_size=12), limit=st.integers(1, 5))
def test_pages_by_text_make_the_whole(engine: Engine, names: list[str], limit: int) -> None:
    with Session(engine) as session:
        session.add_all([person(number, name) for number, name in enumerate(names)])
        session.flush()
        keys = [Person.name, Person.id]
        whole = list(session.scalars(select(Person).order_by(*keys)))
        made = list(pages(session, keys, limit))
        assert [one for page in made for one in page] == whole
        assert all(len(page) == limit for page in made[:-1])
        assert not made[1:] or made[-1]
        session.rollback()


@limits(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.one_of(DAYS, FEW_DAYS), MOMENTS), min_size=1, max_size=10),
    limit=st.integers(1, 4),
    by_moment=st.booleans(),
)
def test_pages_by_day_and_by_moment_make_the_whole(
    engine: Engine, rows: list[tuple[date, datetime]], limit: int, by_moment: bool
) -> None:
    with Session(engine) as session:
        holder = person(0, "试样")
        session.add(holder)
        session.flush()
        for number, (day, known_at) in enumerate(rows):
            session.add(
                Certificate(
                    id=uuid.uuid4(),
                    bureau_id=BUREAU,
                    person_id=holder.id,
                    cert_no=f"{number}",
                    valid_from=day,
                    valid_to=day + timedelta(days=1),
                    known_at=known_at,
                )
            )
        session.flush()
        keys = [Certificate.known_at if by_moment else Certificate.valid_from, Certificate.id]
        whole = list(session.scalars(select(Certificate).order_by(*keys)))
        assert [one for page in pages(session, keys, limit) for one in page] == whole
        session.rollback()


@limits(max_examples=40, deadline=None)
@given(
    names=st.lists(NAMES, min_size=2, max_size=10),
    others=st.lists(NAMES, max_size=6),
    gone=st.integers(0, 9),
    limit=st.integers(1, 3),
)
def test_rows_that_come_or_go_shift_nothing(
    engine: Engine, names: list[str], others: list[str], gone: int, limit: int
) -> None:
    with Session(engine) as session:
        people = [person(number, name) for number, name in enumerate(names)]
        session.add_all(people)
        session.flush()
        keys = [Person.name, Person.id]
        first = page_of(session, select(Person), keys, None, limit)
        leaver = people[gone % len(people)]
        session.delete(leaver)
        comers = [person(100 + number, name) for number, name in enumerate(others)]
        session.add_all(comers)
        session.flush()
        seen = list(first["items"])
        after = first["after"]
        while after is not None and len(seen) < 100:
            page = page_of(session, select(Person), keys, after, limit)
            seen += page["items"]
            after = page["after"]
        assert len({one.id for one in seen}) == len(seen), "nobody twice"
        if first["after"] is not None:
            assert {one.id for one in people} - {leaver.id} <= {one.id for one in seen}, "nobody missed"
        session.rollback()


@given(values=st.tuples(NAMES, st.uuids(), DAYS, MOMENTS))
def test_what_was_given_out_is_read_back(values: tuple[str, uuid.UUID, date, datetime]) -> None:
    assert decode_after(encode_after(values), [str, uuid.UUID, date, datetime]) == list(values)


@given(
    text=st.text(max_size=40), kinds=st.lists(st.sampled_from([str, uuid.UUID, date, datetime]), max_size=3)
)
def test_what_was_not_given_out_is_a_problem(text: str, kinds: list[type[Any]]) -> None:
    # Whatever is read is of the types asked for; hardly any text can be read at all.
    with suppress(Problem):
        assert [type(value) for value in decode_after(text, kinds)] == kinds


def test_a_page_is_read_from_an_index_and_not_from_the_start(engine: Engine) -> None:
    with Session(engine) as session:
        session.add_all([person(number, f"试样{number:04d}") for number in range(50)])
        session.flush()
        last = session.scalars(select(Person).order_by(Person.name).offset(48)).first()
        assert last is not None
        after = encode_after([last.name, last.id])
        page = page_of(session, select(Person), [Person.name, Person.id], after, 10)
        assert [one.name for one in page["items"]] == ["试样0049"]
        assert page["after"] is None
        session.rollback()
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from person")) == 0
