"""Draws over their life: frozen, drawn once, published, replaced, cancelled; and what became of them."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from schemas.policies import PolicyDraft
from server.cadence.models import Obligation, PopulationDraw
from server.cadence.ops import materialise
from server.cadence.policies import activate_policy, draft_policy, plan_policy
from server.cadence.population import GRADES, Population, PopulationKind, draw
from server.cadence.sampling import awaited_samples
from server.draws import ops
from server.draws.models import Draw, DrawPlace
from server.draws.queries import published_file, visible_to
from server.draws.recusing import end_recusal
from server.draws.results import outcomes_of, public_sheet
from server.draws.rules import canonical, draw_again, sha256_of
from server.grids.models import Scope, ScopeGrant
from server.kernel.actor import Actor
from server.kernel.events import Event
from server.kernel.problems import Problem
from server.org.models import Person
from server.outlets.models import Outlet
from tests.draws.conftest import TODAY, Office
from tests.fieldwork import check_of, field_actor, push_at
from tests.town import MONDAY, OFFICERS, ROLE_ACCOUNTS

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NONE = {"seed": None, "seed_source": None, "seed_at": None}


def refused(code: str, act: Any, *given: Any, **more: Any) -> Problem:
    with pytest.raises(Problem) as told:
        act(*given, **more)
    assert told.value.code == code, told.value.detail
    return told.value


def events(office: Office, subject: uuid.UUID) -> list[str]:
    with office.at() as work:
        own = select(Event.name).where(Event.subject_ids.contains([str(subject)])).order_by(Event.seq)
        return list(work.session.scalars(own))


def test_a_draw_is_frozen_then_drawn_once_and_anybody_gets_the_same(office: Office) -> None:
    draw_id = office.freeze()
    frozen = office.found(draw_id)
    assert (frozen.state, frozen.teams) == ("frozen", [])
    document = json.loads(frozen.draw.frozen)
    assert frozen.draw.pool_sha256 == sha256_of(canonical(document)) == sha256_of(frozen.draw.frozen)
    assert [one["licence_no"] for one in document["outlets"]] == [f"9902811{n:05d}" for n in range(4)]
    assert [one["squad"] for one in document["outlets"]] == ["试样1中队"] * 2 + ["试样2中队"] * 2
    # Fu is no officer.
    assert [one["cert_no"] for one in document["officers"]] == sorted(office.town.cert_nos.values())
    drawn = office.draw(draw_id)
    assert drawn.state == "drawn"
    assert len(drawn.teams) == 2
    assert len(drawn.rounds[0].seed) == 64
    again = draw_again(json.loads(json.dumps(published_file(drawn))))
    assert (again.faults, list(again.teams)) == ((), drawn.teams)
    # Two people a team, one of them from another squad. Who that is may have gone before: where both shops are of one
    # squad, the first team may have taken everybody of the other.
    squad_of = {one["cert_no"]: one["squad"] for one in document["officers"]}
    shop_of = {one["licence_no"]: one["squad"] for one in document["outlets"]}
    for team in drawn.teams:
        assert len(set(team.cert_nos)) == 2
        assert any(squad_of[one] != shop_of[team.licence_no] for one in team.cert_nos)
    refused("draw_state", office.draw, draw_id)
    assert office.found(draw_id).teams == drawn.teams
    assert events(office, draw_id) == ["draw.frozen", "draw.drawn"]


def test_two_who_draw_from_one_pool_at_once_get_one_draw(office: Office) -> None:
    draw_id = office.freeze()
    held, answers = threading.Event(), []

    def second() -> None:
        try:
            answers.append(office.draw(draw_id).state)
        except Problem as problem:
            answers.append(problem.code)

    with office.at() as work:
        first = ops.carry_out_draw(work, draw_id, NONE)
        rival = threading.Thread(target=second)
        rival.start()
        # It waits for this one: nothing can be drawn while this is open.
        held.wait(0.3)
        assert answers == []
    rival.join(30)
    assert answers == ["draw_state"]
    after = office.found(draw_id)
    assert after.teams == first.teams
    assert len(after.rounds) == 1


def test_a_seed_from_elsewhere_must_be_younger_than_the_pool(office: Office) -> None:
    draw_id = office.freeze(MONDAY)
    source = {"seed": "福彩3D 4 1 7", "seed_source": "福彩3D 第2026180期"}
    for seed_at in (MONDAY - HOUR, MONDAY, MONDAY + 2 * HOUR):
        given = {**source, "seed_at": seed_at.isoformat()}
        refused("draw_seed_known", office.draw, draw_id, MONDAY + HOUR, **given)
    drawn = office.draw(draw_id, MONDAY + HOUR, **source, seed_at=(MONDAY + HOUR).isoformat())
    assert (drawn.rounds[0].seed, drawn.rounds[0].seed_source) == tuple(source.values())
    other = office.freeze(MONDAY)
    assert (
        office.draw(other, MONDAY + HOUR, **source, seed_at=(MONDAY + HOUR).isoformat()).teams == drawn.teams
    )


def test_whoever_is_recused_is_not_in_the_pool_or_not_for_that_outlet(office: Office) -> None:
    altogether, from_one = office.recuse("qian"), office.recuse("zhao", outlet=0)
    over = office.recuse("li", from_day="2026-07-01", to_day="2026-07-05")
    ended = office.recuse("wang")
    with office.at() as work:
        end_recusal(work, ended, "试样：登记有误")
    draw_id = office.freeze(count=4, from_other_squads=0)
    document = json.loads(office.found(draw_id).draw.frozen)
    names = {cert_no: name for name, cert_no in office.town.cert_nos.items()}
    assert {names[one["cert_no"]] for one in document["officers"]} == {"li", "wang", "zhao"}
    zhao = office.town.cert_nos["zhao"]
    assert document["recusals"] == [{"cert_no": zhao, "licence_no": "990281100000"}]
    drawn = office.draw(draw_id)
    assert office.team_of(drawn, 0) == {"li", "wang"}
    assert not any(office.town.cert_nos["qian"] in team.cert_nos for team in drawn.teams)
    # With one of another squad in each team, nobody is left for the first outlet.
    told = refused("draw_pool_too_small", office.freeze, from_other_squads=1)
    assert [one["path"] for one in told.errors] == ["/outlets/990281100000"]
    for one in (altogether, from_one, over):
        with office.at() as work:
            end_recusal(work, one, "试样")
    with office.at() as work:
        refused("recusal_over", end_recusal, work, one, "再来")
    assert events(office, one) == ["recusal.noted", "recusal.ended"]


def test_a_recusal_after_the_freeze_makes_the_pool_stale(office: Office) -> None:
    draw_id, untouched = (
        office.freeze(),
        office.freeze(outlets={"cell_ids": [str(office.town.cells[1])]}, count=1),
    )
    recusal = office.recuse("li", outlet=0)
    refused("draw_pool_stale", office.draw, draw_id)
    # Of another outlet than those of the pool, it changes nothing.
    assert office.draw(untouched).state == "drawn"
    with office.at() as work:
        end_recusal(work, recusal, "试样")
    assert office.draw(draw_id).state == "drawn"


def test_the_pool_is_as_the_register_and_the_certificates_have_it(office: Office) -> None:
    town = office.town

    def pool(**given: Any) -> tuple[list[str], int]:
        document = json.loads(office.found(office.freeze(count=1, from_other_squads=0, **given)).draw.frozen)
        return [one["licence_no"][-1] for one in document["outlets"]], len(document["officers"])

    assert pool(outlets={"cell_ids": [str(town.cells[2]), str(town.cells[3])]}) == (["2", "3"], 4)
    assert pool(outlets={"grades": ["A"], "business_kinds": ["B"], "scope": "ecig"}) == (
        ["0", "1", "2", "3"],
        4,
    )
    refused("draw_pool_too_small", pool, outlets={"grades": ["D"]})
    assert pool(squad_ids=[str(town.squads[0])])[1] == 2
    refused("not_found", pool, squad_ids=[str(uuid.uuid4())])
    refused("not_found", pool, outlets={"cell_ids": [str(uuid.uuid4())]})
    with office.at() as work:
        work.session.execute(update(Person).where(Person.id == town.people["qian"]).values(kind="auxiliary"))
        work.session.execute(update(Outlet).where(Outlet.id == town.outlets[3]).values(cell_id=None))
    try:
        document = json.loads(office.found(office.freeze(from_other_squads=0)).draw.frozen)
        assert document["unplaced"] == ["990281100003"]
        assert len(document["outlets"]) == len(document["officers"]) == 3
    finally:
        with office.at() as work:
            work.session.execute(
                update(Person).where(Person.id == town.people["qian"]).values(kind="officer")
            )
            work.session.execute(
                update(Outlet).where(Outlet.id == town.outlets[3]).values(cell_id=town.cells[3])
            )
    # The certificates end with 2028: for a window that goes on nobody is certified throughout.
    new_year = {"from_day": "2028-12-30", "to_day": "2029-01-02"}
    told = refused(
        "draw_pool_too_small", office.freeze, datetime(2028, 12, 1, 9, tzinfo=MONDAY.tzinfo), **new_year
    )
    assert "执法人员 0 人" in told.detail
    for wrong, code in (
        ({"from_day": "2026-07-01"}, "invalid"),
        ({"to_day": "2026-07-05"}, "invalid"),
        ({"to_day": "2028-01-01"}, "invalid"),
        ({"count": 5}, "draw_pool_too_small"),
        ({"count": None, "percent": {"D": 100}}, "draw_pool_too_small"),
        ({"team_size": 5, "from_other_squads": 0}, "draw_pool_too_small"),
        ({"from_other_squads": 2, "squad_ids": [str(town.squads[0])]}, "draw_pool_too_small"),
    ):
        refused(code, office.freeze, **wrong)


def test_publishing_lends_the_teams_their_cells_and_cancelling_takes_them_back(office: Office) -> None:
    town = office.town
    draw_id = office.freeze(outlets={"cell_ids": [str(town.cells[0])]}, count=1, from_other_squads=2)
    refused("draw_state", office.publish, draw_id)
    office.draw(draw_id)

    def sees(name: str) -> bool:
        with office.at() as work:
            own = select(Scope).where(Scope.person_id == town.people[name], Scope.cell_id == town.cells[0])
            return work.session.scalars(own).first() is not None

    assert not sees("zhao")
    assert office.publish(draw_id).state == "published"
    assert sees("zhao")
    assert sees("qian")
    with office.at() as work:
        lent = work.session.scalars(select(ScopeGrant).where(ScopeGrant.reason.contains("试样抽查"))).all()
        assert {(one.ground, one.valid.upper) for one in lent} == {("patrol", TODAY + 7 * DAY)}
    with office.at() as work:
        cancelled = ops.cancel_draw(work, draw_id, "试样：行动取消")
    assert cancelled.state == "cancelled"
    assert not sees("zhao")
    assert not sees("qian")
    assert sees("li")
    assert office.found(draw_id).teams == cancelled.teams != []
    for act in (office.publish, office.draw):
        refused("draw_state", act, draw_id)
    refused("draw_state", office.replace, draw_id, "zhao")
    names = ["draw.frozen", "draw.drawn", "draw.published", "draw.cancelled"]
    assert events(office, draw_id) == names


def test_whoever_drops_out_is_replaced_by_lot_and_his_cells_go_along(office: Office) -> None:
    town = office.town
    draw_id = office.freeze(count=4, from_other_squads=0, team_size=2)
    office.draw(draw_id)
    published = office.publish(draw_id)
    refused("not_found", office.replace, draw_id, "fu")
    later = MONDAY + HOUR
    early = {"seed": "7", "seed_source": "试样", "seed_at": MONDAY.isoformat()}
    refused("draw_seed_known", office.replace, draw_id, "li", later, **early)
    recusal = office.recuse("zhao", outlet=1, now=later)
    replaced = office.replace(draw_id, "li", later)
    had = [team.licence_no for team in published.teams if town.cert_nos["li"] in team.cert_nos]
    assert replaced.rounds[1].licences == had
    assert replaced.rounds[1].left_out == [{"cert_no": town.cert_nos["zhao"], "licence_no": "990281100001"}]
    assert not any(town.cert_nos["li"] in team.cert_nos for team in replaced.teams)
    kept = [team for team in published.teams if team.licence_no not in had]
    assert [team for team in replaced.teams if team.licence_no not in had] == kept
    if "990281100001" in had:
        assert "zhao" not in office.team_of(replaced, 1) - office.team_of(published, 1)
    assert draw_again(published_file(replaced)).faults == ()
    # Whoever dropped out is told no more of where the others go.
    for name in OFFICERS:
        drawn = any(town.cert_nos[name] in team.cert_nos for team in replaced.teams)
        with office.kernel.work(field_actor(town, name), later) as work:
            assert (
                work.session.scalar(visible_to(work.actor).where(Draw.id == draw_id)) is not None
            ) == drawn
    with office.at(later) as work:
        wanted = {
            (team.licence_no, office.town.people[name])
            for number, team in enumerate(replaced.teams)
            for name in OFFICERS
            if town.cert_nos[name] in team.cert_nos
        }
        cells = {f"9902811{n:05d}": cell for n, cell in enumerate(town.cells)}
        living = select(ScopeGrant.person_id, ScopeGrant.cell_id).where(
            ScopeGrant.revoked_at.is_(None), ScopeGrant.reason == "双随机：试样抽查"
        )
        held = set(map(tuple, work.session.execute(living)))
        assert {(person, cells[licence]) for licence, person in wanted} == held
        last = select(DrawPlace).where(DrawPlace.draw_id == draw_id, DrawPlace.round == 1)
        assert {one.licence_no for one in work.session.scalars(last)} == set(had)
    # Whoever dropped out is not drawn again when the next one does, until nobody is left.
    gone, standing = ["li"], replaced.teams
    for name in ("wang", "zhao"):
        try:
            standing = office.replace(draw_id, name, later).teams
        except Problem as problem:
            stopped_by = problem.code
            break
        gone.append(name)
        assert not {town.cert_nos[one] for one in gone} & {one for team in standing for one in team.cert_nos}
    else:
        pytest.fail("Of four officers three are gone, and teams of two were drawn.")
    assert stopped_by == "draw_pool_too_small"
    assert office.found(draw_id).teams == standing
    with office.at() as work:
        ops.cancel_draw(work, draw_id, "试样")
        end_recusal(work, recusal, "试样")


def test_a_draw_whose_days_are_over_can_only_be_cancelled(office: Office) -> None:
    draw_id = office.freeze()
    after = MONDAY + 7 * DAY
    refused("draw_window_over", office.draw, draw_id, after)
    with office.at(after) as work:
        assert ops.cancel_draw(work, draw_id, "试样：过期").state == "cancelled"


def test_a_spot_check_is_of_those_who_owe_the_period_and_any_valid_check_meets_it(office: Office) -> None:
    town, kernel = office.town, office.kernel
    spot = {
        "name": "三季度抽查",
        "purpose": "spot_check",
        "outlets": {"tier": "QUARTERLY", "period": "2026-Q3"},
        "from_day": None,
        "to_day": None,
        "count": 4,
    }
    draw_id = office.freeze(**spot)
    frozen = office.found(draw_id).draw
    assert (frozen.tier, frozen.key, frozen.from_day, frozen.to_day) == (
        *("QUARTERLY", "2026-Q3", TODAY),
        date(2026, 9, 30),
    )
    office.draw(draw_id)
    published = office.publish(draw_id)
    # To outlet 0 goes who was drawn, to outlet 1 another pair; outlet 2 is checked weekly only.
    names = tuple(sorted(office.team_of(published, 0)))
    others = tuple(sorted(set(OFFICERS) - office.team_of(published, 1)))
    at = MONDAY + DAY
    first = check_of(town, 0, at, "QUARTERLY", by=names)
    second = check_of(town, 1, at, "QUARTERLY", by=others)
    weekly = check_of(town, 2, at, "WEEKLY", by=("zhao", "qian"))
    for record, who in ((first, names[0]), (second, others[0]), (weekly, "zhao")):
        assert push_at(kernel, town, who, at + HOUR, record) == []
    with office.at(at + 2 * HOUR) as work:
        rows = {one.licence_no[-1]: one.as_row() for one in outcomes_of(work, office.found(draw_id))}
        sheet = public_sheet(work, office.found(draw_id))
        owed = select(Obligation.met_by).where(
            Obligation.subject_id == town.outlets[1], Obligation.key == "2026-Q3"
        )
        assert str(work.session.scalar(owed)) == second["id"]
    assert {n: (rows[n]["state"], rows[n]["team_as_drawn"]) for n in "0123"} == {
        "0": ("met", True),
        "1": ("met", False),
        "2": ("open", None),
        "3": ("open", None),
    }
    assert (str(rows["0"]["record_id"]), rows["0"]["result"]) == (first["id"], "normal")
    assert rows["0"]["due"] == date(2026, 9, 30)
    # In public only those that were checked, until the last day is over.
    assert [row["licence_no"][-1] for row in sheet.rows] == [
        n for n in map(_last, published.teams) if n in "01"
    ]
    assert set(sheet.rows[0]) == {"licence_no", "outlet", "date", "result", "officers"}
    with office.at(datetime(2026, 10, 1, 9, tzinfo=MONDAY.tzinfo)) as work:
        sheet = public_sheet(work, office.found(draw_id))
    told = {row["licence_no"][-1]: (row["result"], row["date"]) for row in sheet.rows}
    assert told == {
        "0": ("正常", at.date().isoformat()),
        "1": ("正常", at.date().isoformat()),
        "2": ("未检查", None),
        "3": ("未检查", None),
    }
    assert sheet.answer["rows"] == sheet.rows
    # Who owes nothing any more is in no later pool.
    later = office.freeze(at + 2 * HOUR, **{**spot, "count": 2, "from_day": (at + DAY).date().isoformat()})
    assert [one["licence_no"][-1] for one in json.loads(office.found(later).draw.frozen)["outlets"]] == [
        "2",
        "3",
    ]
    for wrong, code in (
        ({"from_day": "2026-07-06", "to_day": "2026-10-01"}, "invalid"),
        ({"outlets": {"tier": "QUARTERLY", "period": "2026-07"}}, "bad_period"),
        ({"outlets": {"tier": "QUARTERLY", "period": "nonsense"}}, "bad_period"),
        ({"outlets": {"tier": "QUARTERLY", "period": "2027-Q1"}}, "draw_pool_too_small"),
    ):
        refused(code, office.freeze, **{**spot, **wrong})


def _last(team: Any) -> str:
    licence: str = team.licence_no
    return licence[-1]


def test_a_policy_may_leave_its_sample_to_a_draw_made_before_the_period_begins(office: Office) -> None:
    town = office.town
    share = {"kind": "sample", "percent": {**dict.fromkeys(GRADES, 0), "A": 50}, "by_draw": True}
    tier = {"tier": "QUARTERLY", "form_code": "ecig_quarterly", "grace_working_days": 5, "population": share}
    body = {"name": "试样制度", "legal_basis": "试样依据", "effective_from": "2026-10-01", "tiers": [tier]}
    admin = Actor(
        bureau_id=town.bureau_id, account_id=town.accounts["admin"], roles=frozenset(ROLE_ACCOUNTS["admin"])
    )
    decided = datetime(2026, 9, 18, 9, tzinfo=MONDAY.tzinfo)
    with office.kernel.work(admin, decided) as work:
        policy_id = draft_policy(work, PolicyDraft().load(body)).id
        planned = plan_policy(work, policy_id).to_json()
        activate_policy(work, policy_id)
    # The plan counts those who will be drawn: two of four, in four quarters of the year.
    assert {row["tier"]: row["added"] for row in planned["tiers"]}["QUARTERLY"] + {
        row["tier"]: row["kept"] for row in planned["tiers"]
    }["QUARTERLY"] == 2 * 4

    def owing() -> set[str]:
        with office.at(decided) as work:
            owed = select(Outlet.licence_no).join(Obligation, Obligation.subject_id == Outlet.id)
            fourth = (Obligation.key == "2026-Q4", Obligation.voided_at.is_(None))
            return set(work.session.scalars(owed.where(*fourth)))

    with office.at(decided) as work:
        assert [(one.period.key, one.percent["A"]) for one in awaited_samples(work)] == [("2026-Q4", 50)]
        materialise(work)
    assert owing() == set()
    spot = {
        "name": "四季度抽查",
        "purpose": "spot_check",
        "outlets": {"tier": "QUARTERLY", "period": "2026-Q4"},
        "from_day": None,
        "to_day": None,
    }
    told = refused("invalid", office.freeze, decided, **{**spot, "count": 3})
    assert [one["code"] for one in told.errors] == ["not_the_policys_share"]
    first, second = (office.freeze(decided, **{**spot, "count": None}) for _ in range(2))
    begun = datetime(2026, 10, 1, 9, tzinfo=MONDAY.tzinfo)
    refused("policy_backdated", office.freeze, begun, **{**spot, "count": None})
    refused("policy_backdated", office.draw, first, begun)
    drawn = office.draw(first, decided)
    assert owing() == {team.licence_no for team in drawn.teams}
    assert len(drawn.teams) == 2
    with office.at(decided) as work:
        (kept,) = work.session.scalars(select(PopulationDraw))
        # Whoever draws the policy's sample again by its own rule gets those outlets.
        population = Population(PopulationKind.SAMPLE, kept.percent, kept.seed)
        assert draw(population, kept.key, kept.pool) == tuple(kept.drawn) == tuple(sorted(owing()))
        assert awaited_samples(work) == []
        materialise(work)
    assert owing() == set(kept.drawn)
    refused("draw_pool_stale", office.draw, second, decided)
    # Another spot check of the period is now of those who owe it, all of them.
    document = json.loads(office.found(office.freeze(decided, **{**spot, "count": None})).draw.frozen)
    assert [one["licence_no"] for one in document["outlets"]] == kept.drawn
    assert document["choose"]["percent"]["A"] == 100
