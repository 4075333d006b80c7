"""What is said of single rows, and what became of all rows of a file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from gis.exchange.coded import Coded
from gis.exchange.rows import SheetRow
from gis.exchange.values import date_of


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing said of one row: its sheet row, a stable code, and a sentence for people."""

    row: int
    code: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The remark as ``{"row", "code", "detail"}``."""
        return {"row": self.row, "code": self.code, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class BadRow(Remark):
    """A row that cannot be taken. ``code`` is its first fault, ``detail`` names them all."""


@dataclass(slots=True)
class Findings:
    """Collects what is wrong with one row and what was repaired in it, in the order it was found."""

    row: int
    trimmed: bool = False
    _faults: list[tuple[Coded, str]] = field(default_factory=list)
    _warnings: dict[Coded, list[str]] = field(default_factory=dict)

    def fault(self, code: Coded, /, **values: object) -> None:
        """Note a fault: the row becomes a bad row."""
        self._faults.append((code, code.say(**values)))

    def warn(self, code: Coded, /, **values: object) -> None:
        """Note a repair or a doubt; those of one code share one warning."""
        self._warnings.setdefault(code, []).append(code.say(**values))

    @property
    def bad(self) -> BadRow | None:
        """The bad row, or None when nothing was wrong."""
        if not self._faults:
            return None
        return BadRow(self.row, str(self._faults[0][0]), "；".join(text for _, text in self._faults))

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """One remark for each code that was warned of."""
        return tuple(Remark(self.row, str(code), "；".join(texts)) for code, texts in self._warnings.items())


class Candidate(Protocol):
    """A row that was taken."""

    @property
    def row(self) -> int:
        """The sheet row."""

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """What was repaired or is doubtful."""

    @property
    def trimmed(self) -> bool:
        """Whether blanks round a text were removed."""


T = TypeVar("T", bound=Candidate)


@dataclass(slots=True)
class Judged(Generic[T]):
    """What became of all rows of a file.

    ``warnings`` are those of good rows only: a bad row is not taken, so nothing in it was repaired.
    ``trimmed`` counts good rows in which blanks round a text were removed, which is not worth a warning
    each.
    """

    good: list[T] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    trimmed: int = 0

    @property
    def rows(self) -> int:
        """How many rows were judged."""
        return len(self.good) + len(self.bad)

    def take(self, outcome: T | BadRow) -> None:
        """Add what one row became."""
        if isinstance(outcome, BadRow):
            self.bad.append(outcome)
            return
        self.good.append(outcome)
        self.warnings.extend(outcome.warnings)
        self.trimmed += outcome.trimmed

    def remarks(self) -> Iterator[Remark]:
        """Bad rows and warnings together, in sheet order."""
        yield from sorted([*self.bad, *self.warnings], key=lambda remark: remark.row)

    def as_json(self) -> dict[str, Any]:
        """The counts ``rows`` and ``good`` and the lists ``bad`` and ``warnings`` of remarks."""
        return {
            "rows": self.rows,
            "good": len(self.good),
            "bad": [remark.as_json() for remark in self.bad],
            "warnings": [remark.as_json() for remark in self.warnings],
        }


def read_date(
    row: SheetRow,
    name: str,
    heading: str,
    found: Findings,
    *,
    malformed: Coded,
    repaired: Coded,
    missing: Coded | None = None,
) -> date | None:
    """The date in a field of a row; None when blank or beside a fault.

    The sentences of the codes may use ``heading``, ``value`` and, for a repair, ``day``. A blank is a fault
    only when a code for it is given.
    """
    value = row.values.get(name)
    try:
        read = date_of(value, row.serial_origin)
    except ValueError:
        found.fault(malformed, heading=heading, value=value)
        return None
    if read is None:
        if missing is not None:
            found.fault(missing, heading=heading)
        return None
    day, was_repaired = read
    if was_repaired:
        found.warn(repaired, heading=heading, value=value, day=day)
    return day
