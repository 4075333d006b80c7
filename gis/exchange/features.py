"""Map layers as rows with a geometry: GeoPackage, GeoJSON, shapefile (also zipped), FlatGeobuf."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pyogrio.raw
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gis.exchange.rows import Headings, SheetRow, Table, has_rows, is_blank
from gis.exchange.unreadable import MAX_BYTES, FileFault, UnreadableFile, check_size, check_zip

FEATURE_EXTENSIONS = (".gpkg", ".geojson", ".json", ".shp", ".zip", ".fgb")

_SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_SHAPEFILE_NEEDS = (".shx", ".dbf")
# The beginning of each format. Without this check a text file named .gpkg could be any of the many formats
# that the library knows, some of which fetch other files.
_MAGIC = {
    ".gpkg": (b"SQLite format 3\x00", "GeoPackage"),
    ".shp": (b"\x00\x00\x27\x0a", "shapefile"),
    ".fgb": (b"fgb", "FlatGeobuf"),
}
# Every byte is one character of it, so bytes pass through unharmed.
_BYTES = "ISO-8859-1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NATIONAL_DATUMS = ("China 2000", "China_2000", "WGS 84", "WGS_1984", "World Geodetic System 1984")


def read_features(
    path: Path, headings: Headings, *, layer: str | None = None, max_bytes: int = MAX_BYTES
) -> Table:
    """Read a map layer: attributes keyed by the caller's field names, geometry in degrees, longitude first.

    Geometries are reprojected to EPSG:4326 when the layer declares another system; CGCS2000 longitude and
    latitude are taken as they are (see ``gis.crs``). A layer that declares none is taken to be in degrees.
    Heights are dropped, rings that do not close are closed. Of several layers in a GeoPackage the only one
    with all required fields is taken, or the one named ``layer``. Attribute text of a shapefile is decoded by
    its .cpg or, without one, as UTF-8 or GB18030, whichever fits.

    Raises UnreadableFile when the file is not what its extension says, is damaged or incomplete, has a
    password, several fitting layers, no rows, lacks required fields, or holds metres without naming a system.
    """
    check_size(path, max_bytes)
    extension = path.suffix.lower()
    if extension == ".zip":
        return _read_zipped(path, headings, layer)
    if extension not in FEATURE_EXTENSIONS:
        raise UnreadableFile(
            FileFault.UNKNOWN_EXTENSION, extension=extension or path.name, known=" ".join(FEATURE_EXTENSIONS)
        )
    _check_beginning(path, extension)
    if extension == ".shp":
        return _read_shapefile(path, path.name, headings)
    return _read_layer(path, path.name, headings, _chosen_layer(path, headings, layer), encoding=None)


def _check_beginning(path: Path, extension: str) -> None:
    with path.open("rb") as stream:
        head = stream.read(64)
    if extension in _MAGIC:
        magic, expected = _MAGIC[extension]
        if not head.startswith(magic):
            raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected=expected)
        return
    if not head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected="GeoJSON")
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(FileFault.ENCODING, name=path.name) from error


def _read_zipped(path: Path, headings: Headings, layer: str | None) -> Table:
    names = [entry.filename for entry in check_zip(path, "zip 压缩包")]
    shapes = [name for name in names if name.lower().endswith(".shp") and not name.startswith("__MACOSX")]
    if layer is not None:
        shapes = [name for name in shapes if PurePosixPath(name).stem == layer]
    if not shapes:
        raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected="zip 压缩的 shapefile")
    if len(shapes) > 1:
        layers = "、".join(PurePosixPath(name).stem for name in shapes)
        raise UnreadableFile(FileFault.SEVERAL_LAYERS, name=path.name, layers=layers)
    stem = shapes[0][: -len(".shp")]
    with tempfile.TemporaryDirectory(prefix="xunge-shp-") as folder, ZipFile(path) as archive:
        for name in names:
            suffix = name[len(stem) :].lower()
            if name.startswith(stem) and suffix in _SHAPEFILE_PARTS:
                # Written under a name of our own: an entry's name may lead out of the folder.
                try:
                    (Path(folder) / f"layer{suffix}").write_bytes(archive.read(name))
                except (BadZipFile, EOFError, OSError, NotImplementedError) as error:
                    raise UnreadableFile(FileFault.DAMAGED, name=path.name, reason="压缩包不完整") from error
        inner = Path(folder) / "layer.shp"
        _check_beginning(inner, ".shp")
        return _read_shapefile(inner, path.name, headings)


def _read_shapefile(path: Path, name: str, headings: Headings) -> Table:
    # On Windows the parts may be named .DBF beside .shp; the library finds those too.
    present = {part.suffix.lower() for part in path.parent.glob("*") if part.stem == path.stem}
    missing = [part for part in _SHAPEFILE_NEEDS if part not in present]
    if missing:
        raise UnreadableFile(FileFault.PARTS_MISSING, name=name, missing=" ".join(missing))
    encoding = None if ".cpg" in present else _attribute_encoding(path, name)
    try:
        return _read_layer(path, name, headings, None, encoding=encoding, cut_names=True)
    except UnicodeDecodeError:
        # A .cpg that a program wrote without converting the text: the text itself decides.
        encoding = _attribute_encoding(path, name)
    try:
        return _read_layer(path, name, headings, None, encoding=encoding, cut_names=True)
    except UnicodeDecodeError:
        # The ten bytes of a field name end within a character.
        return _read_layer(path, name, headings, None, encoding=_BYTES, text=encoding, cut_names=True)


def _attribute_encoding(path: Path, name: str) -> str:
    """UTF-8 or GB18030, by which of the two the whole attribute file can be read."""
    parts = (part for part in path.parent.glob("*") if part.stem == path.stem)
    table = next(part for part in parts if part.suffix.lower() == ".dbf")
    # The header ends with numbers, not text; what it tells of its length sits at bytes 8 and 9.
    content = table.read_bytes()
    records = content[int.from_bytes(content[8:10], "little") :]
    for encoding in ("utf-8", "gb18030"):
        try:
            records.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise UnreadableFile(FileFault.ENCODING, name=name)


def _chosen_layer(path: Path, headings: Headings, wanted: str | None) -> str | None:
    try:
        names = [str(row[0]) for row in pyogrio.list_layers(path)]
        if wanted is not None and wanted not in names:
            raise UnreadableFile(
                FileFault.SHEET_NOT_FOUND, name=path.name, sheet=wanted, known="、".join(names)
            )
        if wanted is not None or len(names) < 2:
            return wanted
        fitting = [
            name
            for name in names
            if not headings.missing(
                headings.assign(list(pyogrio.read_info(path, layer=name)["fields"]))[0].values()
            )
        ]
    except (DataSourceError, DataLayerError) as error:
        raise UnreadableFile(FileFault.DAMAGED, name=path.name, reason=str(error)[:120]) from error
    if len(fitting) > 1:
        raise UnreadableFile(FileFault.SEVERAL_LAYERS, name=path.name, layers="、".join(fitting))
    # When none fits, the first is read, so that the message names what it lacks.
    return fitting[0] if fitting else names[0]


def _read_layer(
    path: Path,
    name: str,
    headings: Headings,
    layer: str | None,
    *,
    encoding: str | None,
    text: str | None = None,
    cut_names: bool = False,
) -> Table:
    """The layer's rows. With ``text`` the names and values are its bytes, each read as a character (``_BYTES``)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            meta, _, wkb, data = pyogrio.raw.read(path, layer=layer, encoding=encoding, force_2d=True)
        except (DataSourceError, DataLayerError) as error:
            raise UnreadableFile(FileFault.DAMAGED, name=name, reason=str(error)[:120]) from error
    fields = [str(field) for field in meta["fields"]]
    if text is not None:
        fields = [field.encode(_BYTES).decode(text, "ignore") for field in fields]
        data = [_decoded(column, text) for column in data]
    columns, left_over = headings.assign(fields, maybe_cut=cut_names)
    missing = headings.missing(columns.values())
    if missing:
        present = "、".join(fields) or "（无）"
        raise UnreadableFile(FileFault.FIELDS_MISSING, name=name, missing="、".join(missing), present=present)
    declared = meta["crs"]
    geometries = None if wkb is None else _in_degrees(_parsed(wkb, name), declared, name)
    table = Table(
        name=name,
        columns={field: fields[index] for index, field in columns.items()},
        unrecognised=left_over,
        rows=iter(()),
        expected_rows=_count(data, geometries),
        declared_crs=declared,
        has_geometry=geometries is not None,
        reader_notes=[str(warning.message) for warning in caught],
    )
    rows = has_rows(_feature_rows(table, columns, data, geometries))
    if rows is None:
        raise UnreadableFile(FileFault.NO_ROWS, name=name)
    table.rows = rows
    return table


