"""Map layers: formats, encodings, reprojection, and files that are not what they say."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely
from pyproj import Transformer

from gis.exchange.features import read_features
from gis.exchange.files import read_file
from gis.exchange.rows import Headings, SheetRow, by_alias
from gis.exchange.unreadable import UnreadableFile

ALIASES = by_alias({"code": ("网格编号", "code"), "name": ("网格名称",), "planned_count": ("规划数量",)})
REQUIRED = ("code", "name")
HEADINGS = Headings(ALIASES, REQUIRED)
SQUARES = [shapely.box(84.0 + n / 100, 39.0, 84.005 + n / 100, 39.01) for n in range(3)]


def layer(
    path: Path,
    driver: str,
    *,
    crs: str | None = "EPSG:4326",
    geometries: list[shapely.Polygon] | None = None,
    fields: tuple[str, str, str] = ("网格编号", "网格名称", "规划数量"),
    **options: object,
) -> Path:
    names = np.array(["试样一格", "试样二格", None], dtype=object)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(geometries or SQUARES, dtype=object)),
        field_data=[np.array(["01", "02", "03"], dtype=object), names, np.array([21.0, np.nan, 23.0])],
        fields=list(fields),
        geometry_type="Polygon",
        crs=crs,
        driver=driver,
        **options,
    )
    return path


def refused(path: Path, **options: object) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as error:
        list(read_file(path, ALIASES, REQUIRED, **options))  # type: ignore[arg-type]
    return error.value


def check(rows: list[SheetRow], *, tolerance: float = 0.0) -> None:
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.values["code"] for row in rows] == ["01", "02", "03"]
    assert [row.values["name"] for row in rows] == ["试样一格", "试样二格", None]
    assert [row.values.get("planned_count") for row in rows] == [21.0, None, 23.0]
    for row, square in zip(rows, SQUARES, strict=True):
        assert row.geometry is not None
        assert shapely.hausdorff_distance(row.geometry, square) <= tolerance


@pytest.mark.parametrize(
    ("name", "driver"), [("a.gpkg", "GPKG"), ("a.geojson", "GeoJSON"), ("a.json", "GeoJSON")]
)
def test_layers_are_read_as_rows(tmp_path: Path, name: str, driver: str) -> None:
    table = read_file(layer(tmp_path / name, driver), ALIASES, REQUIRED, position=("geometry",))
    assert table.has_geometry
    assert table.declared_crs == "EPSG:4326"
    assert table.expected_rows == 3
    # GeoJSON is written with seven decimals.
    check(list(table), tolerance=1e-7)


def test_flatgeobuf(tmp_path: Path) -> None:
    # The format orders features by place on a curve of its own; without an index it keeps their order.
    table = read_features(layer(tmp_path / "a.fgb", "FlatGeobuf", SPATIAL_INDEX="NO"), HEADINGS)
    check(list(table))


SHORT = ("code", "网格名", "规划数")


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
@pytest.mark.parametrize("keep_cpg", [True, False])
def test_shapefiles_in_either_encoding_with_cut_field_names(
    tmp_path: Path, encoding: str, keep_cpg: bool
) -> None:
    path = layer(tmp_path / "a.shp", "ESRI Shapefile", fields=SHORT, encoding=encoding)
    if not keep_cpg:
        path.with_suffix(".cpg").unlink()
    check(list(read_features(path, HEADINGS)))


def test_a_cpg_that_lies_does_not_hide_the_text(tmp_path: Path) -> None:
    path = layer(tmp_path / "a.shp", "ESRI Shapefile", fields=SHORT, encoding="GBK")
    path.with_suffix(".cpg").write_text("UTF-8")
    check(list(read_features(path, HEADINGS)))


def zipped(path: Path, source: Path, folder: str = "") -> Path:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for part in source.parent.glob(f"{source.stem}.*"):
            if part != path:
                archive.write(part, folder + part.name)
    return path


def test_a_zipped_shapefile_even_with_a_name_that_leads_out(tmp_path: Path) -> None:
    shape = layer(tmp_path / "格.shp", "ESRI Shapefile", fields=SHORT, encoding="UTF-8")
    check(list(read_features(zipped(tmp_path / "z.zip", shape), HEADINGS)))
    check(list(read_features(zipped(tmp_path / "y.zip", shape, "../../x/"), HEADINGS)))
    assert not (tmp_path.parent.parent / "x").exists()


def test_a_zip_with_several_shapefiles_needs_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    for name in ("a", "b"):
        zipped(path, layer(tmp_path / f"{name}.shp", "ESRI Shapefile", fields=SHORT, encoding="UTF-8"))
    several = refused(path)
    assert several.code == "several_layers"
    check(list(read_features(path, HEADINGS, layer="b")))


@pytest.mark.parametrize("crs", ["EPSG:4537", "EPSG:32644", "EPSG:3857", "EPSG:4490"])
def test_a_declared_system_is_reprojected(tmp_path: Path, crs: str) -> None:
    there = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    moved = [
        shapely.transform(square, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))
        for square in SQUARES
    ]
    table = read_features(layer(tmp_path / "a.gpkg", "GPKG", crs=crs, geometries=moved), HEADINGS)
    assert table.declared_crs == crs
    check(list(table), tolerance=1e-9)


def test_cgcs2000_degrees_are_taken_exactly(tmp_path: Path) -> None:
    check(list(read_features(layer(tmp_path / "a.gpkg", "GPKG", crs="EPSG:4490"), HEADINGS)))
    shape = layer(tmp_path / "a.shp", "ESRI Shapefile", crs="EPSG:4490", fields=SHORT, encoding="UTF-8")
    check(list(read_features(shape, HEADINGS)))


def test_degrees_without_a_declared_system_are_taken_metres_are_refused(tmp_path: Path) -> None:
    plain = layer(tmp_path / "a.shp", "ESRI Shapefile", fields=SHORT, encoding="UTF-8")
    plain.with_suffix(".prj").unlink()
    table = read_features(plain, HEADINGS)
    assert table.declared_crs is None
    check(list(table))
    metres = [shapely.box(500000, 4310000, 500100, 4310100)] * 3
    unknown = layer(tmp_path / "b.shp", "ESRI Shapefile", fields=SHORT, encoding="UTF-8", geometries=metres)
    unknown.with_suffix(".prj").unlink()
    assert refused(unknown).code == "crs_unknown"


def test_the_layer_that_fits_is_taken(tmp_path: Path) -> None:
    path = layer(tmp_path / "a.gpkg", "GPKG", layer="别的", fields=("a", "b", "c"))
    layer(path, "GPKG", layer="网格", append=True)
    check(list(read_features(path, HEADINGS)))
    layer(path, "GPKG", layer="旧网格", append=True)
    several = refused(path)
    assert several.code == "several_layers"
    assert "网格、旧网格" in several.sentence
    check(list(read_features(path, HEADINGS, layer="旧网格")))
    missing = refused(path, layer="别的")
    assert missing.code == "fields_missing"
    assert "网格编号、网格名称；现有字段：a、b、c" in missing.sentence
    assert refused(path, layer="没有").code == "sheet_not_found"


def test_an_open_ring_and_a_missing_geometry_do_not_stop_the_layer(tmp_path: Path) -> None:
    ring = [[84.0, 39.0], [84.1, 39.0], [84.1, 39.1]]
    features = [
        {
            "type": "Feature",
            "properties": {"网格编号": "01", "网格名称": "一"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        },
        {"type": "Feature", "properties": {"网格编号": "02", "网格名称": "二"}, "geometry": None},
        {"type": "Feature", "properties": {"网格编号": None, "网格名称": ""}, "geometry": None},
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8-sig")
    table = read_features(path, HEADINGS)
    rows = list(table)
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].geometry is not None
    assert shapely.get_num_coordinates(rows[0].geometry) == 4
    assert rows[1].geometry is None
    assert table.skipped == {"blank": 1}


def test_files_that_are_not_what_they_say(tmp_path: Path) -> None:
    def file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    vrt = b"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
    for name in ("v.gpkg", "v.shp", "v.fgb", "v.geojson"):
        assert refused(file(name, vrt)).code == "wrong_content"
    assert refused(file("v.zip", vrt)).code == "wrong_content"
    assert (
        refused(file("cut.geojson", b'{"type": "FeatureCollection", "features": [{')).code == "file_damaged"
    )
    assert refused(file("gbk.geojson", '{"名": 1}'.encode("gbk"))).code == "encoding_unknown"
    empty = json.dumps({"type": "FeatureCollection", "features": []}).encode()
    assert refused(file("empty.geojson", empty)).code in ("fields_missing", "no_rows")
    gpkg = layer(tmp_path / "a.gpkg", "GPKG").read_bytes()
    assert refused(file("cut.gpkg", gpkg[:5000])).code == "file_damaged"
    assert refused(file("big.gpkg", gpkg), max_bytes=1000).code == "file_too_large"
    assert refused(file("a.kml", b"<kml/>")).code == "unknown_extension"
    shape = layer(tmp_path / "s.shp", "ESRI Shapefile", fields=SHORT, encoding="UTF-8")
    whole = zipped(tmp_path / "s.zip", shape).read_bytes()
    assert refused(file("cut.zip", whole[: len(whole) // 2])).code == "file_damaged"
    shape.with_suffix(".dbf").unlink()
    parts = refused(shape)
    assert parts.code == "shapefile_incomplete"
    assert ".dbf" in parts.sentence
