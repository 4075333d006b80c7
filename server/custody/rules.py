"""What may be done with goods in custody: pure, for one line of a registration list after the other.

A line's goods are always somewhere: in the field (with the party or the officers), in a store, away at an appraisal, or
gone for good. An act takes a quantity from one place to another, so what is there adds up to what was registered.
Working days and the seven of them: 行政处罚法第五十六条、第八十五条.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from server.kernel.workdays import Workdays

DECIDE_WITHIN = 7
"""Working days from the day of registration within which it must be decided (行政处罚法第五十六条、第八十五条)."""

NEARING = 2
"""Working days before the last one from which a list is told of as nearing it."""

MAX_FUTURE = timedelta(minutes=5)
NOT_IN_WRITING = frozenset({"phone", "urgent_later"})


class Place(NamedTuple):
    """Where goods are; the store is named in a store, and at an appraisal to which that store sent them."""

    name: str
    store_id: UUID | None = None


FIELD = Place("field")
GONE = ("handed_back", "transferred", "destroyed", "used_up")


class Step(NamedTuple):
    """What an act does: from where to where, after which decisions; ``None`` where none is needed."""

    source: str
    target: str
    outcomes: frozenset[str] | None = None


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "take_in": Step("field", "store"),
        "move": Step("store", "store"),
        "send_out": Step("store", "appraisal"),
        "bring_back": Step("appraisal", "store"),
        "use_up": Step("appraisal", "used_up"),
        "hand_back": Step("store", "handed_back", frozenset({"return", "release"})),
        "transfer": Step("store", "transferred", frozenset({"transfer"})),
        "destroy": Step("store", "destroyed", frozenset({"destroy"})),
    }
)

OUTCOME_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "return": "退还当事人",
        "release": "解除先行登记保存",
        "confiscate": "作出没收决定",
        "transfer": "移送有关机关",
        "destroy": "决定销毁",
    }
)
ACT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "take_in": "入库",
        "move": "移库",
        "send_out": "送检",
        "bring_back": "检毕归库",
        "use_up": "检验损耗",
        "hand_back": "退还",
        "transfer": "移送",
        "destroy": "销毁",
        "correct": "更正",
    }
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when it must be decided; ``provisional`` while a year between is not loaded."""

    decide_by: date
    provisional: bool


def decide_by(registered_on: date, workdays: Workdays) -> Deadline:
    """Seven working days after the day of registration, which does not count itself: 2026-02-13 → 03-02."""
    last = workdays.shift(registered_on, DECIDE_WITHIN)
    return Deadline(last, workdays.provisional(registered_on, last))


def nearing_until(today: date, workdays: Workdays) -> date:
    """The last day that is near, seen from ``today``."""
    return workdays.shift(today, NEARING)


def write_up_due(channel: str | None, since: datetime, hours: int) -> datetime | None:
    """When an approval by phone, or one that is asked for afterwards, must be written up; else ``None``."""
    return since + timedelta(hours=hours) if channel in NOT_IN_WRITING else None


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision that holds on a line."""

    outcome: str
    decided_on: date


class Entry(NamedTuple):
    """A quantity that an act took from one place to another."""

    source: Place
    target: Place
    quantity: int


@dataclass(slots=True)
class LineBook:
    """Where the goods of one line are, in the base unit.

    ``registered`` is what the list says; ``last_at`` when the last act on the line happened.
    """

    registered: int
    decided: Decided | None = None
    last_at: datetime | None = None
    places: Counter[Place] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.places[FIELD] += self.registered

    def enter(self, entry: Entry, at: datetime) -> None:
        """Take down an entry that was found sound, or that is written already."""
        self.places[entry.source] -= entry.quantity
        self.places[entry.target] += entry.quantity
        self.last_at = max(self.last_at or at, at)

    def at(self, name: str) -> dict[Place, int]:
        """Where something lies in places of this name, and how much."""
        return {place: count for place, count in self.places.items() if place.name == name and count}

    @property
    def held(self) -> int:
        """What the bureau holds: in stores and at appraisals."""
        return sum(self.at("store").values()) + sum(self.at("appraisal").values())

    @property
    def left_for_good(self) -> int:
        """What was handed back, transferred or destroyed."""
        return sum(sum(self.at(name).values()) for name in GONE if name != "used_up")


class Fault(NamedTuple):
    """Why an act may not be done: a problem code and a Chinese sentence."""

    code: str
    detail: str


def fault_of_entry(
    kind: str, book: LineBook, entry: Entry, at: datetime, day: date, *, told: str, unit: str
) -> Fault | None:
    """Why an entry of an act of this kind may not be written, or ``None``.

    ``day`` is the local day of ``at``; ``told`` names the line, ``unit`` its base unit, in Chinese. The codes are
    ``custody_short``, ``custody_over_registered``, ``custody_not_decided`` and ``custody_out_of_order``.
    """
    there = book.places[entry.source]
    if entry.quantity > there:
        if entry.source == FIELD:
            taken = book.registered - there
            detail = (
                f"{told}登记{book.registered}{unit}，已入库{taken}{unit}，不能再入库{entry.quantity}{unit}；"
                "清单有误的，请先提交更正记录。"
            )
            return Fault("custody_over_registered", detail)
        return Fault("custody_short", f"{told}现存{there}{unit}，不能转出{entry.quantity}{unit}。")
    if book.last_at is not None and at < book.last_at:
        return Fault("custody_out_of_order", f"{told}在此之后已有登记，请核对时间。")
    wanted = STEPS[kind].outcomes if kind in STEPS else None
    if wanted is None:
        return None
    names = "或".join(OUTCOME_NAMES[name] for name in sorted(wanted))
    if book.decided is None or book.decided.outcome not in wanted:
        said = (
            "尚未作出处理决定"
            if book.decided is None
            else f"处理决定为“{OUTCOME_NAMES[book.decided.outcome]}”"
        )
        return Fault("custody_not_decided", f"{told}{said}，{ACT_NAMES[kind]}须先有“{names}”的决定。")
    if day < book.decided.decided_on:
        detail = f"{told}的处理决定于{book.decided.decided_on}作出，{ACT_NAMES[kind]}不能在此之前。"
        return Fault("custody_not_decided", detail)
    return None


def fault_of_decision(books: Iterable[tuple[int, LineBook]], outcome: str) -> Fault | None:
    """Why lines may not be decided on anew: goods have left by the decision that holds."""
    for seq, book in books:
        if book.left_for_good and book.decided and book.decided.outcome != outcome:
            detail = f"第{seq}行已按“{OUTCOME_NAMES[book.decided.outcome]}”处理，不能改作其他决定。"
            return Fault("custody_settled", detail)
    return None


def line_total_fen(base_quantity: int, price_fen: int, base_in_price_unit: int) -> int:
    """What a line comes to in fen: a price of ``base_in_price_unit`` base units, rounded once, half up."""
    return (2 * base_quantity * price_fen + base_in_price_unit) // (2 * base_in_price_unit)
