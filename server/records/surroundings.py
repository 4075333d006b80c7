"""What judging a batch of records needs to know of the house: one look-up each, for the whole batch."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from geoalchemy2 import Geography
from sqlalchemy import Double, Integer, Text, and_, cast, column, func, or_, select
from sqlalchemy.dialects.postgresql import UUID

from gis.crs import Crs, to_wgs84
from schemas.vocabulary import SubjectKind
from server.cadence.duty_models import DutySubject
from server.grids.models import Scope
from server.grids.queries import leaf_cell_at
from server.kernel.bulk import as_rows, recordset
from server.kernel.work import Work
from server.org.models import Certificate
from server.org.queries import certificates_of
from server.outlets.models import Outlet, Site
from server.records.forms import FORM_COLUMNS, FormDefinition
from server.records.models import Form, Record
from server.records.rules import Certificates, Fix, position_of


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What the house knows about one record: whether it holds it already, and where its subject is.

    ``known_edit_id`` is the device's edit of the record that is stored under this id, ``None`` for a new id.
    ``site_kind`` is what kind of site the subject is, ``None`` for other subjects. ``lon`` and ``lat`` are EPSG:4326;
    ``distance_m`` is on the ground, from the position to the subject. ``licence_no`` is the retail licence of a subject
    that is an outlet.
    """

    known_edit_id: uuid.UUID | None
    subject_known: bool
    site_kind: str | None
    cell_id: uuid.UUID | None
    in_scope: bool
    distance_m: float | None
    lon: float | None
    lat: float | None
    converted: bool
    licence_no: str | None


# Subjects of records that no register holds: cadence knows them.
_WITHOUT_REGISTER = (
    SubjectKind.UNLICENSED,
    SubjectKind.HOUSEHOLD,
    SubjectKind.COMPLAINT,
    SubjectKind.CLUE,
)

_GIVEN = recordset(
    "given",
    [
        column("ordinal", Integer),
        column("id", UUID(as_uuid=True)),
        column("subject_kind", Text),
        column("subject_id", UUID(as_uuid=True)),
        column("claimed_cell_id", UUID(as_uuid=True)),
        column("lon", Double),
        column("lat", Double),
    ],
)


def look_round(work: Work, documents: Sequence[Mapping[str, Any]]) -> list[Surrounding]:
    """The surrounding of each document, in their order, by one statement."""
    fixes = [_in_wgs84(position_of(document)) for document in documents]
    rows = [
        {
            "ordinal": ordinal,
            "id": document["id"],
            "subject_kind": document.get("subject_kind"),
            "subject_id": document.get("subject_id"),
            "claimed_cell_id": document.get("cell_id"),
            "lon": fix.lon if fix else None,
            "lat": fix.lat if fix else None,
        }
        for ordinal, (document, fix) in enumerate(zip(documents, fixes, strict=True))
    ]
    point = func.ST_SetSRID(func.ST_MakePoint(_GIVEN.c.lon, _GIVEN.c.lat), 4326)
    place = func.coalesce(Outlet.geom, Site.geom)
    # A record without a subject lies where it was made; the search by point is not run for the others.
    subject_cell = func.coalesce(Outlet.cell_id, Site.cell_id, DutySubject.cell_id)
    lying = leaf_cell_at(point, work.bureau_id).where(subject_cell.is_(None), _GIVEN.c.lon.is_not(None))
    cell_id = func.coalesce(
        subject_cell, lying.correlate(Outlet, Site, DutySubject, _GIVEN).scalar_subquery()
    )
    placed = (
        select(
            _GIVEN.c.ordinal,
            Record.device_edit_id.label("known_edit_id"),
            func.coalesce(Outlet.id, Site.id, DutySubject.id).is_not(None).label("subject_known"),
            Site.kind.label("site_kind"),
            cell_id.label("cell_id"),
            Outlet.licence_no.label("licence_no"),
            func.ST_Distance(cast(place, Geography), cast(point, Geography)).label("distance_m"),
        )
        .select_from(_GIVEN)
        .outerjoin(Record, Record.id == _GIVEN.c.id)
        .outerjoin(
            Outlet,
            and_(
                _GIVEN.c.subject_kind == "outlet",
                Outlet.id == _GIVEN.c.subject_id,
                Outlet.bureau_id == work.bureau_id,
            ),
        )
        .outerjoin(
            Site,
            and_(
                _GIVEN.c.subject_kind == "site",
                Site.id == _GIVEN.c.subject_id,
                Site.bureau_id == work.bureau_id,
            ),
        )
        .outerjoin(
            DutySubject,
            and_(
                _GIVEN.c.subject_kind.in_(_WITHOUT_REGISTER),
                DutySubject.id == _GIVEN.c.subject_id,
                DutySubject.kind == _GIVEN.c.subject_kind,
                DutySubject.bureau_id == work.bureau_id,
            ),
        )
        .subquery("placed")
    )
    in_scope = (
        select(Scope.cell_id)
        .where(Scope.person_id == work.actor.person_id, Scope.cell_id == placed.c.cell_id)
        .exists()
    )
    found = work.session.execute(
        select(placed, in_scope.label("in_scope")).order_by(placed.c.ordinal), {"given_rows": as_rows(rows)}
    )
    return [
        Surrounding(
            known_edit_id=row.known_edit_id,
            subject_known=row.subject_known,
            site_kind=row.site_kind,
            cell_id=row.cell_id,
            in_scope=row.in_scope,
            distance_m=row.distance_m,
            lon=fix.lon if fix else None,
            lat=fix.lat if fix else None,
            converted=converted,
            licence_no=row.licence_no,
        )
        for row, fix, converted in zip(
            found, fixes, (_is_shifted(document) for document in documents), strict=True
        )
    ]


