"""Places on the map and how one travels between them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Place(NamedTuple):
    """A position in EPSG:4326, longitude and latitude in degrees."""

    lon: float
    lat: float


class Mode(StrEnum):
    """How one travels."""

    CAR = "car"
    FOOT = "foot"
