"""Reading a report back from each of its shapes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import openpyxl
from pypdf import PdfReader

from server.reports.sheets import Column

# What CSV puts before a text that a spreadsheet would run.
GUARDED = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook: its two lines of head, headings, and the lines below them as text."""

    title: str
    note: str
    headings: list[str]
    lines: list[list[str]]


def shown(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The rows of a JSON answer as they must stand everywhere else."""
    return [["—" if row[one.name] is None else str(row[one.name]) for one in columns] for row in rows]


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows of a CSV answer by field name, its mark and its guards removed."""
    found = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return [{name: unguarded(value) for name, value in row.items()} for row in found]


def unguarded(text: str) -> str:
    """Without the mark that keeps a spreadsheet from running a text."""
    return text[1:] if text[:1] == "'" and text[1:2] in GUARDED else text


def read_book(body: bytes) -> Book:
    """The workbook's one page."""
    page: Any = openpyxl.load_workbook(io.BytesIO(body)).active
    title, note, headings, *lines = page.iter_rows(values_only=True)
    told = [["" if value is None else str(value) for value in line] for line in lines]
    return Book(title[0], note[0], list(headings), told)


def read_pdf(body: bytes) -> list[str]:
    """The text of each page without white space, in the order in which it is set."""
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(body)).pages]


def printed(columns: Sequence[Column], row: Sequence[str], grouped_by: str | None = None) -> str:
    """A row as it stands on paper, without white space."""
    told = [
        value[:16].replace("T", " ") if column.moment else value
        for column, value in zip(columns, row, strict=True)
        if column.printed and column.name != grouped_by
    ]
    return "".join("".join(told).split())
