"""The shared words: codes are stored, Chinese names are shown."""

import pytest

from schemas import vocabulary
from schemas.vocabulary import BusinessKind, Labelled, LicenceScope

WORDS = [word for word in vars(vocabulary).values() if isinstance(word, type) and issubclass(word, Labelled)]


@pytest.mark.parametrize("words", [words for words in WORDS if words is not Labelled])
def test_every_word_has_a_code_and_a_name_of_its_own(words: type[Labelled]) -> None:
    assert len({word.label_zh for word in words}) == len(list(words)) > 0
    for word in words:
        assert words(word.value) is word
        assert word.label_zh
        assert str(word) == word.value


def test_codes_are_those_of_the_trade() -> None:
    assert {kind.value: kind.label_zh for kind in BusinessKind}["Y"] == "烟酒商店"
    assert LicenceScope("ecig").label_zh == "电子烟"
