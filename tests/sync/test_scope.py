"""Grants, revokes and hand-overs reach the devices: after each pull to the end, held is what may be seen."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from geoalchemy2.shape import from_shape
from shapely.geometry import Point
from sqlalchemy import select, update

from server.access.models import Device
from server.grids.models import GridCell
from server.grids.ops import apply_due_scope
from server.kernel.actor import house
from server.kernel.ids import new_edit_id, new_id
from server.kernel.work import Kernel
from server.org.ops import join_squad
from server.outlets.models import Site
from sync import feed
from tests.sync.bureau import Bureau
from tests.sync.conftest import Clock, MakeHandheld
from tests.sync.fieldwork import a_check, an_order_to_rectify
from tests.sync.handheld import Handheld, new_edit
from tests.sync.oracle import may_see, pulled
from tests.town import Town, client_of, settle_town


@pytest.fixture
def bureau(kernel: Kernel, town: Town, clock: Clock, handheld: MakeHandheld) -> Bureau:
    """The town after a morning's work: records, a rectification, obligations met, and everybody has pulled."""
    made = Bureau(kernel, town, lambda: clock.now, {name: handheld(name) for name in ("li", "wang", "zhao")})
    made.devices["li"].push("records", a_check(town, 0, clock.now), an_order_to_rectify(town, 1, clock.now))
    made.devices["zhao"].push("records", an_order_to_rectify(town, 2, clock.now, "zhao", "qian"))
    made.check()
    return made


def test_a_device_holds_its_squads_cells_and_all_that_lies_in_them(bureau: Bureau, town: Town) -> None:
    li = bureau.devices["li"]

    assert li.ids("cells") == set(town.cells[:2])
    assert li.ids("outlets") == {town.outlets[0], town.outlets[1]}
    assert len(li.held["records"]) == 2
    assert len(li.held["rectifications"]) == 1
    assert {one["cell_id"] for one in li.held["obligations"].values()} == {str(c) for c in town.cells[:2]}


def test_a_hand_over_takes_from_one_squad_and_gives_to_the_other(bureau: Bureau, town: Town) -> None:
    bureau.assign([1], squad=1)
    bureau.check()

    assert bureau.devices["wang"].ids("cells") == {town.cells[0]}
    assert bureau.devices["wang"].ids("outlets") == {town.outlets[0]}
    assert bureau.devices["zhao"].ids("outlets") == set(town.outlets[1:4])
    # Wang signed the record in the cell that went, so he keeps it; the order that came of it goes with the cell.
    assert len(bureau.devices["wang"].held["records"]) == 2
    assert bureau.devices["wang"].held["rectifications"] == {}


def test_a_revoke_of_everything_leaves_the_bureaus_documents_only(bureau: Bureau) -> None:
    bureau.assign([0, 1], squad=1)
    bureau.check()

    wang = bureau.devices["wang"]
    assert not any(wang.held[one] for one in ("cells", "outlets", "obligations", "rectifications"))
    assert wang.held["reference"]
    assert wang.held["people"]


def test_a_hand_over_there_and_back_while_offline_changes_nothing(
    bureau: Bureau, clock: Clock, town: Town
) -> None:
    before = bureau.devices["wang"].ids("outlets")
    bureau.assign([1], squad=1)
    bureau.check("zhao")
    clock.pass_by(days=1)
    bureau.assign([1], squad=0)
    bureau.check()

    assert bureau.devices["wang"].ids("outlets") == before


def test_duty_from_a_later_day_takes_effect_with_the_first_pull_of_that_day(
    bureau: Bureau, clock: Clock, town: Town
) -> None:
    bureau.assign([1], squad=1, from_day=bureau.today + timedelta(days=2))
    clock.pass_by(days=1)
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == set(town.cells[:2])

    clock.pass_by(days=1)
    # The pull that carries the day out cannot hand out what it has just written itself; the next one does.
    bureau.devices["zhao"].pull("cells")
    bureau.check()
    assert bureau.devices["wang"].ids("cells") == {town.cells[0]}


def test_an_outlet_that_moves_leaves_one_squad_and_reaches_the_other(bureau: Bureau, town: Town) -> None:
    bureau.move_outlet(1, cell=2)
    bureau.check()

    assert town.outlets[1] not in bureau.devices["li"].ids("outlets")
    assert town.outlets[1] in bureau.devices["zhao"].ids("outlets")


def test_an_outlet_that_moved_away_before_its_cell_was_revoked_leaves_the_device_that_was_offline(
    bureau: Bureau, town: Town
) -> None:
    bureau.move_outlet(1, cell=2)
    bureau.assign([1], squad=1)
    bureau.check("zhao")
    bureau.check()

    assert bureau.devices["wang"].ids("outlets") == {town.outlets[0]}


