"""Headings and rows: what tables and map layers have in common."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from shapely.geometry.base import BaseGeometry

CellValue = str | int | float | bool | date | datetime | time | timedelta | None

K = TypeVar("K", bound=str)

# The day that serial number 0 stands for in a spreadsheet of the 1900 system, right from 1900-03-01 on.
SERIAL_ORIGIN = date(1899, 12, 30)

_UNIT_IN_BRACKETS = re.compile(r"[(\[【][^)\]】]*[)\]】]$")
_TOTAL = re.compile(r"(本页|总|累)?(合计|总计|小计|共计|计)|(grand|sub)?-?(total|totals)|sum", re.IGNORECASE)
_AFTER_TOTAL = re.compile(r"[:：]?[\d,.]*[户行条人个格]?$")
_FOOTNOTE = re.compile(r"(制表|填表|审核|复核|负责|统计)人?[:：]|(注|备注|说明|填报日期|制表日期)[:：]")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a file.

    ``number`` counts sheet rows from 1, as the spreadsheet program shows them; in a map layer it counts
    features from 1. ``values`` is keyed by the caller's field names and holds what the cell holds, numbers
    and texts as given. ``geometry`` is longitude first, in degrees. ``serial_origin`` is the day that the
    file counts serial dates from.
    """

    number: int
    values: dict[str, CellValue]
    geometry: BaseGeometry | None = None
    serial_origin: date = SERIAL_ORIGIN


@dataclass(slots=True)
class Table:
    """A file being read: what was found above the rows, and the rows, which can be iterated once.

    ``columns`` maps each field to its heading as written; ``unrecognised`` are headings that mean nothing
    to the caller or repeat a field; ``preamble`` is the text above the headings. ``expected_rows`` is an
    estimate for progress bars, None when unknown. ``skipped`` counts "blank", "total" and "note" rows and
    is complete when the rows are exhausted. ``declared_crs`` is what a map layer says of itself; its
    geometries are already reprojected to longitude and latitude. ``reader_notes`` is what the library
    reading the file complained of.
    """

    name: str
    columns: dict[str, str]
    unrecognised: tuple[str, ...]
    rows: Iterator[SheetRow]
    preamble: tuple[str, ...] = ()
    heading_row: int | None = None
    expected_rows: int | None = None
    declared_crs: str | None = None
    has_geometry: bool = False
    skipped: Counter[str] = field(default_factory=Counter)
    reader_notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[SheetRow]:
        return self.rows


def by_alias(spellings: Mapping[K, Iterable[str]]) -> dict[str, K]:
    """Spelling → what it means, from meaning → spellings; a meaning also stands for itself.

    Of headings, the first spelling is the one shown to people. Raises ValueError when one spelling has two
    meanings.
    """
    meanings: dict[str, K] = {}
    for meaning, aliases in spellings.items():
        for alias in (*aliases, str(meaning)):
            if meanings.setdefault(alias, meaning) != meaning:
                raise ValueError(f"{alias!r} means {meanings[alias]!r} and {meaning!r}")
    return meanings


def plain_heading(heading: object) -> str:
    """A heading as it is compared: width and case folded, without blanks, marks and a unit in brackets."""
    folded = unicodedata.normalize("NFKC", str(heading)).casefold()
    folded = "".join(character for character in folded if not character.isspace()).strip("*:_-.")
    shorter = _UNIT_IN_BRACKETS.sub("", folded)
    return (shorter or folded).replace("_", "").replace("-", "")


class Headings:
    """The headings a caller knows: aliases → field, and the fields it cannot do without."""

    def __init__(self, aliases: Mapping[str, str], required: Collection[str]) -> None:
        self._field_of = {plain_heading(alias): name for alias, name in aliases.items()}
        # The first alias of a field is the one shown to people.
        self._shown: dict[str, str] = {}
        for alias, name in aliases.items():
            self._shown.setdefault(name, alias)
        self.required = tuple(required)

    def field_of(self, heading: object, *, maybe_cut: bool = False) -> str | None:
        """The field that a heading means, or None.

        With ``maybe_cut`` a heading that is the beginning of the aliases of one field only counts too: dBASE
        keeps ten bytes of a field name, which is three Chinese characters in UTF-8.
        """
        if heading is None:
            return None
        plain = plain_heading(heading)
        if plain in self._field_of:
            return self._field_of[plain]
        if maybe_cut and len(str(heading).encode()) >= 8:
            meant = {name for alias, name in self._field_of.items() if alias.startswith(plain)}
            if len(meant) == 1:
                return meant.pop()
        return None

    def assign(
        self, cells: Sequence[object], *, maybe_cut: bool = False
    ) -> tuple[dict[int, str], tuple[str, ...]]:
        """Column index → field, and the headings left over. The leftmost of two equal headings counts."""
        columns: dict[int, str] = {}
        left_over: list[str] = []
        for index, cell in enumerate(cells):
            name = self.field_of(cell, maybe_cut=maybe_cut)
            if name is not None and name not in columns.values():
                columns[index] = name
            elif not is_blank(cell):
                left_over.append(str(cell).strip())
        return columns, tuple(left_over)

    def missing(self, found: Collection[str]) -> list[str]:
        """The required fields that were not found, under the name shown to people."""
        return [self.shown(name) for name in self.required if name not in found]

    def shown(self, name: str) -> str:
        """The heading shown to people for a field."""
        return self._shown.get(name, name)

    def share_of_required(self, found: Collection[str]) -> float:
        """Which share of the required fields was found, 0 to 1."""
        if not self.required:
            return 1.0 if found else 0.0
        return sum(name in found for name in self.required) / len(self.required)


def is_blank(value: object) -> bool:
    """Whether a cell holds nothing to be seen; full-width blanks are blanks."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def kind_of_leftover(cells: Sequence[object], required_columns: Sequence[int]) -> str | None:
    """ "blank", "total" or "note" when a row below the headings is no data, else None.

    A total or a note is known by its first text. It holds fewer than half of the required values; otherwise
    it is an outlet that is really named so.
    """
    texts = [cell for cell in cells if not is_blank(cell)]
    if not texts:
        return "blank"
    if not isinstance(texts[0], str):
        return None
    first = "".join(texts[0].split())
    total = _TOTAL.match(first)
    is_total = total is not None and _AFTER_TOTAL.match(first, total.end()) is not None
    is_note = _FOOTNOTE.match(first) is not None
    if not (is_total or is_note):
        return None
    held = sum(index < len(cells) and not is_blank(cells[index]) for index in required_columns)
    if held * 2 > len(required_columns):
        return None
    return "total" if is_total else "note"


def has_rows(rows: Iterator[SheetRow]) -> Iterator[SheetRow] | None:
    """The same rows, or None when there are none; reads the first."""
    first = next(rows, None)
    return None if first is None else itertools.chain([first], rows)
