"""A plan as it is told over the wire, read into rows that do not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Json = Mapping[str, Any]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of a team."""

    id: str
    ordinal: int
    subject_kind: str
    subject_id: str
    name: str
    number: str
    cell_id: str | None
    place: Place
    arrives_at: datetime
    begins_at: datetime
    departs_at: datetime
    leg_metres: int
    leg_s: int
    leg_by_road: bool
    visit_kind: str
    form_code: str | None
    obligation_ids: tuple[str, ...]
    reasons: tuple[Json, ...]
    fixed: str | None

    def __str__(self) -> str:
        return f"{self.name} at {self.begins_at}"

    def codes(self) -> list[str]:
        """The codes of its reasons."""
        return [str(reason.get("code")) for reason in self.reasons]


@dataclass(frozen=True, slots=True)
class Team:
    """One team with its round; places are (longitude, latitude)."""

    id: str
    name: str
    mode: str
    vehicle_id: str | None
    members: tuple[tuple[str, str], ...]
    cell_ids: frozenset[str]
    starts_at: datetime
    ends_at: datetime
    start: Place
    end: Place
    most_stops: int | None
    leaves_at: datetime | None
    returns_at: datetime | None
    metres: int | None
    travel_s: int | None
    service_s: int | None
    waiting_s: int | None
    line: tuple[Place, ...]
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the leader fixed about a subject."""

    subject_id: str
    wish: str
    patrol_id: str | None
    not_before: datetime | None
    not_after: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is due and not in the plan."""

    subject_id: str
    name: str
    code: str
    late_on: date | None
    obligation_ids: tuple[str, ...]
    reasons: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one day."""

    id: str
    squad_id: str
    day: date
    state: str
    random_checks: int
    seed: str
    fixed: tuple[Wish, ...]
    teams: tuple[Team, ...]
    left: tuple[Left, ...]

    @property
    def stops(self) -> list[tuple[Team, Stop]]:
        """Every stop, with its team."""
        return [(team, stop) for team in self.teams for stop in team.stops]

    def wish_for(self, subject_id: str) -> Wish | None:
        """What is fixed about a subject."""
        return next((wish for wish in self.fixed if wish.subject_id == subject_id), None)


def plan_of(told: Json) -> Plan:
    """A plan from the JSON of ``GET /plans/<id>``."""
    return Plan(
        id=told["id"],
        squad_id=told["squad_id"],
        day=date.fromisoformat(told["day"]),
        state=told["state"],
        random_checks=told["wishes"]["random_checks"],
        seed=told["wishes"]["seed"],
        fixed=tuple(_wish(one) for one in told["fixed"]),
        teams=tuple(_team(one) for one in told["patrols"]),
        left=tuple(_left(one) for one in told["unfitted"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _wish(told: Json) -> Wish:
    times = {name: _moment(told[name]) for name in ("not_before", "not_after")}
    return Wish(told["subject_id"], told["wish"], told["patrol_id"], note=told["note"], **times)


def _left(told: Json) -> Left:
    late_on = told["late_on"]
    return Left(
        subject_id=told["subject_id"],
        name=told["name"],
        code=told["code"],
        late_on=None if late_on is None else date.fromisoformat(late_on),
        obligation_ids=tuple(told["obligation_ids"]),
        reasons=tuple(told["reasons"]),
    )


_TEAM_AS_IT_IS = ("id", "name", "mode", "vehicle_id", "most_stops", "metres", "travel_s", "service_s")


def _team(told: Json) -> Team:
    return Team(
        **{name: told[name] for name in _TEAM_AS_IT_IS},
        waiting_s=told["waiting_s"],
        members=tuple((member["person_id"], member["part"]) for member in told["members"]),
        cell_ids=frozenset(told["cell_ids"]),
        starts_at=datetime.fromisoformat(told["starts_at"]),
        ends_at=datetime.fromisoformat(told["ends_at"]),
        start=(told["start"]["lon"], told["start"]["lat"]),
        end=(told["end"]["lon"], told["end"]["lat"]),
        leaves_at=_moment(told["leaves_at"]),
        returns_at=_moment(told["returns_at"]),
        line=_line(told["line"]),
        stops=tuple(_stop(one) for one in told["stops"]),
    )


def _line(told: Json | None) -> tuple[Place, ...]:
    return tuple((lon, lat) for lon, lat in told["coordinates"]) if told else ()


_STOP_AS_IT_IS = (
    *("id", "ordinal", "subject_kind", "subject_id", "name", "number", "cell_id", "leg_metres", "leg_s"),
    *("leg_by_road", "visit_kind", "form_code", "fixed"),
)


def _stop(told: Json) -> Stop:
    return Stop(
        **{name: told[name] for name in _STOP_AS_IT_IS},
        arrives_at=datetime.fromisoformat(told["arrives_at"]),
        begins_at=datetime.fromisoformat(told["begins_at"]),
        departs_at=datetime.fromisoformat(told["departs_at"]),
        place=(told["lon"], told["lat"]),
        obligation_ids=tuple(told["obligation_ids"]),
        reasons=tuple(told["reasons"]),
    )


def stops_of(plans: Sequence[Plan]) -> list[tuple[Plan, Team, Stop]]:
    """Every stop of several plans, by time."""
    found = [(plan, team, stop) for plan in plans for team, stop in plan.stops]
    return sorted(found, key=lambda item: (item[2].begins_at, item[2].id))
