"""A day as the solver is asked for it: clients with one window each, profiles that say who may go where, and back again.

PyVRP knows clients with one time window, groups of clients of which at most one is visited, and vehicle types with a
shift, a profile of travel and a number of visits. What that leaves to be said in other words:

- A task's options become as few clients as say the same. Where the shifts already cut a window (a shop that is open all
  day, on five days), options melt into one client with one long window; only what is left over is a group.
- How one travels is a profile too: turns of two modes never share one.
- Who may use an option is told by profiles: to a turn that may not, the way to the place is longer than any shift.
  Turns share a profile unless there is a place which one of them may go to and the other may not.
- A required task is a client with a prize beyond everything else. So a day on which not all of them can be done still has
  a solution, the one that leaves out as few as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvrp
from numpy.typing import NDArray

from gis.routing.days import Halt, Matrix, RoutingDay, Task, Turn
from gis.routing.timing import Visits, timed

Flags = NDArray[np.bool_]
Signs = NDArray[np.int8]
"""For each turn or profile: 1 may go, -1 must not, 0 could not anyway."""


@dataclass(frozen=True, slots=True)
class _Shifts:
    """The shifts of all turns beside each other, as arrays over the turns."""

    starts: Matrix
    ends: Matrix

    def within(self, opens: int, closes: int, service_s: int) -> tuple[Matrix, Matrix]:
        """First and last beginning of a service in a window, by turn; the first lies beyond the last where none is."""
        return np.maximum(self.starts, opens), np.minimum(self.ends - service_s, closes)


@dataclass(frozen=True, slots=True)
class _Window:
    """A client to be: a window and, by turn, whether it may serve it."""

    opens: int
    closes: int
    may: Flags


class Formulation:
    """The question put to PyVRP for a day with at least one turn."""

    def __init__(self, day: RoutingDay) -> None:
        self._day = day
        self._shifts = _Shifts(
            np.array([turn.starts for turn in day.turns], dtype=np.int64),
            np.array([turn.ends for turn in day.turns], dtype=np.int64),
        )
        self._zero = int(self._shifts.starts.min())
        self._horizon = int(self._shifts.ends.max()) - self._zero
        self._limited = any(turn.most_stops is not None for turn in day.turns)
        self._windows = [(task, one) for task in day.tasks for one in self._windows_of(task)]
        signs = [self._signs(task, window) for task, window in self._windows]
        self._profile_of_turn, profiles = _profiles(day.turns, signs)
        places = _Places(len(profiles))
        depots = {place: places.add(place, None) for turn in day.turns for place in (turn.start, turn.end)}
        at = [
            places.add(task.place, _by_profile(sign, profiles))
            for (task, _), sign in zip(self._windows, signs, strict=True)
        ]
        self._fleet = self._vehicle_types(list(depots))
        clients, groups = self._clients(at)
        # PyVRP's own hints call the number of dimensions a type of elements, which no array fits.
        travel: list[Any] = [
            places.travel(day.seconds_of(day.turns[members[0]]), profile, self._horizon + 1)
            for profile, members in enumerate(profiles)
        ]
        self.data = pyvrp.ProblemData(
            locations=[pyvrp.Location(0, 0) for _ in range(len(places))],
            clients=clients,
            depots=[pyvrp.Depot(location) for location in depots.values()],
            vehicle_types=[kind for kind, _ in self._fleet],
            distance_matrices=travel,
            duration_matrices=travel,
            groups=groups,
        )

    def visits(self, solution: pyvrp.Solution) -> Visits:
        """The tasks of each turn in a solution."""
        free = [list(keys) for _, keys in self._fleet]
        return {
            free[route.vehicle_type()].pop(0): [
                self._windows[activity.idx][0].key for activity in route if activity.is_client()
            ]
            for route in solution.routes()
        }

    def initial(self, visits: Visits) -> pyvrp.Solution:
        """Visits that are known to be possible, as PyVRP's solution to begin with."""
        tasks = {task.key: task for task in self._day.tasks}
        number_of = {turn.key: number for number, turn in enumerate(self._day.turns)}
        routes = []
        for kind, (_, keys) in enumerate(self._fleet):
            for key in filter(visits.get, keys):
                number = number_of[key]
                made = timed(self._day, self._day.turns[number], [tasks[task] for task in visits[key]])
                assert made is not None
                clients = [self._client(halt, number) for halt in made.halts]
                routes.append(pyvrp.Route(self.data, clients, kind))
        return pyvrp.Solution(self.data, routes)

    def _client(self, halt: Halt, turn: int) -> int:
        """The client of a task in whose window a turn begins it."""
        return next(
            client
            for client, (task, window) in enumerate(self._windows)
            if task.key == halt.task and window.opens <= halt.begins <= window.closes and window.may[turn]
        )

    def _windows_of(self, task: Task) -> list[_Window]:
        """The clients of a task: its options as far as a shift holds them, melted together where that says the same."""
        melted: list[_Window] = []
        for option in sorted(task.options, key=lambda one: (one.opens, one.closes)):
            first, last = self._shifts.within(option.opens, option.closes, task.service_s)
            may = first <= last
            if option.turns is not None:
                may &= np.array([turn.key in option.turns for turn in self._day.turns])
            window = _Window(option.opens, option.closes, may)
            if not may.any():
                continue
            for index, other in enumerate(melted):
                both = self._melted(other, window, task.service_s)
                if both is not None:
                    melted[index] = both
                    break
            else:
                melted.append(window)
        return melted

    def _melted(self, one: _Window, other: _Window, service_s: int) -> _Window | None:
        """The window that says what two say, if there is one: for every turn the very same beginnings."""
        hull = _Window(min(one.opens, other.opens), max(one.closes, other.closes), one.may | other.may)
        first, last = self._shifts.within(hull.opens, hull.closes, service_s)
        one_first, one_last = self._shifts.within(one.opens, one.closes, service_s)
        other_first, other_last = self._shifts.within(other.opens, other.closes, service_s)
        by_one = (one_first == first) & (one_last == last) & one.may
        by_other = (other_first == first) & (other_last == last) & other.may
        gapless = np.maximum(one_first, other_first) <= np.minimum(one_last, other_last) + 1
        by_both = (
            gapless
            & (np.minimum(one_first, other_first) == first)
            & (np.maximum(one_last, other_last) == last)
            & one.may
            & other.may
        )
        return hull if bool((~hull.may | by_one | by_other | by_both).all()) else None

    def _signs(self, task: Task, window: _Window) -> Signs:
        first, last = self._shifts.within(window.opens, window.closes, task.service_s)
        signs: Signs = np.where(window.may, 1, np.where(first <= last, -1, 0)).astype(np.int8)
        return signs

    def _vehicle_types(self, depots: Sequence[int]) -> list[tuple[pyvrp.VehicleType, list[str]]]:
        """Turns that are the same in everything are one type, so that the search need not tell them apart."""
        alike: dict[tuple[int, int, int, int, int, int], list[str]] = {}
        for turn, profile in zip(self._day.turns, self._profile_of_turn, strict=True):
            stops = len(self._day.tasks) if turn.most_stops is None else turn.most_stops
            what = (turn.starts, turn.ends, turn.start, turn.end, stops, profile)
            alike.setdefault(what, []).append(turn.key)
        return [
            (
                pyvrp.VehicleType(
                    num_available=len(keys),
                    capacity=[stops] if self._limited else [],
                    start_depot=depots.index(start),
                    end_depot=depots.index(end),
                    tw_early=starts - self._zero,
                    tw_late=ends - self._zero,
                    profile=profile,
                ),
                keys,
            )
            for (starts, ends, start, end, stops, profile), keys in alike.items()
        ]

    def _clients(self, at: Sequence[int]) -> tuple[list[pyvrp.Client], list[pyvrp.ClientGroup]]:
        members: dict[str, list[int]] = {}
        for index, (task, _) in enumerate(self._windows):
            members.setdefault(task.key, []).append(index)
        groups = [one for one in members.values() if len(one) > 1]
        group_of = {client: number for number, group in enumerate(groups) for client in group}
        weight = self._day.required_weight
        clients = [
            pyvrp.Client(
                location=location,
                delivery=[1] if self._limited else [],
                service_duration=task.service_s,
                tw_early=max(window.opens - self._zero, 0),
                tw_late=min(window.closes - self._zero, self._horizon),
                prize=task.prize + (weight if task.required else 0),
                required=False,
                group=group_of.get(index),
            )
            for index, ((task, window), location) in enumerate(zip(self._windows, at, strict=True))
        ]
        return clients, [pyvrp.ClientGroup(group, required=False) for group in groups]


