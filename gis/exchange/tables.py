"""Spreadsheets and delimited text as rows keyed by the caller's field names."""

import csv
import io
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.datetime import MAC_EPOCH

from gis.exchange.rows import (
    SERIAL_ORIGIN,
    CellValue,
    Headings,
    SheetRow,
    Table,
    has_rows,
    is_blank,
    kind_of_leftover,
)
from gis.exchange.unreadable import MAX_BYTES, FileFault, UnreadableFile, check_size, check_zip

TABLE_EXTENSIONS = (".xlsx", ".xlsm", ".csv", ".txt", ".tsv")

# Headings are looked for in this many rows; registers carry a title, a unit and a date above them.
HEADING_ROWS = 20
# A sheet has no more rows than this; a file that claims more is malicious.
MAX_ROWS = 1_048_576

_BATCH = 1000
_DELIMITERS = (",", "\t", ";", "|")
_ENCODINGS = ("utf-8-sig", "gb18030")

Cells = Sequence[CellValue]


@dataclass(slots=True)
class _Sheet:
    """One sheet before its headings are known."""

    title: str
    rows: Iterator[Cells]
    expected_rows: int | None
    serial_origin: date
    notes: list[str]


def read_table(
    path: Path, headings: Headings, *, sheet: str | None = None, max_bytes: int = MAX_BYTES
) -> Table:
    """Open a spreadsheet (.xlsx, .xlsm) or delimited text (.csv, .tsv, .txt) and find its headings.

    The headings are in the first of the leading 20 rows in which at least half of the required ones are
    recognised; of several sheets, the first that has them all is taken, or the one named ``sheet``. Text is
    read as UTF-8, UTF-16 with a byte order mark, or GB18030, with whichever of comma, tab, semicolon and bar
    yields the headings. Rows come as a stream; cells keep the type the file gives them.

    Raises UnreadableFile when the file is not what its extension says, is damaged, has a password, unpacks
    too large, or has no sheets, headings or rows; iterating raises it when damage shows only later.
    """
    check_size(path, max_bytes)
    extension = path.suffix.lower()
    if extension in (".xlsx", ".xlsm"):
        sheets = _workbook_sheets(path, sheet)
    elif extension in TABLE_EXTENSIONS:
        sheets = _text_sheets(path, headings)
    else:
        raise UnreadableFile(
            FileFault.UNKNOWN_EXTENSION, extension=extension or path.name, known=" ".join(TABLE_EXTENSIONS)
        )
    return _table(path.name, sheets, headings)


def _table(name: str, sheets: Iterable[_Sheet], headings: Headings) -> Table:
    incomplete: UnreadableFile | None = None
    for sheet in sheets:
        head = list(itertools.islice(sheet.rows, HEADING_ROWS))
        for index, cells in enumerate(head):
            columns, left_over = headings.assign(cells)
            if headings.share_of_required(columns.values()) < 0.5:
                continue
            missing = headings.missing(columns.values())
            if missing:
                incomplete = incomplete or UnreadableFile(
                    FileFault.HEADINGS_MISSING, name=name, row=index + 1, missing="、".join(missing)
                )
                break
            table = Table(
                name=name,
                columns={name: str(cells[column]).strip() for column, name in columns.items()},
                unrecognised=left_over,
                rows=iter(()),
                preamble=tuple(
                    str(cell).strip() for above in head[:index] for cell in above if not is_blank(cell)
                ),
                heading_row=index + 1,
                expected_rows=max(sheet.expected_rows - index - 1, 0) if sheet.expected_rows else None,
                reader_notes=sheet.notes,
            )
            below = itertools.chain(head[index + 1 :], sheet.rows)
            rows = has_rows(_data_rows(table, below, index + 2, columns, headings, sheet.serial_origin))
            if rows is None:
                raise UnreadableFile(FileFault.NO_ROWS, name=name)
            table.rows = rows
            return table
    if incomplete is not None:
        raise incomplete
    wanted = "、".join(headings.shown(field) for field in headings.required)
    raise UnreadableFile(FileFault.NO_HEADINGS, name=name, searched=HEADING_ROWS, missing=wanted)


