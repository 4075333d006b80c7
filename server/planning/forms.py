"""Which checklist is filled for what is performed, and what filling one performs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from sqlalchemy import select

from schemas.vocabulary import CadenceTier, Deed, Performed, SubjectKind
from server.cadence.timeline import load_timeline
from server.kernel.work import Work
from server.records.models import Form

_FORMS: Mapping[Deed, str] = MappingProxyType(
    {
        Deed.INSPECTION: "site_visit",
        Deed.SERVICE: "service_visit",
        Deed.DEPOT_CHECK: "depot_check",
        Deed.DOOR_CALLBACK: "callback",
    }
)
_OF_SUBJECTS: Mapping[SubjectKind, str] = MappingProxyType(
    {SubjectKind.HOUSEHOLD: "household_visit", SubjectKind.UNLICENSED: "unlicensed_check"}
)
_PERFORMED: Mapping[str, Deed] = MappingProxyType(
    {
        **{code: deed for deed, code in _FORMS.items()},
        "household_visit": Deed.SERVICE,
        "unlicensed_check": Deed.INSPECTION,
    }
)


def form_of(work: Work, kind: SubjectKind, performed: Performed, day: date) -> str | None:
    """The checklist to fill: that of the tier in the policy of the day, or the form of the deed."""
    if isinstance(performed, CadenceTier):
        edition = load_timeline(work).on(day)
        tier = edition.tiers.get(performed) if edition else None
        return tier.form_code if tier else None
    return _OF_SUBJECTS.get(kind, _FORMS.get(performed))


def performed_by(work: Work) -> dict[str, Performed]:
    """What a form performs, by its code: the tier whose checklist it is, or the deed."""
    tiers = select(Form.form_code, Form.tier).where(Form.bureau_id == work.bureau_id, Form.tier.is_not(None))
    of_tiers = {code: CadenceTier(tier) for code, tier in work.session.execute(tiers) if tier}
    return {**_PERFORMED, **of_tiers}
