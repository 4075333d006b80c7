"""How teams get about: the matrices that the solver reads, the legs of a round, and the line to draw."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gis.routing.days import RoutingDay, Turn
from gis.routing.matrix import Leg, Matrix
from gis.routing.network import Network, network
from gis.routing.places import Mode, Place
from server.kernel.settings import Settings
from server.planning.doors import Crew
from server.planning.ground import Doing, Ground


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways between all places of a ground, by mode, and where each place stands in the matrices."""

    roads: Network
    rows: Mapping[Place, int]
    matrices: Mapping[Mode, Matrix]

    def legs(self, crew: Crew, doings: Sequence[Doing]) -> list[Leg]:
        """The way to each stop of a round in its order, from the stop before it or from the start."""
        matrix = self.matrices[Mode(crew.patrol.mode)]
        found = []
        for before, after in pairwise([crew.start, *(doing.place for doing in doings)]):
            pair = self.rows[before], self.rows[after]
            found.append(Leg(int(matrix.metres[pair]), int(matrix.seconds[pair]), bool(matrix.by_road[pair])))
        return found

    def line(self, crew: Crew, doings: Sequence[Doing]) -> str:
        """The way of a whole round as WKT, EPSG:4326."""
        stops = [crew.start, *(doing.place for doing in doings), crew.end]
        path = self.roads.path(stops, Mode(crew.patrol.mode))
        return f"LINESTRING({', '.join(f'{lon:.6f} {lat:.6f}' for lon, lat in path.line)})"

    @property
    def told(self) -> dict[str, Any]:
        """How the ways were measured, with the attribution that has to be shown."""
        sources = [matrix.sources() for matrix in self.matrices.values()]
        by_road, straight = (sum(source[place] for source in sources) for place in (0, 1))
        attribution = self.roads.attribution
        zh = "没有道路数据，路程按直线距离乘以绕行系数估算" if not by_road else "路程按道路计算"
        en = "no roads here: ways are great circles times a detour factor" if not by_road else "ways by road"
        if by_road and straight:
            zh += "，没有道路的部分按直线估算"
            en += ", as the crow flies where there is none"
        if attribution and by_road:
            zh, en = f"{zh}（{attribution}）", f"{en} ({attribution})"
        return {
            "by_road": by_road,
            "straight": straight,
            "attribution": attribution if by_road else None,
            "zh": zh,
            "en": en,
        }


def routing_day(ground: Ground, settings: Settings) -> tuple[Ways, RoutingDay]:
    """The ways of a ground and the day that the solver is given."""
    places = [place for crew in ground.crews for place in (crew.start, crew.end)]
    places += [doing.place for doing in ground.doings.values()]
    rows = {place: row for row, place in enumerate(dict.fromkeys(places))}
    roads = network(settings.roads_dir)
    modes = sorted({Mode(crew.patrol.mode) for crew in ground.crews})
    ways = Ways(roads, rows, {mode: roads.matrix(list(rows), mode) for mode in modes})
    shares = _even_shares(ground)
    turns = tuple(
        Turn(
            key=str(crew.patrol.id),
            team=crew.patrol.name,
            starts=ground.doors.seconds(crew.patrol.starts_at),
            ends=ground.doors.seconds(crew.patrol.ends_at),
            start=rows[crew.start],
            end=rows[crew.end],
            most_stops=crew.patrol.most_stops or shares.get(crew.patrol.plan_id),
            mode=_named(modes, Mode(crew.patrol.mode)),
        )
        for crew in ground.crews
    )
    tasks = tuple(doing.as_task(rows[doing.place]) for doing in ground.doings.values())
    matrix = ways.matrices[modes[0]]
    others = {mode.value: (ways.matrices[mode].seconds, ways.matrices[mode].metres) for mode in modes[1:]}
    return ways, RoutingDay(turns, tasks, matrix.seconds, matrix.metres, others)


def _named(modes: Sequence[Mode], mode: Mode) -> str:
    """What the solver calls a mode: the first one of a day has no name."""
    return "" if mode is modes[0] else mode.value


def _even_shares(ground: Ground) -> dict[uuid.UUID, int]:
    """How many stops a team may have at most, by plan, where the leader wants the teams to have about as much to do.

    One more than an even share, so that nothing is left out for evenness alone. Where cells are assigned, or a subject
    is fixed on a team, the leader has shared out the work himself.
    """
    stops = len(ground.doings)
    fixed = {doing.wish.plan_id for doing in ground.doings.values() if doing.wish and doing.wish.patrol_id}
    share = math.ceil(stops / len(ground.crews)) + 1 if ground.crews else 0
    return {
        plan.id: share
        for plan in ground.plans
        if plan.wishes["even"]
        and plan.id not in fixed
        and not any(crew.cells for crew in ground.crews if crew.patrol.plan_id == plan.id)
    }
