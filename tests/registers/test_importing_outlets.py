"""``xunge import outlets``: what becomes of a bureau's list, row by row, and what a second run changes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gis.crs import Crs, from_wgs84
from server.outlets.models import OutletStatus
from tests.registers.conftest import Registry
from tests.registers.files import (
    FIRST_ROW,
    OUTLET_HEADINGS,
    comma_separated,
    outlet_layer,
    outlet_row,
    workbook,
)
from tests.town import today

# What is wrong with a row → its code; the numbers of the rows follow from their order.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"licence_no": None}, "licence_missing"),
    ({"licence_no": "99028110001"}, "licence_length"),
    ({"licence_no": 99028110001}, "licence_length"),
    ({"licence_no": "99028130000X"}, "licence_malformed"),
    ({"licence_no": "990281390001"}, "licence_kind"),
    ({"licence_no": "990281100001"}, "licence_duplicate"),
    ({"name": None}, "name_missing"),
    ({"business_kind": "奶茶店"}, "business_kind_unknown"),
    ({"credit_grade": "E"}, "credit_grade_unknown"),
    ({"licence_scope": "茶叶"}, "licence_scope_unknown"),
    ({"status": "装修"}, "status_unknown"),
    ({"licence_from": None}, "date_missing"),
    ({"licence_to": "2029年2月30日"}, "date_malformed"),
    ({"licence_from": date(2029, 5, 1), "licence_to": date(2024, 4, 30)}, "dates_reversed"),
    ({"lon": None, "lat": None}, "position_missing"),
    ({"lon": None}, "position_malformed"),
    ({"lon": "东经84度"}, "position_malformed"),
    ({"lon": 0, "lat": 0}, "position_missing"),
    ({"lon": 500_123.0, "lat": 4_312_345.0}, "position_out_of_range"),
    ({"lon": 86.9}, "outside_cells"),
]
REPAIRS: list[tuple[dict[str, Any], str | None]] = [
    ({"licence_no": 990281100201}, "licence_from_number"),
    ({"licence_no": "９９０２８１１００２０２"}, "licence_repaired"),
    ({"licence_no": " 990281100203　"}, None),
    ({"business_kind": "Ｚ食杂店"}, "business_kind_repaired"),
    ({"credit_grade": "ａａ级"}, "credit_grade_repaired"),
    ({"licence_from": "2024/5/1"}, "date_repaired"),
    ({"licence_from": "20240501"}, "date_repaired"),
    ({"licence_from": 45413}, "date_repaired"),
    ({"lon": 39.04, "lat": 84.02}, "position_swapped"),
    ({"lon": "84.02", "lat": "39.04"}, "position_from_text"),
    ({"licence_scope": None}, "scope_assumed"),
    ({"status": None}, "status_assumed"),
    ({"licence_to": date(2034, 4, 30)}, "term_too_long"),
    ({"name": "　试样全角空格店　"}, None),
]


def real_register(path: Path) -> Path:
    """Sound rows, every fault, every repair."""
    rows = [outlet_row(number) for number in range(1, 6)]
    rows += [outlet_row(100 + number, **changed) for number, (changed, _) in enumerate(FAULTS)]
    rows += [outlet_row(201 + number, **changed) for number, (changed, _) in enumerate(REPAIRS)]
    return workbook(path, rows)


def test_a_real_register(registry: Registry, tmp_path: Path) -> None:
    file = real_register(tmp_path / "台账.xlsx")
    before = registry.state()
    told = registry.outcome("outlets", file, "--dry-run")
    assert registry.state() == before
    assert told["applied"] is False
    assert (told["rows"], told["good"]) == (5 + len(FAULTS) + len(REPAIRS), 5 + len(REPAIRS))
    assert told["skipped"] == {"blank": 1, "total": 1}
    first = FIRST_ROW + 5
    assert [(bad["row"], bad["code"]) for bad in told["bad"]] == [
        (first + number, code) for number, (_, code) in enumerate(FAULTS)
    ]
    assert all(bad["detail"] for bad in told["bad"])
    first += len(FAULTS)
    assert [(one["row"], one["code"]) for one in told["warnings"]] == [
        (first + number, code) for number, (_, code) in enumerate(REPAIRS) if code
    ]
    again = registry.outcome("outlets", file)
    assert again == {**told, "applied": True}
    assert registry.column("select count(*) from outlet") == [told["good"]]
    assert registry.outlet("990281100202").name == "试样202号商店"
    assert registry.outlet("990281100214").name == "试样全角空格店"
    # The first of two rows with one licence has it.
    assert registry.outlet("990281100001").name == "试样1号商店"


def test_a_second_run_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    file = real_register(tmp_path / "台账.xlsx")
    registry.outcome("outlets", file)
    before = registry.state()
    told = registry.outcome("outlets", file)
    assert (told["new"], told["changed"], told["unchanged"]) == (0, 0, told["good"])
    assert registry.state() == before


def test_what_is_imported_is_what_was_written(registry: Registry, tmp_path: Path) -> None:
    row = outlet_row(1, licence_scope="卷烟零售、电子烟零售", note="靠近学校", business_kind="烟酒商店")
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", [row]))
    outlet = registry.outlet("990281100001")
    assert (outlet.holder_name, outlet.address, outlet.phone) == ("试样人1", "试样县第1街", "10000000001")
    assert (outlet.business_kind, outlet.credit_grade, outlet.status) == ("Y", "A", "active")
    assert outlet.licence_scope == ["cigarette", "ecig"]
    assert (outlet.licence_from, outlet.licence_to) == (date(2024, 5, 1), date(2029, 4, 30))
    assert (outlet.location_source, outlet.crs_of_origin, outlet.note) == ("register", "wgs84", "靠近学校")
    assert outlet.name_pinyin == "sy1hsd"
    assert outlet.cell_id == registry.town.cells[0]
    # An e-cigarette licence is a subject of the re-inspection rules from now on.
    assert registry.column("select count(*) > 0 from obligation where subject_id = :id", id=outlet.id) == [
        True
    ]


def test_strict_imports_all_or_nothing(registry: Registry, tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [outlet_row(1), outlet_row(2, business_kind="奶茶店")])
    assert "--strict" in registry.refused("outlets", file, "--strict")
    assert "outside_cells" in registry.refused(
        "outlets", workbook(tmp_path / "b.xlsx", [outlet_row(1), outlet_row(2, lon=86.9)]), "--strict"
    )
    sound = workbook(tmp_path / "c.xlsx", [outlet_row(1), outlet_row(2)])
    assert registry.outcome("outlets", sound, "--strict")["new"] == 2


def test_unlocated_outlets_are_nobody_s_until_they_are_located(registry: Registry, tmp_path: Path) -> None:
    rows = [outlet_row(1, lon=None, lat=None), outlet_row(2, lon=0, lat=0), outlet_row(3)]
    told = registry.outcome("outlets", workbook(tmp_path / "a.xlsx", rows), "--allow-unlocated")
    assert [one["code"] for one in told["warnings"]] == ["unlocated", "position_zero", "unlocated"]
    assert told["new"] == 3
    assert registry.outlet("990281100001").cell_id is None
    fed = "select distinct id from feed where collection = 'outlets'"
    assert registry.column(fed) == [registry.outlet("990281100003").id]
    located = registry.outcome("outlets", workbook(tmp_path / "b.xlsx", [outlet_row(1)]))
    assert located["changes"] == [{"key": "990281100001", "fields": ["lon", "lat", "cell_id"]}]
    assert registry.outlet("990281100001").cell_id == registry.town.cells[0]


def test_a_row_without_position_does_not_take_the_place_away(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", [outlet_row(1)]))
    before = registry.state()
    unlocated = workbook(tmp_path / "b.xlsx", [outlet_row(1, lon=None, lat=None)])
    assert registry.outcome("outlets", unlocated, "--allow-unlocated")["unchanged"] == 1
    assert registry.state() == before


def test_a_list_without_columns_leaves_what_is_known(registry: Registry, tmp_path: Path) -> None:
    row = outlet_row(1, licence_scope="卷烟零售、电子烟零售", status="停业", note="备注")
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", [row]))
    before = registry.state()
    few = ("licence_no", "name", "business_kind", "licence_from", "licence_to", "lon", "lat")
    short = workbook(tmp_path / "b.xlsx", [row], {name: OUTLET_HEADINGS[name] for name in few})
    assert registry.outcome("outlets", short)["unchanged"] == 1
    assert registry.state() == before
    # An empty cell in a column that is there does say something.
    emptied = workbook(tmp_path / "c.xlsx", [{**row, "note": None}])
    assert registry.outcome("outlets", emptied)["changes"] == [{"key": "990281100001", "fields": ["note"]}]


@pytest.mark.parametrize("crs", list(Crs))
def test_positions_of_other_systems(registry: Registry, tmp_path: Path, crs: Crs) -> None:
    lon, lat = from_wgs84(84.05, 39.05, crs)
    file = workbook(tmp_path / "a.xlsx", [outlet_row(1, lon=lon, lat=lat)])
    registry.outcome("outlets", file, "--crs", crs.value)
    place = "select format('%s %s', st_x(geom), st_y(geom)) from outlet"
    found = [float(part) for part in registry.column(place)[0].split()]
    assert found == pytest.approx([84.05, 39.05], abs=1e-8)
    assert registry.outlet("990281100001").crs_of_origin == crs.value
    assert registry.outcome("outlets", file, "--crs", crs.value)["unchanged"] == 1


def test_a_sheet_that_names_another_system_is_worth_a_word(registry: Registry, tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [outlet_row(1)], preamble=["试样县零售户台账", "坐标系：高德"])
    assert registry.outcome("outlets", file, "--dry-run")["warnings"][0]["code"] == "crs_differs"
    assert registry.outcome("outlets", file, "--dry-run", "--crs", "gcj02")["warnings"] == []


ENGLISH = {
    "licence_no": "Licence Number",
    "name": "Shop name",
    "business_kind": "Kind",
    "licence_from": "valid_from",
    "licence_to": "valid_to",
    "lon": "Longitude",
    "lat": "Latitude",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_english_headings_and_encodings(registry: Registry, tmp_path: Path, encoding: str) -> None:
    rows = [outlet_row(1, business_kind="Convenience"), outlet_row(2)]
    file = comma_separated(tmp_path / "outlets.csv", rows, ENGLISH, encoding=encoding)
    told = registry.outcome("outlets", file)
    assert (told["new"], told["bad"]) == (2, [])
    assert registry.outlet("990281100001").business_kind == "B"
    assert registry.outlet("990281100002").name == "试样2号商店"


FIELDS = {
    name: OUTLET_HEADINGS[name]
    for name in ("licence_no", "name", "business_kind", "licence_from", "licence_to")
}
SHORT = dict(zip(FIELDS, ("licence_no", "name", "kind", "valid_from", "valid_to"), strict=True))


@pytest.mark.parametrize(
    ("name", "driver", "fields"),
    [
        ("outlets.gpkg", "GPKG", FIELDS),
        ("outlets.geojson", "GeoJSON", FIELDS),
        ("outlets.shp", "ESRI Shapefile", SHORT),
        ("outlets.fgb", "FlatGeobuf", FIELDS),
    ],
)
def test_map_layers(
    registry: Registry, tmp_path: Path, name: str, driver: str, fields: dict[str, str]
) -> None:
    file = outlet_layer(tmp_path / name, [outlet_row(1), outlet_row(2, lon=84.15)], driver, fields)
    assert registry.outcome("outlets", file)["new"] == 2
    cells = [registry.outlet(f"99028110000{number}").cell_id for number in (1, 2)]
    assert cells == registry.town.cells[:2]
    before = registry.state()
    assert registry.outcome("outlets", file)["unchanged"] == 2
    assert registry.state() == before


def test_only_what_changed_is_written(registry: Registry, tmp_path: Path) -> None:
    rows = [outlet_row(number) for number in range(1, 4)]
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", rows))
    edits = {number: registry.outlet(f"99028110000{number}").edit_id for number in (1, 2, 3)}
    top = registry.column("select max(seq) from feed")[0]
    rows[1] |= {"name": "试样改名店", "credit_grade": "AA"}
    told = registry.outcome("outlets", workbook(tmp_path / "b.xlsx", rows))
    assert told["changes"] == [{"key": "990281100002", "fields": ["name", "credit_grade"]}]
    assert (told["changed"], told["unchanged"]) == (1, 2)
    changed = registry.outlet("990281100002")
    assert (changed.name, changed.name_pinyin) == ("试样改名店", "sygmd")
    for number in (1, 3):
        assert registry.outlet(f"99028110000{number}").edit_id == edits[number]
    assert changed.edit_id != edits[2]
    touched = "select distinct id from feed where seq > :top"
    assert registry.column(touched, top=top) == [changed.id]


def statuses(registry: Registry, licence_no: str) -> list[tuple[date, str]]:
    outlet = registry.outlet(licence_no)
    with registry.kernel.sessions() as session:
        rows = session.scalars(
            select(OutletStatus)
            .where(OutletStatus.outlet_id == outlet.id)
            .order_by(OutletStatus.known_at, OutletStatus.from_day)
        ).all()
    return [(row.from_day, row.status) for row in rows]


def test_a_changed_status_adds_to_the_history(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", [outlet_row(1)]))
    born = [(date(2024, 5, 1), "active"), (date(2029, 5, 1), "expired")]
    assert statuses(registry, "990281100001") == born
    registry.outcome("outlets", workbook(tmp_path / "b.xlsx", [outlet_row(1, status="停业")]))
    assert statuses(registry, "990281100001") == [*born, (today(), "suspended")]
    registry.outcome("outlets", workbook(tmp_path / "c.xlsx", [outlet_row(1, status="停业", note="x")]))
    assert len(statuses(registry, "990281100001")) == 3


def test_a_longer_and_a_shorter_licence(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", [outlet_row(1), outlet_row(2)]))
    longer = outlet_row(1, licence_to=date(2030, 4, 30))
    shorter = outlet_row(2, licence_to=date(2028, 4, 30))
    registry.outcome("outlets", workbook(tmp_path / "b.xlsx", [longer, shorter]))
    assert statuses(registry, "990281100001")[2:] == [
        (date(2029, 5, 1), "active"),
        (date(2030, 5, 1), "expired"),
    ]
    # It runs out earlier and does not come back to life on the day on which it would have run out.
    assert statuses(registry, "990281100002")[2:] == [(date(2028, 5, 1), "expired")]


def test_licences_in_a_cell_are_counted(registry: Registry, tmp_path: Path) -> None:
    rows = [
        outlet_row(1),
        outlet_row(2, status="停业"),
        outlet_row(3, status="注销"),
        outlet_row(4, status="歇业"),
        outlet_row(5, lon=84.15),
    ]
    registry.outcome("outlets", workbook(tmp_path / "a.xlsx", rows))
    count = "select existing_count from grid_cell order by code"
    assert registry.column(count) == [2, 1, 0, 0]
    # The count is part of the cell's document, so the handhelds are told.
    edits = registry.column("select edit_id from grid_cell order by code")
    top = registry.column("select max(seq) from feed")[0]
    rows[1] |= {"status": "注销"}
    registry.outcome("outlets", workbook(tmp_path / "b.xlsx", rows))
    assert registry.column(count) == [1, 1, 0, 0]
    now_is = registry.column("select edit_id from grid_cell order by code")
    assert [one == two for one, two in zip(edits, now_is, strict=True)] == [False, True, True, True]
    touched = "select distinct id from feed where collection = 'cells' and seq > :top"
    assert registry.column(touched, top=top) == [registry.town.cells[0]]