def test_an_outlet_that_moved_in_and_out_while_the_officer_was_being_moved_leaves_no_trace(
    bureau: Bureau, town: Town
) -> None:
    bureau.move_outlet(2, cell=1)
    bureau.check("wang")
    assert town.outlets[2] in bureau.devices["wang"].ids("outlets")

    bureau.move_outlet(2, cell=3)
    bureau.transfer("wang", squad=1)
    bureau.assign([3], squad=0)
    bureau.check()

    assert town.outlets[2] not in bureau.devices["wang"].ids("outlets")


def test_an_outlet_that_moved_to_a_third_squad_leaves_an_officer_who_changes_squads(
    bureau: Bureau, town: Town
) -> None:
    """His own squad is told of the move, and from then on he reads another squad's feed."""
    bureau.assign([3], bureau.found_squad())
    bureau.move_outlet(1, cell=3)
    bureau.transfer("wang", squad=1)
    bureau.check()

    assert town.outlets[1] not in bureau.devices["wang"].ids("outlets")


def test_an_officer_who_changes_squads_gets_its_cells_and_loses_his_own(bureau: Bureau, town: Town) -> None:
    bureau.transfer("wang", squad=1)
    bureau.check()

    wang = bureau.devices["wang"]
    assert wang.ids("cells") == set(town.cells[2:])
    assert wang.ids("outlets") == set(town.outlets[2:])
    # He was on the records of his former squad, and keeps those.
    assert len(wang.held["records"]) == 3


def test_an_officer_who_comes_back_after_a_day_holds_what_was_written_meanwhile(
    bureau: Bureau, clock: Clock, town: Town
) -> None:
    bureau.transfer("wang", squad=1)
    bureau.check("wang")
    clock.pass_by(days=1)
    bureau.devices["li"].push("records", an_order_to_rectify(town, 0, clock.now, "li", "zhao"))
    bureau.transfer("wang", squad=0)
    bureau.check()


def test_what_was_written_while_a_cell_changed_hands_reaches_its_new_squad(
    bureau: Bureau, clock: Clock, town: Town
) -> None:
    bureau.assign([0], squad=1)
    late = an_order_to_rectify(town, 0, clock.now)
    bureau.devices["li"].push("records", late)
    bureau.check()

    assert late["id"] in bureau.devices["zhao"].held["records"]
    assert len(bureau.devices["zhao"].held["rectifications"]) == 2
    assert bureau.devices["li"].held["records"][late["id"]]["stamp"]["flags"] == ["out_of_scope"]


def test_people_sites_and_reference_are_everybodys_in_the_bureau(bureau: Bureau, town: Town) -> None:
    with bureau.work() as work:
        site = Site(
            id=new_id(work.now),
            bureau_id=town.bureau_id,
            kind="depot",
            code="D1",
            name="试样寄递点",
            facts={},
            geom=from_shape(Point(84.35, 39.05), srid=4326),
            cell_id=town.cells[3],
            edit_id=new_edit_id(),
        )
        work.session.add(site)
        work.session.flush()
        feed.touch(work.session, town.bureau_id, "sites", [(f"bureau:{town.bureau_id}", site.id)])
    bureau.check()

    for device in bureau.devices.values():
        assert device.ids("sites") == {site.id}
        assert device.ids("people") == set(town.people.values())
        assert {one["kind"] for one in device.held["reference"].values()} == {"form", "policy", "workdays"}


def test_two_bureaus_never_see_each_others_data(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town, clock: Clock
) -> None:
    elsewhere = settle_town(kernel, clock.now, bureau="别处局")
    stranger = Handheld(client_of(app, kernel, elsewhere, "li", device=True), kernel.sessions)
    stranger.push("records", an_order_to_rectify(elsewhere, 0, clock.now))
    bureau.check()
    with kernel.work(house(elsewhere.bureau_id), clock.now) as work:
        everybody = f"bureau:{elsewhere.bureau_id}"
        people = [(everybody, person) for person in elsewhere.people.values()]
        feed.touch(work.session, elsewhere.bureau_id, "people", people)

    assert pulled(stranger) == may_see(kernel, elsewhere, "li", clock.now)
    theirs = {document["id"] for device in bureau.devices.values() for document in device.received}
    assert theirs.isdisjoint(document["id"] for document in stranger.received)


def test_a_record_that_names_the_other_bureaus_outlet_and_cell_tells_it_nothing(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town, clock: Clock
) -> None:
    elsewhere = settle_town(kernel, clock.now, bureau="别处局")
    stranger = Handheld(client_of(app, kernel, elsewhere, "li", device=True), kernel.sessions)
    record = a_check(elsewhere, 0, clock.now, subject_id=town.outlets[0], cell_id=town.cells[0])

    assert stranger.push("records", record) == []

    bureau.check()
    stranger.pull("records")
    findings = stranger.held["records"][record["id"]]["stamp"]["findings"]
    assert "subject_unknown" in {finding["code"] for finding in findings}


