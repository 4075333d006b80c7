"""Squad leaders are told that the morning's pack of their squad is there."""

from __future__ import annotations

import uuid
from datetime import date
from typing import NamedTuple

from schemas.vocabulary import NoticeKind
from server.kernel.permissions import Role
from server.kernel.work import Work
from server.notices.loading import load_staff
from server.notices.ops import tell_at_once


class Pack(NamedTuple):
    """A pack as far as its notice tells of it: which one it is, and what it comes to."""

    id: uuid.UUID
    squad_id: uuid.UUID
    squad: str
    day: date
    version: int
    due: int
    not_planned: int
    alerts: int


def tell_of_packs(work: Work, packs: list[Pack]) -> int:
    """Tell the leaders of each squad of its pack; a squad without a leader tells nobody. How many notices were made."""
    if not packs:
        return 0
    leaders = load_staff(work, packs[0].day).squad_leaders
    return sum(
        tell_at_once(
            work,
            NoticeKind.BRIEFING,
            f"briefing/{pack.id}",
            _content(pack),
            dict.fromkeys(leaders.get(pack.squad_id, ()), Role.SQUAD_LEADER),
        )
        for pack in packs
    )


def _content(pack: Pack) -> dict[str, object]:
    item = {
        "briefing_id": str(pack.id),
        "squad_id": str(pack.squad_id),
        "squad": pack.squad,
        "version": pack.version,
        "due": pack.due,
        "not_planned": pack.not_planned,
        "alerts": pack.alerts,
    }
    return {"counts": {"total": 1, "due": pack.due, "alerts": pack.alerts}, "cells": [], "items": [item]}