class _Places:
    """The rows of PyVRP's matrices: several for a place, where not all of its tasks are open to the same turns."""

    def __init__(self, profiles: int) -> None:
        self._rows: list[tuple[int, Signs]] = []
        self._at: dict[int, list[int]] = {}
        self._profiles = profiles

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, place: int, signs: Signs | None) -> int:
        """The row for a place that the profiles with 1 may go to and those with -1 must not; None: all may."""
        wanted = np.ones(self._profiles, dtype=np.int8) if signs is None else signs
        for row in self._at.setdefault(place, []):
            have = self._rows[row][1]
            if _agree(have, wanted):
                self._rows[row] = place, _joined(have, wanted)
                return row
        self._rows.append((place, wanted))
        self._at[place].append(len(self._rows) - 1)
        return len(self._rows) - 1

    def travel(self, seconds: Matrix, profile: int, beyond: int) -> Matrix:
        """Seconds between the rows for a profile; ``beyond`` to and from where it must not go, and nowhere more."""
        places = [place for place, _ in self._rows]
        travel: Matrix = np.minimum(seconds[np.ix_(places, places)], beyond)
        closed = np.array([signs[profile] < 0 for _, signs in self._rows])
        travel[closed, :] = travel[:, closed] = beyond
        np.fill_diagonal(travel, 0)
        return travel


def _profiles(turns: Sequence[Turn], signs: Sequence[Signs]) -> tuple[list[int], list[list[int]]]:
    """The profile of each turn, and the turns of each profile: as few as a first fit finds, a team's turns together."""
    needs = np.array(signs, dtype=np.int8).reshape(len(signs), len(turns))
    joined: list[Signs] = []
    members: list[list[int]] = []
    profile_of = []
    for index, turn in enumerate(turns):
        own = [n for n, group in enumerate(members) if any(turns[other].team == turn.team for other in group)]
        others = [n for n in range(len(members)) if n not in own]
        for profile in (*own, *others):
            alike = turns[members[profile][0]].mode == turn.mode
            if alike and _agree(joined[profile], needs[:, index]):
                joined[profile] = _joined(joined[profile], needs[:, index])
                members[profile].append(index)
                break
        else:
            profile = len(members)
            joined.append(needs[:, index])
            members.append([index])
        profile_of.append(profile)
    return profile_of, members


def _by_profile(signs: Signs, profiles: Iterable[Sequence[int]]) -> Signs:
    """A client's signs by profile, from those by turn."""
    return np.array([_strongest(signs[list(members)]) for members in profiles], dtype=np.int8)


def _strongest(signs: Signs) -> int:
    return int(signs[np.abs(signs).argmax()])


def _agree(one: Signs, other: Signs) -> bool:
    return not bool((one * other < 0).any())


def _joined(one: Signs, other: Signs) -> Signs:
    return np.where(one == 0, other, one)
