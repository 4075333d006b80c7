"""Which papers a record gives, and how official numbers read. Pure: the handheld follows the same rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Self

from schemas.vocabulary import PaperKind
from server.kernel.problems import invalid

WORDS: Final[Mapping[PaperKind, str]] = MappingProxyType(
    {
        PaperKind.SCENE_RECORD: "现",
        PaperKind.INSPECTION_RECORD: "检",
        PaperKind.REGISTRATION_LIST: "登",
        PaperKind.RECTIFICATION_ORDER: "改",
    }
)
"""The words of the series where a bureau has set none."""

LONGEST: Final = 12
_WORD = re.compile(r"[\u4e00-\u9fffA-Za-z]+")

# What is written down on the spot about somebody else; the other kinds (a clue, a dispatch, a co-signature, a telephone
# call) are the bureau's own business and give no paper.
_INSPECTIONS: Final = frozenset(
    {"ecig_check", "site_visit", "road_check", "depot_check", "manufacturer_check", "unlicensed_check"}
)
_SCENES: Final = frozenset({"attempt", "household_visit"})


def own_paper(record_kind: str, form_code: str, visit_kind: str) -> PaperKind | None:
    """The paper that a record is as a whole, ``None`` where its kind gives none.

    A visit that inspects nothing (走访) and a closed door are told of in a scene record (现场笔录).
    """
    if record_kind == "registration_list":
        return PaperKind.REGISTRATION_LIST
    if record_kind in _INSPECTIONS and form_code != "service_visit" and visit_kind != "service":
        return PaperKind.INSPECTION_RECORD
    if record_kind in _INSPECTIONS | _SCENES:
        return PaperKind.SCENE_RECORD
    return None


@dataclass(frozen=True, slots=True)
class Style:
    """What a bureau's numbers begin with: its abbreviation and a word for each kind of paper."""

    abbreviation: str
    words: Mapping[PaperKind, str]

    @classmethod
    def of_name(cls, bureau: str) -> Self:
        """Where a bureau has set nothing: the first character of its name and 烟."""
        return cls(f"{bureau[:1]}烟", WORDS)

    def series(self, kind: PaperKind) -> str:
        """What the numbers of one register begin with: 样烟检. Kinds with the same word share a register."""
        return f"{self.abbreviation}{self.words[kind]}"


def read_style(abbreviation: str, words: Mapping[str, str]) -> Style:
    """A style as a bureau sets it; kinds without a word of their own keep the default one.

    Raises:
        Problem: ``invalid`` for a word that is empty, longer than 12, or no Chinese characters or letters.
    """
    for path, word in (("/abbreviation", abbreviation), *((f"/words/{kind}", words[kind]) for kind in words)):
        if len(word) > LONGEST or not _WORD.fullmatch(word):
            raise invalid(
                path,
                "word_malformed",
                f"应为 1 至 {LONGEST} 个汉字或字母。1 to {LONGEST} Chinese characters or letters.",
            )
    return Style(abbreviation, {**WORDS, **{PaperKind(kind): word for kind, word in words.items()}})


def written_number(series: str, year: int, serial: int) -> str:
    """An official number as it is printed: 样烟立〔2026〕1号 (党政机关公文格式 GB/T 9704-2012, 7.2.5)."""
    return f"{series}〔{year}〕{serial}号"


def written_day(day: date) -> str:
    """A day as it is printed: 2026年7月10日, without zeros before the numbers (GB/T 9704-2012, 7.3.5.4)."""
    return f"{day.year}年{day.month}月{day.day}日"
