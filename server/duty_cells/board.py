"""The public duty board (职责公示): anybody may ask which squad and which officer answer for a cell, without signing in.

What the field asks for is openness about who is responsible: "做到片区明确、责任到人、职责公示、监管到位" (S2 L23). So of a
cell its code, name, town and type are public, by which a shop finds itself; of who answers for it the squad, the lead
officer's name, since when, and the number of the enforcement certificate, which he has to show at every inspection anyway
(行政处罚法第五十五条) and by which the shop can check him; and the telephone number of the bureau. A cell that nobody
answers for is shown as such. Nothing else is public: no id, no staff number, telephone number or account of anybody, no
other member of the squad, no count or name of outlets, no border of a cell, nothing of what was done there. The board is of
today alone, for what somebody was responsible for once is not what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from jinja2 import Environment, PackageLoader
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from server.grids.choosing import duty_cells
from server.grids.models import GridCell
from server.kernel.paging import page_of_rows
from server.kernel.problems import Problem
from server.kernel.work import Kernel
from server.org.models import Bureau
from server.reports.duty_board import post_of, posts_on


class BoardName(NamedTuple):
    """A bureau that has cells to answer for."""

    id: UUID
    bureau: str
    region_code: str


def boards(kernel: Kernel) -> list[BoardName]:
    """The bureaus whose boards are here, by region code."""
    with kernel.sessions() as session:
        return _boards(session)


def board_of(kernel: Kernel, region_code: str, query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A page of today's board of a bureau, as schemas.duty_cells.BoardOut; ``query`` as BoardQuery.

    Raises:
        Problem: ``not_found`` for a code of none of the bureaus; ``conflict`` where several have it, which is for their
            administrators to put right; ``invalid`` for an ``after`` that was not given out.
    """
    with kernel.sessions() as session:
        named = [one for one in _boards(session) if one.region_code == region_code]
        if not named:
            raise Problem(
                "not_found",
                detail="没有这个行政区划代码的职责公示。There is no duty board of this region code.",
            )
        if len(named) > 1:
            raise Problem(
                "conflict",
                detail="有多个单位登记了这个行政区划代码，请联系管理员。Several bureaus have this region code.",
            )
        (board,) = named
        day = now.astimezone(kernel.settings.zone).date()
        posts = posts_on(board.id, day, now)
        if words := query["q"].strip():
            columns = [posts.selected_columns[name] for name in ("code", "name", "town", "squad")]
            posts = posts.where(or_(*(column.icontains(words, autoescape=True) for column in columns)))
        found = posts.subquery()
        cells, vacant = session.execute(
            select(func.count(), func.count().filter(found.c.squad.is_(None))).select_from(found)
        ).one()
        # By the code alone: an id of a cell would be told with the place of the page.
        page = page_of_rows(session, posts, [GridCell.code], query["after"], query["limit"])
        return {
            "bureau": board.bureau,
            "region_code": board.region_code,
            "day": day,
            "phone": kernel.settings.public_phone or None,
            "cells": cells,
            "vacant": vacant,
            "items": [post_of(row) for row in page["items"]],
            "after": page["after"],
        }


def page_of_board(told: Mapping[str, Any], query: Mapping[str, Any]) -> str:
    """A page of the board as HTML that needs no other file and runs nothing."""
    return _templates().get_template("board.html").render(told=told, query=query)


def page_of_list(named: Sequence[BoardName]) -> str:
    """The bureaus whose boards are here, as HTML."""
    return _templates().get_template("boards.html").render(boards=named)


def page_of_problem(problem: Problem) -> str:
    """Why there is no board, as HTML, for people."""
    return _templates().get_template("no_board.html").render(problem=problem)


def _boards(session: Session) -> list[BoardName]:
    has_cells = select(GridCell.id).where(GridCell.bureau_id == Bureau.id, duty_cells()).exists()
    named = select(Bureau.id, Bureau.name, Bureau.region_code).where(has_cells)
    found = session.execute(named.order_by(Bureau.region_code, Bureau.name))
    return [BoardName(*row) for row in found]


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("server.duty_cells"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
