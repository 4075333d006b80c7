"""How a text is folded so that it is found as people write it: 简 and 繁, wide and narrow, large and small."""

from __future__ import annotations

import unicodedata
from functools import cache

from opencc import OpenCC


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def fold(text: str) -> str:
    """A text in simplified characters, narrow, in small letters, with one blank between its parts."""
    plain = unicodedata.normalize("NFKC", text.replace("\x00", ""))
    return " ".join(_simplifier().convert(plain).casefold().split())


def pairs(folded: str) -> set[str]:
    """Every two characters that stand side by side; of a part of one character, that one.

    A database cannot tell the words of a Chinese text apart; every pair of what is looked for is in what is found.
    """
    found: set[str] = set()
    for part in folded.split():
        found.update(part[at : at + 2] for at in range(max(1, len(part) - 1)))
    return found
