"""Forms over HTTP: drafted, published, retired, compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from schemas.forms import (
    FormComparisonOut,
    FormComparisonQuery,
    FormDraftIn,
    FormDraftOut,
    FormList,
    FormPublicationIn,
    FormRetirementIn,
    FormVersionOut,
)
from server.kernel.http import Noun
from server.kernel.permissions import Permission
from server.kernel.work import Work
from server.records import form_versions
from server.records.form_changes import Change, compare_forms
from server.records.models import Form, FormDraft

blueprint = Noun("forms", "表单版本 Versions of forms")


def listed(work: Work) -> dict[str, Any]:
    """All versions and drafts of the bureau, as FormList shows them."""
    forms = work.session.scalars(
        select(Form).where(Form.bureau_id == work.bureau_id).order_by(Form.form_code, Form.version)
    ).all()
    drafts = work.session.scalars(
        select(FormDraft).where(FormDraft.bureau_id == work.bureau_id).order_by(FormDraft.form_code)
    ).all()
    return {"items": forms, "drafts": [drafted(work, draft) for draft in drafts]}


def drafted(work: Work, draft: FormDraft) -> dict[str, Any]:
    """A draft with the number that it would have."""
    newest = form_versions.newest_version(work, draft.form_code)
    written = {"drafted_by": draft.drafted_by, "drafted_at": draft.drafted_at}
    return form_versions.as_draft(draft) | written | {"version": newest.version + 1 if newest else 1}


def compared(work: Work, form_code: str, since: int, to: int | None) -> tuple[int, list[Change]]:
    """The number of the later one, and what it asks otherwise; without ``to`` the draft's.

    Raises:
        Problem: ``not_found``.
    """
    before = form_versions.find_version(work, form_code, since)
    if to is not None:
        after: Form | FormDraft | None = form_versions.find_version(work, form_code, to)
        number = to
    else:
        after = form_versions.find_draft(work, form_code)
        number = drafted(work, after)["version"] if after else 0
    if after is None:
        raise form_versions.no_draft(form_code)
    changes = compare_forms(
        form_versions.definition_of(before, since), form_versions.definition_of(after, number)
    )
    return number, changes


@blueprint.endpoint("GET", "/forms", permission=Permission.FORM_READ, gives=FormList)
def list_forms(work: Work) -> dict[str, Any]:
    """The bureau's form versions, and its drafts."""
    return listed(work)


@blueprint.endpoint(
    "POST", "/forms", permission=Permission.FORM_MANAGE, takes=FormDraftIn, gives=FormDraftOut, status=201
)
def draft_form(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """Draft the next version of a form or a new form, in place of the draft that there is."""
    return drafted(work, form_versions.draft_form(work, given))


@blueprint.endpoint(
    "GET", "/forms/<form_code>/versions/<int:version>", permission=Permission.FORM_READ, gives=FormVersionOut
)
def get_form(work: Work, form_code: str, version: int) -> Form:
    """One version, retired ones too: what it asked is found for ever."""
    return form_versions.find_version(work, form_code, version)


@blueprint.endpoint(
    "GET",
    "/forms/<form_code>/compare",
    permission=Permission.FORM_READ,
    takes=FormComparisonQuery,
    gives=FormComparisonOut,
)
def compare(work: Work, query: dict[str, Any], form_code: str) -> dict[str, Any]:
    """What one version, or the draft, asks otherwise than another."""
    number, changes = compared(work, form_code, query["since"], query["to"])
    return {"form_code": form_code, "since": query["since"], "to": number, "changes": changes}


@blueprint.endpoint(
    "POST",
    "/forms/<form_code>/publish",
    permission=Permission.FORM_PUBLISH,
    takes=FormPublicationIn,
    gives=FormVersionOut,
    status=201,
)
def publish_form(work: Work, given: dict[str, Any], form_code: str) -> Form:
    """Publish the draft as the next version; it never changes from then on."""
    return form_versions.publish_draft(work, form_code, given["effective_from"])


@blueprint.endpoint("DELETE", "/forms/<form_code>/draft", permission=Permission.FORM_MANAGE, status=204)
def discard_form_draft(work: Work, form_code: str) -> None:
    """Take the draft back."""
    form_versions.discard_draft(work, form_code)


@blueprint.endpoint(
    "POST",
    "/forms/<form_code>/versions/<int:version>/retire",
    permission=Permission.FORM_PUBLISH,
    takes=FormRetirementIn,
    gives=FormVersionOut,
)
def retire_form(work: Work, given: dict[str, Any], form_code: str, version: int) -> Form:
    """Retire a version; what is recorded on it all the same is stored and flagged."""
    return form_versions.retire_version(work, form_code, version, given["reason"])
