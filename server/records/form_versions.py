"""Versions of the forms: drafted by a bureau, published by somebody else, retired; what records hold is found for ever."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from server.cadence.models import Policy, PolicyTier
from server.kernel.events import record_event
from server.kernel.ids import new_edit_id, new_id
from server.kernel.problems import Problem, invalid
from server.kernel.work import Work
from server.records.form_drafts import draft_faults
from server.records.forms import FORM_COLUMNS, FormDefinition, load_forms
from server.records.models import Form, FormDraft
from sync import feed

_CODE = re.compile("[a-z][a-z0-9_]{0,39}")
_CONTENT = tuple(name for name in FORM_COLUMNS if name != "version")


def publish_forms(work: Work) -> int:
    """Publish every packaged form version that the bureau does not have; published ones never change.

    Where the bureau has a version of its own under the number of a packaged one, its own stays.
    """
    have = set(
        work.session.execute(select(Form.form_code, Form.version).where(Form.bureau_id == work.bureau_id))
    )
    missing = [form for form in load_forms() if (form.form_code, form.version) not in have]
    published = [_publish(work, definition.to_row()).id for definition in missing]
    work.session.flush()
    if published:
        _touch(work, published)
        record_event(work, "forms.published", published)
    return len(published)


def draft_form(work: Work, given: Mapping[str, Any]) -> FormDraft:
    """Write a draft down, in place of the one of that code if there is one.

    ``given`` is as schemas.forms.FormDraftIn reads it: the next version of a code, or a new code of a known kind.

    Raises:
        Problem: ``invalid`` with everything that keeps it from being a version of a form.
    """
    _hold(work)
    newest = newest_version(work, given["form_code"])
    if newest is not None:
        for name, said in (("kind", "种类"), ("tier", "层级")):
            if given[name] != getattr(newest, name):
                detail = f"同一表单的各版本{said}相同。All versions of a form are of one {name}."
                raise invalid(f"/{name}", "form_of_another_kind", detail)
    if faults := draft_faults(given):
        raise Problem("invalid", errors=faults)
    if newest is not None and all(given[name] == getattr(newest, name) for name in _CONTENT):
        detail = f"与第 {newest.version} 版完全相同。It says what version {newest.version} says."
        raise invalid("", "form_unchanged", detail)
    draft = find_draft(work, given["form_code"])
    if draft is None:
        draft = FormDraft(id=new_id(work.now), bureau_id=work.bureau_id)
        work.session.add(draft)
    for name in _CONTENT:
        setattr(draft, name, given[name])
    draft.drafted_by, draft.drafted_at = work.actor.account_id, work.now
    work.session.flush()
    record_event(work, "form.drafted", [draft.id], form_code=draft.form_code)
    return draft


def discard_draft(work: Work, form_code: str) -> None:
    """Take a draft back; nothing was ever recorded on it.

    Raises:
        Problem: ``not_found`` where there is none.
    """
    _hold(work)
    draft = _held_draft(work, form_code)
    work.session.delete(draft)
    work.session.flush()
    record_event(work, "form.draft_discarded", [draft.id], form_code=form_code)


def publish_draft(work: Work, form_code: str, effective_from: datetime | None) -> Form:
    """Make the draft of a code its next version, on which records are begun from ``effective_from`` on, at once if null.

    Handhelds get it with their next pull. Versions before it stay published: what is made on them offline still syncs.

    Raises:
        Problem: ``not_found`` without a draft; ``form_own_draft`` for whoever drafted it, and for nobody in person;
            ``invalid`` for a moment that is over, and where the draft no longer holds.
    """
    _hold(work)
    draft = _held_draft(work, form_code)
    if work.actor.account_id is None or work.actor.account_id == draft.drafted_by:
        raise Problem("form_own_draft")
    if effective_from is not None and effective_from < work.now:
        detail = "启用时间不能早于现在，已开始的记录不受影响。It cannot have been in force before now."
        raise invalid("/effective_from", "form_backdated", detail)
    content = {name: getattr(draft, name) for name in _CONTENT}
    # The rules of drafts may have become stricter since it was written.
    if faults := draft_faults(content):
        raise Problem("invalid", errors=faults)
    newest = newest_version(work, form_code)
    form = _publish(
        work,
        content | {"version": newest.version + 1 if newest else 1},
        drafted_by=draft.drafted_by,
        published_by=work.actor.account_id,
        effective_from=effective_from or work.now,
    )
    work.session.delete(draft)
    work.session.flush()
    _touch(work, [form.id])
    record_event(work, "form.published", [form.id], form_code=form_code, version=form.version)
    return form


def retire_version(work: Work, form_code: str, version: int, reason: str) -> Form:
    """Let nobody begin a record on a version from now on; what comes all the same is stored and flagged.

    Raises:
        Problem: ``not_found``; ``form_retired`` for one that is; ``form_in_use`` where a policy in force would be left
            without any published version of a checklist that it names.
    """
    _hold(work)
    form = find_version(work, form_code, version)
    if form.state == "retired":
        raise Problem("form_retired")
    others = select(Form.id).where(
        Form.bureau_id == work.bureau_id,
        Form.form_code == form_code,
        Form.state == "published",
        Form.id != form.id,
    )
    named = (
        select(Policy.id)
        .join(PolicyTier, PolicyTier.policy_id == Policy.id)
        .where(
            Policy.bureau_id == work.bureau_id, Policy.state == "active", PolicyTier.form_code == form_code
        )
    )
    if work.session.scalar(named.limit(1)) and not work.session.scalar(others.limit(1)):
        raise Problem("form_in_use")
    form.state, form.retired_at, form.retired_by = "retired", work.now, work.actor.account_id
    form.retire_reason, form.edit_id = reason, new_edit_id()
    work.session.flush()
    _touch(work, [form.id])
    record_event(work, "form.retired", [form.id], form_code=form_code, version=version, reason=reason)
    return form


def find_version(work: Work, form_code: str, version: int) -> Form:
    """A version that was published, whether or not it is retired.

    Raises:
        Problem: ``not_found``.
    """
    wanted = select(Form).where(
        Form.bureau_id == work.bureau_id, Form.form_code == form_code, Form.version == version
    )
    sound = _CODE.fullmatch(form_code) and 0 < version < 2**31
    form = work.session.scalar(wanted) if sound else None
    if form is None:
        detail = f"没有表单 {form_code} 第 {version} 版。There is no version {version} of {form_code}."
        raise Problem("not_found", detail=detail)
    return form


def find_draft(work: Work, form_code: str) -> FormDraft | None:
    """The draft of a code, if there is one."""
    if not _CODE.fullmatch(form_code):
        return None
    return work.session.scalar(
        select(FormDraft).where(FormDraft.bureau_id == work.bureau_id, FormDraft.form_code == form_code)
    )


def newest_version(work: Work, form_code: str) -> Form | None:
    """The version of a code with the highest number, ``None`` for a code of which nothing was published."""
    own = select(Form).where(Form.bureau_id == work.bureau_id, Form.form_code == form_code)
    return work.session.scalar(own.order_by(Form.version.desc()).limit(1))


def as_draft(form: Form | FormDraft) -> dict[str, Any]:
    """What a version says, as a draft says it: to start another one from, and to compare."""
    return {name: getattr(form, name) for name in _CONTENT}


def definition_of(form: Form | FormDraft, version: int) -> FormDefinition:
    """A version, or a draft under the number that it would have, as the rules read it."""
    return FormDefinition.from_row(as_draft(form) | {"version": version})


def no_draft(form_code: str) -> Problem:
    """The answer to whoever asks for a draft that is not there."""
    return Problem("not_found", detail=f"{form_code} 没有草案。There is no draft of {form_code}.")


def _held_draft(work: Work, form_code: str) -> FormDraft:
    draft = find_draft(work, form_code)
    if draft is None:
        raise no_draft(form_code)
    return draft


def _publish(work: Work, content: Mapping[str, Any], **more: Any) -> Form:
    form = Form(
        id=new_id(work.now),
        bureau_id=work.bureau_id,
        state="published",
        published_at=work.now,
        edit_id=new_edit_id(),
        **content,
        **more,
    )
    work.session.add(form)
    return form


def _touch(work: Work, forms: list[uuid.UUID]) -> None:
    feed.touch(
        work.session, work.bureau_id, "reference", [(f"bureau:{work.bureau_id}", form) for form in forms]
    )


def _hold(work: Work) -> None:
    """Hold the bureau's forms until commit: the number of a version is the next one, and is given once."""
    held = select(func.pg_advisory_xact_lock(func.hashtextextended(f"form:{work.bureau_id}", 0)))
    work.session.execute(held)
