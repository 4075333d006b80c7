"""Taking a sheet of opening hours in: find each outlet by its licence, see what is new, write it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from gis.exchange.judging import BadRow
from schemas.vocabulary import SubjectKind
from server.kernel.events import record_event
from server.kernel.work import Work
from server.outlets.models import Outlet
from server.patrols.opening import last_words, word
from server.patrols.opening_register import OpeningCandidate


@dataclass(slots=True)
class OpeningPlan:
    """What an import would note: of outlets of which nothing was known, and of others, with what differs."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[dict[str, Any], list[str], uuid.UUID | None]] = field(default_factory=list)
    unchanged: int = 0
    unknown: list[BadRow] = field(default_factory=list)


def plan_hours(work: Work, candidates: Sequence[OpeningCandidate]) -> OpeningPlan:
    """Compare the candidates with what was said last. Nothing is written; a licence that the bureau's register does not
    have comes back in ``unknown``.
    """
    licences = [one.licence_no for one in candidates]
    registered = select(Outlet.licence_no, Outlet.id).where(
        Outlet.bureau_id == work.bureau_id, Outlet.licence_no == any_(literal(licences, ARRAY(Text)))
    )
    outlets = dict(work.session.execute(registered).all())
    last = last_words(work, list(outlets.values()))
    plan = OpeningPlan()
    for one in candidates:
        outlet_id = outlets.get(one.licence_no)
        if outlet_id is None:
            detail = f"零售户台账中没有许可证号 {one.licence_no}，请先导入台账"
            plan.unknown.append(BadRow(one.row, "licence_unknown", detail))
            continue
        row = {"outlet_id": outlet_id, "licence_no": one.licence_no, "week": one.week, "note": one.note}
        before = last.get(outlet_id)
        if before is None or before.week is None:
            plan.new.append(row)
        elif names := [name for name in ("week", "note") if getattr(before, name) != row[name]]:
            plan.changed.append((row, names, None))
        else:
            plan.unchanged += 1
    return plan


def apply_hours(work: Work, plan: OpeningPlan) -> None:
    """Note what the plan found, as one more word of each outlet."""
    rows = [*plan.new, *(row for row, _, _ in plan.changed)]
    if not rows:
        return
    work.session.add_all(
        word(work, SubjectKind.OUTLET.value, row["outlet_id"], row["week"], row["note"]) for row in rows
    )
    work.session.flush()
    record_event(work, "opening_hours.imported", [], new=len(plan.new), changed=len(plan.changed))
