"""Which bureau a command acts for, and the unit of work it opens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import click
from sqlalchemy import select

from server.house import compose
from server.kernel.actor import house
from server.kernel.settings import read_settings
from server.kernel.work import Kernel, Work
from server.org.models import Bureau


@contextmanager
def bureau_work(name: str | None = None, now: datetime | None = None) -> Iterator[Work]:
    """A unit of work for the one bureau that holds outlets and squads, or the one named.

    Raises:
        click.ClickException: when there is none, or when there are several and none is named.
    """
    with bureau_works(name) as open_work, open_work(now or datetime.now(UTC)) as work:
        yield work


@contextmanager
def bureau_works(
    name: str | None = None,
) -> Iterator[Callable[[datetime], AbstractContextManager[Work]]]:
    """Like ``bureau_work`` for what takes several units of work: a function that opens one at a moment."""
    kernel = compose(read_settings())
    try:
        bureau_id = _bureau_named(kernel, name)
        yield lambda now: kernel.work(house(bureau_id), now)
    finally:
        kernel.close()


def _bureau_named(kernel: Kernel, name: str | None) -> uuid.UUID:
    with kernel.sessions() as session:
        bureaus = session.scalars(select(Bureau).where(Bureau.level == "county").order_by(Bureau.name)).all()
    wanted = [bureau.id for bureau in bureaus if name is None or bureau.name == name]
    if len(wanted) != 1:
        names = "、".join(bureau.name for bureau in bureaus) or "（无）"
        raise click.ClickException(f"请用 --bureau 指明单位 · name the bureau with --bureau: {names}")
    return wanted[0]
