"""What is owed in a cell is let off, opened, taken back and made up by the squad that has duty there, not by a borrower."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from server.cadence import making_up, waivers
from server.cadence.duty_acts import open_duty, withdraw_duties
from server.cadence.models import Obligation
from server.cadence.ops import waive
from server.cadence.queries import visible_to
from server.grids.granting import grant_scope
from server.kernel.actor import house
from server.kernel.problems import Problem
from server.kernel.work import Kernel, Work
from tests.cadence.test_making_up import FRIDAY, THURSDAY
from tests.cadence.test_waivers import WEDNESDAY, licence_no, obligation, only_waiver
from tests.fieldwork import check_of, field_actor, push_at
from tests.town import MONDAY, Town, settle_town

Act = Callable[[Work], Any]


@pytest.fixture
def town(kernel: Kernel) -> Town:
    """Squad 0's first cell is lent to squad 1 for July."""
    town = settle_town(kernel)
    with kernel.work(house(town.bureau_id), MONDAY) as work:
        grant_scope(
            work,
            [town.cells[0]],
            person_id=None,
            squad_id=town.squads[1],
            from_day=MONDAY.date(),
            to_day=date(2026, 7, 31),
            ground="cover",
            reason="试样：顶岗",
        )
    return town


def act(kernel: Kernel, town: Town, name: str, do: Act, at: datetime = FRIDAY) -> Any:
    with kernel.work(field_actor(town, name), at) as work:
        return do(work)


def refused(kernel: Kernel, town: Town, name: str, do: Act, at: datetime = FRIDAY) -> str:
    with pytest.raises(Problem) as found:
        act(kernel, town, name, do, at)
    return found.value.code


def test_a_borrower_lets_nothing_off_and_withdraws_no_waiver(kernel: Kernel, town: Town) -> None:
    owed = obligation(kernel, town, 0, "2026-W28").id
    with kernel.work(field_actor(town, "zhao"), WEDNESDAY) as work:
        assert work.session.get(Obligation, owed) in work.session.scalars(visible_to(work.actor)).all()

    def let_off(work: Work) -> int:
        return waive(work, [owed], "店主住院")

    assert refused(kernel, town, "zhao", let_off, WEDNESDAY) == "cell_lent"
    assert act(kernel, town, "li", let_off, WEDNESDAY) == 1
    waiver = only_waiver(kernel)

    def withdraw(work: Work) -> int:
        return waivers.withdraw(work, [waiver], "已出院")

    assert refused(kernel, town, "zhao", withdraw) == "cell_lent"
    assert act(kernel, town, "li", withdraw) == 1


def test_a_borrower_links_and_unlinks_no_make_up(kernel: Kernel, town: Town) -> None:
    extra = check_of(town, 0, THURSDAY)
    push_at(kernel, town, "li", THURSDAY + timedelta(hours=2), check_of(town, 0, WEDNESDAY), extra)
    record_id = uuid.UUID(extra["id"])

    def link(work: Work) -> uuid.UUID:
        return making_up.link(work, record_id, "2026-W27", "补查漏填")

    def unlink(work: Work) -> None:
        making_up.unlink(work, record_id, "关联有误")

    assert refused(kernel, town, "zhao", link) == "cell_lent"
    act(kernel, town, "wang", link)
    later = FRIDAY + timedelta(hours=1)
    assert refused(kernel, town, "zhao", unlink, later) == "cell_lent"
    act(kernel, town, "wang", unlink, later)
    assert obligation(kernel, town, 0, "2026-W27").met_by is None


def test_a_borrower_opens_no_duty_and_takes_none_back(kernel: Kernel, town: Town) -> None:
    given = {
        "rule": "round",
        "subject_kind": "outlet",
        "subjects": [{"number": licence_no(kernel, town, 0)}],
        "first_day": date(2026, 7, 13),
        "last_day": date(2026, 7, 31),
        "reference": "第2轮",
    }

    def open_round(work: Work) -> list[uuid.UUID]:
        return open_duty(work, given)

    assert refused(kernel, town, "zhao", open_round) == "cell_lent"
    opened = act(kernel, town, "li", open_round)
    assert len(opened) == 1

    def take_back(work: Work) -> int:
        return withdraw_duties(work, opened, "登记有误")

    assert refused(kernel, town, "zhao", take_back) == "cell_lent"
    assert act(kernel, town, "li", take_back) == 1


def test_whoever_does_it_in_the_whole_bureau_needs_no_duty(kernel: Kernel, town: Town) -> None:
    owed = obligation(kernel, town, 0, "2026-W28").id
    with kernel.work(house(town.bureau_id), WEDNESDAY) as work:
        assert waive(work, [owed], "店主住院") == 1
