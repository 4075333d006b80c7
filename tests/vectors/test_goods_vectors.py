"""The vectors of goods are what the reference rules answer today, and the handheld's TypeScript answers the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.vectors.browser import answers_to
from tests.vectors.make import text_of
from tests.vectors.make_goods import HERE, vectors


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """What the generator gives today."""
    return vectors()


def test_the_files_are_what_the_rules_give_today(made: dict[str, Any]) -> None:
    kept = {path.stem: path.read_text(encoding="utf-8") for path in HERE.iterdir()}
    written = {name: text_of(content) for name, content in made.items()}
    assert kept == written, "python -m tests.vectors.make_goods"


def test_every_verdict_is_met_often(made: dict[str, Any]) -> None:
    met = Counter((row[2][0], row[2][2]) for row in made["carton_codes"]["vectors"])
    assert set(met) == {
        *(("own", None), ("other", "diverted"), ("other", "off_channel"), ("unreadable", None)),
        ("malformed", None),
    }
    assert min(met.values()) >= 4, met


def test_the_handheld_answers_alike(made: dict[str, Any]) -> None:
    written = json.loads(json.dumps(made))
    answers = answers_to(HERE, "goods_answers.mjs")
    for name, told in answers.items():
        for part, rows in told.items():
            for answer, given in zip(rows, written[name][part], strict=True):
                assert answer == given, name
    assert set(answers) == set(written)
