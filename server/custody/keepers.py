"""Who may keep goods: whoever answers for the store, and never an officer of the case."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select

from server.access.models import Account
from server.custody.models import CustodyStore
from server.custody.queries import officers_of, store_keepers
from server.custody.rules import Entry
from server.kernel.bulk import among
from server.kernel.problems import Problem, problem_at
from server.kernel.work import Work


def check_keeper(work: Work, entries: Sequence[Entry], list_ids: Collection[uuid.UUID]) -> uuid.UUID | None:
    """See that the actor answers for where the goods come from, or go to from the field, and keeps not his own case's.

    The keeper who receives the goods in another store, if that is somebody else.

    Raises:
        Problem: ``custody_not_keeper``, ``custody_own_case``.
    """
    own = work.actor.account_id
    if own is None:
        raise Problem("custody_not_keeper")
    stores = {place.store_id for entry in entries for place in entry[:2] if place.store_id is not None}
    for store_id in sorted(stores):
        hold_store(work, store_id)
    keepers = store_keepers(work)
    receivers: set[uuid.UUID] = set()
    for entry in entries:
        source, target = entry.source, entry.target
        answering = source.store_id or target.store_id
        if answering is None or keepers.get(answering) != own:
            raise Problem("custody_not_keeper")
        if target.store_id is not None:
            receiver = keepers.get(target.store_id)
            if receiver is None:
                raise problem_at(
                    "/store_id", "custody_not_keeper", "转入的库还没有保管员。That store has no keeper."
                )
            receivers.add(receiver)
    refuse_own_case(work, receivers | {own}, list_ids)
    return next(iter(sorted(receivers - {own})), None)


def refuse_own_case(work: Work, account_ids: Iterable[uuid.UUID], list_ids: Iterable[uuid.UUID]) -> None:
    """Refuse a keeper who was an officer of the case (decided: the case officer is never the keeper).

    Raises:
        Problem: ``custody_own_case``.
    """
    people = set(
        work.session.scalars(
            select(Account.person_id).where(
                among(Account.id, sorted(account_ids)), Account.person_id.is_not(None)
            )
        )
    )
    if not people:
        return
    for list_id, officers in officers_of(work, sorted(set(list_ids))).items():
        if officers & people:
            detail = f"保管员是清单 {list_id} 一案的执法人员，不能保管本案的证物。"
            raise Problem("custody_own_case", detail=detail)


def hold_store(work: Work, store_id: uuid.UUID) -> None:
    """Let nobody else offer or take over the store until this is committed."""
    work.session.execute(
        select(CustodyStore.id).where(CustodyStore.id == store_id).with_for_update(key_share=True)
    )
