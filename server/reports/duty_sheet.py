"""R12 as a sheet."""

from __future__ import annotations

from schemas.reports import DutyBoardAnswer
from server.kernel.work import Work
from server.reports.duty_board import DutyBoard
from server.reports.heading import bureau_name
from server.reports.sheets import Column, Sheet

COLUMNS = (
    Column("cell_code", "网格编码", brief=True, text=True, width=1.8),
    Column("cell_name", "网格名称", brief=True, text=True, width=2),
    Column("town", "所属镇街", brief=True, text=True, width=1.2),
    Column("cell_type", "类型", brief=True, text=True, width=1.1),
    Column("squad", "责任中队", brief=True, text=True, width=1.5),
    Column("lead", "责任人", brief=True, text=True, width=1.2),
    Column("cert_no", "执法证号", brief=True, text=True, width=1.5),
    Column("since", "起始日期", brief=True, text=True, width=1.3),
)
NOTES = ("责任人为该网格专卖检查的牵头执法人员。执法人员检查时应当出示执法证件，零售户可据此核对。",)


def duty_sheet(work: Work, board: DutyBoard) -> Sheet:
    """The sheet of an R12."""
    rows = [
        post._asdict() | {"since": post.since.isoformat() if post.since else None} for post in board.posts
    ]
    body = {
        "day": board.day,
        "as_of": board.as_of,
        "phone": board.phone,
        "cells": len(rows),
        "unassigned": board.unassigned,
        "rows": rows,
    }
    counted = (
        f"网格 {len(rows)} 个，已落实责任 {len(rows) - board.unassigned} 个，未落实 {board.unassigned} 个"
    )
    return Sheet(
        code="R12",
        stem=f"duty-board-{board.day}",
        tab="职责公示",
        title="网格监管职责公示",
        bureau=bureau_name(work),
        period=str(board.day),
        as_of=board.as_of,
        columns=COLUMNS,
        rows=rows,
        answer=DutyBoardAnswer().dump(body),
        marks=[f"{board.unassigned} 个网格尚未落实责任人"] if board.unassigned else [],
        basis=[counted, *([f"监督电话：{board.phone}"] if board.phone else [])],
        notes=NOTES,
        portrait=True,
        grouped_by="town",
    )
