"""Travel for whoever plans, the same whether there are roads or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path as File

from gis.routing.matrix import Matrix, Path, path_straight, straight_matrix
from gis.routing.places import Mode, Place
from gis.routing.roads import Roads
from gis.routing.tiles import ATTRIBUTION, TilesInfo, current_link


class Network:
    """Travel by the roads that are in a folder now, and as the crow flies without.

    Roads that are imported while this lives are used from the next question on.
    """

    def __init__(self, folder: File) -> None:
        """Over a folder that may hold tiles; nothing is opened yet."""
        self._folder = folder
        self._link: str | None = None
        self._roads: Roads | None = None

    @property
    def roads(self) -> TilesInfo | None:
        """What the roads in use were made of, None where there are none."""
        found = self._now()
        return found.info if found else None

    @property
    def attribution(self) -> str | None:
        """What must be shown beside what was planned or drawn by these roads, None where there are none."""
        return ATTRIBUTION if self._now() else None

    def matrix(self, places: Sequence[Place], mode: Mode) -> Matrix:
        """Travel between all places; ``Matrix.sources`` says what it was reckoned by.

        Raises ValueError for a position that is none.
        """
        found = self._now()
        return found.matrix(places, mode) if found else straight_matrix(places, mode)

    def path(self, places: Sequence[Place], mode: Mode) -> Path:
        """The way along stops in their order; ``Path.by_road`` says what it was reckoned by.

        Raises ValueError for a position that is none.
        """
        found = self._now()
        return found.path(places, mode) if found else path_straight(places, mode)

    def _now(self) -> Roads | None:
        """The roads that the folder's link leads to, opened anew when it leads elsewhere."""
        link = current_link(self._folder)
        if link != self._link or (link and self._roads is None):
            self._roads = Roads.open(self._folder) if link else None
            self._link = link
        return self._roads


@cache
def network(folder: File) -> Network:
    """The one network of a folder in this process, so that tiles are opened once."""
    return Network(folder)
