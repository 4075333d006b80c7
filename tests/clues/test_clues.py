"""Clues from the field and from the desk: notified in time, handed over, transferred, merged by a person."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import inspect, select, text

from server.cadence.duty_models import DutyRuleVersion
from server.cadence.models import Obligation
from server.clues import ops
from server.clues.models import Clue
from server.demo import documents
from server.kernel.actor import house
from server.kernel.calendar import import_workdays
from server.kernel.ids import new_id
from server.kernel.packaged_workdays import packaged_workdays
from server.records.amending import link_waiting
from server.replication import COLLECTIONS, reader_of
from sync.push import push
from tests.api.conftest import problem_of
from tests.clues.conftest import Watch
from tests.fieldwork import field_actor, visit_of
from tests.town import MONDAY, ZONE

SEEN = {"matter": "counterfeit", "summary": "王某（13800138000）租房存放假烟", "confidence": "high"}
ELSEWHERE = {"elsewhere": True, "elsewhere_unit": "邻县烟草专卖局"}


def at(day: int, hour: int = 10) -> datetime:
    return datetime(2026, 7, day, hour, tzinfo=ZONE)


def act(watch: Watch, clue: object, kind: str, when: datetime, name: str = "ju", **given: Any) -> Any:
    body = {"kind": kind, "happened_at": when.isoformat(), **given}
    return watch.client(name).post(f"/api/v1/clues/{clue}/acts", json=body)


def done(watch: Watch, clue: object, kind: str, when: datetime, name: str = "ju", **given: Any) -> Any:
    answer = act(watch, clue, kind, when, name, **given)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def desk(watch: Watch, when: datetime, name: str = "ju", **given: Any) -> Any:
    body = {
        "source": "12313",
        "matter": "off_channel",
        "summary": "有人卖串码烟",
        "found_at": when.isoformat(),
    }
    return watch.post("/clues", body | given, name)


def test_clues_of_a_day_whose_ids_end_alike_are_both_there(watch: Watch) -> None:
    alike = [uuid.UUID(f"01890a5d-ac96-774b-bcce-{part}aabbccdd") for part in ("0000", "1111")]
    for one in alike:
        watch.push(watch.record("clue", at(8), **SEEN) | {"id": str(one)})
    numbers = [watch.get(f"/clues/{one}")["number"] for one in alike]
    assert numbers == ["线索20260708-aabbccdd", f"线索20260708-{alike[1].hex}"]


def test_a_record_that_has_the_id_of_a_clue_of_the_desk_writes_nothing_over_it(watch: Watch) -> None:
    told = desk(watch, at(8), elsewhere_unit="邻县烟草专卖局")
    watch.push(watch.record("clue", at(9), **SEEN) | {"id": told["id"]})
    assert watch.get(f"/records/{told['id']}")["kind"] == "clue"
    still = watch.get(f"/clues/{told['id']}")
    assert [still[name] for name in ("source", "summary", "record_id")] == ["12313", "有人卖串码烟", None]


def test_an_auxiliary_sees_something_and_the_other_bureau_is_told_in_time(watch: Watch) -> None:
    record = watch.record("clue", at(8), by=("fu",), place="东街", plate="测a·77001", **SEEN, **ELSEWHERE)
    clue_id = watch.push(record, by="fu")
    stored = watch.get(f"/records/{clue_id}")
    assert (stored["valid"], stored["findings"]) == (True, [])
    clue = watch.get(f"/clues/{clue_id}")
    assert (clue["source"], clue["status"], clue["elsewhere_unit"]) == ("field", "open", "邻县烟草专卖局")
    assert clue["cell_id"] == str(watch.town.cells[0])
    # What is of persons is masked, until somebody who may says what for.
    assert (clue["plate"], clue["summary"]) == ("测A***01", "王某（138****8000）租房存放假烟")
    full = watch.post(f"/clues/{clue_id}/readings", {"purpose": "核查线索"})
    assert (full["plate"], full["summary"]) == ("测A77001", SEEN["summary"])
    with watch.kernel.sessions() as session:
        told = (
            session.execute(text("select facts from event where name = 'person_data.read'")).scalars().all()
        )
    assert told[-1]["purpose"] == "核查线索"
    # Wednesday the 8th: three working days end with Monday the 13th.
    (notice,) = [one for one in clue["clocks"] if one["step"] == "notice"]
    assert notice["due"].startswith("2026-07-14T00:00:00")
    assert not notice["provisional"]
    told_them = done(watch, clue_id, "notice", at(13, 17), unit="邻县烟草专卖局", note="函告")
    assert told_them["status"] == "notified"
    assert [one["state"] for one in told_them["clocks"] if one["step"] == "notice"] == ["met"]
    with watch.kernel.sessions() as session:
        met = session.scalars(select(Obligation).where(Obligation.trigger_id == clue_id)).one()
    assert (met.rule, met.met_at) == ("clue_notice", at(13, 17))


def test_found_on_the_eve_of_the_spring_festival(watch: Watch) -> None:
    town, found = watch.town, datetime(2026, 2, 12, 15, tzinfo=ZONE)
    with watch.kernel.work(house(town.bureau_id), MONDAY) as work:
        import_workdays(work, *packaged_workdays())
        held = work.session.scalars(select(DutyRuleVersion).filter_by(code="clue_notice")).one()
        earlier = {column.key: getattr(held, column.key) for column in inspect(DutyRuleVersion).columns}
        earlier |= {"id": new_id(work.now), "version": 2, "effective_from": found.date()}
        work.session.add(DutyRuleVersion(**earlier))
    clue_id = uuid.UUID(desk(watch, found, elsewhere_unit="样例公安分局")["id"])
    (notice,) = [one for one in watch.get(f"/clues/{clue_id}")["clocks"] if one["step"] == "notice"]
    assert notice["due"].startswith("2026-02-25T00:00:00")


def test_a_clue_of_nobody_elses_asks_for_no_notice(watch: Watch) -> None:
    clue_id = watch.push(watch.record("clue", at(9), elsewhere=False, **SEEN))
    assert [one["step"] for one in watch.get(f"/clues/{clue_id}")["clocks"]] == ["verify"]
    # The list of the other squad does not have it, and the officer who told it has.
    assert str(clue_id) not in {one["id"] for one in watch.get("/clues", "qian")["items"]}
    assert str(clue_id) in {one["id"] for one in watch.get("/clues", "wang")["items"]}
    problem_of(watch.client("qian").get(f"/api/v1/clues/{clue_id}"), code="not_found")
    problem_of(watch.client("fu").get("/api/v1/clues"), code="forbidden")
    problem_of(watch.client("admin").get("/api/v1/clues"), code="forbidden")


def test_an_amendment_moves_the_clue_and_opens_what_it_asks_for(watch: Watch) -> None:
    first = watch.record("clue", at(10), elsewhere=False, **SEEN)
    clue_id = watch.push(first)
    said = SEEN | {"matter": "smuggled", "summary": "是走私烟"}
    amended = watch.record("clue", at(10), **said, **ELSEWHERE)
    amended |= {"amends_id": first["id"], "amend_reason": "看错了"}
    amending = watch.push(amended, received=at(10, 20))
    clues = [one for one in watch.get("/clues")["items"] if one["id"] in (str(clue_id), str(amending))]
    assert [(one["id"], one["matter"], one["record_id"]) for one in clues] == [
        (str(clue_id), "smuggled", str(amending))
    ]
    assert "notice" in {one["step"] for one in clues[0]["clocks"]}


def test_an_amendment_that_could_not_see_its_clue_is_its_word_by_night(watch: Watch) -> None:
    # The day's dates are carried out before, for that takes turns.
    watch.push(watch.record("clue", at(11, 9), **SEEN))
    first = watch.record("clue", at(11), by=("li", "wang"), **SEEN)
    second = {
        **watch.record("clue", at(11), by=("li", "wang"), **{**SEEN, "summary": "看清了，是三箱"}),
        "amends_id": first["id"],
    }
    second["amend_reason"] = "看错了"
    with watch.kernel.work(field_actor(watch.town, "li"), at(11, 12)) as work:
        body = json.dumps([{"newDocumentState": first}]).encode()
        push(work, reader_of(work), COLLECTIONS["records"], body)
        watch.push(second, by="wang")
    assert watch.get(f"/clues/{first['id']}")["summary"] != "看清了，是三箱"
    with watch.kernel.work(house(watch.town.bureau_id), at(12)) as work:
        assert link_waiting(work) == 1
    assert watch.get(f"/clues/{first['id']}")["summary"] == "看清了，是三箱"


def test_what_amends_another_kind_makes_no_clue(watch: Watch) -> None:
    first = watch.record("incident", at(10, 11))
    second = watch.record("clue", at(10, 12), **SEEN) | {"amends_id": first["id"], "amend_reason": "选错种类"}
    ids = [watch.push(first), watch.push(second)]
    with watch.kernel.sessions() as session:
        assert session.scalars(select(Clue.id).where(Clue.id.in_(ids))).all() == []


def test_selling_without_licence_is_handed_over_to_market_supervision(watch: Watch) -> None:
    clue = desk(watch, at(7), matter="unlicensed_sale")
    problem_of(act(watch, clue["id"], "hand_over", at(7, 11)), code="invalid")
    told = done(watch, clue["id"], "hand_over", at(7, 11), "fa", unit="样例县市场监督管理局")
    assert told["status"] == "handed_over"
    assert "第三十二条" in told["acts"][0]["article"]
    assert "第五十七条" in told["acts"][0]["article"]


def test_a_transfer_goes_step_by_step(watch: Watch) -> None:
    people = watch.town.people
    clue_id = desk(watch, MONDAY)["id"]
    problem_of(act(watch, clue_id, "transfer_sent", at(7), unit="样例县公安局"), code="clue_step")
    for few in ([], ["li"], ["li", "fu"]):
        named = [str(people[name]) for name in few]
        problem_of(act(watch, clue_id, "transfer_proposed", at(7), people=named), code="invalid")
    two = [str(people["li"]), str(people["wang"])]
    proposed = done(watch, clue_id, "transfer_proposed", at(7), "fa", people=two, note="案值6万元")
    assert (proposed["status"], proposed["next_step"]) == ("transfer_proposed", "transfer_decided")
    decided: dict[str, Any] = {"decision": "approved"}
    # The legal section proposes and does not decide, and no step is earlier than the one before it.
    problem_of(act(watch, clue_id, "transfer_decided", at(8), "fa", **decided), code="forbidden")
    problem_of(act(watch, clue_id, "transfer_decided", at(6), **decided), code="invalid")
    problem_of(act(watch, clue_id, "transfer_decided", at(8), decision="maybe"), code="invalid")
    done(watch, clue_id, "transfer_decided", at(8), **decided)
    done(watch, clue_id, "transfer_sent", at(8, 15), unit="样例县公安局")
    done(watch, clue_id, "police_decided", at(10), decision="filed", note="立案通知书")
    told = done(watch, clue_id, "goods_sent", at(12))
    assert (told["status"], told["next_step"]) == ("police_filed", None)
    states = {one["step"]: one["state"] for one in told["clocks"]}
    steps = ("transfer_decided", "transfer_sent", "police_decided", "goods_sent")
    assert [states[step] for step in steps] == ["met"] * 4
    # Facts stay as they are: the application's role cannot change one.
    with watch.kernel.sessions() as session:
        for verb in ("delete from clue_act", "update clue_act set note = ''", "delete from clue_informant"):
            may = f"has_table_privilege('clue_act', '{verb.split()[0]}')"
            assert session.scalar(text(f"select {may}")) is False


def test_two_sightings_near_each_other_or_of_one_plate_are_proposed_and_merged_by_a_person(
    watch: Watch,
) -> None:
    lon, lat = 84.2501, 39.0601
    # 40 m to the east, at this latitude.
    near = {"lon": lon, "lat": lat}, {"lon": lon + 40 / 86_440, "lat": lat}, {"lon": lon + 0.01, "lat": lat}
    one, other, far = (
        desk(watch, at(7), source="partner", source_unit="甲派出所", **place) for place in near
    )
    car = desk(watch, at(7), source="partner", source_unit="乙镇", plate="测B 88001", **near[2])
    same = desk(watch, at(9), source="bureau", source_unit="丙局", plate="测b88001", lon=84.0, lat=39.0)

    def pairs(**query: Any) -> dict[frozenset[str], tuple[list[str], float | None]]:
        ours = {each["id"] for each in (one, other, far, car, same)}
        return {
            frozenset({pair["clue_id"], pair["other_clue_id"]}): (pair["reasons"], pair["distance_m"])
            for pair in watch.get("/clues/duplicates", **query)["items"]
            if {pair["clue_id"], pair["other_clue_id"]} <= ours
        }

    found = pairs()
    metres = found[frozenset({one["id"], other["id"]})][1]
    assert metres is not None
    assert abs(metres - 40) < 1
    assert set(found) == {
        frozenset({one["id"], other["id"]}),
        frozenset({car["id"], same["id"]}),
        frozenset({far["id"], car["id"]}),
    }
    assert frozenset({one["id"], other["id"]}) not in pairs(radius_m=30)
    # Nothing is merged by itself; a person does, or tells them apart.
    assert {watch.get(f"/clues/{each['id']}")["status"] for each in (one, other, car, same)} == {"open"}
    problem_of(
        act(watch, car["id"], "outcome", at(9), decision="merged", other_clue_id=car["id"]), code="invalid"
    )
    done(watch, same["id"], "outcome", at(9), decision="merged", other_clue_id=car["id"])
    kept = watch.get(f"/clues/{car['id']}")
    assert [(each["source"], each["unit"]) for each in kept["sources"]] == [
        ("partner", "乙镇"),
        ("bureau", "丙局"),
    ]
    problem_of(act(watch, same["id"], "notice", at(9), unit="甲"), code="clue_step")
    problem_of(
        act(watch, car["id"], "outcome", at(9), decision="merged", other_clue_id=same["id"]), code="invalid"
    )
    done(watch, other["id"], "kept_apart", at(9), other_clue_id=one["id"])
    assert set(pairs()) == {frozenset({far["id"], car["id"]})}


def test_a_clue_shows_the_thresholds_of_criminal_law_as_hints(watch: Watch) -> None:
    goods = [
        {
            "category": "cigarette",
            "product_spec": "某烟",
            "quantity": 1250,
            "unit": "carton",
        }
    ]
    clue_id = watch.push(watch.record("clue", at(9), elsewhere=False, **SEEN))
    assert watch.get(f"/clues/{clue_id}")["hints"] == []
    check = documents.unlicensed_check(
        visit_of(watch.town, 0, at(9), subject_kind="unlicensed", subject_id=None), Random(2)
    )
    check["answers"]["goods"] = goods
    found = watch.push(check)
    clue = desk(watch, at(9), from_record_id=str(found))
    codes = {hint["code"] for hint in watch.get(f"/clues/{clue['id']}")["hints"]}
    assert "crime_sticks" in codes


def test_what_is_wrong_with_a_clue_is_said(watch: Watch) -> None:
    body = {"source": "12313", "matter": "other", "summary": "x", "found_at": at(7).isoformat()}
    for wrong in (
        {"source": "rumour"},
        {"summary": "  "},
        {"lon": 84.0},
        {"found_at": "2099-01-01T00:00:00+08:00"},
        {"cell_id": str(uuid.uuid4())},
        {"informant": "张三"},
    ):
        problem_of(watch.client("ju").post("/api/v1/clues", json=body | wrong), code="invalid")
    # A leader of the other squad has no say in this one's cells.
    elsewhere = body | {"cell_id": str(watch.town.cells[0])}
    problem_of(watch.client("zhao").post("/api/v1/clues", json=elsewhere), code="invalid")
    watch.post("/clues", elsewhere, "li")


def test_a_push_that_comes_again_draws_nothing_out_twice(watch: Watch) -> None:
    record = watch.record("clue", at(14), **SEEN, **ELSEWHERE)
    clue_id = watch.push(record)
    with watch.kernel.work(field_actor(watch.town, "li"), at(14, 20)) as work:
        ops.draw_out_clues(work, [clue_id])
    with watch.kernel.sessions() as session:
        assert len(session.scalars(select(Clue).where(Clue.id == clue_id)).all()) == 1
        count = "select count(*) from obligation where trigger_id = :one"
        assert session.scalar(text(count), {"one": clue_id}) == 1


def test_a_clue_of_blanks_is_told_in_a_sentence(watch: Watch) -> None:
    body = {"source": "12313", "matter": "off_channel", "summary": "  ", "found_at": MONDAY.isoformat()}
    (fault,) = problem_of(watch.client("ju").post("/api/v1/clues", json=body), code="invalid")["errors"]
    assert (fault["path"], fault["code"]) == ("/summary", "blank")
    assert fault["detail"].startswith("不能只有空格。")