def _data_rows(
    table: Table,
    rows: Iterable[Cells],
    first_number: int,
    columns: dict[int, str],
    headings: Headings,
    serial_origin: date,
) -> Iterator[SheetRow]:
    required = [index for index, name in columns.items() if name in headings.required]
    places = tuple(columns.items())
    for number, cells in enumerate(rows, first_number):
        if number > MAX_ROWS:
            raise UnreadableFile(FileFault.TOO_MANY_ROWS, name=table.name, limit=MAX_ROWS)
        leftover = kind_of_leftover(cells, required)
        if leftover is not None:
            table.skipped[leftover] += 1
            continue
        width = len(cells)
        values = {name: cells[index] if index < width else None for index, name in places}
        yield SheetRow(number, values, None, serial_origin)


def _workbook_sheets(path: Path, wanted: str | None) -> Iterator[_Sheet]:
    entries = {entry.filename for entry in check_zip(path, "xlsx 表格")}
    if "[Content_Types].xml" not in entries or not any(entry.startswith("xl/") for entry in entries):
        raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected="xlsx 表格")
    notes: list[str] = []
    # The workbook is read from memory: a stream of rows may be left unfinished, and then no file stays open.
    content = io.BytesIO(path.read_bytes())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            book = openpyxl.load_workbook(content, read_only=True, data_only=True)
        except Exception as error:  # The library raises whatever its parsing meets in a broken file.
            raise _damaged(path, error) from error
    notes.extend(str(warning.message) for warning in caught)
    if not book.worksheets:
        raise UnreadableFile(FileFault.NO_SHEETS, name=path.name)
    titles = book.sheetnames
    if wanted is not None and wanted not in titles:
        raise UnreadableFile(FileFault.SHEET_NOT_FOUND, name=path.name, sheet=wanted, known="、".join(titles))
    origin = MAC_EPOCH.date() if book.epoch == MAC_EPOCH else SERIAL_ORIGIN
    for worksheet in book.worksheets:
        if wanted is not None and worksheet.title != wanted:
            continue
        expected = worksheet.max_row
        # Some programs write a wrong extent, and the reader would cut the sheet there.
        worksheet.reset_dimensions()
        cells = worksheet.iter_rows(values_only=True)
        yield _Sheet(worksheet.title, _guarded(path, cells, notes), expected, origin, notes)


def _guarded(path: Path, rows: Iterator[Any], notes: list[str]) -> Iterator[Cells]:
    """The same rows; a parser's warnings become notes and its errors UnreadableFile."""
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                batch = list(itertools.islice(rows, _BATCH))
            except Exception as error:  # As above: a broken sheet shows itself in any kind of error.
                raise _damaged(path, error) from error
        notes.extend(str(warning.message) for warning in caught)
        yield from batch
        if len(batch) < _BATCH:
            return


def _damaged(path: Path, error: Exception) -> UnreadableFile:
    reason = f"{type(error).__name__}: {error}"[:120]
    return UnreadableFile(FileFault.DAMAGED, name=path.name, reason=reason)


def _text_sheets(path: Path, headings: Headings) -> Iterator[_Sheet]:
    text = _decoded(path)
    delimiter = _delimiter(text, headings)
    # newline="" leaves line ends inside quotes to the csv reader.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    yield _Sheet(path.name, _csv_rows(path, reader), text.count("\n") + 1, SERIAL_ORIGIN, [])


def _csv_rows(path: Path, reader: Iterator[list[str]]) -> Iterator[Cells]:
    try:
        yield from reader
    except csv.Error as error:
        raise _damaged(path, error) from error


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    elif b"\x00" in content:
        # No text holds a zero byte, whatever its encoding but UTF-16.
        raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected="文本表格")
    else:
        encodings = _ENCODINGS
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(FileFault.ENCODING, name=path.name)


def _delimiter(text: str, headings: Headings) -> str:
    """The delimiter under which one of the leading rows shows most of the known headings."""
    head = "".join(itertools.islice(io.StringIO(text, newline=""), HEADING_ROWS))

    def recognised(delimiter: str) -> int:
        try:
            rows = list(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
        except csv.Error:
            return 0
        return max((len(headings.assign(row)[0]) for row in rows), default=0)

    # max keeps the first of equals, so the comma wins a draw.
    return max(_DELIMITERS, key=recognised)