def test_a_known_id_of_the_other_bureau_is_answered_without_its_contents(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town, clock: Clock
) -> None:
    elsewhere = settle_town(kernel, clock.now, bureau="别处局")
    stranger = Handheld(client_of(app, kernel, elsewhere, "li", device=True), kernel.sessions)
    ours = next(iter(bureau.devices["li"].held["records"]))
    guess = a_check(elsewhere, 0, clock.now, record_id=uuid.UUID(ours))

    assert stranger.push("records", guess) == [{"id": ours, "_deleted": True}]
    bureau.check()


def test_the_count_of_a_cell_reaches_the_devices(bureau: Bureau, town: Town) -> None:
    bureau.move_outlet(1, cell=2)
    bureau.check()

    cells = {one: held["existing_count"] for one, held in bureau.devices["zhao"].held["cells"].items()}
    with bureau.kernel.sessions() as session:
        counted = session.execute(select(GridCell.id, GridCell.existing_count)).all()
    stored = {str(cell): count for cell, count in counted}
    assert cells == {str(cell): stored[str(cell)] for cell in town.cells[2:]}


def test_the_window_moves_at_midnight_for_everybody(
    bureau: Bureau, app: Flask, kernel: Kernel, town: Town, clock: Clock
) -> None:
    clock.pass_by(days=90, hours=-2)
    bureau.devices["li"].pull("cells")
    bureau.check()
    assert bureau.devices["li"].held["records"]

    clock.pass_by(hours=4)
    bureau.devices["wang"] = Handheld(client_of(app, kernel, town, "wang", device=True), kernel.sessions)
    bureau.check()


def test_a_record_that_leaves_the_window_leaves_the_devices(bureau: Bureau, clock: Clock) -> None:
    clock.pass_by(days=91)
    bureau.devices["li"].pull("cells")
    bureau.check()


def test_a_device_that_holds_what_it_may_see_reconciles_to_nothing(
    bureau: Bureau, clock: Clock, town: Town
) -> None:
    bureau.move_outlet(1, cell=2)
    bureau.transfer("wang", squad=1)
    bureau.assign([3], squad=0)
    clock.pass_by(days=1)
    bureau.devices["li"].pull("cells")
    bureau.check()

    bureau.check_reconciled()


def test_a_device_that_lost_and_kept_what_it_should_not_is_healed_by_two_passes(
    bureau: Bureau, town: Town
) -> None:
    li = bureau.devices["li"]
    gone, stale = list(li.held["outlets"])
    del li.held["outlets"][gone]
    li.held["outlets"][stale] = new_edit(li.held["outlets"][stale], name="旧店名")
    kept = next(iter(bureau.devices["zhao"].held["obligations"].values()))
    li.held["obligations"][kept["id"]] = kept
    unsent = an_order_to_rectify(town, 0, bureau.now)
    li.held["records"][unsent["id"]] = unsent

    assert li.reconcile("outlets") == {"touched": 2, "push": [], "differs": [stale], "malformed": 0}
    assert li.reconcile("obligations")["differs"] == [kept["id"]]
    assert li.reconcile("records")["push"] == [unsent["id"]]
    li.push("records", unsent)
    bureau.check()
    bureau.check_reconciled()


def test_guard_a_revoked_device_learns_from_reconcile_only_what_to_push(
    bureau: Bureau, kernel: Kernel, town: Town
) -> None:
    li = bureau.devices["li"]
    unsent = an_order_to_rectify(town, 0, bureau.now)
    li.held["records"][unsent["id"]] = unsent
    li.held["outlets"].clear()
    with kernel.sessions.begin() as session:
        session.execute(update(Device).values(state="push_only"))

    answers = [li.reconcile(collection) for collection in ("records", "outlets")]

    nothing = {"touched": 0, "push": [], "differs": [], "malformed": 0}
    assert answers == [nothing | {"push": [unsent["id"]]}, nothing]


def test_a_new_handheld_gets_what_its_officer_wrote_in_a_squad_that_he_left(
    bureau: Bureau, town: Town, handheld: MakeHandheld
) -> None:
    """His squad's feed alone told of it, for he saw the cell; the squad lost the cell, and then he left the squad,
    all before he pulled: his old handheld loses the squad's outlets, and his new one gets his records.
    """
    bureau.assign([1], squad=1)
    with bureau.work() as work:
        join_squad(work, town.people["wang"], None, bureau.today, leads=False)
        apply_due_scope(work, changed=True)
    bureau.check()
    bureau.devices["wang"] = handheld("wang")
    bureau.check()

    assert len(bureau.devices["wang"].held["records"]) == 2
    assert bureau.devices["wang"].held["cells"] == {}


def test_a_record_comes_once_to_whoever_sees_its_cell_and_is_on_it(
    bureau: Bureau, handheld: MakeHandheld
) -> None:
    told = [document["id"] for document in handheld("li").pull("records")]

    assert len(told) == len(set(told)) == len(bureau.devices["li"].held["records"]) == 2
