"""The workday table is edited by notices and by single days, and what is owed follows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from server.cadence.models import Obligation
from server.cadence.ops import materialise
from server.cadence.workday_edits import Moved, load_notice, set_day, years
from server.cli import main
from server.kernel.actor import house
from server.kernel.calendar import WorkdayYear, load_workdays
from server.kernel.events import Event
from server.kernel.packaged_workdays import packaged_workdays
from server.kernel.problems import Problem
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.town import MONDAY, Town

SOURCE = "市政府办公室 2026-07-07 通知"
# The Monday after W28: its grace of two working days ends on Tuesday the 14th.
THE_13TH = date(2026, 7, 13)


def owed(kernel: Kernel, key: str) -> list[Obligation]:
    with kernel.sessions() as session:
        return list(session.scalars(select(Obligation).where(Obligation.key == key)))


def test_a_day_off_moves_grace_and_the_documents_and_tells_how_many(kernel: Kernel, town: Town) -> None:
    before = {one.id: one.edit_id for one in owed(kernel, "2026-W28")}
    with kernel.work(house(town.bureau_id), MONDAY + timedelta(hours=1)) as work:
        told = set_day(work, THE_13TH, "off", SOURCE)
    after = owed(kernel, "2026-W28")
    assert {one.grace_last_day for one in after} == {date(2026, 7, 15)}
    assert all(one.edit_id != before[one.id] for one in after)
    assert told == Moved(len(after), ())
    with kernel.work(house(town.bureau_id), MONDAY + timedelta(hours=2)) as work:
        (event,) = work.session.scalars(select(Event).where(Event.name == "workday.set"))
        assert (event.facts["before"], event.facts["after"]) == ("ordinary", "off")
        assert SOURCE in work.session.scalars(select(WorkdayYear.source)).one()
        assert set_day(work, THE_13TH, "off", SOURCE) == Moved(0, ())
        set_day(work, THE_13TH, "ordinary", "更正")
    assert {one.grace_last_day for one in owed(kernel, "2026-W28")} == {date(2026, 7, 14)}


def test_periods_that_were_over_are_named(kernel: Kernel, town: Town) -> None:
    later = MONDAY + timedelta(days=28)
    with kernel.work(house(town.bureau_id), later) as work:
        materialise(work)
        told = set_day(work, THE_13TH, "off", SOURCE)
    assert told == Moved(len(owed(kernel, "2026-W28")), ("2026-W28",))


@pytest.mark.parametrize(
    ("day", "kind", "code"),
    [
        (date(2031, 5, 5), "off", "workdays_missing"),
        (date(2026, 7, 11), "off", "invalid"),
        (date(2026, 7, 13), "make_up", "invalid"),
    ],
)
def test_what_would_say_nothing_is_refused(
    kernel: Kernel, town: Town, day: date, kind: str, code: str
) -> None:
    with pytest.raises(Problem) as refused, kernel.work(house(town.bureau_id), MONDAY) as work:
        set_day(work, day, kind, SOURCE)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_a_year_that_is_loaded_is_provisional_no_more(kernel: Kernel, town: Town) -> None:
    december = datetime(2026, 12, 20, 9, 0, tzinfo=UTC)
    with kernel.work(house(town.bureau_id), december) as work:
        materialise(work)
        assert [(one.year, one.loaded) for one in years(work)] == [(2026, True), (2027, False)]
    assert {one.provisional for one in owed(kernel, "2026-W53")} == {True}
    with kernel.work(house(town.bureau_id), december + timedelta(hours=1)) as work:
        changed, moved = load_notice(work, {date(2027, 1, 1)}, set(), {2027: "国办发明电〔2026〕"})
        assert changed == [2027]
        assert moved.obligations >= len(owed(kernel, "2026-W53")) > 0
    assert {one.provisional for one in owed(kernel, "2026-W53")} == {False}


def test_the_years_of_the_notices_have_248_working_days(kernel: Kernel, town: Town) -> None:
    off, make_up, sources = packaged_workdays()
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        load_notice(work, off, make_up, sources)
        counts = {one.year: one.working_days for one in years(work)}
        assert load_workdays(work.session, work.bureau_id).years >= {2025, 2026}
    assert (counts[2025], counts[2026]) == (248, 248)


def test_on_the_command_line(
    kernel: Kernel, town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["workdays", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "2026-W28" in run("set", "2026-07-13", "off", "--source", SOURCE)
    assert "2026-07-13" in run("list", "2026")
    assert "2027" in run("check")
