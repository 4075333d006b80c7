"""Pinyin initials, so that 样例便利店 is found by ``ylbld``."""

from __future__ import annotations

from functools import lru_cache

from pypinyin import Style, pinyin


@lru_cache(maxsize=20_000)
def _initial(character: str) -> str:
    found = pinyin(character, style=Style.FIRST_LETTER, errors="ignore")
    return found[0][0].lower() if found and found[0][0] else character.lower()


def initials(text: str) -> str:
    """The first letter of each Chinese character; letters and digits stay, everything else is left out."""
    return "".join(_initial(character) for character in text if character.isalnum())
