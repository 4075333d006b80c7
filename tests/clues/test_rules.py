"""What the acts of a clue make of it, and the clocks of a transfer: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from schemas.vocabulary import ClueActKind, ClueStatus
from server.clues.rules import clocks_of, next_step, status_of, told
from tests.town import ZONE

FOUND = datetime(2026, 7, 7, 9, 0, tzinfo=ZONE)


@dataclass
class Done:
    """An act of the kind, so many hours after the clue was found."""

    kind: str
    hours: float = 0
    decision: str | None = None

    @property
    def happened_at(self) -> datetime:
        return FOUND + timedelta(hours=self.hours)


PROPOSED, APPROVED = Done("transfer_proposed", 1), Done("transfer_decided", 2, "approved")
SENT, FILED = Done("transfer_sent", 3), Done("police_decided", 4, "filed")


@pytest.mark.parametrize(
    ("acts", "status", "step"),
    [
        ([], "open", "transfer_proposed"),
        ([Done("notice")], "notified", "transfer_proposed"),
        ([Done("hand_over"), Done("notice")], "handed_over", "transfer_proposed"),
        ([PROPOSED], "transfer_proposed", "transfer_decided"),
        ([PROPOSED, Done("transfer_decided", 2, "declined")], "transfer_declined", "transfer_proposed"),
        ([PROPOSED, APPROVED, Done("notice")], "transfer_approved", "transfer_sent"),
        ([PROPOSED, APPROVED, SENT], "transferred", "police_decided"),
        ([PROPOSED, APPROVED, SENT, FILED], "police_filed", "goods_sent"),
        ([PROPOSED, APPROVED, SENT, FILED, Done("goods_sent", 5)], "police_filed", None),
        ([PROPOSED, Done("outcome", 9, "filed"), Done("kept_apart")], "filed", "transfer_decided"),
        ([Done("outcome", 1, "merged"), Done("outcome", 2, "not_filed")], "not_filed", "transfer_proposed"),
    ],
)
def test_what_was_done_says_what_became_of_it_and_what_may_follow(
    acts: list[Done], status: str, step: str | None
) -> None:
    assert status_of(acts) is ClueStatus(status)
    assert next_step(acts) == (ClueActKind(step) if step else None)


def test_the_clocks_of_a_transfer() -> None:
    def read(acts: list[Done], hours: float) -> dict[str, tuple[str, str]]:
        clocks = clocks_of(FOUND, acts, FOUND + timedelta(hours=hours), ZONE)
        return {one.step: (f"{one.due:%m-%d %H:%M}", one.state) for one in clocks}

    assert read([], 1) == {"verify": ("07-15 00:00", "running")}
    # Three days after the 7th end with the 10th; 24 hours are hours.
    told = read([PROPOSED, APPROVED], 26.5)
    assert told["transfer_decided"] == ("07-11 00:00", "met")
    assert told["transfer_sent"] == ("07-08 11:00", "overdue")
    late = read([PROPOSED, Done("transfer_decided", 87.5, "approved")], 88)
    assert late["transfer_decided"] == ("07-11 00:00", "late")
    assert late["transfer_sent"][1] == "running"
    assert read([PROPOSED, APPROVED, SENT, FILED], 5)["goods_sent"] == ("07-11 00:00", "running")
    # What was declined runs no further.
    assert set(read([PROPOSED, Done("transfer_decided", 2, "declined")], 5)) == {"verify", "transfer_decided"}


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"summary": 7, "plate": ["x"], "matter": {}, "confidence": "very", "from_record_id": "no"},
        {"elsewhere": True, "summary": "   "},
    ],
)
def test_a_form_that_is_not_known_tells_a_clue_all_the_same(answers: dict[str, object]) -> None:
    said = told({"answers": answers})
    assert (said.matter, said.summary) == ("other", "（未填写）")
    assert (said.elsewhere_unit is None) is (answers.get("elsewhere") is not True)
