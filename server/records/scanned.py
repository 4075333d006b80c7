"""Scanned cartons of a batch of records, judged by the shops' licences and named from the register."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from server.kernel.work import Work
from server.outlets.models import Outlet
from server.records.carton_codes import Registered, ScanRow, scan_flags, scan_hints, scan_rows


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one record's scans come to: its rows each with whose licence it is, its flags, its hints as JSON."""

    rows: list[tuple[ScanRow, uuid.UUID | None]]
    flags: list[str]
    hints: list[dict[str, Any]]


def scans_of(work: Work, given: Sequence[tuple[Mapping[str, Any], str | None]]) -> list[Scanned]:
    """For each record its answers and the licence of the shop it was made at: its scans, by one look-up for all."""
    rows = [scan_rows(answers, own_licence_no) for answers, own_licence_no in given]
    named = sorted({row["licence_no"] for scans in rows for row in scans if row["licence_no"]})
    register: dict[str, Registered] = {}
    if named:
        found = select(Outlet.licence_no, Outlet.id, Outlet.name).where(
            Outlet.bureau_id == work.bureau_id, Outlet.licence_no.in_(named)
        )
        register = {
            licence_no: Registered(outlet_id, name)
            for licence_no, outlet_id, name in work.session.execute(found)
        }
    return [
        Scanned(
            [(row, _outlet_id(register.get(row["licence_no"] or ""))) for row in scans],
            scan_flags(scans),
            [asdict(hint) for hint in scan_hints(scans, register)],
        )
        for scans in rows
    ]


def _outlet_id(registered: Registered | None) -> uuid.UUID | None:
    return registered.outlet_id if registered else None
