"""Write tests/vectors/cadence/*.json from the reference rules: ``python -m tests.vectors.make``.

The same seeds always give the same files; a test holds them against what this gives today.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from schemas.vocabulary import CadenceTier
from server.cadence.periods import Period, periods_between
from server.cadence.rules import DEFAULT_POLICIES, Judgement, Rulebook, judge
from server.cadence.tally import Tally, percent, tally
from tests.cadence.small_histories import BEIJING, at
from tests.vectors.chance import HOURS, NOTICES, Chance
from tests.vectors.devices import device_vector, midway_vectors
from tests.vectors.examples import EXAMPLES
from tests.vectors.written import (
    Json,
    history_json,
    judgement_json,
    moment,
    versions_json,
    workdays_json,
    zone_of,
)

HERE = Path(__file__).parent / "cadence"
RULEBOOK = Rulebook.of(DEFAULT_POLICIES, NOTICES, BEIJING)
HISTORIES = 220
DEVICES = 90


def vectors() -> dict[str, Json]:
    """Every file's content by its name."""
    default = {
        "workdays": workdays_json(NOTICES),
        "zone": zone_of(RULEBOOK),
        "versions": versions_json(RULEBOOK),
    }
    return {
        "calendar": {**default, **_calendar()},
        "examples": {**default, "vectors": list(_examples())},
        "histories": {
            "workdays": workdays_json(NOTICES),
            "vectors": [_history(seed) for seed in range(HISTORIES)],
        },
        "handheld": {
            "workdays": workdays_json(NOTICES),
            "vectors": [*midway_vectors(), *(device_vector(seed) for seed in range(DEVICES))],
        },
        "percents": {"vectors": [[n, d, percent(n, d)] for n, d in _SHARES]},
    }


_SHARES = (
    (0, 0),
    (0, 7),
    (7, 7),
    (430, 462),
    (101, 108),
    (35, 36),
    (1, 3),
    (2, 3),
    (1, 800),
    (1, 1600),
    (3, 7),
)


def _calendar() -> Json:
    """Periods with the days that decide about them, and sums of working days."""
    first, last = date(2025, 12, 22), date(2027, 4, 2)
    return {
        "periods": [_period(period) for tier in CadenceTier for period in periods_between(tier, first, last)],
        "shifts": [[day, n, NOTICES.shift(date.fromisoformat(day), n).isoformat()] for day, n in _SHIFTS],
        "counts": [
            [one, other, NOTICES.count(date.fromisoformat(one), date.fromisoformat(other))]
            for one, other in _SPANS
        ],
    }


# Working-day sums of the law's and the seeds' clocks, see domain.md 2.5 and 1B.
_SHIFTS = (
    ("2026-02-13", 7), ("2026-09-28", 7), ("2026-09-18", 2), ("2026-09-29", 5), ("2026-09-30", 2), ("2026-02-12", 3),
    ("2026-09-21", -1), ("2026-10-08", -1), ("2026-09-13", -2), ("2026-10-03", 0), ("2026-12-31", 5),
)  # fmt: skip
_SPANS = (
    ("2025-01-01", "2025-12-31"), ("2026-01-01", "2026-12-31"), ("2026-02-16", "2026-02-22"),
    ("2026-09-28", "2026-10-04"), ("2027-01-01", "2027-01-31"), ("2026-10-05", "2026-10-04"),
)  # fmt: skip


def _period(period: Period) -> list[Any]:
    """Tier, key, both days, due from, end of grace, waived by rule, provisional, the quarter in which it is reported."""
    window = RULEBOOK.window(period.tier, period.first_day, period.last_day)
    return [
        period.tier.value,
        period.key,
        period.first_day.isoformat(),
        period.last_day.isoformat(),
        window.due_from.isoformat(),
        window.grace_last_day.isoformat(),
        window.waived_by_rule,
        window.provisional,
        period.within(CadenceTier.QUARTERLY).key,
    ]


def _examples() -> Iterator[Json]:
    for says, history, moments in EXAMPLES:
        for when in moments:
            yield {
                "says": says,
                "history": history_json(history),
                "as_of": moment(at(when)),
                **_gives(judge(history, RULEBOOK, at(when))),
            }


def _history(seed: int) -> Json:
    chance = Chance(10_000 + seed)
    history, book, as_of = chance.history(), chance.rulebook(), chance.moment(HOURS * (seed % 4) // 4)
    return {
        "zone": zone_of(book),
        "versions": versions_json(book),
        "history": history_json(history),
        "as_of": moment(as_of),
        **_gives(judge(history, book, as_of)),
    }


def _gives(judgements: tuple[Judgement, ...]) -> Json:
    counts: Tally = tally(judgements)
    columns = ("obligations", "waived", "due", "on_time", "late", "missed", "pending", "made_up")
    return {
        "gives": [judgement_json(one) for one in judgements],
        "tally": [getattr(counts, name) for name in columns],
    }


def text_of(content: Json) -> str:
    """One line a vector, so that a change of the rules shows which of them it touches."""
    lines = []
    for name, value in content.items():
        if isinstance(value, list):
            rows = ",\n".join(_compact(row) for row in value)
            lines.append(f"{_compact(name)}: [\n{rows}\n]")
        else:
            lines.append(f"{_compact(name)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Write every file."""
    for name, content in vectors().items():
        (HERE / f"{name}.json").write_text(text_of(content), encoding="utf-8")


if __name__ == "__main__":
    main()
