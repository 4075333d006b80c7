"""Patrols and stops on handhelds: published, withdrawn, retired, handed from squad to squad; edits of the team."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from server.approvals.models import InspectionApproval
from server.grids.models import Duty, Scope
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel, Work
from server.org.models import Vehicle
from server.org.ops import join_squad
from server.patrols.models import PatrolMember, PatrolPlan, PatrolStop, StopWord
from server.patrols.syncing import announce_plan, retire_plans
from server.records.window import carry_out_dates
from server.replication import prune_feeds
from tests.desk.conftest import Desk
from tests.patrols.plans import Planned, Team, a_plan, publish, withdraw
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import push_lines
from tests.sync.handheld import Document, Handheld, new_edit
from tests.town import Town

BOTH = ("patrols", "stops")
NAMES = ("li", "wang", "zhao", "qian")


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """The town, and everybody has pulled."""
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in NAMES})
    made.check()
    return made


def planned(bureau: Bureau, *teams: Team, **given: Any) -> Planned:
    with bureau.work() as work:
        return a_plan(work, bureau.town, bureau.today, *teams, **given)


def held(device: Handheld) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    return device.ids("patrols"), device.ids("stops")


# Li goes with Zhao of the other squad, for Wang is ill.
JOINT = Team(("li", "zhao"), (0, 1))


def test_a_draft_is_nobodys_and_a_published_plan_its_squads_and_its_teams(bureau: Bureau) -> None:
    plan = planned(bureau, JOINT, published=False)
    bureau.check()
    assert held(bureau.devices["li"]) == (set(), set())
    with bureau.work() as work:
        publish(work, plan)
    bureau.check()
    for name in ("li", "wang", "zhao"):
        assert held(bureau.devices[name]) == (set(plan.patrols), plan.documents), name
    assert held(bureau.devices["qian"]) == (set(), set())
    bureau.check_reconciled()


def test_what_stands_in_the_documents(bureau: Bureau, town: Town) -> None:
    with bureau.work() as work:
        vehicle = Vehicle(id=new_id(work.now), bureau_id=town.bureau_id, plate="测A00001")
        approval = InspectionApproval(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            approval_no="样烟检审〔2026〕批28号",
            kind="batch",
            title="试样",
            plan="试样",
            record_kinds=[],
            subject_ids=[],
            cell_ids=[],
            first_day=bureau.today,
            last_day=bureau.today,
            channel="desk",
            approver_id=town.accounts["ju"],
            approved_at=work.now,
            known_at=work.now,
            edit_id=new_edit_id(),
        )
        work.session.add_all([vehicle, approval])
        work.session.flush()
    plan = planned(bureau, Team(("li", "wang", "fu"), (1, 0), vehicle.id), approval_id=approval.id)
    bureau.check()
    patrol = bureau.devices["li"].held["patrols"][str(plan.patrols[0])]
    assert patrol == {
        "id": str(plan.patrols[0]),
        "edit_id": patrol["edit_id"],
        "_deleted": False,
        "plan_id": str(plan.id),
        "squad_id": str(town.squads[0]),
        "day": "2026-07-06",
        "name": "第1组",
        "mode": "car",
        "vehicle": {"id": str(vehicle.id), "plate": "测A00001"},
        "starts_at": "2026-07-06T00:30:00+00:00",
        "ends_at": "2026-07-06T09:30:00+00:00",
        "start": {"name": "驻地", "lon": 84.05, "lat": 39.02},
        "end": {"name": "驻地", "lon": 84.05, "lat": 39.02},
        "leaves_at": "2026-07-06T00:30:00+00:00",
        "returns_at": "2026-07-06T08:30:00+00:00",
        "metres": 20_000,
        "travel_s": 2_700,
        "service_s": 3_600,
        "line": {
            "type": "LineString",
            "coordinates": [[84.05, 39.02], [84.15, 39.05], [84.05, 39.05], [84.05, 39.02]],
        },
        "members": [
            {"person_id": str(town.people["li"]), "name": "li", "part": "lead"},
            {"person_id": str(town.people["wang"]), "name": "wang", "part": "second"},
            {"person_id": str(town.people["fu"]), "name": "fu", "part": "extra"},
        ],
        "approval_no": "样烟检审〔2026〕批28号",
        "ways": {"road": 7, "great_circle": 2},
    }
    stop = bureau.devices["li"].held["stops"][str(plan.stops[0][1])]
    assert stop == {
        "id": str(plan.stops[0][1]),
        "edit_id": stop["edit_id"],
        "_deleted": False,
        "patrol_id": str(plan.patrols[0]),
        "plan_id": str(plan.id),
        "day": "2026-07-06",
        "ordinal": 1,
        "field_ordinal": 1,
        "subject_kind": "outlet",
        "subject_id": str(town.outlets[1]),
        "name": "试样1号便利店",
        "lon": town.positions[1][0],
        "lat": town.positions[1][1],
        "arrives_at": "2026-07-06T00:45:00+00:00",
        "begins_at": "2026-07-06T00:45:00+00:00",
        "departs_at": "2026-07-06T01:15:00+00:00",
        "leg_metres": 4_000,
        "leg_s": 900,
        "leg_by_road": True,
        "visit_kind": "routine",
        "form_code": "ecig_weekly",
        "obligation_ids": [],
        "reasons": [{"code": "duty"}],
        "fixed": None,
        "status": "planned",
        "skip_reason": None,
        "note": None,
        "record_id": None,
    }


def test_a_withdrawn_plan_leaves_every_handheld_the_members_of_other_squads_too(bureau: Bureau) -> None:
    plan = planned(bureau, JOINT, Team(("wang", "qian"), (1,)))
    bureau.check()
    with bureau.work() as work:
        withdraw(work, plan)
    bureau.check()
    for name in NAMES:
        assert held(bureau.devices[name]) == (set(), set()), name
    bureau.check_reconciled()


def test_somebody_who_leaves_a_team_lets_go_and_what_did_not_change_keeps_its_edit(
    bureau: Bureau, town: Town
) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    before = dict(bureau.devices["li"].held["stops"])
    with bureau.work() as work:
        work.session.execute(
            update(PatrolMember)
            .where(PatrolMember.person_id == town.people["zhao"])
            .values(person_id=town.people["qian"])
        )
        announce_plan(work, plan.id, changed=plan.patrols, former=[town.people["zhao"]])
    bureau.check()
    assert held(bureau.devices["zhao"]) == (set(), set())
    assert held(bureau.devices["qian"]) == (set(plan.patrols), plan.documents)
    # The stops say what they said, and whoever comes to the team hears of them all the same.
    assert bureau.devices["li"].held["stops"] == before
    assert bureau.devices["li"].held["patrols"][str(plan.patrols[0])]["members"][1]["name"] == "qian"


@pytest.mark.parametrize("with_cells", [True, False])
def test_somebody_who_leaves_the_squad_loses_its_patrols_and_keeps_his_own(
    bureau: Bureau, town: Town, with_cells: bool
) -> None:
    if not with_cells:
        # A squad that has duty nowhere: nothing of its scope says that somebody was in it.
        with bureau.work() as work:
            work.session.execute(delete(Duty).where(Duty.squad_id == town.squads[0]))
            work.session.execute(delete(Scope).where(Scope.squad_id == town.squads[0]))
    own = planned(bureau, Team(("li", "wang"), (0,)), Team(("li", "fu"), (1,)))
    for device in bureau.devices.values():
        device.pull(*BOTH)
    assert held(bureau.devices["wang"]) == (set(own.patrols), own.documents)
    bureau.transfer("wang", squad=1)
    bureau.check("wang", collections=BOTH)
    assert held(bureau.devices["wang"]) == ({own.patrols[0]}, set(own.stops[0].values()))


def test_somebody_who_joins_the_squad_gets_what_was_published_before(
    bureau: Bureau, town: Town, clock: Clock
) -> None:
    (theirs,) = planned(bureau, Team(("li", "wang"), (0, 1))).patrols
    # Later than that squad's, so that what it was told of lies behind the checkpoints of these two.
    planned(bureau, Team(("zhao", "qian"), (2, 3)), squad=1)
    bureau.check()
    bureau.transfer("qian", squad=0)
    bureau.check()
    assert theirs in bureau.devices["qian"].ids("patrols")
    # And whoever joins it on a later day, on that day.
    with bureau.work() as work:
        join_squad(work, town.people["zhao"], town.squads[0], bureau.today + timedelta(days=2), leads=False)
    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert theirs not in bureau.devices["zhao"].ids("patrols")
    clock.pass_by(days=1)
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert theirs in bureau.devices["zhao"].ids("patrols")
    bureau.check_reconciled()


def test_somebody_who_is_moved_twice_in_a_day_keeps_nothing_of_the_squad_in_between(
    bureau: Bureau, town: Town
) -> None:
    bureau.found_squad()
    with bureau.work() as work:
        a_plan(work, town, bureau.today, Team(("zhao", "qian"), (2,)), squad=2)
    bureau.transfer("wang", squad=2)
    bureau.check()
    assert bureau.devices["wang"].held["patrols"]
    bureau.transfer("wang", squad=0)
    bureau.check()
    assert not bureau.devices["wang"].held["patrols"]


def test_a_patrol_leaves_when_its_day_leaves_the_record_window(bureau: Bureau, clock: Clock) -> None:
    planned(bureau, JOINT)
    bureau.check()
    clock.pass_by(days=90)
    with bureau.work() as work:
        carry_out_dates(work)
        assert retire_plans(work) == 0
    bureau.check()
    assert bureau.devices["zhao"].held["patrols"]
    clock.pass_by(days=1)
    # Until the night's job has run nothing leaves that is not told to let it go.
    bureau.check()
    with bureau.work() as work:
        assert retire_plans(work) == 1
    with bureau.work() as work:
        assert retire_plans(work) == 0
    bureau.check()
    assert held(bureau.devices["li"]) == held(bureau.devices["zhao"]) == (set(), set())


def test_nothing_of_a_published_plan_is_pruned_and_a_withdrawn_one_is(bureau: Bureau, clock: Clock) -> None:
    kept = planned(bureau, JOINT)
    with bureau.work() as work:
        gone = a_plan(work, bureau.town, bureau.today + timedelta(days=1), JOINT)
    bureau.check()
    with bureau.work() as work:
        withdraw(work, gone)
    prune_feeds(bureau.kernel, bureau.town.bureau_id, clock.now)
    clock.pass_by(days=91)
    assert prune_feeds(bureau.kernel, bureau.town.bureau_id, clock.now) > 0
    li = bureau.devices["li"]
    li.pull(*BOTH)
    assert li.started_over == set(BOTH)
    assert li.ids("stops") >= kept.documents


# ── edits ─────────────────────────────────────────────────────────────────────────────────────────


def stop_of(device: Handheld, stop_id: uuid.UUID) -> Document:
    return device.held["stops"][str(stop_id)]


def edit(device: Handheld, base: Document, **changes: Any) -> list[Document]:
    return device.push("stops", new_edit(base, **changes), assumed=[base])


def test_the_team_tells_what_became_of_a_stop_and_the_squad_hears_of_it(
    bureau: Bureau, kernel: Kernel, town: Town
) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    first, second = plan.stops[0][0], plan.stops[0][1]
    li, zhao, wang = (bureau.devices[name] for name in ("li", "zhao", "wang"))
    record_id = str(uuid.uuid4())
    assert edit(zhao, stop_of(zhao, first), status="done", record_id=record_id, field_ordinal=2) == []
    said = {"skip_reason": "road_closed", "note": "桥断了", "field_ordinal": 1}
    assert edit(li, stop_of(li, second), status="skipped", **said) == []
    bureau.check()
    for device in (li, zhao, wang):
        done, skipped = stop_of(device, first), stop_of(device, second)
        assert (done["status"], done["record_id"], done["field_ordinal"]) == ("done", record_id, 2)
        assert (skipped["status"], skipped["skip_reason"], skipped["note"]) == (
            "skipped",
            "road_closed",
            "桥断了",
        )
    assert edit(li, stop_of(li, second), status="planned", skip_reason=None, note=None) == []
    # A client's touch changes nothing but the edit.
    assert edit(li, stop_of(li, second)) == []
    with kernel.sessions() as session:
        stop = session.get_one(PatrolStop, second)
        assert (stop.told_by, stop.told_at) == (town.people["li"], bureau.now)
        words = session.scalars(
            select(StopWord).where(StopWord.stop_id == second).order_by(StopWord.seq)
        ).all()
    assert [(word.status, word.skip_reason) for word in words] == [
        ("skipped", "road_closed"),
        ("planned", None),
    ]


def test_what_is_the_plans_is_passed_over(bureau: Bureau, kernel: Kernel) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    li, stop = bureau.devices["li"], plan.stops[0][0]
    before = stop_of(li, stop)
    forged = {
        "ordinal": 9,
        "arrives_at": "2026-07-07T00:00:00+00:00",
        "fixed": "time",
        "patrol_id": str(uuid.uuid4()),
    }
    assert edit(li, before, status="done", **forged) == []
    li.pull("stops")
    assert stop_of(li, stop) == {**before, "status": "done", "edit_id": stop_of(li, stop)["edit_id"]}


def test_two_of_a_team_on_the_same_stop_conflict_and_a_replay_does_not(
    bureau: Bureau, kernel: Kernel
) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    li, zhao = bureau.devices["li"], bureau.devices["zhao"]
    base = stop_of(li, plan.stops[0][0])
    taken = new_edit(base, status="done")
    assert li.push("stops", taken, assumed=[base]) == []
    assert li.push("stops", taken, assumed=[base]) == []
    answers = edit(zhao, base, status="skipped", skip_reason="weather")
    assert [answer["status"] for answer in answers] == ["done"]
    assert push_lines(kernel, base["id"]) == [("applied", False), ("replayed", False), ("conflict", True)]


def test_only_the_team_edits_its_stops_and_a_leader_settles_the_rest(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town
) -> None:
    plan = planned(bureau, Team(("wang", "zhao"), (2,)))
    bureau.check()
    li, qian = bureau.devices["li"], bureau.devices["qian"]
    base = stop_of(li, plan.stops[0][2])
    (answer,) = edit(li, base, status="skipped", skip_reason="safety")
    assert answer == base
    # Whoever may not even see it learns nothing of it.
    assert qian.push("stops", new_edit(base, status="done"), assumed=[base]) == [
        {"id": base["id"], "_deleted": True}
    ]
    # It lies in a cell of the other squad, but it is the patrol's squad whose business it is.
    zhao = Desk(app, kernel, town, "zhao")
    assert zhao.list() == []
    desk = Desk(app, kernel, town, "li")
    first, second = desk.list()
    assert {one["collection"] for one in (first, second)} == {"stops"}
    assert desk.list(squad_id=str(town.squads[1])) == []
    settled = desk.settle(first["id"], "ours", base)
    assert settled.status_code == 201, settled.get_json()
    bureau.check()
    now = stop_of(bureau.devices["wang"], plan.stops[0][2])
    assert (now["status"], now["skip_reason"]) == ("skipped", "safety")
    refused = desk.settle(second["id"], "merged", now, fields={"status": "skipped", "ordinal": 7})
    assert refused.status_code == 422
    refused = desk.settle(second["id"], "merged", now, fields={"skip_reason": "other"})
    assert [(one["path"], one["code"]) for one in refused.get_json()["errors"]] == [
        ("/fields/note", "note_missing")
    ]
    assert "Another reason" in refused.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize("what", ["plan", "stop"])
def test_a_word_on_what_was_withdrawn_is_kept_for_the_desk(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town, what: str
) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    zhao, stop = bureau.devices["zhao"], plan.stops[0][0]
    base = stop_of(zhao, stop)
    with bureau.work() as work:
        if what == "plan":
            withdraw(work, plan)
        else:
            work.session.get_one(PatrolStop, stop).status = "withdrawn"
            work.session.flush()
            announce_plan(work, plan.id, changed=[stop])
    (answer,) = edit(zhao, base, status="done")
    assert answer["_deleted"] if what == "plan" else answer["status"] == "withdrawn"
    desk = Desk(app, kernel, town, "li")
    (conflict,) = desk.list()
    now = desk.show(conflict["id"])["now"]
    assert desk.settle(conflict["id"], "ours", now).status_code == 422
    assert desk.settle(conflict["id"], "theirs", now).status_code == 201


def test_a_delete_is_no_word_on_a_stop(bureau: Bureau) -> None:
    plan = planned(bureau, JOINT)
    bureau.check()
    li, stop = bureau.devices["li"], plan.stops[0][0]
    base = stop_of(li, stop)
    assert edit(li, base, _deleted=True) == [base]


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"status": "withdrawn"}, "/status", "status_unknown"),
        ({"status": None}, "/status", "status_unknown"),
        ({"status": "skipped"}, "/skip_reason", "skip_reason_missing"),
        ({"status": "skipped", "skip_reason": "laziness"}, "/skip_reason", "skip_reason_unknown"),
        ({"status": "skipped", "skip_reason": ["weather"]}, "/skip_reason", "skip_reason_unknown"),
        ({"status": "skipped", "skip_reason": "other", "note": "  "}, "/note", "note_missing"),
        ({"status": "done", "skip_reason": "weather"}, "/skip_reason", "skip_reason_unasked"),
        ({"note": 7}, "/note", "note_malformed"),
        ({"note": "x" * 4001}, "/note", "note_malformed"),
        ({"record_id": "x"}, "/record_id", "id_malformed"),
        ({"field_ordinal": True}, "/field_ordinal", "ordinal_malformed"),
        ({"field_ordinal": 0}, "/field_ordinal", "ordinal_malformed"),
        ({"field_ordinal": 10**12}, "/field_ordinal", "ordinal_malformed"),
        ({"field_ordinal": None}, "/field_ordinal", "ordinal_malformed"),
    ],
)
def test_a_word_that_cannot_be_taken_is_kept_and_told(
    bureau: Bureau, changes: dict[str, Any], path: str, code: str
) -> None:
    plan = planned(bureau, JOINT)
    li = bureau.devices["li"]
    li.pull(*BOTH)
    base = stop_of(li, plan.stops[0][0])
    (answer,) = edit(li, base, **changes)
    (fault,) = answer["review"]
    assert (fault["path"], fault["code"]) == (path, code)
    assert fault["detail"].isascii() is False


OFFICERS = ("li", "zhao")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(OFFICERS),
        st.integers(0, 3),
        st.sampled_from(["done", "skip", "planned", "reorder", "pull", "unheard", "withdraw", "publish"]),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_two_of_a_team_do_no_stop_is_lost_or_doubled(
    bureau: Bureau, kernel: Kernel, steps: list[tuple[str, int, str]]
) -> None:
    """After every order of edits, lost answers, pulls and withdrawals both hold what the server holds, and no more."""
    with bureau.work() as work:
        plan = a_plan(work, bureau.town, bureau.today, Team(OFFICERS, (0, 1, 2, 3)))
    for name in OFFICERS:
        bureau.devices[name].pull(*BOTH)
    sent: dict[str, set[str]] = {}
    for name, outlet, act in steps:
        device = bureau.devices[name]
        if act in ("withdraw", "publish"):
            with bureau.work() as work:
                (withdraw if act == "withdraw" else republish)(work, plan)
        elif act == "pull":
            device.pull(*BOTH)
        elif (base := device.held["stops"].get(str(plan.stops[0][outlet]))) is not None:
            reason = "no_time" if act == "skip" else None
            status = {"skip": "skipped", "done": "done"}.get(act, "planned")
            ordinal = 5 - base["field_ordinal"] if act == "reorder" else base["field_ordinal"]
            new = new_edit(base, status=status, skip_reason=reason, field_ordinal=ordinal)
            sent.setdefault(new["id"], set()).add(new["edit_id"])
            push = device.push_unheard if act == "unheard" else device.push
            push("stops", new, assumed=[base])
    bureau.check(*OFFICERS, collections=BOTH)
    for name in OFFICERS:
        assert bureau.devices[name].ids("stops") in (plan.documents, set())
    with kernel.sessions() as session:
        stops = session.scalars(select(PatrolStop).where(PatrolStop.plan_id == plan.id)).all()
    assert {stop.id for stop in stops} == plan.documents
    # Every word is in the log: it was applied, or lost and kept.
    for stop, edits in sent.items():
        lines = push_lines(kernel, stop)
        assert len(lines) == len(edits)
        assert all(outcome == "applied" or kept for outcome, kept in lines)
    with bureau.work() as work:
        withdraw(work, plan)


def republish(work: Work, plan: Planned) -> None:
    found = work.session.get_one(PatrolPlan, plan.id, with_for_update=True)
    found.state, found.withdrawn_at = "published", None
    work.session.flush()
    announce_plan(work, plan.id)
