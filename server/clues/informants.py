"""Who told a clue (举报人): written and read at the desk, sealed in a table of its own, every reading with a purpose."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from server.clues.models import ClueInformant
from server.clues.queries import find_clue
from server.kernel.events import record_event
from server.kernel.ids import new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.sealing import SealBroken, seal, unseal
from server.kernel.work import Work
from server.privacy.readings import note_reading


def keep_informant(work: Work, clue_id: uuid.UUID, given: Mapping[str, Any]) -> ClueInformant:
    """Seal who told a clue; the answer and the event tell nothing of him.

    Raises:
        Problem: ``not_found``; ``forbidden`` from a handheld; ``unavailable`` where the keys that seal cannot be used.
    """
    _must_be_at_desk(work)
    clue = find_clue(work, clue_id)
    secret = json.dumps({name: given[name] for name in ("name", "phone", "note")}, ensure_ascii=False)
    try:
        sealed = seal(work.settings.secrets_key_file, secret)
    except SealBroken as error:
        raise _unusable() from error
    kept = ClueInformant(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        clue_id=clue.id,
        sealed=sealed,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(kept)
    work.session.flush()
    record_event(work, "clue.informant_kept", [clue.id, kept.id])
    return kept


def read_informants(work: Work, clue_id: uuid.UUID, purpose: str) -> list[dict[str, Any]]:
    """Who told a clue, in the order of writing down; who read it and what for is noted first (个人信息保护法第五十一条).

    Raises:
        Problem: as ``keep_informant``; ``forbidden`` without ``informant.read``.
    """
    _must_be_at_desk(work)
    work.actor.must(Permission.INFORMANT_READ)
    clue = find_clue(work, clue_id)
    note_reading(work, clue.id, purpose, ["/informant"])
    rows = work.session.scalars(
        select(ClueInformant).where(ClueInformant.clue_id == clue.id).order_by(ClueInformant.id)
    )
    try:
        return [
            {
                "id": row.id,
                "known_at": row.known_at,
                **json.loads(unseal(work.settings.secrets_key_file, row.sealed)),
            }
            for row in rows
        ]
    except SealBroken as error:
        raise _unusable() from error


def _must_be_at_desk(work: Work) -> None:
    if work.actor.device_id is not None:
        detail = (
            "举报人信息只在后台登记和查阅，不上手持机。Informants are for the desk and never on a handheld."
        )
        raise Problem("forbidden", detail=detail)


def _unusable() -> Problem:
    detail = "密钥文件不可用，见 xunge doctor。The keys that seal secrets are unusable; see xunge doctor."
    return Problem("unavailable", detail=detail)
