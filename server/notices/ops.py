"""Writing notices: making the day's digests, noting that one was read, and letting old ones leave the handhelds."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.vocabulary import NoticeKind
from server.access.models import Account
from server.kernel.db import table_of
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.permissions import Role
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.notices import rules
from server.notices.loading import Line, Morning, label_of_cell, load_morning, load_sent, load_told
from server.notices.models import Delivery, Notice, NoticeItem, Webhook
from server.notices.queries import visible_to
from sync.feed import touch

DELIVER = "server.worker.deliver"


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest with what it says."""

    digest: rules.Digest
    content: dict[str, Any]


def plan(work: Work) -> list[Draft]:
    """Who would be told of what at ``work.now``, by kind and recipient. Nothing is written."""
    morning = load_morning(work)
    tellings = [
        *rules.tellings_of_owed(morning.owed, morning.day, morning.workdays, morning.staff),
        *rules.tellings_of_unheard(morning.unheard, morning.staff),
        *rules.tellings_of_goods(morning.undecided, morning.day, morning.staff),
        *rules.tellings_of_workdays(morning.day, morning.workdays, morning.staff),
    ]
    told = load_told(work, sorted({telling.about for telling in tellings}))
    new = rules.digests(tellings, told, load_sent(work, morning.day))
    return [Draft(digest, _content(morning, digest)) for digest in new]


def send_digests(work: Work) -> int:
    """Make the digests of the day of ``work.now``, with their mail and webhooks in the outbox; how many.

    A second run of the day makes none, two at once make them once. A run after days on which there was none tells
    what is still true and was not told.
    """
    # One at a time for a bureau. That two digests of one kind and day cannot be is the database's to keep.
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"notices:{work.bureau_id}", 0))
    work.session.execute(select(turn))
    made = [notice for draft in plan(work) if (notice := _write(work, draft)) is not None]
    if made:
        _announce(work, made)
        _fill_outbox(work, made)
        kinds = Counter(notice.kind for notice in made)
        record_event(work, "notices.made", [notice.id for notice in made], **kinds)
    return len(made)


def _content(morning: Morning, digest: rules.Digest) -> dict[str, Any]:
    """``{"counts", "cells", "items"}``: what is owed by cell and shop, handhelds by squad, goods by day, or years."""
    if digest.kind is NoticeKind.WORKDAYS_MISSING:
        years = sorted(int(about.partition("@")[0]) for about in digest.about)
        return {"counts": {"total": len(years)}, "cells": [], "items": [{"year": year} for year in years]}
    items = [morning.lines[about] for about in digest.about]
    if digest.kind is NoticeKind.UNSYNCED:
        items.sort(key=lambda line: (line["squad_id"] or "", line["label"]))
        return {"counts": {"total": len(items)}, "cells": [], "items": items}
    if digest.kind is NoticeKind.GOODS_UNDECIDED:
        items.sort(key=lambda line: (line["decide_by"], line["list_id"]))
        overdue = sum(line["overdue"] for line in items)
        return {"counts": {"total": len(items), "overdue": overdue}, "cells": [], "items": items}

    def place(line: Line) -> tuple[str, ...]:
        code, _ = label_of_cell(morning.cells, line["cell_id"])
        return code, line["name"], line["subject_id"], line["last_day"], line["duty"]

    items.sort(key=place)
    duties = Counter(line["duty"] for line in items)
    cells = []
    for cell_id, count in Counter(line["cell_id"] for line in items).items():
        code, name = label_of_cell(morning.cells, cell_id)
        cells.append({"cell_id": cell_id, "code": code, "name": name, "count": count})
    return {"counts": {"total": len(items), **duties}, "cells": cells, "items": items}


def tell_at_once(
    work: Work,
    kind: NoticeKind,
    about: str,
    content: dict[str, Any],
    recipients: Mapping[rules.Recipient, Role],
) -> int:
    """Tell each recipient, in his role, of one thing now; nobody is told of it twice. How many were."""
    told = load_told(work, [about])
    made = [
        notice
        for recipient, role in recipients.items()
        if (recipient, kind, about) not in told
        and (notice := _insert(work, recipient, role, kind, content, [about])) is not None
    ]
    if made:
        _announce(work, made)
        _fill_outbox(work, made)
        record_event(work, "notices.made", [notice.id for notice in made], **{kind.value: len(made)})
    return len(made)


