"""Stores of evidence and who answers for them: a store changes hands when the new keeper acknowledges what it holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from server.access.models import Account
from server.custody.keepers import hold_store, refuse_own_case
from server.custody.models import CustodyStore, HandOverAcknowledgement, StoreHandOver
from server.custody.queries import find_store, held_in_store, store_keepers
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission, Role
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work


def open_store(work: Work, given: Mapping[str, Any]) -> CustodyStore:
    """Open a store and offer it to its first keeper, who has to acknowledge it before anything is taken in.

    Raises:
        Problem: ``store_code_taken``; ``invalid`` where the account is no evidence keeper's.
    """
    store = CustodyStore(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        code=given["code"],
        name=given["name"],
        known_at=work.now,
    )
    work.session.add(store)
    work.session.flush()
    record_event(work, "custody.store_opened", [store.id], code=store.code)
    offer_store(work, store.id, {"to_account_id": given["keeper_id"], "document_no": None})
    return store


def offer_store(work: Work, store_id: uuid.UUID, given: Mapping[str, Any]) -> StoreHandOver:
    """Offer a store, with all that it holds now, to another keeper.

    The leader may, and the keeper who answers for it. The newest offer is the one that may be acknowledged.

    Raises:
        Problem: ``not_found``; ``custody_not_keeper``; ``custody_own_case``; ``invalid`` where the account is no evidence
            keeper's.
    """
    find_store(work, store_id)
    hold_store(work, store_id)
    keeper = store_keepers(work).get(store_id)
    may_arrange = Permission.CUSTODY_DECIDE in work.actor.permissions
    if not may_arrange and (keeper is None or keeper != work.actor.account_id):
        raise Problem("custody_not_keeper")
    to_account = work.session.scalar(
        select(Account).where(
            Account.id == given["to_account_id"],
            Account.bureau_id == work.bureau_id,
            Account.disabled_at.is_(None),
        )
    )
    if to_account is None or Role.EVIDENCE_KEEPER not in to_account.roles:
        detail = "接收人须是在用的证物管理员账号。The receiver has to be an evidence keeper of the bureau."
        raise invalid("/to_account_id", "not_a_keeper", detail)
    held = held_in_store(work, store_id)
    refuse_own_case(work, [to_account.id], {uuid.UUID(row["list_id"]) for row in held})
    offer = StoreHandOver(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        store_id=store_id,
        from_account_id=keeper,
        to_account_id=to_account.id,
        document_no=given["document_no"],
        held=held,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(offer)
    work.session.flush()
    record_event(work, "custody.store_offered", [store_id, offer.id], lines=len(held))
    return offer


def acknowledge_store(work: Work, hand_over_id: uuid.UUID) -> HandOverAcknowledgement:
    """Take a store over as it was told, as the keeper to whom it was offered.

    Raises:
        Problem: ``not_found`` for whoever it was not offered to; ``hand_over_settled`` where it was acknowledged or
            another offer came after it; ``hand_over_changed`` where the store holds something else now.
    """
    offer = work.session.scalar(
        select(StoreHandOver).where(
            StoreHandOver.id == hand_over_id,
            StoreHandOver.bureau_id == work.bureau_id,
            StoreHandOver.to_account_id == work.actor.account_id,
        )
    )
    if offer is None:
        raise Problem("not_found")
    hold_store(work, offer.store_id)
    newest = work.session.scalar(
        select(StoreHandOver.id)
        .where(StoreHandOver.store_id == offer.store_id)
        .order_by(StoreHandOver.known_at.desc(), StoreHandOver.id.desc())
        .limit(1)
    )
    if newest != offer.id:
        raise Problem("hand_over_settled")
    held = held_in_store(work, offer.store_id)
    refuse_own_case(work, [offer.to_account_id], {uuid.UUID(row["list_id"]) for row in held})
    taken = HandOverAcknowledgement(
        bureau_id=work.bureau_id,
        hand_over_id=offer.id,
        account_id=offer.to_account_id,
        known_at=work.now,
    )
    work.session.add(taken)
    work.session.flush()
    if held != offer.held:
        raise Problem("hand_over_changed")
    record_event(work, "custody.store_taken_over", [offer.store_id, offer.id], lines=len(held))
    return taken
