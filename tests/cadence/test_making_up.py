"""A late visit is linked to the missed check that it makes up after the fact, if the rules take it, and undone."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from server.cadence import making_up
from server.cli import main
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.cadence.test_keeping import assert_kept_as_judged
from tests.cadence.test_waivers import DAY, WEDNESDAY, obligation, state
from tests.fieldwork import check_of, field_actor, push_at
from tests.town import PASSWORD, Town

# W27 was missed by Wednesday of W28; on that day comes what meets W28, and on Thursday what is left over.
THURSDAY, FRIDAY = WEDNESDAY + DAY, WEDNESDAY + 2 * DAY


@pytest.fixture
def visits(kernel: Kernel, town: Town) -> dict[str, uuid.UUID]:
    met, extra = check_of(town, 0, WEDNESDAY), check_of(town, 0, THURSDAY)
    alone = check_of(town, 0, THURSDAY + timedelta(hours=1), by=("li",))
    push_at(kernel, town, "li", THURSDAY + timedelta(hours=2), met, extra, alone)
    named = {"met": met, "extra": extra, "alone": alone}
    return {name: uuid.UUID(document["id"]) for name, document in named.items()}


def test_a_visit_that_met_nothing_makes_up_a_missed_week(
    kernel: Kernel, town: Town, visits: dict[str, uuid.UUID]
) -> None:
    with kernel.work(field_actor(town, "wang"), FRIDAY) as work:
        assert (
            making_up.link(work, visits["extra"], "2026-W27", "补查漏填")
            == obligation(kernel, town, 0, "2026-W27").id
        )
    assert obligation(kernel, town, 0, "2026-W27").met_by == visits["extra"]
    assert state(kernel, town, 0, "2026-W27", FRIDAY) == "made_up"
    assert state(kernel, town, 0, "2026-W27", FRIDAY - timedelta(seconds=1)) == "missed"
    assert_kept_as_judged(kernel, town, FRIDAY)
    with kernel.work(field_actor(town, "li"), FRIDAY + DAY) as work:
        making_up.unlink(work, visits["extra"], "关联有误")
    assert obligation(kernel, town, 0, "2026-W27").met_by is None
    assert state(kernel, town, 0, "2026-W27", FRIDAY) == "made_up"
    assert state(kernel, town, 0, "2026-W27", FRIDAY + DAY) == "missed"
    assert_kept_as_judged(kernel, town, FRIDAY + DAY)


@pytest.mark.parametrize(
    ("visit", "key", "code"),
    [
        ("met", "2026-W27", "visit_used"),
        ("alone", "2026-W27", "visit_not_valid"),
        ("extra", "2026-W28", "obligation_not_missed"),
        ("extra", "2026-W29", "obligation_not_missed"),
        ("extra", "2026-W11", "not_found"),
        ("nobody's", "2026-W27", "not_found"),
    ],
)
def test_what_the_rules_do_not_take_is_refused(
    kernel: Kernel, town: Town, visits: dict[str, uuid.UUID], visit: str, key: str, code: str
) -> None:
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), FRIDAY) as work:
        making_up.link(work, visits.get(visit, uuid.uuid4()), key, "补查漏填")
    assert refused.value.code == code


def test_a_visit_before_the_end_of_grace_does_not_fit(kernel: Kernel, town: Town) -> None:
    """Of two on Monday one paid the debt of W27; the other was made before W28 could be missed."""
    monday = WEDNESDAY - 2 * DAY
    paid, early = check_of(town, 0, monday), check_of(town, 0, monday + timedelta(hours=3))
    push_at(kernel, town, "li", monday + DAY, paid, early)
    after_grace = monday + 10 * DAY
    # Three days after Monday's visit it would have met W28; it came at once.
    assert state(kernel, town, 0, "2026-W28", after_grace) == "missed"
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), after_grace) as work:
        making_up.link(work, uuid.UUID(early["id"]), "2026-W28", "补查漏填")
    assert refused.value.code == "visit_does_not_fit"


def test_what_the_record_itself_named_is_no_link_to_undo(kernel: Kernel, town: Town) -> None:
    met, named = check_of(town, 0, WEDNESDAY), check_of(town, 0, THURSDAY)
    push_at(kernel, town, "li", FRIDAY, met, {**named, "makes_up": "2026-W27"})
    assert state(kernel, town, 0, "2026-W27", FRIDAY) == "made_up"
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "li"), FRIDAY) as work:
        making_up.unlink(work, uuid.UUID(named["id"]), "关联有误")
    assert refused.value.code == "visit_not_linked"


def test_nobody_links_in_another_squads_cells(
    kernel: Kernel, town: Town, visits: dict[str, uuid.UUID]
) -> None:
    with pytest.raises(Problem) as refused, kernel.work(field_actor(town, "zhao"), FRIDAY) as work:
        making_up.link(work, visits["extra"], "2026-W27", "补查漏填")
    assert refused.value.code == "not_found"


def test_on_the_command_line(
    kernel: Kernel,
    town: Town,
    visits: dict[str, uuid.UUID],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_PASSWORD", PASSWORD)
    signed = ("--reason", "补查漏填", "--as", f"wang-{town.bureau_id.hex[-6:]}")

    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, ["make-up", *words, *signed], catch_exceptions=False)
        assert done.exit_code == 0, done.output

    run("link", str(visits["extra"]), "2026-W27")
    assert obligation(kernel, town, 0, "2026-W27").met_by == visits["extra"]
    run("undo", str(visits["extra"]))
    assert obligation(kernel, town, 0, "2026-W27").met_by is None
