"""Documents as they are really pulled, given to the browser's state function: it shows what the server says."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from server.cadence.histories import load_histories
from server.cadence.ops import waive
from server.cadence.rules import judge
from server.cadence.timeline import load_timeline
from server.kernel.actor import house
from server.kernel.ids import new_id
from server.kernel.work import Kernel
from server.outlets.models import OutletStatus
from server.replication import COLLECTIONS, reader_of
from sync.pull import MAX_LIMIT, pull
from tests.cadence.test_keeping import obligation
from tests.fieldwork import attempt_at, check_of, field_actor, push_at
from tests.sync.handheld import wait_for_horizon
from tests.town import MONDAY, Town
from tests.vectors.browser import answers_to

DAY = timedelta(days=1)
Json = dict[str, Any]


def pulled(kernel: Kernel, town: Town, at: datetime) -> dict[str, list[Json]]:
    """What Li's handheld gets at that moment when it starts from nothing."""
    wait_for_horizon(kernel.sessions)
    with kernel.work(field_actor(town, "li"), at) as work:
        reader = reader_of(work)
        return {
            name: json.loads(pull(work, reader, COLLECTIONS[name], None, MAX_LIMIT))["documents"]
            for name in ("outlets", "obligations", "reference")
        }


def shown(
    kernel: Kernel, town: Town, folder: Path, pulled_at: datetime, now: datetime, *unsynced: Json
) -> dict[int, dict[str, str]]:
    """State by key, as the handheld shows it, of the outlets of Li's squad."""
    documents = pulled(kernel, town, pulled_at)
    tiers = {form["form_code"]: form["tier"] for form in documents["reference"] if form["kind"] == "form"}
    outlets = {document["id"]: document for document in documents["outlets"]}
    vectors = [
        {
            "zone": "Asia/Shanghai",
            "reference": documents["reference"],
            "outlet": outlets[str(town.outlets[number])],
            "obligations": [
                one for one in documents["obligations"] if one["subject_id"] == str(town.outlets[number])
            ],
            "unsynced": [
                {**record, "performed": tiers[record["form_code"]], "valid": True}
                for record in unsynced
                if record["subject_id"] == str(town.outlets[number])
            ],
            "now": now.isoformat(),
        }
        for number in (0, 1)
    ]
    no_years: Json = {"off": [], "make_up": [], "years": []}
    folder = folder / "given"
    folder.mkdir(exist_ok=True)
    (folder / "handheld.json").write_text(json.dumps({"workdays": no_years, "vectors": vectors}))
    answers = answers_to(folder)["handheld"]
    return {number: {key: state for key, state, _ in answers[number]} for number in (0, 1)}


def on_the_server(kernel: Kernel, town: Town, now: datetime) -> dict[int, dict[str, str]]:
    with kernel.work(house(town.bureau_id), now) as work:
        rulebook = load_timeline(work).rulebook
        loaded = load_histories(work, town.outlets[:2])
        return {
            number: {
                one.obligation.key: one.state.value
                for one in judge(loaded[town.outlets[number]].history, rulebook, now)
            }
            for number in (0, 1)
        }


def of_tiers(shown: dict[int, dict[str, str]]) -> dict[int, dict[str, str]]:
    return {
        number: {key: state for key, state in states.items() if "/" not in key}
        for number, states in shown.items()
    }


def suspend(kernel: Kernel, town: Town, at: datetime, outlet: int, from_day: date) -> None:
    with kernel.work(house(town.bureau_id), at) as work:
        work.session.add(
            OutletStatus(
                id=new_id(work.now),
                bureau_id=town.bureau_id,
                outlet_id=town.outlets[outlet],
                from_day=from_day,
                status="suspended",
                known_at=work.now,
            )
        )


def test_a_handheld_shows_what_the_server_says(kernel: Kernel, town: Town, tmp_path: Path) -> None:
    wednesday = MONDAY + 2 * DAY
    push_at(kernel, town, "li", wednesday + DAY, check_of(town, 0, wednesday, tier="MONTHLY"))
    push_at(kernel, town, "li", wednesday + DAY, attempt_at(town, 1, wednesday))
    with kernel.work(house(town.bureau_id), wednesday + 2 * DAY) as work:
        waive(work, [obligation(kernel, town, 1, "2026-W28").id], "店主住院")
    suspend(kernel, town, wednesday + 2 * DAY, 1, date(2026, 7, 22))
    before = wednesday + 3 * DAY
    assert shown(kernel, town, tmp_path, before, before) == on_the_server(kernel, town, before)
    after = before + 16 * DAY
    visits = [
        check_of(town, 0, before + 5 * DAY),
        attempt_at(town, 0, before + 11 * DAY),
        check_of(town, 1, before + 6 * DAY, tier="QUARTERLY"),
    ]
    seen = shown(kernel, town, tmp_path, before, after, *visits)
    push_at(kernel, town, "li", after, *visits)
    said = on_the_server(kernel, town, after)
    # What an attempt asks for comes with the server's answer to it.
    assert of_tiers(seen) == of_tiers(said)
    assert {"met", "waived", "void", "missed"} <= {*seen[0].values(), *seen[1].values()}
    assert shown(kernel, town, tmp_path, after, after) == said
