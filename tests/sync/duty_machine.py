"""The state machine of duty: leaders hand over, leave vacant, withdraw, lend and move people, while days pass.

The model is plain Python: of each cell the words that stand in the order in which they were said, of each person the squads.
It paints days one by one and knows neither spans nor facts nor scope.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Date, cast, func, select, true

from server.grids.duties import unfit_on, vacancies_on
from server.grids.duty_changes import Changed, Wanted, change_duty, find_change, withdraw_change
from server.grids.duty_plans import Holder, Stage
from server.grids.granting import find_grant, grant_scope, revoke_grant
from server.grids.models import Duty, GridCell
from server.grids.ops import apply_due_scope, await_turn
from server.grids.queries import on_duty
from server.kernel.actor import Actor
from server.kernel.permissions import Role
from server.kernel.problems import Problem
from server.kernel.work import Work
from server.org.ops import transfer
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock
from tests.town import MONDAY, SQUAD_OF

OFFICERS = ("li", "wang", "zhao", "old")
FIRST = MONDAY.date()
# Whoever is called old has a certificate up to this day.
LAST_OF_OLD = FIRST + timedelta(days=9)
HORIZON = [FIRST + timedelta(days=n) for n in range(-1, 60)]
CELLS = range(4)
Name = tuple[int, str]
"""A holder as the model has it: the number of the squad, and the name of the lead."""

lines = st.tuples(
    st.lists(st.sampled_from(CELLS), min_size=1, max_size=3, unique=True),
    st.one_of(st.none(), st.tuples(st.integers(0, 1), st.sampled_from((*OFFICERS, "fu")))),
    st.sampled_from([0, 0, 0, 1, 1, 2, 4, 7, -1]),
)


@dataclass(slots=True)
class Word:
    """What a change said of a cell."""

    change: int
    cell: int
    from_day: date
    holder: Name | None


@dataclass(slots=True)
class Known:
    """The model."""

    words: list[Word] = field(
        default_factory=lambda: [
            Word(0, cell, FIRST - timedelta(days=1), (cell // 2, "li" if cell < 2 else "zhao"))
            for cell in CELLS
        ]
    )
    squads: dict[str, list[tuple[date, int | None]]] = field(
        default_factory=lambda: {name: [(date.min, squad)] for name, squad in {**SQUAD_OF, "old": 1}.items()}
    )
    lent: dict[uuid.UUID, tuple[int, str, date, date]] = field(default_factory=dict)

    def paint(self, words: list[Word], cell: int) -> dict[date, Name | None]:
        """Who answers for a cell on each day: every word paints all days from its first on."""
        days: dict[date, Name | None] = dict.fromkeys(HORIZON)
        for word in words:
            if word.cell == cell:
                days.update({day: word.holder for day in HORIZON if day >= word.from_day})
        return days

    def held(self, day: date) -> list[Name | None]:
        """Who answers for each cell on a day."""
        return [self.paint(self.words, cell)[day] for cell in CELLS]

    def squad_of(self, name: str, day: date) -> int | None:
        """The squad that somebody is in on a day."""
        return next(squad for begins, squad in reversed(self.squads[name]) if begins <= day)

    def concerns(self, holder: Name, day: date) -> set[str]:
        """Why the lead cannot carry a duty on a day."""
        squad, lead = holder
        found = {"not_in_squad"} if self.squad_of(lead, day) != squad else set()
        return found | ({"certificate_expired"} if lead == "old" and day > LAST_OF_OLD else set())


@dataclass(slots=True)
class Ground:
    """What an example starts from: the town as settled, its devices, its clock, and a clean end."""

    bureau: Bureau
    clock: Clock
    closing: ExitStack = field(default_factory=ExitStack)


class DutyMachine(RuleBasedStateMachine):
    """``open_ground`` is set by the test that runs it."""

    open_ground: Callable[[], Ground]

    def __init__(self) -> None:
        super().__init__()
        self.ground = type(self).open_ground()
        self.bureau, self.clock, self.town = self.ground.bureau, self.ground.clock, self.ground.bureau.town
        self.known = Known()
        self.changes: dict[int, uuid.UUID] = {}
        self.withdrawn: set[int] = set()

    @property
    def today(self) -> date:
        return self.bureau.today

    def at_desk(self) -> AbstractContextManager[Work]:
        """A unit of work of the bureau's leader."""
        roles = frozenset({Role.BUREAU_LEADER})
        actor = Actor(self.town.bureau_id, self.town.accounts["ju"], roles)
        return self.bureau.kernel.work(actor, self.clock.now)

    # ── what leaders do ──────────────────────────────────────────────────────────────────────────

    @rule(asked=st.lists(lines, min_size=1, max_size=3))
    def change(self, asked: list[tuple[list[int], Name | None, int]]) -> None:
        """Several lines at once."""
        self._change(asked)

    def _change(self, asked: list[tuple[list[int], Name | None, int]]) -> None:
        """All lines are carried out, or none where one does not do."""
        wanted = [
            Wanted(
                path=f"/{number}",
                cells_path=f"/{number}/cells",
                cells={"cell_ids": [self.town.cells[cell] for cell in cells]},
                stage=Stage(self.today + timedelta(days=later), self._holder(name)),
            )
            for number, (cells, name, later) in enumerate(asked)
        ]
        faults = self._faults(asked)
        number = len(self.changes) + 1
        changed, refused = self._attempt(lambda work: change_duty(work, wanted, "试样"))
        if changed is None:
            assert {error["code"] for error in refused.errors} <= faults, refused.errors
            return
        assert faults == set()
        said = []
        for cell, (name, from_day) in sorted(self._targets(asked).items()):
            word = Word(number, cell, from_day, name)
            if self.known.paint(self.known.words, cell) != self.known.paint([*self.known.words, word], cell):
                said.append(word)
        self.known.words += said
        assert [one.cell.id for one in changed.cells] == [self.town.cells[word.cell] for word in said]
        assert (changed.change_id is None) == (not said)
        if changed.change_id is not None:
            self.changes[number] = changed.change_id

    def _attempt(self, act: Callable[[Work], Changed]) -> tuple[Changed | None, Problem]:
        """What was done, or by which problem it was refused."""
        try:
            with self.at_desk() as work:
                return act(work), Problem("internal")
        except Problem as refused:
            return None, refused

    def _holder(self, name: Name | None) -> Holder | None:
        return None if name is None else Holder(self.town.squads[name[0]], self.town.people[name[1]])

    def _targets(
        self, asked: list[tuple[list[int], Name | None, int]]
    ) -> dict[int, tuple[Name | None, date]]:
        return {
            cell: (name, self.today + timedelta(days=later)) for cells, name, later in asked for cell in cells
        }

    def _faults(self, asked: list[tuple[list[int], Name | None, int]]) -> set[str]:
        """Every reason for which the lines may be refused."""
        faults: set[str] = set()
        for cells, name, later in asked:
            day = self.today + timedelta(days=later)
            if later < 0:
                faults.add("in_past")
            if name is not None and name[1] == "fu":
                faults.add("not_an_officer")
            elif name is not None:
                faults |= self.known.concerns(name, day)
            if any(self._targets(asked)[cell] != (name, day) for cell in cells):
                faults.add("cell_named_twice")
        return faults

    @rule(
        cell=st.sampled_from(CELLS),
        asked=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 99)), min_size=2, max_size=4),
        pick=st.integers(0, 99),
    )
    def change_one_mind(self, cell: int, asked: list[tuple[int, int]], pick: int) -> None:
        """Several plans for one cell, one over the other, and one of them is taken back."""
        before = len(self.changes)
        for later, which in asked:
            day = self.today + timedelta(days=later)
            able = [
                (squad, lead)
                for squad in (0, 1)
                for lead in OFFICERS
                if not self.known.concerns((squad, lead), day)
            ]
            self._change([([cell], [*able, None][which % (len(able) + 1)], later)])
        made = sorted(self.changes)[before:]
        if made:
            self._withdraw(made[pick % len(made)])

    @precondition(lambda self: self.changes)
    @rule(pick=st.integers(0, 99))
    def withdraw(self, pick: int) -> None:
        """A change that has not begun is taken back."""
        self._withdraw(sorted(self.changes)[pick % len(self.changes)])

    def _withdraw(self, number: int) -> None:
        """The days are as if the change had never been made; or it is refused, and rightly."""
        own = [word for word in self.known.words if word.change == number]
        others = [word for word in self.known.words if word.change != number]
        done, refused = self._attempt(
            lambda work: withdraw_change(work, find_change(work, self.changes[number]), "试样")
        )
        if done is None:
            if number in self.withdrawn:
                assert refused.code == "duty_withdrawn"
            elif any(word.from_day <= self.today for word in own):
                assert refused.code == "duty_begun"
            else:
                # Nothing of it was left: no day would be another.
                assert refused.code == "duty_replaced"
                for cell in CELLS:
                    assert self.known.paint(others, cell) == self.known.paint(self.known.words, cell)
            return
        assert number not in self.withdrawn
        assert all(word.from_day > self.today for word in own)
        self.withdrawn.add(number)
        self.known.words = others

    @rule(
        name=st.sampled_from(OFFICERS),
        squad=st.sampled_from([0, 1, None]),
        later=st.sampled_from([0, 0, 1, 3]),
    )
    def move(self, name: str, squad: int | None, later: int) -> None:
        """Somebody changes squads; the cells that he leads stay with the squad, and he is listed."""
        day = self.today + timedelta(days=later)
        with self.at_desk() as work:
            await_turn(work)
            to = None if squad is None else self.town.squads[squad]
            transfer(work, self.town.people[name], to, day, leads=False)
            apply_due_scope(work, changed=True)
        kept = [one for one in self.known.squads[name] if one[0] < day]
        self.known.squads[name] = [*kept, (day, squad)]

    @rule(
        cell=st.sampled_from(CELLS),
        name=st.sampled_from(OFFICERS),
        later=st.sampled_from([0, 1]),
        days=st.integers(1, 4),
    )
    def lend(self, cell: int, name: str, later: int, days: int) -> None:
        """A cell is lent to somebody for some days."""
        first = self.today + timedelta(days=later)
        last = first + timedelta(days=days - 1)
        with self.at_desk() as work:
            (grant,) = grant_scope(
                work,
                [self.town.cells[cell]],
                person_id=self.town.people[name],
                squad_id=None,
                from_day=first,
                to_day=last,
                ground="cover",
                reason="试样",
            )
            self.known.lent[grant.id] = (cell, name, first, last)

    @precondition(lambda self: self.known.lent)
    @rule(pick=st.integers(0, 99))
    def take_back(self, pick: int) -> None:
        """What was lent is taken back before its time."""
        grant_id = sorted(self.known.lent)[pick % len(self.known.lent)]
        if self.known.lent[grant_id][3] >= self.today:
            with self.at_desk() as work:
                revoke_grant(work, find_grant(work, grant_id), "试样")
            del self.known.lent[grant_id]

    @rule(days=st.sampled_from([1, 1, 2, 4]))
    def pass_days(self, days: int) -> None:
        if self.today + timedelta(days=days + 8) < HORIZON[-1]:
            self.clock.pass_by(days=days)

    # ── what must hold, after each of them ───────────────────────────────────────────────────────

    @invariant()
    def every_cell_has_one_duty_or_is_vacant_on_every_day(self) -> None:
        names = {self.town.people[name]: name for name in (*OFFICERS, "fu", "qian")}
        squads = {squad: number for number, squad in enumerate(self.town.squads)}
        cells = {cell: number for number, cell in enumerate(self.town.cells)}
        # Between these days nothing changes hands.
        turns = {word.from_day for word in self.known.words} | {self.today}
        days = sorted(turns | {day - timedelta(days=1) for day in turns} - {HORIZON[0] - timedelta(days=1)})
        with self.at_desk() as work:
            rows = work.session.execute(
                select(Duty.cell_id, Duty.squad_id, Duty.lead_person_id, Duty.valid)
            ).all()
            assert not any(valid.isempty for *_, valid in rows)
            asked = select(cast(func.unnest(days), Date).label("day")).subquery()
            duty = on_duty(GridCell.id, asked.c.day, self.clock.now)
            facts = {
                (day, cells[cell]): (squads[squad], names[lead]) if squad else None
                for day, cell, squad, lead in work.session.execute(
                    select(asked.c.day, GridCell.id, duty.c.squad_id, duty.c.lead_person_id)
                    .select_from(asked)
                    .join(GridCell, true())
                    .outerjoin(duty, true())
                )
            }
            for day in days:
                held = [
                    (cells[cell], (squads[squad], names[lead]))
                    for cell, squad, lead, valid in rows
                    if day in valid
                ]
                vacant = [cells[row.id] for row in work.session.execute(vacancies_on(work.actor, day))]
                # One duty or a vacancy, and never both: no gap, no overlap.
                assert sorted([cell for cell, _ in held] + vacant) == list(CELLS), day
                expected = self.known.held(day)
                assert [dict(held).get(cell) for cell in CELLS] == expected, day
                assert [facts[day, cell] for cell in CELLS] == expected, day
            unfit = {
                cells[row.id]: {
                    code for code in ("not_in_squad", "certificate_expired") if row._mapping[code]
                }
                for row in work.session.execute(unfit_on(work.actor, self.today))
            }
        concerns = {
            cell: found
            for cell, holder in enumerate(self.known.held(self.today))
            if holder is not None and (found := self.known.concerns(holder, self.today))
        }
        assert unfit == concerns

    @invariant()
    def every_officer_sees_exactly_the_cells_of_his_squad_and_what_is_lent_to_him(self) -> None:
        if not self.bureau.is_carried_out():
            # What the first request of a day carries out comes with the next one.
            self.bureau.devices["li"].pull_page("cells")
        held = self.known.held(self.today)
        for name in OFFICERS:
            squad = self.known.squad_of(name, self.today)
            own = {cell for cell in CELLS if squad is not None and (held[cell] or (None,))[0] == squad}
            lent = {
                cell
                for cell, whom, first, last in self.known.lent.values()
                if whom == name and first <= self.today <= last
            }
            device = self.bureau.devices[name]
            device.pull("cells")
            assert device.ids("cells") == {self.town.cells[cell] for cell in own | lent}, name

    def teardown(self) -> None:
        self.ground.closing.close()
