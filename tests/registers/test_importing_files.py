"""Files that are not what they say, and commands that cannot know what is meant: a message, exit 1, nothing done."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import shapely

from tests.registers.conftest import Registry
from tests.registers.files import cell_layer, cell_row, outlet_row, workbook
from tests.town import settle_town


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.xlsx", None, "file_not_found"),
        ("empty.xlsx", b"", "file_empty"),
        ("text.xlsx", "许可证号,店名".encode(), "wrong_content"),
        ("cut.xlsx", b"PK\x03\x04 cut short", "file_damaged"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old_spreadsheet"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "old_spreadsheet"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "wrong_content"),
        ("other.csv", "日期,金额\n2026-01-01,5\n".encode(), "headings_not_found"),
        ("headings.csv", "许可证号,店名,业态,有效期起,有效期止,经度,纬度\n".encode(), "no_rows"),
        ("half.csv", "许可证号,店名,业态,有效期起,有效期止\nx,y,z,1,2\n".encode(), "headings_missing"),
        ("letter.docx", b"PK", "unknown_extension"),
        ("layer.gpkg", b"not sqlite at all", "wrong_content"),
        ("layer.geojson", b'{"type": "FeatureCollection", "features": [', "file_damaged"),
        ("layer.geojson", "一段文字".encode(), "wrong_content"),
        ("lonely.shp", b"\x00\x00\x27\x0a" + b"\0" * 96, "shapefile_incomplete"),
        ("bundle.zip", b"PK\x05\x06" + b"\0" * 18, "wrong_content"),
    ],
)
def test_files_that_cannot_be_read(
    registry: Registry, tmp_path: Path, name: str, content: bytes | None, code: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    for noun in ("outlets", "cells", "people"):
        message = registry.refused(noun, file)
        if noun == "outlets":
            assert code in message
        assert "Traceback" not in message
        assert name in message or code == "unknown_extension"


def test_a_sheet_that_breaks_off_imports_nothing(registry: Registry, tmp_path: Path) -> None:
    whole = workbook(tmp_path / "whole.xlsx", [outlet_row(number) for number in range(1, 2000)])
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry.endswith("sheet1.xml"):
                content = content[: len(content) // 2]
            target.writestr(entry, content)
    assert "file_damaged" in registry.refused("outlets", broken)


def test_a_directory_is_no_file(registry: Registry, tmp_path: Path) -> None:
    result = registry.xunge("import", "outlets", tmp_path)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_one_of_several_layers_must_be_named(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "cells.gpkg"
    square = shapely.box(84.4, 39.0, 84.5, 39.1)
    cell_layer(file, [cell_row("C-1", square)], "GPKG", layer="2025")
    cell_layer(file, [cell_row("C-2", square)], "GPKG", layer="2026", append=True)
    assert "several_layers" in registry.refused("cells", file)
    assert "sheet_not_found" in registry.refused("cells", file, "--layer", "2024")
    assert registry.outcome("cells", file, "--layer", "2026")["new"] == 1


# GDAL cuts a field name after ten bytes, within a character, and then cannot print its own message about it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_zipped_shapefile_with_names_cut_within_a_character(registry: Registry, tmp_path: Path) -> None:
    cell_layer(
        tmp_path / "cells.shp", [cell_row("C-1", shapely.box(84.4, 39.0, 84.5, 39.1))], "ESRI Shapefile"
    )
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for suffix in ("shp", "shx", "dbf", "prj", "cpg"):
            archive.write(tmp_path / f"cells.{suffix}", f"cells.{suffix}")
    for name in ("cells.shp", "cells.zip"):
        told = registry.outcome("cells", tmp_path / name)
        assert (told["rows"], told["bad"]) == (1, [])


def test_one_of_several_bureaus_must_be_named(registry: Registry, tmp_path: Path) -> None:
    settle_town(registry.kernel, bureau="他样局", outlets=0)
    file = workbook(tmp_path / "a.xlsx", [outlet_row(1)])
    message = registry.refused("outlets", file)
    assert "试样局" in message
    assert "他样局" in message
    assert "--bureau" in registry.refused("outlets", file, "--bureau", "没有这个局")
    assert registry.outcome("outlets", file, "--bureau", "他样局")["new"] == 1
    assert registry.outcome("outlets", file, "--bureau", "试样局")["new"] == 1
    bureaus = "select count(distinct bureau_id) from outlet where licence_no = '990281100001'"
    assert registry.column(bureaus) == [2]


def test_what_people_read(registry: Registry, tmp_path: Path) -> None:
    rows = [outlet_row(1)] + [outlet_row(number, business_kind="奶茶店") for number in range(2, 30)]
    result = registry.xunge("import", "outlets", workbook(tmp_path / "a.xlsx", rows))
    assert result.exit_code == 0
    assert "29 行：1 行合格，28 行不合格；新增 1，变更 0，不变 0。" in result.stdout
    assert "第 5 行 business_kind_unknown：业态“奶茶店”不在目录内" in result.stdout
    assert "另有 8 行" in result.stdout


def test_json_stays_alone_on_stdout(registry: Registry, tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [outlet_row(1)])
    told = json.loads(registry.xunge("import", "outlets", file, "--format", "json", "--dry-run").stdout)
    assert set(told) >= {"rows", "good", "bad", "warnings"}
