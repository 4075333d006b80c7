"""Whether the checklists that a policy names are there for officers to fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import UUID

from server.kernel.problems import Problem
from server.kernel.work import Work

# Forms are a noun above this one; only which are published, and for which tier, is read here.
_FORM = table(
    "form",
    column("bureau_id", UUID(as_uuid=True)),
    column("form_code"),
    column("version"),
    column("tier"),
    column("state"),
)


def need_published(work: Work, tiers: Sequence[Mapping[str, Any]]) -> None:
    """Each of the tiers, which have tier, form_code and form_version, names a published form of its own tier.

    Raises:
        Problem: ``form_not_published`` with the place of each that does not.
    """
    columns = (_FORM.c.form_code, _FORM.c.version, _FORM.c.tier)
    published = {
        tuple(row)
        for row in work.session.execute(
            select(*columns).where(_FORM.c.bureau_id == work.bureau_id, _FORM.c.state == "published")
        )
    }
    versions = {(code, tier): version for code, version, tier in sorted(published, key=lambda row: row[1])}
    errors: list[dict[str, str]] = []
    for place, tier in enumerate(tiers):
        code, version, name = tier["form_code"], tier["form_version"], str(tier["tier"])
        if (code, version, name) in published:
            continue
        newest = versions.get((code, name))
        known = f"最新已发布的是第{newest}版" if newest else "该层级没有这一表单"
        errors.append(
            {
                "path": f"/tiers/{place}/{'form_version' if newest else 'form_code'}",
                "code": "form_not_published",
                "detail": f"{code} 第{version}版没有发布，{known}。No published form {code}.{version} of this tier.",
            }
        )
    if errors:
        raise Problem("form_not_published", errors=errors)
