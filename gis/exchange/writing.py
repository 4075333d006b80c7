"""Writing features: a GeoPackage that QGIS opens as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
from shapely import Point, to_wkb


def write_points(
    path: Path,
    layer: str,
    fields: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[tuple[float, float] | None],
) -> None:
    """Write one layer of points in EPSG:4326 (lon, lat degrees); a row without a place is kept, with no geometry.

    Values are texts, whole numbers or ``None``, of one type in a field. A file that is there is written anew.
    """
    geometries = np.array([to_wkb(Point(place)) if place else None for place in places], dtype=object)
    columns = [np.array([row[name] for row in rows], dtype=object) for name in fields]
    pyogrio.raw.write(
        str(path),
        geometry=geometries,
        field_data=columns,
        fields=np.array(fields, dtype=object),
        geometry_type="Point",
        crs="EPSG:4326",
        driver="GPKG",
        layer=layer,
    )
