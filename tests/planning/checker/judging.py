"""The whole judgement of plans that were solved together."""

from __future__ import annotations

from collections.abc import Sequence

from tests.planning.checker.ceiling import check_ceiling
from tests.planning.checker.crews import check_crews
from tests.planning.checker.doors import check_doors
from tests.planning.checker.drawing import check_drawn
from tests.planning.checker.duties import check_duties, standings_of
from tests.planning.checker.leftovers import check_leftovers
from tests.planning.checker.objecting import Objection
from tests.planning.checker.times import check_times
from tests.planning.checker.told import Plan
from tests.planning.checker.words import check_words
from tests.planning.checker.world import World


def objections(world: World, plans: Sequence[Plan]) -> list[Objection]:
    """Everything that is wrong with plans of one squad, each of another day, that were solved together at ``world.now``."""
    standings = standings_of(world, plans)
    return [
        *check_times(world, plans),
        *check_doors(world, plans),
        *check_crews(world, plans),
        *check_ceiling(world, plans, standings),
        *check_duties(world, plans, standings),
        *check_words(world, plans, standings),
        *check_drawn(world, plans, standings),
        *check_leftovers(world, plans, standings),
    ]