def _decoded(column: Any, text: str) -> Any:
    if column.dtype != object:
        return column
    values = [value.encode(_BYTES).decode(text) if isinstance(value, str) else value for value in column]
    return np.array(values, dtype=object)


def _parsed(wkb: Any, name: str) -> Any:
    try:
        return shapely.from_wkb(wkb, on_invalid="fix")
    except shapely.GEOSException as error:
        raise UnreadableFile(FileFault.DAMAGED, name=name, reason=str(error)[:120]) from error


def _in_degrees(geometries: Any, declared: str | None, name: str) -> Any:
    """The geometries as longitude and latitude, reprojected when a projected system is declared."""
    crs = _known_crs(declared)
    if crs is not None and not (crs.is_geographic and _datum_name(crs).startswith(_NATIONAL_DATUMS)):
        transformer = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        return shapely.transform(
            geometries, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
        )
    # An axis may be swapped, so 180 is the bound of both. One wild position is the fault of its row; when
    # most are wild, these are metres.
    with np.errstate(invalid="ignore"):
        wild = np.abs(shapely.bounds(geometries)).max(axis=1) > 180.0
    if len(wild) and np.count_nonzero(wild) * 2 > len(wild):
        raise UnreadableFile(FileFault.CRS_UNKNOWN, name=name)
    return geometries


def _known_crs(declared: str | None) -> CRS | None:
    if not declared:
        return None
    try:
        crs = CRS.from_user_input(declared)
    except CRSError:
        return None
    # GeoPackage has two codes for "undefined", which come out as systems that cannot be transformed.
    return crs if (crs.is_geographic or crs.is_projected) and not crs.name.startswith("Undefined") else None


def _datum_name(crs: CRS) -> str:
    return crs.datum.name if crs.datum is not None else ""


def _feature_rows(table: Table, columns: dict[int, str], data: Any, geometries: Any) -> Iterator[SheetRow]:
    # tolist() turns numpy scalars into Python's and a missing time (NaT) into None.
    lists = [(name, data[index].tolist()) for index, name in columns.items()]
    for index in range(_count(data, geometries)):
        values = {name: _plain(column[index]) for name, column in lists}
        geometry = None if geometries is None else geometries[index]
        if geometry is None and all(is_blank(value) for value in values.values()):
            table.skipped["blank"] += 1
            continue
        yield SheetRow(index + 1, values, geometry)


def _count(data: Any, geometries: Any) -> int:
    if data:
        return len(data[0])
    return 0 if geometries is None else len(geometries)


def _plain(value: Any) -> Any:
    """A cell value; a missing number, which comes as NaN, is None, and a list becomes text."""
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, np.ndarray | list | dict | bytes):
        return str(value)
    return value
