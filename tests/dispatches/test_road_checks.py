"""Sessions and stops are found by checkpoint, period and plate, page by page, and no list shows a whole plate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dispatches.conftest import Roads, at


@pytest.fixture(scope="module")
def checked(roads: Roads) -> Roads:
    """Three sessions: at the toll, at the bridge across midnight, and a moving one of the other squad."""
    plates = iter(("测A·12345", "测b 67890", "测A12345", "测C99999"))

    def session(moment: Any, minutes: tuple[int, ...], **given: Any) -> dict[str, Any]:
        stops = [(moment.replace(minute=minute), minute == 10) for minute in minutes]
        record = roads.session(moment, stops, **given)
        for stop in record["answers"]["stops"]:
            stop["plate"] = next(plates)
        return record

    toll = session(at(6, 9), (10, 20), answers={"partner_units": [{"name": "样例交警", "people": 4}]})
    toll["answers"]["stops"][0] |= {
        "permit": "none",
        "local_purchase_proof": False,
        "goods": [{"category": "cigarette", "quantity": 60, "unit": "carton"}],
    }
    roads.push(toll)
    roads.push(session(at(7, 23, 30), (40,), site="bridge"))
    roads.push(session(at(8, 9), (20,), site=None, by=("zhao", "qian")), by="zhao")
    return roads


def test_sessions_by_checkpoint_and_period(checked: Roads) -> None:
    toll, night, moving = checked.all("/road-checks")
    assert (toll["site"], toll["stops"], toll["hits"], toll["sticks"]) == ("甲收费站", 2, 1, 12_000)
    assert toll["partner_units"] == [{"name": "样例交警", "people": 4}]
    assert (night["day"], night["ended_at"][:10], moving["site_id"]) == ("2026-07-07", "2026-07-08", None)
    site = str(checked.sites["bridge"])
    assert [one["id"] for one in checked.all("/road-checks", site_id=site)] == [night["id"]]
    span = {"since": at(8, 0).isoformat(), "until": at(9, 0).isoformat()}
    assert [one["id"] for one in checked.all("/road-checks", **span)] == [moving["id"]]
    # What another squad made elsewhere is not zhao's to see.
    assert [one["id"] for one in checked.all("/road-checks", "zhao")] == [moving["id"]]


def test_stops_by_plate_however_it_was_typed(checked: Roads) -> None:
    for typed in ("测A12345", "测a·12345", " 测A 12345"):
        found = checked.all("/road-stops", plate=typed)
        assert [one["plate"] for one in found] == ["测A***45"] * 2
    assert checked.all("/road-stops", plate="测A1234") == []
    assert len(checked.all("/road-stops", plate="测A12345", goods_found="true")) == 1


def test_no_list_shows_a_whole_plate(checked: Roads) -> None:
    for path in ("/road-stops", "/road-checks"):
        told = json.dumps(checked.all(path), ensure_ascii=False)
        assert "12345" not in told
        assert "67890" not in told


def test_a_session_of_a_form_that_is_not_known_here_hides_no_other(checked: Roads) -> None:
    strange = checked.session(at(9, 9), []) | {"form_version": 99}
    strange["answers"] = {
        "mode": 7,
        "road": {"name": "S101"},
        "lead_id": ["x"],
        "police_present": "两名",
        "partner_units": [{"name": {"a": 1}, "people": "四人"}, {"name": "x", "people": 1e300}, 3],
    }
    checked.push(strange)
    told = {one["id"]: one for one in checked.all("/road-checks")}
    assert len(told) == 4
    found = told[strange["id"]]
    assert [found[name] for name in ("mode", "road", "lead_id", "police_present")] == [None] * 4
    assert found["partner_units"] == [{"name": None, "people": None}, {"name": "x", "people": None}]


def test_hints_stand_at_their_stop(checked: Roads) -> None:
    first, second, *_ = checked.all("/road-stops")
    assert {one["code"] for one in first["hints"]} >= {"over_carry_limit", "no_permit_no_proof"}
    assert second["hints"] == []


def test_pages_follow_one_another(checked: Roads) -> None:
    for path in ("/road-stops", "/road-checks"):
        whole, seen, after = checked.all(path), [], None
        while True:
            given = {"limit": 1} | ({"after": after} if after else {})
            page = checked.get(path, **given).get_json()
            seen += page["items"]
            after = page["after"]
            if after is None:
                break
        assert seen == whole
