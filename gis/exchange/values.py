"""What a cell means as text, number or date, however it was typed.

Each reader tells whether it had to repair something, so that the caller can say so.
"""

import math
import re
import unicodedata
from datetime import date, datetime, timedelta

from gis.exchange.rows import SERIAL_ORIGIN, CellValue

# What a spreadsheet shows in place of a value that it could not compute.
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA"})

_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?")
_WRITTEN_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+0?0:00(?::00)?)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")

# A date of a licence or a certificate lies in these years; what does not is a slip of the keyboard.
_FIRST_YEAR, _LAST_YEAR = 1980, 2099


def text_of(value: CellValue) -> str:
    """A cell as text: no blanks or invisible characters round it, one blank where there were several.

    Full-width blanks count as blanks; full-width letters and brackets stay, since names are written with
    them. A whole number has no decimal point. A computing error of the spreadsheet is no text.
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (0, 0, 0):
        return value.date().isoformat()
    text = str(value)
    if text in _ERRORS:
        return ""
    if not text.isprintable():
        # Line breaks and tabs become blanks; what is then left of control (Cc) and format (Cf) characters,
        # such as a zero-width blank, is dropped.
        text = "".join(c for c in " ".join(text.split()) if unicodedata.category(c) not in ("Cc", "Cf"))
    return " ".join(text.split())


def was_trimmed(value: CellValue) -> bool:
    """Whether ``text_of`` removes blanks or invisible characters of a text."""
    return isinstance(value, str) and value not in _ERRORS and text_of(value) != value


def folded(value: CellValue) -> str:
    """A cell as text for comparison: full-width forms as their plain ones (NFKC), without any blanks."""
    return "".join(unicodedata.normalize("NFKC", text_of(value)).split())


def identifier_of(value: CellValue) -> tuple[str, bool]:
    """A number or code that identifies something, as plain characters, and whether that was a repair.

    Full-width digits become plain, blanks, apostrophes and a spreadsheet's ``="…"`` are removed, and a number
    cell gives its digits. Blanks round it are no repair.
    """
    text = folded(value)
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    text = text.strip("'’‘`")
    as_number = isinstance(value, int | float) and not isinstance(value, bool)
    return text, bool(text) and (as_number or text != text_of(value))


def number_of(value: CellValue) -> tuple[float, bool] | None:
    """A cell as a finite number, and whether it was text; None when blank.

    Raises ValueError when it is neither blank nor a number.
    """
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, int | float):
        number, repaired = float(value), False
    else:
        text = folded(value)
        if not text and (value is None or not str(value).strip()):
            return None
        # float() also takes "1_0" and "nan", which no register means.
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
            raise ValueError(f"{text!r} is no number")
        number, repaired = float(text), True
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number, repaired


def whole_number_of(value: CellValue) -> int | None:
    """A cell as a whole number, None when blank. Raises ValueError when it is anything else."""
    read = number_of(value)
    if read is None:
        return None
    if not read[0].is_integer():
        raise ValueError(f"{read[0]} is not whole")
    return int(read[0])


def date_of(value: CellValue, serial_origin: date = SERIAL_ORIGIN) -> tuple[date, bool] | None:
    """A cell as a date, and whether it was repaired; None when blank.

    A date cell and ISO text (2024-05-01) are no repair. Repaired are 2024/5/1, 2024.5.1, 2024年5月1日,
    20240501, and a serial number of days since ``serial_origin``. Nothing is guessed: a year of two digits, a
    missing day, a day before the month, or a day that the calendar does not have is an error.

    Raises ValueError when it is not blank and no date, or lies outside 1980 to 2099.
    """
    read = _read_date(value, serial_origin)
    if read is not None and not _FIRST_YEAR <= read[0].year <= _LAST_YEAR:
        raise ValueError(f"{read[0]} is out of range")
    return read


def _read_date(value: CellValue, serial_origin: date) -> tuple[date, bool] | None:
    if isinstance(value, datetime):
        return value.date(), False
    if isinstance(value, date):
        return value, False
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _date_from_number(float(value), serial_origin), True
    text = unicodedata.normalize("NFKC", text_of(value))
    if not text and (value is None or not str(value).strip()):
        return None
    if match := _ISO_DATE.fullmatch(text):
        return _calendar_day(match), text_of(value) != text
    if match := _WRITTEN_DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text):
        return _calendar_day(match), True
    if re.fullmatch(r"\d{5}(\.0*)?", text):
        return _date_from_number(float(text), serial_origin), True
    raise ValueError(f"{text!r} is no date")


def _calendar_day(match: re.Match[str]) -> date:
    return date(int(match[1]), int(match[2]), int(match[3]))


def _date_from_number(number: float, serial_origin: date) -> date:
    if not number.is_integer():
        raise ValueError(f"{number} has a time of day")
    if match := _COMPACT_DATE.fullmatch(str(int(number))):
        return _calendar_day(match)
    # Five digits of days reach from 1927 to 2173, well round every year that is accepted.
    if not 10_000 <= number <= 99_999:
        raise ValueError(f"{number} is no date")
    return serial_origin + timedelta(days=int(number))
