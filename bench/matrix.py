"""Travel between 200 places in the centre of Helsinki: as the crow flies, by car and on foot.

Floor of the matrices by road: the routing engine's own answer to the same places, without what fills and marks the gaps.
The network is small (3,280 crossings), so times say what a request costs, not what a county does; the engine's grow with
the crossings that lie between the places, about 2 ms for each thousand crossings and each place.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from measuring import Candidate, Report, Target, chosen, measure, ratios, say

from gis.routing.engine import Engine, package
from gis.routing.matrix import straight_matrix
from gis.routing.network import Network
from gis.routing.places import Mode, Place
from gis.routing.tiles import ATTRIBUTION, build_tiles, state_of

EXTRACT = Path(__file__).parents[1] / "tests" / "routing" / "extracts" / "Helsinki.osm.pbf"
PLACES, STOPS = 200, 20
MOST_OVER_ENGINE = 1.5


def helsinki(folder: Path) -> Network:
    """Travel in Helsinki, with tiles built into a folder; as the crow flies where the engine is not installed."""
    if package():
        build_tiles(EXTRACT, folder, built_at=datetime.now(UTC))
    return Network(folder)


def places_in_helsinki(count: int, seed: int = 2) -> list[Place]:
    """Places within the extract, the same for the same seed."""
    chance = random.Random(seed)
    return [Place(chance.uniform(24.9355, 24.953), chance.uniform(60.1645, 60.179)) for _ in range(count)]


def asked(packed: Path, places: list[Place], mode: Mode) -> Callable[[], object]:
    """The engine's own answer, from the same tiles."""
    engine = Engine(packed, mode, reach_km=1024 if mode is Mode.CAR else 32)
    return lambda: engine.rows(places, places)


def main() -> None:
    """Measure and print."""
    choice = chosen(__doc__ or "")
    places = places_in_helsinki(PLACES)
    with TemporaryDirectory() as folder:
        network = helsinki(Path(folder))
        candidates = [Candidate("straight", lambda: lambda: straight_matrix(places, Mode.CAR))]
        packed = state_of(Path(folder)).packed
        if packed is None:
            say("未安装路网组件，只测直线 · the engine is not installed: straight lines only")
        else:
            say(f"路网 roads: {ATTRIBUTION}")
            for mode in Mode:
                own = asked(packed, places, mode)
                candidates += [
                    Candidate(f"engine {mode}", lambda own=own: own),
                    Candidate(f"matrix {mode}", lambda mode=mode: lambda: network.matrix(places, mode)),
                    Candidate(f"path {mode}", lambda mode=mode: lambda: network.path(places[:STOPS], mode)),
                ]
        samples = measure(candidates, choice.rounds)
        table = Report(f"{PLACES} × {PLACES} · travel between {PLACES} places in the centre of Helsinki")
        for name, words in (
            ("straight", "直线 as the crow flies"),
            ("engine car", "底线 floor: the engine's own matrix by car"),
            ("matrix car", "驾车矩阵 matrix by car"),
            ("engine foot", "底线 floor: the engine's own matrix on foot"),
            ("matrix foot", "步行矩阵 matrix on foot"),
            ("path car", f"{STOPS} 站线路 line along {STOPS} stops by car"),
            ("path foot", f"{STOPS} 站线路 line along {STOPS} stops on foot"),
        ):
            if name in samples:
                table.add(words, [value * 1000 for value in samples[name].wall], unit=" ms", digits=1)
        if packed is not None:
            table.line()
            for mode, words in ((Mode.CAR, "驾车 by car"), (Mode.FOOT, "步行 on foot")):
                over = ratios(samples[f"matrix {mode}"].client, samples[f"engine {mode}"].client)
                table.add(f"{words}, CPU / the engine's own", over, target=Target(at_most=MOST_OVER_ENGINE))
                found = network.matrix(places, mode).sources()
                table.remark(
                    f"{words}: {found.by_road:,} 对按道路 by road, {found.straight:,} 对按直线 straight"
                )
            road = statistics.median(samples["matrix car"].wall) / statistics.median(samples["straight"].wall)
            table.remark(f"驾车矩阵 / 直线 by car / as the crow flies: {road:.0f}")
        table.show()


if __name__ == "__main__":
    main()
