"""The vectors are what the reference rules answer today, and the browser's state function answers the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.vectors.browser import answers_to
from tests.vectors.make import HERE, text_of, vectors

Json = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """The texts that the generator gives today."""
    return {name: text_of(content) for name, content in vectors().items()}


@pytest.fixture(scope="module")
def kept() -> dict[str, Json]:
    """The files."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in HERE.iterdir()}


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What the TypeScript answers."""
    return answers_to(HERE)


@pytest.mark.parametrize("name", ["calendar", "examples", "histories", "handheld", "percents"])
def test_the_files_are_what_the_rules_give_today(name: str, made: dict[str, str]) -> None:
    kept = (HERE / f"{name}.json").read_text(encoding="utf-8")
    assert json.loads(kept) == json.loads(made[name]), "python -m tests.vectors.make"
    assert kept == made[name], "python -m tests.vectors.make"


def test_no_other_file_lies_there(made: dict[str, str], kept: dict[str, Json]) -> None:
    assert set(kept) == set(made)


def test_every_state_is_met_often(kept: dict[str, Json]) -> None:
    """Vectors that leave a state out would not hold anybody to it."""
    for name in ("histories", "handheld"):
        states = Counter(row[1] for vector in kept[name]["vectors"] for row in vector["gives"])
        assert len(states) == 10, states
        assert min(states.values()) >= 15, states


def test_what_lies_unsynced_decides_often(kept: dict[str, Json]) -> None:
    here = [row[2] for vector in kept["handheld"]["vectors"] for row in vector["gives"] if row[2]]
    assert sum(record.startswith("f") for record in here) >= 100
    assert sum(not record.startswith("f") for record in here) >= 100


def test_the_browser_knows_the_calendar(kept: dict[str, Json], answers: dict[str, Any]) -> None:
    for part in ("periods", "shifts", "counts"):
        assert answers["calendar"][part] == kept["calendar"][part]


@pytest.mark.parametrize("name", ["examples", "histories"])
def test_the_browser_judges_alike(name: str, kept: dict[str, Json], answers: dict[str, Any]) -> None:
    for given, answer in zip(kept[name]["vectors"], answers[name], strict=True):
        assert answer == {"gives": given["gives"], "tally": given["tally"]}, given.get("says", given)


def test_what_the_handheld_shows_is_what_the_server_says_after_the_sync(
    kept: dict[str, Json], answers: dict[str, Any]
) -> None:
    for given, answer in zip(kept["handheld"]["vectors"], answers["handheld"], strict=True):
        assert answer == given["gives"], given


def test_the_browser_rounds_alike(kept: dict[str, Json], answers: dict[str, Any]) -> None:
    assert answers["percents"] == kept["percents"]["vectors"]
