"""Notices over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select

from schemas.notices import NoticePage, NoticeQuery, NoticeWhole, ReadAnswer, ReadIn
from schemas.vocabulary import NoticeKind
from server.kernel.http import Noun
from server.kernel.paging import page_of
from server.kernel.permissions import Permission
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.notices import ops, wording
from server.notices.models import Notice
from server.notices.queries import visible_to

blueprint = Noun("notices", "通知 Notices")


@blueprint.endpoint("GET", "/notices", permission=Permission.SELF_READ, takes=NoticeQuery, gives=NoticePage)
def list_notices(work: Work, query: dict[str, Any]) -> dict[str, Any]:
    """One's own notices, the newest first, and how many are unread."""
    own = visible_to(work.actor)
    if query["kind"]:
        own = own.where(Notice.kind == query["kind"])
    if query["unread"] is not None:
        own = own.where(Notice.read_at.is_(None) == query["unread"])
    page = page_of(work.session, own, [Notice.id], query["after"], query["limit"], newest_first=True)
    return {**page, "items": [_told(notice) for notice in page["items"]], "unread": _unread(work)}


@blueprint.endpoint("GET", "/notices/<uuid:notice_id>", permission=Permission.SELF_READ, gives=NoticeWhole)
def get_notice(work: Work, notice_id: uuid.UUID) -> dict[str, Any]:
    """One notice with all that it lists and what to do. Looking at it does not mark it as read."""
    notice = work.session.scalar(visible_to(work.actor).where(Notice.id == notice_id))
    if notice is None:
        raise Problem("not_found")
    advice, advice_en = wording.advice(NoticeKind(notice.kind))
    return {**_told(notice), "items": notice.content["items"], "advice": advice, "advice_en": advice_en}


@blueprint.endpoint("POST", "/notices/read", permission=Permission.SELF_READ, takes=ReadIn, gives=ReadAnswer)
def mark_read(work: Work, given: dict[str, Any]) -> dict[str, int]:
    """Note that these were read; doing so twice is no error."""
    return {"read": ops.mark_read(work, given["notice_ids"]), "unread": _unread(work)}


def _unread(work: Work) -> int:
    unread = visible_to(work.actor).where(Notice.read_at.is_(None)).subquery()
    return work.session.scalar(select(func.count()).select_from(unread)) or 0


def _told(notice: Notice) -> dict[str, Any]:
    title, title_en = wording.title(NoticeKind(notice.kind), notice.day, notice.content["counts"])
    return {
        "id": notice.id,
        "kind": notice.kind,
        "role": notice.role,
        "day": notice.day,
        "made_at": notice.made_at,
        "read_at": notice.read_at,
        "title": title,
        "title_en": title_en,
        "counts": notice.content["counts"],
        "cells": notice.content["cells"],
    }
