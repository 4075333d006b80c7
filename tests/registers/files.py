"""Registers as bureaus keep them: sheets with a title, a unit and a total row, and map layers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
import xlsxwriter

OUTLET_HEADINGS = {
    "number": "序号",
    "licence_no": "许可证号",
    "name": "店名",
    "holder_name": "负责人",
    "address": "经营地址",
    "business_kind": "业态",
    "credit_grade": "信用等级",
    "licence_scope": "许可范围",
    "licence_from": "有效期起",
    "licence_to": "有效期止",
    "status": "状态",
    "lon": "经度",
    "lat": "纬度",
    "phone": "联系电话",
    "squad_name": "所属中队",
    "note": "备注",
}
PEOPLE_HEADINGS = {
    "name": "姓名",
    "staff_no": "工号",
    "kind": "人员类别",
    "cert_no": "执法证号",
    "cert_from": "执法证有效期起",
    "cert_to": "执法证有效期止",
    "squad_name": "所属中队",
    "leads": "是否中队长",
    "phone": "联系电话",
}
# The first row below the headings of such a sheet.
FIRST_ROW = 4

Row = dict[str, Any]


def outlet_row(number: int, **changed: Any) -> Row:
    """A sound row; its position lies in the first cell of the small town."""
    return {
        "number": number,
        "licence_no": f"99028110{number:04d}",
        "name": f"试样{number}号商店",
        "holder_name": f"试样人{number}",
        "address": f"试样县第{number}街",
        "business_kind": "食杂店",
        "credit_grade": "A",
        "licence_scope": "卷烟零售",
        "licence_from": date(2024, 5, 1),
        "licence_to": date(2029, 4, 30),
        "status": "正常",
        "lon": 84.02 + number / 10_000,
        "lat": 39.04,
        "phone": f"1000000{number:04d}",
        "squad_name": "一中队",
        "note": None,
        **changed,
    }


def person_row(number: int, **changed: Any) -> Row:
    """A sound officer."""
    return {
        "name": f"试样员{number}",
        "staff_no": f"T{number:03d}",
        "kind": "执法人员",
        "cert_no": f"9902{number:05d}",
        "cert_from": date(2024, 1, 1),
        "cert_to": date(2028, 12, 31),
        "squad_name": "试样新中队",
        "leads": "否",
        "phone": f"1000000{number:04d}",
        **changed,
    }


def workbook(
    path: Path,
    rows: Sequence[Row],
    headings: Mapping[str, str] = OUTLET_HEADINGS,
    *,
    preamble: Sequence[str] = ("试样县零售户台账（2026年9月）", "填表单位：试样局"),
    total: bool = True,
) -> Path:
    """A sheet with what people put above and below the rows."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("台账")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, line in enumerate(preamble):
            sheet.write_string(number, 0, line)
        sheet.write_row(len(preamble), 0, list(headings.values()))
        for number, row in enumerate(rows, start=len(preamble) + 1):
            for column, name in enumerate(headings):
                value = row.get(name)
                if isinstance(value, date):
                    sheet.write_datetime(number, column, value, day)
                elif isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write(number, column, value)
        if total:
            sheet.write_row(len(preamble) + len(rows) + 2, 0, ["合计", None, f"{len(rows)}户"])
    return path


def comma_separated(
    path: Path, rows: Sequence[Row], headings: Mapping[str, str], *, encoding: str = "utf-8"
) -> Path:
    """Delimited text without anything above or below."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings.values())
        writer.writerows([row.get(name) for name in headings] for row in rows)
    return path


CELL_HEADINGS = ("网格编号", "网格名称", "级别", "类型", "规划数量", "上级编号", "用途")


def cell_row(code: str, geometry: shapely.Geometry, **changed: Any) -> Row:
    """A leaf cell of a map layer."""
    return {
        "网格编号": code,
        "网格名称": f"试样{code}格",
        "级别": 4,
        "类型": "农村",
        "规划数量": 10,
        "上级编号": "",
        "用途": "",
        "geometry": geometry,
        **changed,
    }


def cell_layer(path: Path, cells: Sequence[Row], driver: str, crs: str = "EPSG:4326", **options: Any) -> Path:
    """Cells as a map layer."""
    geometries = [cell["geometry"] for cell in cells]
    multi = any(geometry.geom_type == "MultiPolygon" for geometry in geometries)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(geometries, dtype=object)),
        field_data=[
            np.array([cell[name] for cell in cells], dtype=object if name != "级别" else int)
            if name not in ("规划数量",)
            else np.array([cell[name] for cell in cells], dtype=float)
            for name in CELL_HEADINGS
        ],
        fields=list(CELL_HEADINGS),
        geometry_type="MultiPolygon" if multi else "Polygon",
        crs=crs,
        driver=driver,
        **options,
    )
    return path


def outlet_layer(
    path: Path, rows: Sequence[Row], driver: str, fields: Mapping[str, str], **options: Any
) -> Path:
    """Outlets as points of a map layer; every attribute is text."""
    points = [shapely.Point(row["lon"], row["lat"]) for row in rows]
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(points, dtype=object)),
        field_data=[np.array([str(row[name]) for row in rows], dtype=object) for name in fields],
        fields=list(fields.values()),
        geometry_type="Point",
        crs="EPSG:4326",
        driver=driver,
        **options,
    )
    return path