def _write(work: Work, draft: Draft) -> Notice | None:
    digest = draft.digest
    return _insert(work, digest.recipient, digest.role, digest.kind, draft.content, digest.about)


def _insert(
    work: Work,
    recipient: rules.Recipient,
    role: Role,
    kind: NoticeKind,
    content: dict[str, Any],
    about: Sequence[str],
) -> Notice | None:
    """The notice, or none where another run has made the digest meanwhile."""
    made = work.session.scalar(
        upsert(Notice)
        .values(
            id=new_id(work.now),
            bureau_id=work.bureau_id,
            person_id=recipient.person_id,
            account_id=recipient.account_id,
            role=role.value,
            kind=kind.value,
            day=work.now.astimezone(work.zone).date(),
            made_at=work.now,
            content=content,
            edit_id=new_edit_id(),
        )
        .on_conflict_do_nothing()
        .returning(Notice)
    )
    if made is not None:
        work.session.execute(
            insert(table_of(NoticeItem)),
            [{"bureau_id": work.bureau_id, "notice_id": made.id, "about": one} for one in about],
        )
    return made


def _fill_outbox(work: Work, notices: Sequence[Notice]) -> None:
    """A delivery for each account that takes mail and each webhook that wants the kind, in this transaction."""
    accounts: Sequence[Account] = []
    if work.settings.mail_server is not None:
        accounts = work.session.scalars(
            select(Account).where(
                Account.bureau_id == work.bureau_id,
                Account.disabled_at.is_(None),
                Account.email.is_not(None),
                Account.email_notices,
            )
        ).all()
    webhooks = work.session.scalars(
        select(Webhook).where(
            Webhook.bureau_id == work.bureau_id, Webhook.disabled_at.is_(None), Webhook.removed_at.is_(None)
        )
    ).all()
    for notice in notices:
        for account in accounts:
            theirs = notice.account_id == account.id
            if theirs or (notice.person_id is not None and notice.person_id == account.person_id):
                post(work, "email", notice_id=notice.id, account_id=account.id)
        for webhook in webhooks:
            if not webhook.kinds or notice.kind in webhook.kinds:
                post(work, "webhook", notice_id=notice.id, webhook_id=webhook.id)


def post(work: Work, channel: str, **whom: uuid.UUID) -> Delivery:
    """Put one message into the outbox, to be sent once the transaction is committed."""
    delivery = Delivery(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        channel=channel,
        state="waiting",
        made_at=work.now,
        next_at=work.now,
        attempts=0,
        **whom,
    )
    work.session.add(delivery)
    work.session.flush()
    work.later(DELIVER, str(work.bureau_id), str(delivery.id))
    return delivery


def mark_read(work: Work, notice_ids: Iterable[uuid.UUID]) -> int:
    """Note that the actor has read his notices; how many were unread.

    Raises:
        Problem: ``not_found`` for one that is not his.
    """
    wanted = set(notice_ids)
    found = work.session.scalars(
        visible_to(work.actor).where(Notice.id.in_(wanted)).order_by(Notice.id).with_for_update()
    ).all()
    if len(found) != len(wanted):
        raise Problem("not_found")
    unread = [notice for notice in found if notice.read_at is None]
    for notice in unread:
        notice.read_at = work.now
        notice.edit_id = new_edit_id()
    work.session.flush()
    _announce(work, unread)
    return len(unread)


def retire_notices(work: Work) -> int:
    """Let notices older than ``notice_days`` leave the handhelds, as tombstones; accounts keep them in their list."""
    before = work.now.astimezone(work.zone).date() - timedelta(days=work.settings.notice_days)
    old = (Notice.bureau_id == work.bureau_id, Notice.retired_at.is_(None), Notice.day < before)
    gone = work.session.scalars(
        update(Notice)
        .where(*old)
        .values(retired_at=work.now, edit_id=func.gen_random_uuid())
        .returning(Notice)
        .execution_options(synchronize_session=False)
    ).all()
    _announce(work, gone)
    return len(gone)


def _announce(work: Work, notices: Iterable[Notice]) -> None:
    touch(
        work.session,
        work.bureau_id,
        "notices",
        [(f"officer:{notice.person_id}", notice.id) for notice in notices if notice.person_id],
    )
