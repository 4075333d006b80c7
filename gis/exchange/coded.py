"""Stable codes that carry the sentence explaining them."""

from enum import StrEnum
from typing import Self


class Coded(StrEnum):
    """A stable code and the sentence that explains it, which has ``str.format`` places for the values."""

    _sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member._sentence = sentence
        return member

    def say(self, **values: object) -> str:
        """The sentence with its places filled. Raises KeyError when a value is not given."""
        return self._sentence.format(**values)


class CodedError(Exception):
    """Something that cannot be used. ``code`` is stable, ``sentence`` is for people, in Chinese."""

    def __init__(self, fault: Coded, /, **values: object) -> None:
        self.code = str(fault)
        self.sentence = fault.say(**values)
        super().__init__(f"{self.code}: {self.sentence}")
