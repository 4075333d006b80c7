"""What may be told of an approval without a database: how its number is written, and when it must be written up."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

_BRACKETS: Final = str.maketrans("[]【】（）()", "〔〕〔〕〔〕〔〕")
_BLANK: Final = re.compile(r"\s+")


def number_as_written(number: str | None) -> str | None:
    """A document number in the one form that it is compared in: no blanks, and the brackets of official papers.

    Keyboards have [2026], （2026） and 〔2026〕 for the same year; ``None`` for nothing.
    """
    text = _BLANK.sub("", number or "").translate(_BRACKETS)
    return text or None


def write_up_due(channel: str, approved_at: datetime, hours: int) -> datetime | None:
    """Until when an approval by phone must be confirmed in writing, ``None`` for the others."""
    return approved_at + timedelta(hours=hours) if channel == "phone" else None


def covers(
    record_kinds: Collection[str],
    subject_ids: Collection[str],
    cell_ids: Collection[str],
    *,
    kind: str,
    subject_id: str | None,
    cell_id: str | None,
) -> bool:
    """Whether an approval for these kinds of record, subjects and cells covers one inspection.

    No kind means every kind, neither subjects nor cells the whole bureau. Ids are compared as they are written.
    """
    if record_kinds and kind not in record_kinds:
        return False
    return not (subject_ids or cell_ids) or subject_id in subject_ids or cell_id in cell_ids
