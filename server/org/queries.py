"""Reads of people and squads."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, select
from sqlalchemy.orm import Session

from server.org.models import Certificate, Person, Squad, SquadMember


def synced_people(
    ids: ColumnElement[uuid.UUID], bureau_id: ColumnElement[uuid.UUID], today: ColumnElement[Any]
) -> Select[str, uuid.UUID]:
    """The pull query of the collection ``people``: who may be the second officer, with certificates and squad."""
    certificates = (
        select(
            func.coalesce(
                func.json_agg(
                    func.json_build_object(
                        "cert_no", Certificate.cert_no,
                        "valid_from", Certificate.valid_from,
                        "valid_to", Certificate.valid_to,
                    )
                ),
                func.json_build_array(),
            )
        )
        .where(Certificate.person_id == Person.id)
        .scalar_subquery()
    )  # fmt: skip
    squad = (
        select(Squad.name)
        .join(SquadMember, SquadMember.squad_id == Squad.id)
        .where(SquadMember.person_id == Person.id, SquadMember.valid.op("@>")(today))
        .scalar_subquery()
    )
    fields = func.json_build_object(
        "id", Person.id,
        "edit_id", Person.edit_id,
        "_deleted", False,
        "name", Person.name,
        "kind", Person.kind,
        "squad", squad,
        "certificates", certificates,
    )  # fmt: skip
    return select(cast(fields, Text).label("document"), Person.edit_id).where(
        Person.id == ids, Person.bureau_id == bureau_id
    )


def squads_by_person(session: Session, bureau_id: uuid.UUID, today: date) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Everybody of the bureau with the squads that he is in today, in the order in which a sign-in has them."""
    members = and_(SquadMember.person_id == Person.id, SquadMember.valid.op("@>")(today))
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for person_id, squad_id in session.execute(
        select(Person.id, SquadMember.squad_id)
        .outerjoin(SquadMember, members)
        .where(Person.bureau_id == bureau_id)
        .order_by(Person.id, SquadMember.squad_id)
    ):
        squads = found.setdefault(person_id, [])
        if squad_id is not None:
            squads.append(squad_id)
    return found


def certificates_of(
    session: Session, bureau_id: uuid.UUID, people: set[uuid.UUID]
) -> dict[uuid.UUID, tuple[str, list[Certificate]]]:
    """For each known person of the bureau the kind and every certificate ever held."""
    found: dict[uuid.UUID, tuple[str, list[Certificate]]] = {
        person_id: (kind, [])
        for person_id, kind in session.execute(
            select(Person.id, Person.kind).where(Person.bureau_id == bureau_id, Person.id.in_(people))
        )
    }
    for certificate in session.scalars(select(Certificate).where(Certificate.person_id.in_(found))):
        found[certificate.person_id][1].append(certificate)
    return found