def _in_wgs84(fix: Fix | None) -> Fix | None:
    if fix is None or fix.crs in (Crs.WGS84, Crs.CGCS2000):
        return fix
    lon, lat = to_wgs84(fix.lon, fix.lat, Crs(fix.crs))
    return Fix(lon, lat, fix.accuracy_m, Crs.WGS84)


def _is_shifted(document: Mapping[str, Any]) -> bool:
    fix = position_of(document)
    return fix is not None and fix.crs not in (Crs.WGS84, Crs.CGCS2000)


def certificates_for(work: Work, documents: Sequence[Mapping[str, Any]]) -> Certificates:
    """The certificates of everybody named in the documents."""
    people = {
        uuid.UUID(officer["person_id"])
        for document in documents
        for officer in document["officers"]
        if officer.get("person_id")
    }
    return {
        person: (kind, [_held(certificate) for certificate in certificates])
        for person, (kind, certificates) in certificates_of(work.session, work.bureau_id, people).items()
    }


def _held(certificate: Certificate) -> tuple[str, Any, Any]:
    return (certificate.cert_no, certificate.valid_from, certificate.valid_to)


class KnownForm(NamedTuple):
    """A version of a form with the moments from which records are begun on it, and no more are; null for ever."""

    definition: FormDefinition
    effective_from: datetime | None
    retired_at: datetime | None


_published: dict[uuid.UUID, FormDefinition] = {}


def forms_for(work: Work, documents: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], KnownForm]:
    """The versions that the documents name and that were ever published, retired ones too.

    What a version asks never changes, so it is remembered; whether it is retired is asked each time, for another process
    may have done it.
    """
    wanted = {(document["form_code"], document["form_version"]) for document in documents}
    if not wanted:
        return {}
    standing = work.session.execute(
        select(Form.id, Form.form_code, Form.version, Form.effective_from, Form.retired_at).where(
            Form.bureau_id == work.bureau_id,
            Form.state != "draft",
            or_(*(and_(Form.form_code == code, Form.version == version) for code, version in wanted)),
        )
    ).all()
    unknown = [row.id for row in standing if row.id not in _published]
    if unknown:
        content = select(*(getattr(Form, name) for name in FORM_COLUMNS), Form.id).where(Form.id.in_(unknown))
        for row in work.session.execute(content).mappings():
            _published[row["id"]] = FormDefinition.from_row(dict(row))
    return {
        (row.form_code, row.version): KnownForm(_published[row.id], row.effective_from, row.retired_at)
        for row in standing
    }
