"""Writing tags: put on places one by one, by licence number or by cells; ended; and kept on the places' rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update

from schemas.vocabulary import TaggedKind
from server.cadence.duty_models import DutySubject
from server.campaigns.models import PlaceTag, PlaceTagEnd, TagKind
from server.campaigns.rules import Held
from server.campaigns.tag_queries import held_by, in_cells, tag_names
from server.grids.models import GridCell
from server.grids.ops import announce
from server.grids.queries import cells_in_scope
from server.kernel.bulk import among
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Permission
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.outlets.models import Outlet, Site
from sync.feed import touch

FAR = timedelta(days=3660)
"""How far from today the days of a tag may lie."""

TOLD_AT_ONCE = 20
"""Of so many unknown licence numbers a problem tells."""

_KEPT: Mapping[str, type[Outlet] | type[GridCell] | type[Site]] = {
    "outlet": Outlet,
    "cell": GridCell,
    "site": Site,
}

Subject = tuple[str, uuid.UUID]
"""Kind (schemas.vocabulary.TaggedKind) and id."""


@dataclass(frozen=True, slots=True)
class Put:
    """The tags that were put on, and how many places held them on these days already."""

    new: list[PlaceTag]
    unchanged: int


def define(work: Work, code: str, name: str) -> TagKind:
    """A tag of the bureau's own.

    Raises:
        Problem: ``tag_taken`` for a code that there is already.
    """
    if code in tag_names(work):
        raise Problem("tag_taken")
    kind = TagKind(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        code=code,
        name=name,
        account_id=work.actor.account_id,
        known_at=work.now,
    )
    work.session.add(kind)
    work.session.flush()
    record_event(work, "tag.defined", [kind.id], code=code)
    return kind


def check_tags(work: Work, tags: Iterable[str], path: str) -> None:
    """Whether the bureau knows these tags.

    Raises:
        Problem: ``invalid`` with ``tag_unknown`` at the path.
    """
    known = tag_names(work)
    for tag in tags:
        if tag not in known:
            raise invalid(path, "tag_unknown", f"没有标签“{tag}”。There is no tag {tag}.")


def put(work: Work, given: Mapping[str, Any]) -> Put:
    """Put a tag on places for some days; ``given`` as schemas.campaigns.TagIn.

    A place that holds it on all of these days keeps it as it is, so a list may be put on twice.

    Raises:
        Problem: ``invalid`` for an unknown tag or licence, days that cannot be, or unless the places are told in exactly one
            way; ``not_found`` for a place out of scope.
    """
    check_tags(work, [given["tag"]], "/tag")
    from_day, to_day = given["from_day"], given["to_day"]
    _check_days(work, from_day, to_day)
    ways = [name for name in ("licence_nos", "outlets_of_cells", "subjects") if given[name]]
    if len(ways) != 1:
        detail = "请按许可证号、网格内全部零售户或对象之一指明。Name the places in exactly one way."
        raise invalid("/licence_nos", "not_exactly_one", detail)
    subjects = _subjects(work, ways[0], given[ways[0]])
    held = held_by(work, [subject_id for _, subject_id in subjects])
    wanted = Held(given["tag"], from_day, to_day)
    fresh = [one for one in subjects if not any(_covers(had, wanted) for had in held.get(one[1], ()))]
    tags = [
        PlaceTag(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            subject_kind=kind,
            subject_id=subject_id,
            tag=given["tag"],
            from_day=from_day,
            to_day=to_day,
            ground=given["ground"],
            account_id=work.actor.account_id,
            known_at=work.now,
        )
        for kind, subject_id in fresh
    ]
    work.session.add_all(tags)
    work.session.flush()
    if tags:
        record_event(
            work,
            "tag.put",
            [one.id for one in tags],
            tag=given["tag"],
            from_day=from_day.isoformat(),
            to_day=to_day.isoformat() if to_day else None,
        )
        _keep(work, fresh)
    return Put(tags, len(subjects) - len(fresh))


def _subjects(work: Work, way: str, told: Sequence[Any]) -> list[Subject]:
    if way == "licence_nos":
        return _by_licence(work, told)
    return _of_cells(work, told) if way == "outlets_of_cells" else _named(work, told)


def _covers(had: Held, wanted: Held) -> bool:
    if had.tag != wanted.tag or had.from_day > wanted.from_day:
        return False
    return had.to_day is None or (wanted.to_day is not None and wanted.to_day <= had.to_day)


def _check_days(work: Work, from_day: date, to_day: date | None) -> None:
    today = work.now.astimezone(work.zone).date()
    if to_day is not None and to_day < from_day:
        raise invalid("/to_day", "dates_reversed", "结束日早于开始日。It ends before it begins.")
    for path, day in (("/from_day", from_day), ("/to_day", to_day)):
        if day is not None and abs(day - today) > FAR:
            detail = "日期须在前后十年之内。The day lies within ten years of today."
            raise invalid(path, "day_out_of_range", detail)


def _may_write(work: Work) -> bool:
    return work.actor.reaches_bureau(Permission.TAG_MANAGE)


def _by_licence(work: Work, licence_nos: Sequence[str]) -> list[Subject]:
    outlets = select(Outlet.licence_no, Outlet.id).where(
        Outlet.bureau_id == work.bureau_id, Outlet.licence_no.in_(set(licence_nos))
    )
    if not _may_write(work):
        outlets = outlets.where(Outlet.cell_id.in_(cells_in_scope(work.actor, Permission.TAG_MANAGE)))
    known = dict(work.session.execute(outlets).all())
    unknown = [
        {
            "path": f"/licence_nos/{place}",
            "code": "outlet_unknown",
            "detail": f"许可证号 {number} 不在辖区内。No outlet of that licence is in scope.",
        }
        for place, number in enumerate(licence_nos)
        if number not in known
    ]
    if unknown:
        detail = f"有 {len(unknown)} 个许可证号不在辖区内。{len(unknown)} licence numbers are not in scope."
        raise Problem("invalid", detail=detail, errors=unknown[:TOLD_AT_ONCE])
    return [("outlet", outlet_id) for outlet_id in dict.fromkeys(known[number] for number in licence_nos)]


def _of_cells(work: Work, cell_ids: Sequence[uuid.UUID]) -> list[Subject]:
    """The outlets in business, or out of it for a while, that lie in these leaf cells."""
    _check_cells(work, cell_ids)
    outlets = select(Outlet.id).where(
        Outlet.bureau_id == work.bureau_id,
        among(Outlet.cell_id, list(set(cell_ids))),
        Outlet.status.in_(("active", "suspended")),
    )
    return [("outlet", outlet_id) for outlet_id in work.session.scalars(outlets.order_by(Outlet.licence_no))]


def _check_cells(work: Work, cell_ids: Collection[uuid.UUID]) -> None:
    own = select(GridCell.id).where(
        GridCell.bureau_id == work.bureau_id, GridCell.cell_level == 4, among(GridCell.id, list(cell_ids))
    )
    if not _may_write(work):
        own = own.where(GridCell.id.in_(cells_in_scope(work.actor, Permission.TAG_MANAGE)))
    if set(work.session.scalars(own)) != set(cell_ids):
        raise Problem("not_found", detail="没有这个末级网格，或不在辖区内。No such leaf cell in scope.")


def _named(work: Work, given: Sequence[Mapping[str, Any]]) -> list[Subject]:
    wanted = list(dict.fromkeys((one["kind"], one["id"]) for one in given))
    by_kind: dict[str, set[uuid.UUID]] = defaultdict(set)
    for kind, subject_id in wanted:
        by_kind[kind].add(subject_id)
    if cells := by_kind.pop("cell", None):
        _check_cells(work, cells)
    scope = cells_in_scope(work.actor, Permission.TAG_MANAGE)
    for kind, ids in by_kind.items():
        table: Any = {"outlet": Outlet, "site": Site, "unlicensed": DutySubject}[kind]
        known = select(table.id).where(table.bureau_id == work.bureau_id, among(table.id, list(ids)))
        if kind == "unlicensed":
            known = known.where(DutySubject.kind == "unlicensed")
        if not _may_write(work):
            known = known.where(table.cell_id.in_(scope))
        if set(work.session.scalars(known)) != ids:
            label = TaggedKind(kind).label_zh
            raise Problem("not_found", detail=f"没有这个{label}，或不在辖区内。No such place in scope.")
    return wanted


def end(work: Work, tag_ids: Sequence[uuid.UUID], last_day: date | None, reason: str) -> list[PlaceTag]:
    """Delist: the tags hold no more after a day; without one they never held. They stay to be read.

    Raises:
        Problem: ``not_found`` for a tag out of scope; ``tag_ended`` for one that was ended already; ``invalid`` for a day
            before the first of one of them.
    """
    wanted = select(PlaceTag).where(
        PlaceTag.bureau_id == work.bureau_id, among(PlaceTag.id, list(set(tag_ids)))
    )
    if not _may_write(work):
        wanted = wanted.where(in_cells(work.actor, False))
    tags = work.session.scalars(wanted).all()
    if len(tags) != len(set(tag_ids)):
        raise Problem("not_found")
    ended = select(PlaceTagEnd.tag_id).where(among(PlaceTagEnd.tag_id, [one.id for one in tags]))
    if work.session.scalars(ended).first() is not None:
        raise Problem("tag_ended")
    for one in tags:
        if last_day is not None and not one.from_day <= last_day <= (one.to_day or last_day):
            detail = "截止日须在标签的起止日之内。The last day lies within the days of the tag."
            raise invalid("/last_day", "day_out_of_range", detail)
    work.session.add_all(
        PlaceTagEnd(
            bureau_id=work.bureau_id,
            tag_id=one.id,
            last_day=last_day,
            reason=reason,
            account_id=work.actor.account_id,
            known_at=work.now,
        )
        for one in tags
    )
    work.session.flush()
    record_event(
        work,
        "tag.ended",
        [one.id for one in tags],
        last_day=last_day.isoformat() if last_day else None,
        reason=reason,
    )
    _keep(work, [(one.subject_kind, one.subject_id) for one in tags])
    return list(tags)


def _keep(work: Work, subjects: Iterable[Subject]) -> None:
    """Keep what these places hold today or later on their rows, and tell the devices.

    Handhelds are told the days and see for themselves what holds: nothing has to happen at midnight.
    """
    today = work.now.astimezone(work.zone).date()
    wanted = sorted(set(subjects), key=lambda one: (one[0], one[1].int))
    for kind, table in _KEPT.items():
        # Of two who tag one place at once the second sees what the first wrote.
        ids = [subject_id for of, subject_id in wanted if of == kind]
        if ids:
            rows_held = select(table.id).where(among(table.id, ids)).order_by(table.id)
            work.session.execute(rows_held.with_for_update(key_share=True))
    held = held_by(work, [subject_id for _, subject_id in wanted])
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for kind, subject_id in wanted:
        told = [
            {
                "tag": one.tag,
                "from_day": one.from_day.isoformat(),
                "to_day": one.to_day.isoformat() if one.to_day else None,
            }
            for one in held.get(subject_id, ())
            if one.to_day is None or one.to_day >= today
        ]
        by_kind[kind].append({"id": subject_id, "tags": told, "edit_id": new_edit_id()})
    if rows := by_kind.get("outlet"):
        work.session.execute(update(Outlet), rows)
        placed = select(Outlet.id, Outlet.cell_id).where(among(Outlet.id, [row["id"] for row in rows]))
        announce(work, "outlets", [(one, cell) for one, cell in work.session.execute(placed)])
    if rows := by_kind.get("cell"):
        work.session.execute(update(GridCell), rows)
        announce(work, "cells", [(row["id"], row["id"]) for row in rows])
    if rows := by_kind.get("site"):
        work.session.execute(update(Site), rows)
        everybody = f"bureau:{work.bureau_id}"
        touch(work.session, work.bureau_id, "sites", [(everybody, row["id"]) for row in rows])
